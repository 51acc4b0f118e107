"""The shipped weights, and the card that tells how they were made."""
import importlib
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import evaluate
import parse_affectnet
import parse_fer
from ops import Sample
from resnet_tsm import WEIGHTS_FOLDER, load_checkpoint, resnet18
from tests.conftest import mostly_long
from tools import ship_weights
from vtt_emotion.core.weights import find_weights
from vtt_emotion.drawn.stills import write_affectnet, write_fer
from vtt_emotion.video.onnx_backend import OnnxStep, checkpoint_hash, int8_graph

CARD = Path(WEIGHTS_FOLDER) / "README.md"
SMALL = ["--max-steps", "2", "--valid-every", "2", "--batch-size", "4", "--img-sz", "64", "--num-workers", "0",
         "--device", "cpu"]


def commands():
    """The card's commands, in order, each as a list of words."""
    blocks = re.findall(r"```\n(.*?)```", CARD.read_text(), re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = (shlex.split(line.replace("python -m ", "python ", 1)) for line in lines if line.startswith("python "))
    return [[python, script.removesuffix(".py"), *options] for python, script, *options in words]


@pytest.mark.long
def test_the_cards_commands_run_as_written(sample, tmp_path, capsys, monkeypatch):
    """On the drawn FER2013, with fewer steps, after which int8 may not agree."""
    monkeypatch.setattr(ship_weights, "AGREES", 0)
    monkeypatch.setattr(ship_weights, "LOSES", 1)
    where = ["--root", str(tmp_path), "--fer-path", str(sample / "datasets/FER2013")]
    ran = [words[1] for words in commands()]
    assert ran[0] == "parse_fer" and ran[-2:] == ["tools.ship_weights", "evaluate"]
    assert {"model_train", "model_tsm_train"} < set(ran)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, path in enumerate(sorted((sample / "datasets/AffectNet").rglob("*.jpg"))[:12]):
        shutil.copy(path, photos / f"{number}.jpg")
    for _, script, *options in commands():
        more = {"evaluate": [*where, "--num-workers", "0", "--device", "cpu"],
                "parse_taught": ["--root", str(tmp_path), "--sure", "0", "--device", "cpu"]}
        if "train" in script:
            more[script] = where + SMALL + (["--img-sz", "112"] if "dlib" in options else [])
        importlib.import_module(script).main([*options, *more.get(script, where)])
    assert (tmp_path / "weights/mine.pt").stat().st_size < 23e6
    assert "mean recall" in capsys.readouterr().out.splitlines()[-2]


def test_the_shipped_file_is_small_plain_and_says_its_size():
    path = Path(WEIGHTS_FOLDER) / "fer.pt"
    assert path.stat().st_size < 23e6
    net = load_checkpoint(path)["net"]
    assert all(value.dtype == torch.float16 for value in net.values() if value.is_floating_point())
    assert str(resnet18(weights="fer").img_sz) + " px" in CARD.read_text()


def test_the_shipped_graph_is_of_the_shipped_weights():
    weights = find_weights("fer")
    step = OnnxStep(int8_graph(weights))
    assert step.hash == checkpoint_hash(weights) and step.size == resnet18(weights="fer").img_sz
    assert b"site-packages" not in int8_graph(weights).read_bytes()


def test_a_still_and_a_clip_of_it_read_the_same():
    net = resnet18(weights="fer").eval()
    still = torch.rand(1, 3, net.img_sz, net.img_sz)
    with torch.inference_mode():
        torch.testing.assert_close(net(still.repeat(4, 1, 1, 1))[3], net(still)[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("index,split,figure", mostly_long(
    [("fer", "train", "drawn FER2013"), ("affectnet", "train", "AffectNet")], ("fer", "train", "drawn FER2013")))
def test_the_card_is_honest_about_drawn_faces(tmp_path, index, split, figure):
    """Of the card's own faces, drawn again: another machine's arithmetic may move a few."""
    if index == "fer":
        write_fer(tmp_path / "datasets/FER2013", Sample().stills, np.random.default_rng([Sample().seed, 2]))
        parse_fer.main(["--root", str(tmp_path)])
    else:
        write_affectnet(tmp_path / "datasets/AffectNet", Sample().stills, np.random.default_rng([Sample().seed, 0]))
        parse_affectnet.main(["--root", str(tmp_path), "--verify"])
    evaluate.main(["--root", str(tmp_path), "--index", index, "--split", split, "--num-workers", "0", "--device", "cpu",
                   "--results-path", str(tmp_path)])
    figures = json.loads((tmp_path / f"evaluate_{index}_{split}.json").read_text())
    row = next(line for line in CARD.read_text().splitlines() if figure in line and line.startswith("|"))
    said = [float(number) for number in re.findall(r"([\d.]+) %", row)]
    assert figures["accuracy"] * 100 == pytest.approx(said[0], abs=3)
