"""Training, evaluation and reading on CUDA, where there is a GPU: they come to what the CPU comes to."""
import json

import pytest
import torch

import create_results
import evaluate
from tests.conftest import EPISODES
from tests.training.test_engine import train, weights
from tests.training.test_ranks import torchrun
from vtt_emotion.training.log import read_log

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
TINY = ("--img-sz", "64", "--batch-size", "8", "--num-workers", "0", *EPISODES, "--weights", "none", "--log-every", "1",
        "--optimizer", "sgd", "--lr", "0.001", "--schedule", "constant", "--batch-norm", "running")
FOUR = (*TINY, "--max-steps", "4", "--valid-every", "4")


def test_a_training_in_float32_is_that_of_the_cpu(parsed):
    for device in ("cpu", "cuda"):
        train(parsed, f"on_{device}", *FOUR, "--device", device, "--precision", "float32")
    cpu, cuda = (read_log(parsed / f"runs/on_{device}/log.csv") for device in ("cpu", "cuda"))
    for mine, theirs in zip(cpu, cuda, strict=True):
        assert mine["train_error"] == pytest.approx(theirs["train_error"], abs=1e-3)
    assert cpu[-1]["valid_error"] == pytest.approx(cuda[-1]["valid_error"], abs=1e-3)


def test_bfloat16_is_the_default_and_near_to_float32(parsed, capsys):
    train(parsed, "in_bfloat16", *FOUR, "--device", "auto")
    assert "cuda" in capsys.readouterr().out
    train(parsed, "in_float32", *FOUR, "--device", "auto", "--precision", "float32")
    first, second = (read_log(parsed / f"runs/in_{precision}/log.csv")[-1] for precision in ("bfloat16", "float32"))
    assert first["train_error"] != second["train_error"]
    assert first["train_error"] == pytest.approx(second["train_error"], abs=0.05)


def test_a_stopped_training_goes_on_as_if_it_had_not_been(parsed):
    train(parsed, "whole", *FOUR, "--precision", "float32")
    train(parsed, "halves", *TINY, "--max-steps", "2", "--valid-every", "2", "--precision", "float32")
    train(parsed, "halves", *FOUR, "--precision", "float32", "--resume")
    for key, value in weights(parsed, "whole")["net"].items():
        assert torch.allclose(value, weights(parsed, "halves")["net"][key], atol=1e-5), key


def test_under_torchrun_with_synchronised_batch_norm(parsed):
    job = torchrun(parsed, "nccl", "--device", "cuda", "--batch-norm", "sync", "--max-steps", "2", "--valid-every", "2",
                   count=1)
    out, _ = job.communicate(timeout=240)
    assert job.returncode == 0 and read_log(parsed / "runs/nccl/log.csv")[-1]["valid_error"] is not None, out


def test_evaluation_and_reading_say_what_the_cpu_says(trained, tmp_path):
    confusions, records = [], []
    for device in ("cpu", "cuda"):
        argv = ["--root", str(trained), "--device", device, "--results-path", str(tmp_path / device)]
        evaluate.main([*argv, "--index", "raf", "--weights", "fer"])
        confusions.append(json.loads((tmp_path / device / "evaluate_raf_test.json").read_text())["confusion"])
        create_results.main([*argv, "--episode", "3", "--weights", "fer", "--backend", "torch"])
        records.append(json.loads((tmp_path / device / "friends_s01_ep03.json").read_text()))
    assert confusions[0] == confusions[1]
    for mine, theirs in zip(*records, strict=True):
        assert mine["seconds"] == theirs["seconds"] and mine["object"]["box"] == theirs["object"]["box"]
        assert mine["object"]["scores"] == pytest.approx(theirs["object"]["scores"], abs=0.05)     # bfloat16
