import json
import time

import pytest
import torch

import tools.bench_reading
import tools.bench_training as training_bench
from tools import bench
from vtt_emotion.training.clips import FaceClips


@pytest.mark.long
def test_a_short_bench_of_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training_bench, "PICTURES", 60)
    bench.main(["--root", str(tmp_path), "--measure", "training", "--output", str(tmp_path / "bench.json"),
                "--batch-size", "4", "--steps", "6", "--num-workers", "1", "--device", "cpu"])
    figures = json.loads((tmp_path / "bench.json").read_text())["training"]
    assert figures["input"]["ratio"] > 0
    assert all(value > 0 for kind in ("still", "sequence") for value in figures[f"step_{kind}_float32"].values())
    out = capsys.readouterr().out
    assert "times as fast" in out and "times a plain loop's" in out


def test_the_bench_compares_what_makes_the_same_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(training_bench, "PICTURES", 20)
    monkeypatch.setattr(training_bench, "AUGMENT", training_bench.AUGMENT | {"noise": 0.0, "blur": 1.0})
    samples = training_bench.draw_pictures(tmp_path)
    ours, theirs = FaceClips([samples], 224, 1, training_bench.AUGMENT), training_bench.PilFaces(samples)
    spent = [0.0, 0.0]                           # s of a core, which nothing else on the machine adds to
    for sample in range(20):
        pictures = []
        for place, made in enumerate((ours, theirs)):
            since = time.process_time()
            pictures.append(made[sample, (3, sample)])
            spent[place] += time.process_time() - since
        our, their = pictures[0][0], pictures[1]
        assert our.shape == their.shape and (our.float() - their.float()).abs().mean() < 4
    assert spent[1] > 1.2 * spent[0]             # 2 and more


@pytest.mark.parametrize("frames, least", [(1, 0.85), (4, 1.15)])
def test_a_step_costs_no_more_than_a_plain_loops_and_less_on_four_frames(frames, least):
    """1.0 and 1.4 times: of four frames the later layers see only those that the last frame's logits depend on."""
    cpu = torch.device("cpu")
    clips = torch.randint(0, 255, (4, frames, 3, 64, 64), dtype=torch.uint8)
    target = torch.eye(7)[:4]
    steps = training_bench.our_steps(cpu, "float32"), training_bench.plain_steps(cpu, "float32")
    spent = [], []                               # s of a core
    for _ in range(12):
        for step, taken in zip(steps, spent):
            since = time.process_time()
            step(clips, target).item()
            taken.append(time.process_time() - since)
    assert min(spent[1]) > least * min(spent[0])


@pytest.mark.long
def test_a_short_bench_measures_every_part(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))         # graphs that the scripts it runs export
    bench.main(["--root", str(trained), "--weights", "runs/tsm/best.pt", "--seconds", "8", "--output",
                str(tmp_path / "bench.json"), "--reference-every", "64", "--no-memory", "--measure", "episode"])
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["frames"] == 192 and figures["size"] == [1280, 720] and 23 < figures["fps"] < 25
    assert {"decode", "shots", "colour and crops"} < set(figures["ms_a_frame"])
    assert all(value > 0 for name, value in figures["ms_a_frame"].items() if name != "shots")
    network = figures["ms_a_face_and_frame"]
    assert network["streaming, PyTorch"] < network["four-frame window, PyTorch"]
    whole = figures["whole"]
    assert 0 < whole["second_run_cpu_ms_a_frame"] < whole["first_run_cpu_ms_a_frame"]
    assert 0 < whole["help_seconds"] < whole["startup"]["seconds"] and 50 < whole["startup"]["mb"] < 600
    assert list(whole["peak_memory_mb"]) == ["1x"] and whole["peak_memory_mb"]["1x"] < 600
    against = figures["against_hog_on_every_frame"]
    assert against["reference_faces"] > 0 and against["matched"] > 0.9 and against["without_a_face"] < 0.1
    out = capsys.readouterr().out
    assert "times as fast as it plays" in out and "streaming, ONNX float32" in out


def test_the_comparison_of_a_hand_worked_case(monkeypatch):
    """Three frames: one face matched, one missed, one of ours where there is none."""
    import numpy as np

    from vtt_emotion.video.detection import Hog
    from vtt_emotion.video.faces import FACE, make_faces

    class Frame:
        size = (100, 100)

        def __init__(self, number):
            self.number = number

        def grey(self, width):
            return self.number

    found = {0: [[0, 0, 10, 10]], 1: [[50, 50, 60, 60]], 2: []}
    monkeypatch.setattr(tools.bench_reading, "read_frames", lambda source: map(Frame, range(3)))
    monkeypatch.setattr(Hog, "find", lambda self, grey, scale: make_faces(found[grey]))
    faces = np.zeros(2, FACE)
    faces["frame"], faces["box_xyxy"] = (0, 2), [[0, 0, 10, 11], [0, 0, 10, 10]]
    assert tools.bench_reading.compare_with_hog("x", faces, 1) == {
        "reference_faces": 2, "matched": 0.5, "without_a_face": 0.5}
