import json
import shutil

import numpy as np
import pytest

import create_results
import evaluate
import model_tsm_train
import parse_coded
from ops import Margins
from vtt_emotion.core.images import read_image
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.drawn.coded import write_interview
from vtt_emotion.results.records import read_results
from vtt_emotion.training.samples import read_mixture, read_samples
from vtt_emotion.video.detection import framing_of

VIDEOS, HELD_OUT = 6, ("interview5", "interview6")


@pytest.fixture(scope="module")
def interviews(tmp_path_factory):
    """Root with coded interviews in another style, and their results."""
    root = tmp_path_factory.mktemp("interviews")
    (root / "datasets/Coded").mkdir(parents=True)
    for number in range(1, VIDEOS + 1):
        write_interview(root / "datasets/Coded", number, 5.0, 0)
    create_results.main(["--root", str(root), "--videos", str(root / "datasets/Coded"), "--device", "cpu"])
    return root


def run(root, *more):
    parse_coded.main(["--root", str(root), "--people", "guest", "any", "--coded-apart", "0.1", *more])


@pytest.fixture(scope="module")
def indexed(interviews):
    run(interviews, "--valid-videos", *HELD_OUT, "--verify")
    return interviews


def test_the_index_is_as_friends(indexed):
    index, coded = read_index(indexed / "dicts/coded_parsed.npy"), indexed / "datasets/Coded"
    assert sorted(index) == list(range(7)) and all(sorted(mine) == list(range(len(mine))) for mine in index.values())
    entries = [entry for mine in index.values() for entry in mine.values()]
    assert {entry["split"] for entry in entries if entry["video"] in HELD_OUT} == {"valid"}
    assert {entry["split"] for entry in entries if entry["video"] not in HELD_OUT} == {"train"}
    assert len({entry["pos"][0] for entry in entries}) == VIDEOS and {entry["person"] for entry in entries} == {"guest"}
    spans = {path.stem: [line.split(",") for line in path.read_text().splitlines()[1:]] for path in coded.glob("*.csv")}
    for emotion, mine in index.items():
        for entry in mine.values():
            within, = [row for row in spans[entry["video"]] if float(row[2]) <= entry["seconds"] < float(row[3])]
            assert entry["emo"] == emotion and parse_coded.EMOTIONS.index(within[1]) == emotion
            assert len(entry["img"]) == 4
    assert len(list((indexed / "coded_faces").rglob("*.jpg"))) == 4 * len(entries) and len(entries) > 200


def test_a_buffer_ends_at_its_frame(indexed):
    """The last crop is the box of the record of its time, in that frame; the first is twelve frames before."""
    index = read_index(indexed / "dicts/coded_parsed.npy")
    entry = max((entry for mine in index.values() for entry in mine.values() if entry["video"] == "interview1"),
                key=lambda entry: entry["seconds"])
    frames = list(parse_coded.read_frames(indexed / "datasets/Coded/interview1.mp4"))
    record, = [record for record in read_results(indexed / "results/interview1.json")
               if record["seconds"] == entry["seconds"]]
    number, = [frame.number for frame in frames if round(frame.seconds, 3) == entry["seconds"]]
    framing = framing_of("centerface", Margins())
    for slot in range(4):
        box = parse_coded.xyxy_to_xywh(record["object"]["box"])
        wanted = parse_coded.crop_face(frames[number - 4 * (3 - slot)].rgb, box, 224, *framing)
        found = read_image(indexed / "coded_faces" / entry["img"][slot])
        assert found.shape == (224, 224, 3)
        assert np.abs(wanted.astype(int) - found).mean() < 3


def test_coded_faces_are_trained_and_validated_on_by_video(indexed):
    train, valid = (read_samples("coded", indexed / "dicts", indexed / "coded_faces", split=split)
                    for split in ("train", "valid"))
    sources, _ = read_mixture({"coded": 1.0}, indexed / "dicts", {"coded": indexed / "coded_faces"},
                              {"coded": (0.0, 0.0)}, ())
    assert sources[0].paths.tolist() == train.paths.tolist()
    folders = [{path.decode().split("/")[0] for path in samples.paths[:, 0]} for samples in (train, valid)]
    assert folders[1] == set(HELD_OUT) and not folders[0] & folders[1]


