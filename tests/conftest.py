"""A small sample of every dataset, parsed once, and two networks trained for a few steps, for all tests."""
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:          # tests share the cores out among themselves, so each keeps to one
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import av
import numpy as np
import pytest

import extract_friends
import model_train
import model_tsm_train
import parse_affectnet
import parse_friends
import parse_raf
import sample_data
from vtt_emotion.core.command_line import print_log

EPISODES = ("--train-episodes", "1", "2", "--valid-episodes", "3")
TINY = ("--img-sz", "64", "--batch-size", "4", "--num-workers", "0", "--device", "cpu", *EPISODES,
        "--precision", "float32",                # on every machine
        "--recipe", "ancestor")                  # a constant rate: runs of other lengths go the same way


def pytest_configure():
    """Let signals reach what the tests start, also where these run in the background or under nohup."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    print_log()                                  # what scripts print; tests see it also of the rooms alone


def pytest_addoption(parser):
    parser.addoption("--screenshot", metavar="PAGE", help="page of report.py to draw report.png of, for the README")


def often(few, many):
    """Parametrise a test by `times`: few in `make test`, many in `make test-long`."""
    return pytest.mark.parametrize("times", [few, pytest.param(many, marks=pytest.mark.long)])


def mostly_long(cases, *short):
    """The values of a test's parameter: only those in `short` in `make test`, the others in `make test-long`."""
    return [case if case in short else
            pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long) for case in cases]


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """A function that adds a stage to this process's sample: links to what the first process to ask has made.

    `stage(make, *patterns)` calls `make(["--root", folder])` where no process has yet, and links to what the patterns
    find there. The folder is shared by the processes of one run of tests; runs and indexes of tests stay in their own.
    """
    own, base = tmp_path_factory.mktemp("sample"), tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    for folder in (own / "runs", own / "dicts", shared):
        folder.mkdir(exist_ok=True)

    def add(make, *patterns):
        with open(shared / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = shared / f"{make.__name__}.done"
            if not done.exists():
                make(["--root", str(shared)])
                done.touch()
        for path in (path for pattern in patterns for path in shared.glob(pattern)):
            (own / path.relative_to(shared)).symlink_to(path)
        return own
    return add


def draw(root):
    sample_data.main([*root, "--stills", "12", "--sample-episodes", "3", "--seconds", "3", "--interviews", "1"])


def parse(root):
    parse_affectnet.main([*root, "--verify"])
    parse_raf.main(root)
    extract_friends.main([*root, "--jpeg-quality", "90"])
    parse_friends.main([*root, "--crop-size", "96", "--gallery-faces", "4"])


def train(root):
    model_train.main([*root, *TINY, "--weights", "none", "--max-steps", "4", "--valid-every", "2", "--log-every", "1"])
    model_tsm_train.main([*root, *TINY, "--max-steps", "2", "--valid-every", "2"])


@pytest.fixture(scope="session")
def sample(stage):
    """Root of freshly drawn datasets; not to be changed by a test."""
    return stage(draw, "datasets")


@pytest.fixture(scope="session")
def parsed(sample, stage):
    """Root with frames, crops and indexes beside the datasets."""
    return stage(parse, "friends", "friends_faces", "dicts/*")


@pytest.fixture(scope="session")
def trained(parsed, stage):
    """Root with runs/static and runs/tsm of a few steps."""
    return stage(train, "runs/*")


@pytest.fixture(scope="session", autouse=True)
def graphs(tmp_path_factory):
    """Keep the graphs that tests export out of the user's cache."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vtt_emotion.video.backends.user_cache_path", lambda _: base / "cache")
        yield


@pytest.fixture(autouse=True)
def room(tmp_path_factory):
    """Remove the runs that a test has left in this process's sample: each is 0.2 GB."""
    runs = tmp_path_factory.getbasetemp() / "sample0/runs"
    before = set(runs.glob("*"))
    yield
    for folder in {path for path in runs.glob("*") if not path.is_symlink()} - before:
        shutil.rmtree(folder)


HOLDER = """import sys, time
from vtt_emotion.core.files import locked
with locked(sys.argv[1], "held"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def held():
    """A context manager in which another process, killed at the end, holds the lock of a path."""
    @contextmanager
    def hold(path):
        with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True,
                              cwd=Path(__file__).parents[1]) as process:
            assert process.stdout.readline() == "held\n"
            try:
                yield
            finally:
                process.kill()
    return hold


def write_film(path, images, rate=24, codec="libx264", options=None):
    """Write RGB images as a video, with the codec and its options; returns `path`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def make_video():
    """A function that writes RGB images as a video with the codec the name asks for."""
    return write_film


@pytest.fixture
def run_main():
    """A function that runs a script's main the way its guard does; returns what the process would say and exit with."""
    def run(main, argv, capsys):
        from vtt_emotion.core.command_line import run_script
        former = signal.getsignal(signal.SIGTERM)
        try:
            run_script(lambda: main([str(arg) for arg in argv]))
        except SystemExit as stop:
            return str(stop.code), capsys.readouterr()
        finally:
            signal.signal(signal.SIGTERM, former)
        return "0", capsys.readouterr()
    return run
