"""Training under torchrun, two processes on the CPU by gloo, against one process."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import EPISODES, mostly_long, often
from tests.training.test_engine import train, weights
from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.training.log import read_log
from vtt_emotion.training.ranks import Ranks

SCRIPT = Path(__file__).resolve().parents[2] / "model_train.py"
OPTIONS = (*EPISODES, "--recipe", "ancestor", "--img-sz", "64", "--batch-size", "8", "--num-workers", "0",
           "--device", "cpu", "--precision", "float32", "--weights", "none", "--log-every", "1")


def torchrun(root, name, *options, count=2):
    """A started training of `count` processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), SCRIPT,
               "--root", root, "--name", name, *OPTIONS, *options]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)


def one_process(root, name, *options):
    train(root, name, *OPTIONS, *options)


@often(4, 20)
def test_two_processes_with_half_the_batch_train_as_one(parsed, times):
    """Batch normalisation by its running statistics: in training each process would normalise by its own half.

    By SGD, whose steps are as large as the gradient: Adam's are not, so that it would hide a wrong factor, and makes
    much of the last digit.
    """
    options = ("--batch-norm", "running", "--max-steps", str(times), "--valid-every", str(times // 2),
               "--average", "0.9", "--weights", "fer", "--optimizer", "sgd", "--lr", "0.0005")
    one_process(parsed, "one", *options)
    job = torchrun(parsed, "two", *options)
    out, _ = job.communicate(timeout=240)
    assert job.returncode == 0, out
    one, two = (read_log(parsed / f"runs/{name}/log.csv") for name in ("one", "two"))
    assert [row["step"] for row in two] == list(range(1, times + 1))         # one log
    for mine, theirs in zip(one, two):
        assert mine["train_error"] == pytest.approx(theirs["train_error"], abs=1e-4)
        assert mine["train_accuracy"] == theirs["train_accuracy"]
    for name in ("valid_error", "valid_accuracy", "valid_mean_recall"):
        assert one[-1][name] == pytest.approx(two[-1][name], abs=1e-4)       # over all faces, of both processes
    for name in ("net", "average"):
        for key, value in weights(parsed, "one")[name].items():
            assert torch.allclose(value, weights(parsed, "two")[name][key], atol=2e-4), key
    assert out.count("samples to train on") == 1 and "cpu x 2" in out and out.count("best at step") == 1


@pytest.mark.long
def test_a_process_that_dies_ends_the_job_and_resume_goes_on(parsed):
    options = ("--max-steps", "30", "--save-every", "1", "--valid-every", "30", "--schedule", "one_cycle")
    job = torchrun(parsed, "dying", *options)
    assert wait_for(lambda: (parsed / "runs/dying/last.pt").is_file())
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    victim = next(pid for pid in children if "RANK=1" in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    os.kill(int(victim), signal.SIGKILL)
    out, _ = job.communicate(timeout=120)
    assert job.returncode != 0, out
    assert re.search(r"error: process 0 of 2 ends: it lost another.*--resume continues", out), out
    kept = weights(parsed, "dying")["step"]
    assert 1 <= kept < 30
    job = torchrun(parsed, "dying", *options, "--resume")
    out, _ = job.communicate(timeout=240)
    assert job.returncode == 0 and weights(parsed, "dying")["step"] == 30, out
    assert [row["step"] for row in read_log(parsed / "runs/dying/log.csv")] == list(range(1, 31))
    job = torchrun(parsed, "calm_two", *options)
    assert job.wait(240) == 0
    for key, value in weights(parsed, "calm_two")["net"].items():
        assert torch.equal(value, weights(parsed, "dying")["net"][key]), key


@pytest.mark.long
def test_an_error_in_one_process_costs_no_step(parsed, tmp_path):
    """An image of the second process's part of the validation cannot be read."""
    for name in ("dicts", "datasets"):
        (tmp_path / name).symlink_to(parsed / name)
    shutil.copytree(parsed / "friends_faces", tmp_path / "friends_faces")
    index = read_index(tmp_path / "dicts/friends_parsed_new.npy")
    last = [entry for examples in index.values() for entry in examples.values() if entry["pos"][0] == 3][-1]
    (tmp_path / "friends_faces" / last["img"][-1]).write_bytes(b"no image")
    options = ("--max-steps", "6", "--valid-every", "4", "--save-every", "100")
    job = torchrun(tmp_path, "one_fails", *options)
    out, _ = job.communicate(timeout=240)
    assert job.returncode != 0 and "not a readable image" in out and "lost another" in out, out
    kept = weights(tmp_path, "one_fails")
    assert kept["step"] == 4 and kept["owed"]
    (tmp_path / "friends_faces" / last["img"][-1]).unlink()
    shutil.copy(parsed / "friends_faces" / last["img"][-1], tmp_path / "friends_faces" / last["img"][-1])
    job = torchrun(tmp_path, "one_fails", *options, "--resume")
    out, _ = job.communicate(timeout=240)
    log = {row["step"]: row for row in read_log(tmp_path / "runs/one_fails/log.csv")}
    assert job.returncode == 0 and log[4]["valid_error"] is not None and 6 in log, out


def wait_for(happened, seconds=120):
    since = time.monotonic()
    while not happened() and time.monotonic() - since < seconds:
        time.sleep(0.02)
    return happened()


@pytest.mark.parametrize("number", mostly_long((signal.SIGTERM, signal.SIGINT), signal.SIGINT))
def test_asked_to_stop_all_processes_stop_at_one_step(parsed, number):
    """SIGTERM to torchrun, which sends it on; Ctrl-C to all at once, as a terminal does, and torchrun sends it on."""
    name = f"asked_{number:d}"
    job = torchrun(parsed, name, "--max-steps", "500", "--valid-every", "500", "--save-every", "500")
    log = parsed / f"runs/{name}/log.csv"
    assert wait_for(lambda: log.is_file() and log.read_text().count("\n") > 3)
    if number == signal.SIGINT:
        os.killpg(job.pid, number)
    else:
        job.send_signal(number)
    out, _ = job.communicate(timeout=120)
    step = weights(parsed, name)["step"]
    assert job.returncode != 0 and 3 <= step < 500 and out.count("stopped\n") == 2, out
    assert read_log(log)[-1]["step"] == step


def test_what_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="--batch-size 8: .* expected a multiple of their number, 3"):
        Ranks(torch.device("cpu"), 8)


def test_one_process_needs_no_other():
    ranks, net = Ranks(torch.device("cpu"), 7), torch.nn.Linear(2, 2)
    assert ranks.first and ranks.share(net) is net and ranks.total(1, True, 2.5) == [1, 1, 2.5]
    rows = torch.from_numpy(np.eye(3, dtype=np.float32))
    assert ranks.gather(rows) is rows
    with pytest.raises(RuntimeError, match="of its own"), ranks.together():
        raise RuntimeError("of its own")
    ranks.count = 2                              # and of two, no error but a lost connection is called one
    assert not ranks.lost(RuntimeError("DataLoader worker is killed")) and not ranks.lost(RuntimeError())
    assert ranks.lost(RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer"))
