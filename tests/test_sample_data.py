import filecmp
import json

import av
import numpy as np
import pytest

import sample_data
from tools import check_demo
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.drawn.faces import ACTION_NAMES, ACTIONS, Look, Pose, actions, draw_head
from vtt_emotion.results.coded import read_coded
from vtt_emotion.video.frames import read_frames

SMALL = ("--stills", "4", "--sample-episodes", "3", "--seconds", "3")


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.long
def test_the_same_seed_draws_the_same_and_another_does_not(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        sample_data.main(["--root", str(tmp_path / name), *SMALL, "--seed", str(seed)])
    names = files(tmp_path / "a")
    assert names == files(tmp_path / "b")
    _, different, errors = filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)
    assert not errors and not different
    csv = "datasets/AffectNet/training.csv"
    assert not filecmp.cmp(tmp_path / "a" / csv, tmp_path / "c" / csv, shallow=False)


def test_layouts(sample):
    root = sample / "datasets"
    for path in ("AffectNet/training.csv", "AffectNet2021/val_set/annotations/0_lnd.npy",
                 "RAF-DB/basic/EmoLabel/list_patition_label.txt", "RAF-DB/compound/EmoLabel/list_partition_label.txt",
                 "RAF-DB/multi/EmoLabel/distribution.txt", "FER2013/fer2013.csv", "FER2013/fer2013new.csv",
                 "FER2013/FER2013Train/fer0000000.png", "CK+/cohn-kanade-images/S005/001/S005_001_00000001.png",
                 "CK+/Landmarks/S005/001/S005_001_00000001_landmarks.txt", "RAF-DB/multi/EmoLabel/._distribution.txt",
                 "RAF-DB/basic/Image/original/._test_0001.jpg", "RAF-DB/.DS_Store"):
        assert (root / path).is_file(), path
    assert (root / "AffectNet/training.csv").read_text().startswith("subDirectory_filePath,face_x")
    assert not (root / "AffectNet/validation.csv").read_text().startswith("sub")
    assert read_image(root / "FER2013/FER2013Train/fer0000000.png").shape == (48, 48, 3)
    header, first = (root / "FER2013/fer2013.csv").read_text().splitlines()[:2]
    assert header == "emotion,pixels,Usage" and len(first.split(",")[1].split()) == 2304
    labels = sorted((root / "CK+/Emotion").rglob("*_emotion.txt"))
    sequences = sorted((root / "CK+/cohn-kanade-images").glob("*/*"))
    assert 0 < len(labels) < len(sequences) and float(labels[0].read_text()) == 1.0
    videos = sorted((root / "Friends").glob("*.mkv"))
    assert len(videos) == 3
    with av.open(str(videos[0])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (1280, 720)
        assert float(stream.average_rate) == pytest.approx(24000 / 1001, rel=1e-3)


def test_expressions_come_and_go(sample):
    truth = json.loads((sample / "datasets/Friends/sample_truth.json").read_text())
    faces = [face for faces in truth.values() for face in faces]
    assert len({face["emotion"] for face in faces}) >= 6     # of seven, in three episodes of three seconds
    changes = sum(a["emotion"] != b["emotion"] for name in {face["name"] for face in faces}
                  for a, b in zip(*[[face for face in faces if face["name"] == name][start:] for start in (0, 1)]))
    assert changes > 10


def test_a_folder_of_others_is_left_alone(tmp_path):
    (tmp_path / "datasets/AffectNet").mkdir(parents=True)
    (tmp_path / "datasets/AffectNet/precious.csv").write_text("data")
    with pytest.raises(InputError, match="holds files that sample_data.py did not write"):
        sample_data.main(["--root", str(tmp_path), *SMALL])
    assert files(tmp_path) == ["datasets/AffectNet/precious.csv"]
    with pytest.raises(InputError, match="--sample-episodes 2: expected from 3 to 99"):
        sample_data.main(["--root", str(tmp_path), "--sample-episodes", "2"])


def test_each_emotion_looks_different_and_intensity_counts():
    faces = {emotion: draw_head(Look(), actions(emotion, 1.0), Pose(noise=0), 160)[0] for emotion in EMOTIONS}
    for a in EMOTIONS:
        for b in EMOTIONS:
            assert (np.abs(faces[a] - faces[b]).mean() > 0.5) == (a != b)
    assert set(ACTIONS) == set(EMOTIONS) and all(set(moves) <= set(ACTION_NAMES) for moves in ACTIONS.values())
    half = draw_head(Look(), actions("surprise", 0.5), Pose(noise=0), 160)[0]
    neutral, full = faces["neutral"], faces["surprise"]
    assert 0 < np.abs(half - neutral).mean() < np.abs(full - neutral).mean()


def test_check_compares_records_with_the_drawing():
    drawn = ((0, [0, 0, 10, 10], "happy"), (0, [50, 0, 60, 10], "sad"), (24, [0, 0, 10, 10], "fear"),
             (48, [0, 0, 9, 9], "fear"))
    truth = [{"frame": frame, "box": box, "emotion": emotion} for frame, box, emotion in drawn]

    def record(seconds, box, emotion):
        return {"class": emotion, "seconds": seconds, "object": {"box": box}}

    records = [record(0.0, [1, 0, 11, 10], "happy"), record(0.0, [50, 0, 60, 11], "happy"),
               record(1.001, [0, 0, 10, 10], "fear"), record(1.001, [90, 0, 99, 10], "fear")]
    figures = check_demo.measure_results(records, truth)
    assert figures["right"] == 0.5 and figures["on_a_face"] == 0.75 and figures["faces_found"] == 0.75
    assert figures["mean_recall"] == pytest.approx((1 + 0 + 1) / 3)


def test_check_fails_below_its_floor(trained, run_main, capsys):
    (trained / "results").mkdir(exist_ok=True)
    path = trained / "results/friends_s01_ep03.json"
    thing = {"box": [0, 0, 5, 5], "id": 1, "name": None, "confidence": 0.5}
    path.write_text(json.dumps([{"class": "sad", "seconds": 0.0, "object": thing}]))
    options = ["--root", trained, "--episode", "3", "--check-episodes", "3"]
    said, printed = run_main(check_demo.main, [*options, "--least", "0.99"], capsys)
    assert "error: below 99%" in said and "results" in said and "mean recall" in printed.out
    assert json.loads((trained / "results/demo.json").read_text())["results"]["right"] == 0
    assert run_main(check_demo.main, [*options, "--least", "0"], capsys)[0] == "0"
    assert "sample_truth.json: no such file" in run_main(
        check_demo.main, [*options, "--friends-path", "elsewhere"], capsys)[0]


def test_an_interview_is_coded_from_its_start_to_its_end(sample):
    spans = read_coded(sample / "datasets/Coded/interview1.csv")
    frames = list(read_frames(sample / "datasets/Coded/interview1.mp4"))
    assert spans[0]["start"] == 0 and spans[-1]["end"] == 3.0 == len(frames) / 24
    assert all(one["end"] == other["start"] and one["class"] != other["class"] for one, other in zip(spans, spans[1:]))
