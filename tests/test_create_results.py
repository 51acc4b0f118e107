import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

import create_results
import vtt_emotion.video.create
import vtt_emotion.video.faces_file
from ops import EpisodeSource, Friends
from resnet_tsm import resnet18
from vtt_emotion.core.crop import iou
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, write_image
from vtt_emotion.core.labels import CHARACTERS, EMOTIONS
from vtt_emotion.results.segments import find_segments, read_segments
from vtt_emotion.video.emotions import EmotionStream
from vtt_emotion.video.faces_file import read_faces, read_reading
from vtt_emotion.video.frames import read_frames
from vtt_emotion.video.onnx_backend import OnnxStep
from vtt_emotion.video.sources import find_videos
from vtt_emotion.video.torch_backend import TorchStep, export


def results(root, *more):
    create_results.main(["--root", str(root), "--device", "cpu", "--weights", "runs/tsm/best.pt", *more])


def test_an_episode_from_frames_and_from_video(trained, tmp_path, capsys):
    results(trained, "--episode", "3", "--results-path", str(tmp_path / "a"))
    results(trained, "--episode", "3", "--frames-path", "none", "--results-path", str(tmp_path / "b"))
    text = (tmp_path / "a/friends_s01_ep03.json").read_text()
    records = json.loads(text)
    lines = text.splitlines()
    assert lines[0] == "[" and lines[-1] == "]" and [json.loads(line.rstrip(",")) for line in lines[1:-1]] == records
    truth = json.loads((trained / "datasets/Friends/sample_truth.json").read_text())["3"]
    assert abs(len(records) - len(truth)) <= 0.05 * len(truth)
    order = [(record["seconds"], record["object"]["id"]) for record in records]
    assert order == sorted(order) and len(set(order)) == len(order)
    for record in records:
        assert list(record) == ["type", "class", "seconds", "object"] and record["type"] == "emotion"
        assert record["class"] in EMOTIONS
        assert list(record["object"]) == ["id", "name", "box", "confidence", "frontal", "scores"]
        scores = record["object"]["scores"]
        assert tuple(scores) == EMOTIONS and sum(scores.values()) == pytest.approx(1, abs=1e-9)
        assert scores[record["class"]] == max(scores.values())          # rounded, so two may be alike
        x0, y0, x1, y1 = record["object"]["box"]
        assert 0 <= x0 < x1 <= 1280 and 0 <= y0 < y1 <= 720 and 1 / 14 <= record["object"]["confidence"] <= 1
        assert 0 <= record["object"]["frontal"] <= 1
        assert record["object"]["name"] in (*CHARACTERS, None)
    assert records[-1]["seconds"] == pytest.approx(71 * 1001 / 24000, abs=1e-3)
    other = json.loads((tmp_path / "b/friends_s01_ep03.json").read_text())
    assert len(other) == len(records)
    segments, said = read_segments(tmp_path / "b/friends_s01_ep03.segments.json"), capsys.readouterr().out
    assert segments == find_segments(other) and f"segments.json: {len(segments)} segments" in said
    assert "72 frames" in said


def test_the_scores_can_be_left_out(trained, tmp_path):
    for more in ("true", "false"):
        results(trained, "--episode", "1", "--results-path", str(tmp_path / more), "--scores", more)
    kept, left_out = (json.loads((tmp_path / more / "friends_s01_ep01.json").read_text()) for more in ("true", "false"))
    for record in kept:
        del record["object"]["scores"]
    assert kept and kept == left_out


def test_a_video_gets_its_own_name_and_none_found_is_said(trained, make_video, tmp_path, capsys):
    path = make_video(tmp_path / "empty room.mp4", [np.full((360, 640, 3), 90, np.uint8)] * 5)
    results(trained, "--video", str(path), "--results-path", str(tmp_path))
    assert json.loads((tmp_path / "empty room.json").read_text()) == []
    assert "no face was found" in capsys.readouterr().out


def test_one_frame_and_a_folder(trained, tmp_path):
    for number in (0, 1):
        (tmp_path / "frames").mkdir(exist_ok=True)
        shutil.copy(trained / f"friends/ep01/{number:05d}.jpg", tmp_path / "frames")
        results(trained, "--video", str(tmp_path / "frames"), "--fps", "10", "--results-path", str(tmp_path))
        records = json.loads((tmp_path / "frames.json").read_text())
        assert {record["seconds"] for record in records} == {n / 10 for n in range(number + 1)}


