import json
import shutil

import numpy as np
import pytest
import torch

import create_results
from backends import OnnxStep, TorchStep, export
from create_results import EmotionStream
from episode import find_videos
from labels import EMOTIONS
from resnet_tsm import resnet18


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
        assert record["class"] in EMOTIONS and list(record["object"]) == ["id", "name", "box", "confidence"]
        x0, y0, x1, y1 = record["object"]["box"]
        assert 0 <= x0 < x1 <= 1280 and 0 <= y0 < y1 <= 720 and 1 / 7 <= record["object"]["confidence"] <= 1
        assert record["object"]["name"] is None
    assert records[-1]["seconds"] == pytest.approx(71 * 1001 / 24000, abs=1e-3)
    other = json.loads((tmp_path / "b/friends_s01_ep03.json").read_text())
    assert len(other) == len(records)
    assert "72 frames" in capsys.readouterr().out


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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["friends_s01_ep01.faces.npz", "friends_s01_ep01.json"]


def test_the_sample_videos_are_found(trained):
    assert sorted(find_videos(trained / "datasets/Friends")) == [1, 2, 3]
