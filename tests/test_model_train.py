import json
import os

import pytest
import torch

import model_train
from resnet_tsm import load_checkpoint, resnet18
from tests.conftest import TINY
from vtt_emotion.training.log import read_log


def test_a_run_folder(trained):
    folder = trained / "runs/static"
    assert sorted(os.listdir(folder)) == ["best.pt", "confusions.csv", "last.pt", "log.csv", "ops.json"]
    options = json.loads((folder / "ops.json").read_text())
    assert options["loader"]["img_sz"] == 64 and options["data"]["mixture"] == [["affectnet", 0.8], ["raf", 0.2]]
    rows = read_log(folder / "log.csv")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["valid_accuracy"] is None for row in rows] == [True, False, True, False]
    last, best = load_checkpoint(folder / "last.pt"), load_checkpoint(folder / "best.pt")
    assert last["step"] == 4
    assert best["best"]["mean_recall"] == pytest.approx(max(row["valid_mean_recall"] for row in rows[1::2]), rel=1e-4)
    net = resnet18(folder / "best.pt").eval()
    assert net(torch.rand(4, 3, 64, 64)).shape == (4, 7)


def test_validation_on_an_index_of_its_own_and_other_options(parsed):
    model_train.main(["--root", str(parsed), *TINY, "--weights", "none", "--name", "own", "--max-steps", "2",
                      "--mixture", "raf", "1", "--valid-on", "affectnet", "--loss", "soft_ce", "--optimizer", "adamw",
                      "--lr", "1e-4", "--schedule", "cosine"])
    row = read_log(parsed / "runs/own/log.csv")[-1]
    assert row["step"] == 2 and row["valid_mean_recall"] is not None and row["learning_rate"] == pytest.approx(5e-5)


def test_patience(parsed, capsys):
    """Of a network that stays as it is, the first validation is the best, and two more end the run."""
    argv = ["--root", str(parsed), *TINY, "--weights", "none", "--name", "tired", "--mixture", "raf", "1", "--valid-on",
            "raf", "--lr", "0", "--batch-norm", "running", "--valid-every", "1", "--max-steps", "5", "--patience", "2"]
    model_train.main(argv)
    log = parsed / "runs/tired/log.csv"
    assert read_log(log)[-1]["step"] == 3
    assert "ended at step 3: no better mean recall in 2 validations" in capsys.readouterr().out
    model_train.main([*argv, "--resume"])
    assert read_log(log)[-1]["step"] == 3 and "ended at step 3" in capsys.readouterr().out
    model_train.main([*argv, "--resume", "--patience", "0"])
    assert read_log(log)[-1]["step"] == 5 and "ended" not in capsys.readouterr().out


def test_starting_from_weights(trained):
    model_train.main(["--root", str(trained), *TINY, "--weights", "runs/static/best.pt", "--name", "onward",
                      "--max-steps", "1", "--lr", "0"])
    for name, value in load_checkpoint(trained / "runs/static/best.pt")["net"].items():
        if "running" not in name and "tracked" not in name:
            assert torch.equal(value, load_checkpoint(trained / "runs/onward/last.pt")["net"][name])


def test_errors(trained, run_main, capsys, tmp_path):
    def said(*argv):
        return run_main(model_train.main, ["--root", trained, *TINY, "--weights", "none", *argv], capsys)[0]

    assert "runs/static: holds a run already" in said()
    assert "last.pt: no such checkpoint" in said("--name", "new", "--resume")
    assert "episodes [2] are both" in said("--name", "new", "--valid-episodes", "2", "3")
    assert "holds no episodes [9]" in said("--name", "new", "--valid-episodes", "9")
    assert "python parse_fer.py" in said("--name", "new", "--mixture", "fer", "1")
    assert "no such checkpoint" in said("--name", "new", "--weights", "nothing.pt")
    assert not (trained / "runs/new/log.csv").exists()
    assert "affectnet_parsed.npy: no such index" in run_main(
        model_train.main, ["--root", tmp_path, "--weights", "none"], capsys)[0]
