"""How scripts end when something goes wrong beside worker processes, or while they still import."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY

HERE = Path(__file__).resolve().parents[1]
TRAIN = (*TINY, "--num-workers", "2", "--weights", "none", "--max-steps", "8", "--log-every", "1")


def ended(script, root, *options, seconds=60):
    """(status, last line of stderr) of a script; it is killed, and the test fails, where it hangs."""
    done = subprocess.run([sys.executable, str(HERE / script), "--root", str(root), *map(str, options)],
                          capture_output=True, text=True, timeout=seconds)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()[-1] if done.stderr else ""


@pytest.fixture
def site(parsed, tmp_path):
    for name in ("datasets", "dicts", "friends_faces"):
        (tmp_path / name).symlink_to(parsed / name)
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_an_image_that_is_missing_ends_evaluation(site):
    status, said = ended("evaluate.py", site, "--index", "raf", "--raf-path", site / "empty", "--num-workers", "2")
    assert status == 1 and said.startswith("error: ") and said.endswith("no such image")


def test_missing_images_end_training(site):
    status, said = ended("model_train.py", site, *TRAIN, "--mixture", "raf", 1, "--raf-path", site / "empty")
    assert status == 1 and "no such image; nor could four others" in said


def test_a_truncated_validation_image_ends_training(site, parsed):
    (site / "friends_faces").unlink()
    shutil.copytree(parsed / "friends_faces", site / "friends_faces")
    for path in (site / "friends_faces/ep03").iterdir():
        if path.suffix == ".jpg":
            path.write_bytes(path.read_bytes()[:300])
    status, said = ended("model_train.py", site, *TRAIN, "--mixture", "affectnet", 1, "--valid-every", 4)
    assert status == 1 and "not a readable image" in said


def test_too_little_memory_ends_training(site):
    script = [sys.executable, str(HERE / "model_train.py"), "--root", str(site), *TRAIN, "--img-sz", "2048",
              "--mixture", "affectnet", "1", "--batch-size", "64"]
    done = subprocess.run(["bash", "-c", 'ulimit -v 3500000; exec "$@"', "-", *script], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "error: out of memory", done.stderr


def test_a_bench_of_two_steps_ends(tmp_path, monkeypatch):
    import torch

    from ops import Bench
    from tools import bench_training as training_bench

    for name, value in (("PICTURES", 4), ("SIDE", 100), ("SIZE", 64)):
        monkeypatch.setattr(training_bench, name, value)
    assert min(training_bench.time_in_memory(1, torch.device("cpu"), "float32", 2, 2)) > 0
    bench = Bench(batch_size=2, steps=2, num_workers=0, device="cpu")
    samples = training_bench.draw_pictures(tmp_path / "pictures")
    assert training_bench.time_loop(samples, tmp_path / "training", 1, "float32", bench) > 0


def test_workers_that_are_busy_are_not_waited_for(tmp_path):
    """One worker fails while the other is at something that takes an hour."""
    script = tmp_path / "slow.py"
    script.write_text("""
import time
from vtt_emotion.core.command_line import run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.training.batches import EveryOnce, make_loader
class Slow:
    def __getitem__(self, key):
        time.sleep(3600 * key[0])
        raise InputError("the first fails")
def main():
    loader = make_loader(Slow(), EveryOnce(2, 1), 2)
    next(iter(loader))
run_script(main)
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120,
                          env={"PYTHONPATH": str(HERE)})
    assert done.returncode == 1 and done.stderr.strip() == "error: the first fails", done.stderr


@pytest.mark.parametrize("script,part", [("create_results.py", "av"), ("model_train.py", "torch"),
                                         ("report.py", "tyro")])
def test_ctrl_c_while_a_script_imports(tmp_path, script, part):
    """It comes in the midst of a part's import, which turns it into an error of its own, as some do."""
    (tmp_path / f"{part}.py").write_text("""
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    raise ImportError("initialization failed")
""")
    done = subprocess.run([sys.executable, str(HERE / script)], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (130, "stopped\n")