def test_streams_equal_windows_per_face(tmp_path):
    """Faces that come and go in one batch get what the network says of their own last four frames."""
    torch.manual_seed(0)
    net = resnet18().eval()
    net.img_sz = 64
    export(net, tmp_path / "a.onnx")
    crops, spans = np.random.default_rng(0).integers(0, 255, (3, 12, 64, 64, 3), np.uint8), ((0, 11), (2, 8), (5, 11))
    for step in (TorchStep(net, torch.device("cpu")), OnnxStep(tmp_path / "a.onnx")):
        stream, compared = EmotionStream(step, 2), 0
        for start in range(0, 12, 2):                        # two frames at a time
            keys = [(id, t) for t in (start, start + 1) for id, (first, last) in enumerate(spans) if first <= t <= last]
            logits = stream.read(keys, [crops[key] for key in keys])
            for (id, t), said in zip(keys, logits):
                if t >= spans[id][0] + 6:                    # every second frame, as the stride says
                    window = torch.from_numpy(crops[id, t - 6:t + 1:2]).permute(0, 3, 1, 2).float() / 255
                    with torch.inference_mode():
                        np.testing.assert_allclose(said, net(window)[-1], atol=1e-4)
                    compared += 1
        assert compared == 6 + 1 + 1


def test_few_frames_a_second_are_said(trained, tmp_path, capsys):
    for number in range(4):
        write_image(tmp_path / f"frames/{number:05d}.png", np.full((72, 128, 3), 90, np.uint8))
    for rate, few in (("5", False), ("1", True)):
        results(trained, "--video", str(tmp_path / "frames"), "--fps", rate, "--results-path", str(tmp_path))
        said = "frames: 1 frames a second; below 5 its shots are hardly told, as none is shorter than 4 frames"
        err = capsys.readouterr().err
        assert (said in err) == few and "warning: warning" not in err


def test_frames_with_gaps_in_their_numbers(trained, tmp_path):
    (tmp_path / "frames").mkdir()
    for number in range(0, 40, 5):
        shutil.copy(trained / "friends/ep01/00000.jpg", tmp_path / f"frames/{number:05d}.jpg")
    results(trained, "--video", str(tmp_path / "frames"), "--fps", "10", "--results-path", str(tmp_path))
    records = json.loads((tmp_path / "frames.json").read_text())
    assert sorted({record["seconds"] for record in records}) == [n / 10 for n in range(0, 40, 5)]


def test_errors(trained, tmp_path, run_main, capsys):
    def said(*argv):
        return run_main(create_results.main, ["--root", trained, "--results-path", tmp_path, *argv], capsys)[0]

    assert "expected --episode N, --episodes N N ... or --video FILE" in said()
    assert "expected --episode N, --episodes N N ... or --video FILE" in said("--episode", "1", "--video", "a.mp4")
    assert "a.mp4: no such video" in said("--video", "a.mp4")
    assert "no video of episode 9" in said("--episode", "9")
    assert "runs/x/best.pt: no such checkpoint" in said("--episode", "1", "--weights", "runs/x/best.pt")
    for weights in ("none", "imagenet"):
        assert "knows no emotion; expected a trained checkpoint" in said("--episode", "1", "--weights", weights)
    (tmp_path / "bad.pt").write_bytes(b"PK")
    assert "bad.pt: not a checkpoint" in said("--episode", "1", "--weights", tmp_path / "bad.pt")
    (tmp_path / "text.mp4").write_text("text")
    assert "text.mp4: not a readable video" in said("--video", tmp_path / "text.mp4")
    assert not list(tmp_path.glob("*.json"))


def test_a_stopped_run_leaves_no_half_file(trained, tmp_path, monkeypatch):
    results(trained, "--episode", "1", "--results-path", str(tmp_path))
    before = (tmp_path / "friends_s01_ep01.json").read_text()
    real, count = EmotionStream.read, [0]

    def stopped(*args):
        count[0] += 1
        if count[0] == 5:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(EmotionStream, "read", stopped)
    with pytest.raises(KeyboardInterrupt):
        results(trained, "--episode", "1", "--results-path", str(tmp_path))
    assert (tmp_path / "friends_s01_ep01.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["friends_s01_ep01.faces.npz", "friends_s01_ep01.json",
                                                                "friends_s01_ep01.segments.json",
                                                                "friends_s01_ep01.shots.json"]


def test_the_sample_videos_are_found(trained):
    assert sorted(find_videos(trained / "datasets/Friends")) == [1, 2, 3]


