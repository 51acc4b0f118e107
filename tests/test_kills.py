"""Every long script killed (SIGKILL) again and again at random moments: nothing half-written, the same in the end."""
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from resnet_tsm import load_checkpoint
from tests.conftest import TINY, often
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.results.records import read_results
from vtt_emotion.results.segments import read_segments
from vtt_emotion.training.log import read_log
from vtt_emotion.training.runs import read_checkpoint
from vtt_emotion.video.frames import MARKER, count_frames, read_marker

HERE = Path(__file__).resolve().parents[1]
READERS = {".pt": load_checkpoint, ".npy": read_index, ".npz": lambda path: dict(np.load(path)), ".csv": read_log,
           ".mp4": lambda path: path.read_bytes()[4:8].index(b"ftyp")}


def start(script, root, *options):
    return subprocess.Popen([sys.executable, HERE / script, "--root", root, *map(str, options)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(script, root, *options):
    """Run a script to its end; returns the seconds that it took."""
    since, process = time.perf_counter(), start(script, root, *options)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return time.perf_counter() - since


def kill_often(times, seconds, command, check, rng):
    """Start a command and kill it at a random moment, `times` over; `check()` what it left. `seconds`: of a whole run.

    Where it was done before its moment, `command(again=True)` begins anew.
    """
    killed = tries = 0
    again = True
    while killed < times:
        tries += 1
        assert tries < 6 * times, f"only {killed} of {tries} could be killed"
        process = command(again)
        try:
            _, said = process.communicate(timeout=rng.uniform(0.3, 0.9) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed, again = killed + 1, False
        else:
            assert process.returncode == 0, said
            again, seconds = True, 0.8 * seconds             # the machine is faster than it was
        check()


def whole(folder):
    """Read every file that a reader would take for whole."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") or part.endswith((".partial", ".former"))
                     for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            if path.suffix == ".json":
                if path.name.endswith(".segments.json"):
                    read_segments(path)
                else:
                    plain = path.parent.name == "results" and not path.name.endswith(".shots.json")
                    read_results(path) if plain else json.loads(path.read_text())
            elif path.suffix in READERS:
                READERS[path.suffix](path)


def contents(folder):
    """{path: bytes} of all files below a folder, hidden ones but markers left out."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and (not path.name.startswith(".") or path.name == MARKER)}


@pytest.fixture
def site(parsed, tmp_path):
    """A root with the sample's datasets and nothing made of them yet."""
    (tmp_path / "datasets").symlink_to(parsed / "datasets")
    return tmp_path


def link(site, parsed, *names):
    for name in names:
        (site / name).symlink_to(parsed / name)


@pytest.mark.long
def test_training_killed_8_times_ends_in_the_same_weights(site, parsed):
    link(site, parsed, "dicts", "friends_faces")
    options = (*TINY, "--weights", "none", "--max-steps", "60", "--valid-every", "25", "--save-every", "10",
               "--log-every", "5", "--schedule", "one_cycle", "--optimizer", "sgd")
    seconds = finish("model_train.py", site, *options, "--name", "whole")
    folder, steps = site / "runs/killed", []

    def train(again):
        if again:
            shutil.rmtree(folder, ignore_errors=True)
        resume = ["--resume"] if (folder / "last.pt").is_file() else []
        return start("model_train.py", site, *options, "--name", "killed", *resume)

    def check():
        whole(folder)
        steps.append(read_checkpoint(folder / "last.pt")["step"] if (folder / "last.pt").is_file() else 0)

    kill_often(8, seconds, train, check, random.Random(1))
    assert any(0 < step < 60 for step in steps)             # some were killed in the midst of it
    if steps[-1] < 60:
        finish("model_train.py", site, *options, "--name", "killed", *(["--resume"] if steps[-1] else []))
    calm, ends = (load_checkpoint(site / f"runs/{name}/last.pt") for name in ("whole", "killed"))
    assert all((value == ends["net"][key]).all() for key, value in calm["net"].items())
    logs = [[row | {"images_per_second": None} for row in read_log(site / f"runs/{name}/log.csv")]
            for name in ("whole", "killed")]
    assert logs[0] == logs[1] and len(logs[0]) == 12
    assert not list(folder.glob(".*.tmp"))


@often(1, 4)
def test_a_killed_extraction_writes_the_same_frames(site, parsed, times):
    seconds = finish("extract_friends.py", site, "--frames-path", "calm")

    def extract(again):
        if again:
            shutil.rmtree(site / "friends", ignore_errors=True)
        return start("extract_friends.py", site)

    def check():
        for folder in (site / "friends").glob("ep??"):
            assert read_marker(folder)[2] == count_frames(folder) == len(list(folder.glob("*.jpg"))) == 72

    kill_often(times, seconds, extract, check, random.Random(2))
    finish("extract_friends.py", site)
    assert contents(site / "friends") == contents(site / "calm")


@pytest.mark.long
def test_parsing_killed_6_times_writes_the_same_indexes(site, parsed):
    link(site, parsed, "friends")
    scripts = {"parse_friends.py": (4, ("--crop-size", "96", "--gallery-faces", "4")),
               "parse_affectnet.py": (1, ("--verify",)), "parse_raf.py": (1, ("--verify",))}
    for script, (times, options) in scripts.items():
        calm = ("--dicts-path", "calm", *(("--faces-path", "calm_faces") if "friends" in script else ()))
        seconds = finish(script, site, *options, *calm)

        def parse(again, script=script, options=options):
            if again and "friends" in script:
                shutil.rmtree(site / "friends_faces", ignore_errors=True)
            return start(script, site, *options)

        kill_often(times, seconds, parse, lambda: whole(site), random.Random(script))
        finish(script, site, *options)
    assert contents(site / "friends_faces") == contents(site / "calm_faces")
    ours, theirs = contents(site / "dicts"), contents(site / "calm")
    assert set(ours) == set(theirs) and len(ours) == 4
    assert all(ours[name] == theirs[name] for name in ours if name.endswith(".npy"))


@often(1, 6)
def test_results_of_a_killed_reading_are_the_same_bytes(site, trained, times):
    link(site, trained, "friends", "dicts", "runs")
    options = ("--episodes", "1", "2", "--weights", "fer", "--overlay", "--device", "cpu")
    seconds = finish("create_results.py", site, *options, "--results-path", "calm")

    def create(again):
        if again:
            shutil.rmtree(site / "results", ignore_errors=True)
        return start("create_results.py", site, *options, "--resume")

    kill_often(times, seconds, create, lambda: whole(site / "results") if (site / "results").exists() else None,
               random.Random(3))
    finish("create_results.py", site, *options, "--resume")
    ours, theirs = contents(site / "results"), contents(site / "calm")
    assert set(ours) == set(theirs) and len(ours) == 10
    assert all(ours[name] == theirs[name] for name in ours if not name.endswith(".npz"))
    assert not [name for name in os.listdir(site / "results") if name.endswith(".tmp")]