@pytest.mark.long
def test_two_hundred_coded_faces_teach_the_shipped_weights_another_style(indexed, capsys):
    """From the weights that come with the project, mean recall on videos held out rises by at least 20 points."""
    small = ["--root", str(indexed), "--num-workers", "0", "--device", "cpu"]

    def mean_recall(weights):
        evaluate.main([*small, "--index", "coded", "--weights", weights])
        return json.loads((indexed / "results/evaluate_coded_valid.json").read_text())["mean_recall"]

    assert len(read_samples("coded", indexed / "dicts", indexed / "coded_faces", split="train")) <= 200
    before = mean_recall("fer")
    model_tsm_train.main([*small, "--weights", "fer", "--mixture", "coded", "1", "--valid-on", "coded", "--name",
                          "mine", "--img-sz", "64", "--batch-size", "12", "--lr", "0.003",
                          "--max-steps", "40", "--valid-every", "20"])
    after = mean_recall("runs/mine/best.pt")
    shutil.rmtree(indexed / "runs")
    assert before < 0.7 and after >= before + 0.2


def test_videos_are_chosen_by_name_and_never_both(interviews, tmp_path, run_main, capsys):
    def said(*argv):
        return run_main(parse_coded.main, ["--root", interviews, "--dicts-path", tmp_path, "--coded-faces-path",
                                           tmp_path / "faces", "--people", "guest", "any", *argv], capsys)[0]

    assert "videos interview2 are both in --train-videos and in --valid-videos" in said(
        "--train-videos", "interview1", "interview2", "--valid-videos", "interview2")
    assert "no coded video interview9; there are interview1, interview2" in said("--valid-videos", "interview9")
    assert not list(tmp_path.iterdir())
    assert said("--train-videos", "interview1", "--valid-videos", "interview2") == "0"
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["interview1", "interview2"]


def test_errors(interviews, tmp_path, run_main, capsys):
    folder = tmp_path / "datasets/Coded"

    def said(*argv):
        argv = ["--root", tmp_path, "--results-path", interviews / "results", *argv]
        return run_main(parse_coded.main, argv, capsys)[0]

    assert "Coded: no such folder; --coded-path" in said()
    folder.mkdir(parents=True)
    assert "expected videos with coded files" in said()
    shutil.copy(interviews / "datasets/Coded/interview1.csv", folder)
    assert "interview1.csv: no video of that name beside it" in said()
    shutil.copy(interviews / "datasets/Coded/interview1.mp4", folder)
    assert "'guest' was coded, and is not in the results, which have face 1" in said()
    guest = ["--people", "guest", "any"]
    text = (folder / "interview1.csv").read_text()
    (folder / "interview1.csv").write_text(text.rpartition(",")[0] + ",9.5\n")
    assert "interview1.mp4: was coded up to 9.5 s, past its end at 5.0 s" in said(*guest)
    (folder / "interview1.csv").write_text(text + "guest,happy,75,76\n")
    assert "interview1.mp4: was coded up to 76 s, past its end at 5.0 s" in said(*guest)
    (folder / "interview1.csv").write_text(text.replace("neutral", "bored"))
    assert "unknown emotion 'bored'" in said(*guest)
    (folder / "interview1.csv").write_text(text)
    (folder / "interview1.vtt").write_text("WEBVTT\n")
    assert "interview1.csv codes this video too" in said(*guest)
    (folder / "interview1.vtt").unlink()
    assert "interview1.json: no such results; create_results.py writes them" in said(*guest, "--results-path", "none")
    assert not list(tmp_path.rglob("*.jpg")) and not list(tmp_path.rglob("*.npy"))


def test_a_cameras_video_is_found_and_what_is_none_is_said(tmp_path, capsys):
    for name in ("00001.MTS", "00001.csv", "notes.pdf", "00001.faces.json"):
        (tmp_path / name).write_text("")
    assert parse_coded.find_coded(tmp_path) == {"00001": (tmp_path / "00001.MTS", tmp_path / "00001.csv")}
    said = capsys.readouterr().err
    assert "left out, as no video file: notes.pdf" in said and "json" not in said