def test_options_are_told_as_they_were_asked_for(trained, make_video, tmp_path):
    film = make_video(tmp_path / "film.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 8, rate=60)
    results(trained, "--video", str(film), "--results-path", str(tmp_path), "--centerface-margin", "0.3")
    asked = read_reading(tmp_path / "film.json")[0]["options"]
    found = read_faces(tmp_path / "film.faces.npz")[0]["options"]
    assert (found["detect_every"], found["max_gap"], asked["frame_stride"]) == (4, 8, 4)      # not as scaled to 60 fps
    assert asked["centerface_margin"] == 0.3 and "hog_margin" not in asked


def test_shots_end_where_frames_do_and_have_the_people_of_frames_without_a_record(trained, tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    for number, path in enumerate(sorted((trained / "friends/ep01").glob("*.jpg"))[:48]):
        shutil.copy(path, folder / f"{20000 + number}.jpg")
    said = {}
    for every in ("1", "40"):
        results(trained, "--video", str(folder), "--fps", "24", "--results-path", str(tmp_path), "--every", every)
        said[every] = json.loads((tmp_path / "part.shots.json").read_text())
    assert said["1"] == said["40"] and any(shot["people"] for shot in said["1"])
    assert (said["1"][0]["start"], said["1"][-1]["end"]) == pytest.approx((20000 / 24, 20048 / 24), abs=1e-3)


def test_framings_hold_where_the_picture_changes_its_size(trained, tmp_path):
    picture = read_image(trained / "friends/ep01/00000.jpg")
    for number in range(16):
        write_image(tmp_path / f"tv/{number:05d}.png", picture[::2, ::2] if number < 8 else picture)
    for _ in ("found", "kept"):
        results(trained, "--video", str(tmp_path / "tv"), "--results-path", str(tmp_path))
        first, second = json.loads((tmp_path / "tv.shots.json").read_text())
        assert second["first_frame"] == 8 and first["framing"] == second["framing"] is not None


def test_faces_are_kept_and_found_again_unless_something_changed(trained, tmp_path, monkeypatch, capsys):
    out = ["--episode", "1", "--results-path", str(tmp_path)]
    results(trained, *out)
    first = (tmp_path / "friends_s01_ep01.json").read_text()
    assert "faces from" not in capsys.readouterr().out
    results(trained, *out, "--detect-threads", "1")
    assert "faces from" in capsys.readouterr().out and (tmp_path / "friends_s01_ep01.json").read_text() == first
    of_first = read_reading(tmp_path / "friends_s01_ep01.json")
    results(trained, *out, "--weights", "runs/static/best.pt")
    assert "faces from" in capsys.readouterr().out and (tmp_path / "friends_s01_ep01.json").read_text() != first
    of_second = read_reading(tmp_path / "friends_s01_ep01.json")
    assert of_first[0]["weights_hash"] != of_second[0]["weights_hash"] and of_second[0]["weights"] == "best.pt"
    assert of_first[0]["arithmetic"] == "float32" and of_first[0]["options"]["every"] == 1
    results(trained, *out, "--detect-every", "12")
    assert "looking for faces again" in capsys.readouterr().out
    monkeypatch.setattr(vtt_emotion.video.faces_file, "VERSION", 99)
    results(trained, *out, "--detect-every", "12")
    assert "found with other options or by an earlier version; looking for faces again" in capsys.readouterr().out
    (tmp_path / "friends_s01_ep01.faces.npz").write_bytes(b"junk")
    with pytest.raises(InputError, match="not a faces file"):
        results(trained, *out)


def test_faces_kept_of_a_folder_are_found_again_at_another_rate(trained, tmp_path, capsys):
    for rate, known in ((24, False), (24, True), (60, False)):
        results(trained, "--video", str(trained / "friends/ep01"), "--fps", str(rate), "--results-path", str(tmp_path))
        assert ("faces from" in capsys.readouterr().out) == known
    kept, fresh = ((tmp_path / name / "ep01.faces.npz") for name in ("", "fresh"))
    results(trained, "--video", str(trained / "friends/ep01"), "--fps", "60", "--results-path", str(fresh.parent))
    assert read_faces(kept)[1].tobytes() == read_faces(fresh)[1].tobytes()
    assert read_faces(kept)[0]["options"]["fps"] == 60


def test_thinned_and_smoothed_output(trained, tmp_path):
    def records(*more):
        results(trained, "--episode", "1", "--results-path", str(tmp_path), *more)
        return json.loads((tmp_path / "friends_s01_ep01.json").read_text())

    whole = records()
    for every in ("2", "3", "8"):
        kept = [record for record in whole if round(record["seconds"] * 24000 / 1001) % int(every) == 0]
        assert kept and records("--every", every) == kept
    smooth = records("--smooth", "0.8")
    kept = [record for record in smooth if round(record["seconds"] * 24000 / 1001) % 3 == 0]
    assert records("--smooth", "0.8", "--every", "3") == kept                    # all frames are read for it
    assert [record["object"]["box"] for record in smooth] == [record["object"]["box"] for record in whole]

    def changes(found):
        last, count = {}, 0
        for record in found:
            count += last.get(record["object"]["id"], record["class"]) != record["class"]
            last[record["object"]["id"]] = record["class"]
        return count

    assert changes(smooth) <= changes(whole) and smooth != whole


def test_the_same_bytes_from_one_pass_whatever_the_threads_and_from_the_faces_kept(trained, tmp_path, monkeypatch):
    decoded = []

    def counted(*args):
        for frame in read_frames(*args):
            decoded.append(frame.number)
            yield frame

    monkeypatch.setattr(vtt_emotion.video.create, "read_frames", counted)
    out, kept = ["--episode", "3", "--results-path", str(tmp_path)], tmp_path / "friends_s01_ep03.faces.npz"
    for options, threads in (([], ("1", "2", "4", "kept")), (["--link", "--smooth", "0.5"], ("2", "kept"))):
        texts = []
        for count in threads:
            if count != "kept":
                kept.unlink(missing_ok=True)
                options = [*options, "--detect-threads", count]
            decoded.clear()
            results(trained, *out, *options)
            assert decoded == list(range(72))                # no frame twice
            texts.append((tmp_path / "friends_s01_ep03.json").read_text())
        assert len(set(texts)) == 1 and len(texts[0]) > 1000


def test_episodes_are_resumed(trained, tmp_path, capsys):
    out = ["--episodes", "1", "2", "3", "--results-path", str(tmp_path)]
    results(trained, *out)
    before = (tmp_path / "friends_s01_ep02.json").read_text()
    (tmp_path / "friends_s01_ep02.json").unlink()
    capsys.readouterr()
    results(trained, *out, "--resume")
    assert capsys.readouterr().out.count("is there already") == 2
    assert (tmp_path / "friends_s01_ep02.json").read_text() == before


def test_names_from_the_gallery_links_and_an_overlay(trained, tmp_path):
    results(trained, "--episode", "3", "--results-path", str(tmp_path), "--link", "--name-distance", "0.6", "--overlay")
    records = json.loads((tmp_path / "friends_s01_ep03.json").read_text())
    assert {record["object"]["name"] for record in records} <= {*CHARACTERS, None}
    assert any(record["object"]["name"] for record in records)
    truth = json.loads((trained / "datasets/Friends/sample_truth.json").read_text())["3"]
    drawn = {}
    for face in truth:
        drawn.setdefault(face["frame"], []).append(face)
    right = wrong = 0
    for record in records:
        for face in drawn.get(round(record["seconds"] * 24000 / 1001), []):
            if iou([record["object"]["box"]], [face["box"]])[0, 0] > 0.4 and record["object"]["name"]:
                right, wrong = right + (record["object"]["name"] == face["name"]), wrong + (
                    record["object"]["name"] != face["name"])
    assert right > 3 * wrong
    assert (tmp_path / "friends_s01_ep03.overlay.mp4").stat().st_size > 10000


def test_a_video_of_variable_frame_rate_keeps_its_own_times(trained, tmp_path):
    image = read_image(trained / "friends/ep01/00000.jpg")
    times = [0, 40, 80, 200, 233, 500, 1000, 1040]                               # ms
    with av.open(str(tmp_path / "vfr.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    results(trained, "--video", str(tmp_path / "vfr.mkv"), "--results-path", str(tmp_path), "--overlay")
    records = json.loads((tmp_path / "vfr.json").read_text())
    assert sorted({record["seconds"] for record in records}) == pytest.approx([time / 1000 for time in times], abs=2e-3)
    with av.open(str(tmp_path / "vfr.overlay.mp4")) as container:
        assert [picture.time for picture in container.decode(container.streams.video[0])] == pytest.approx(
            [time / 1000 for time in times], abs=2e-3)


def test_another_videos_results_are_not_taken_for_ones_own(trained, make_video, tmp_path, capsys):
    said = []
    for folder, level in (("a", 20), ("b", 90), ("b", 90)):
        (tmp_path / folder).mkdir(exist_ok=True)
        video = make_video(tmp_path / folder / "cam.mp4", [np.full((72, 128, 3), level, np.uint8)] * 3)
        create_results.main(["--root", str(tmp_path), "--video", str(video), "--resume", "--device", "cpu"])
        said.append(capsys.readouterr().out)
    assert "of another video than" not in said[0] and "b/cam.mp4, so it is made again" in said[1]
    assert "is there already" in said[2]


def test_a_folder_named_by_a_dot_gives_its_own_name(trained, tmp_path, monkeypatch):
    (tmp_path / "walk").mkdir()
    for number in range(3):
        write_image(tmp_path / "walk" / f"{number}.jpg", np.full((72, 128, 3), 90, np.uint8))
    monkeypatch.chdir(tmp_path / "walk")
    assert [name for _, name in create_results.find_sources(EpisodeSource(video="."), Friends())] == ["walk"]
    monkeypatch.chdir("/")
    assert [name for _, name in create_results.find_sources(EpisodeSource(video="."), Friends())] == ["frames"]
