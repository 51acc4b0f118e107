"""What scripts say and leave when the disk is full, a folder read-only, or they are asked to stop; and unsafe calls."""
import ast
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import TINY, mostly_long
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.results.records import read_results
from vtt_emotion.training.log import read_log
from vtt_emotion.training.runs import read_checkpoint
from vtt_emotion.video.frames import count_frames

HERE = Path(__file__).resolve().parents[1]
TRAIN = (*TINY, "--weights", "none", "--optimizer", "sgd", "--save-every", "2", "--log-every", "1",
         "--valid-every", "500")
WRITERS = {                                      # script: (options, folder that it writes to, links to what it reads)
    "extract_friends.py": ((), "friends", ()),
    "parse_affectnet.py": ((), "dicts", ()),
    "parse_raf.py": ((), "dicts", ()),
    "parse_friends.py": ((), "friends_faces", ("friends",)),
    "model_train.py": ((*TRAIN, "--max-steps", "4"), "runs", ("dicts", "friends_faces")),
    "create_results.py": (("--episode", "1", "--weights", "fer", "--device", "cpu"), "results",
                          ("friends", "dicts", "runs")),
}


def command(script, root, *options):
    return [sys.executable, str(HERE / script), "--root", str(root), *map(str, options)]


def one_sentence(done, status=1):
    """The one line that a script ends with, beside warnings and progress."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "stopped"))]
    assert done.returncode == status and len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0]


@pytest.fixture
def site(trained, tmp_path):
    def make(*links):
        for name in ("datasets", *links):
            (tmp_path / name).symlink_to(trained / name)
        return tmp_path
    return make


@pytest.mark.parametrize("script", mostly_long(WRITERS, "parse_raf.py", "create_results.py"))
def test_a_full_disk(site, script):
    """No file may grow beyond some bytes, as if the disk were full there; what was there is there still."""
    options, folder, links = WRITERS[script]
    root, limit = site(*links), 1000 if script == "parse_friends.py" else 3000           # its crops are small
    done = subprocess.run(command(script, root, *options), capture_output=True, text=True, timeout=300,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    said = one_sentence(done)
    assert f"{root}/{folder}/" in said and "could not be written (File too large)" in said, said
    left = [path.name for path in (root / folder).rglob("*") if path.is_file()]
    assert set(left) <= {"confusions.csv", "log.csv", "ops.json"}, left


@pytest.mark.long
def test_a_disk_that_fills_while_training_keeps_the_last_checkpoint(site):
    root = site("dicts", "friends_faces")
    folder = root / "runs/full"
    subprocess.run(command("model_train.py", root, *TRAIN, "--max-steps", "4", "--name", "full"), check=True,
                   capture_output=True)
    kept = (folder / "last.pt").read_bytes()
    for limit in (10 ** 7, len((folder / "log.csv").read_bytes()) + 3):      # at last.pt, in the middle of a log's row
        done = subprocess.run(command("model_train.py", root, *TRAIN, "--max-steps", "8", "--name", "full", "--resume"),
                              capture_output=True, text=True, timeout=300,
                              preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert "could not be written (File too large)" in one_sentence(done)
        assert (folder / "last.pt").read_bytes() == kept and not list(folder.glob(".*"))
    subprocess.run(command("model_train.py", root, *TRAIN, "--max-steps", "8", "--name", "full", "--resume"),
                   check=True, capture_output=True)
    assert read_checkpoint(folder / "last.pt")["step"] == 8
    assert [row["step"] for row in read_log(folder / "log.csv")] == list(range(1, 9))


@pytest.mark.parametrize("script", mostly_long(WRITERS, "parse_raf.py", "create_results.py"))
def test_a_read_only_folder(site, script):
    """Root may write anywhere, so as root the scripts are run without that right."""
    options, folder, links = WRITERS[script]
    root = site(*links)
    (root / folder).mkdir(mode=0o555)
    without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if without and not shutil.which("setpriv"):
        pytest.skip("as root it needs setpriv, of util-linux")
    done = subprocess.run([*without, *command(script, root, *options)], capture_output=True, text=True, timeout=300)
    said = one_sentence(done)
    assert f"{root}/{folder}/" in said and "Permission denied" in said and not os.listdir(root / folder), said


STOPS = [(script, number, status) for script in ("extract_friends.py", "create_results.py", "model_train.py")
         for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129))]


@pytest.mark.parametrize("script,number,status", mostly_long(STOPS, STOPS[0], STOPS[4], STOPS[-1]))
def test_asked_to_stop(site, script, number, status):
    """In the midst of its work: when the first it writes is there."""
    options, folder, links = WRITERS[script]
    root = site(*links)
    if script == "model_train.py":
        options = (*TRAIN, "--max-steps", "5000", "--num-workers", "2")
    process = subprocess.Popen(command(script, root, *options), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    begun = {"model_train.py": "runs/static/last.pt", "create_results.py": "results",
             "extract_friends.py": "friends/ep01.partial"}[script]
    since = time.monotonic()
    while not (root / begun).exists() and process.poll() is None and time.monotonic() - since < 120:
        time.sleep(0.005)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    done = subprocess.CompletedProcess(process.args, process.returncode, "", stderr)
    assert one_sentence(done, status) == "stopped"
    if script == "model_train.py":
        step = read_checkpoint(root / "runs/static/last.pt")["step"]
        assert 2 <= step < 5000 and read_log(root / "runs/static/log.csv")[-1]["step"] == step
    elif script == "extract_friends.py":
        assert all(count_frames(path) == 72 for path in (root / "friends").iterdir())
        assert len(os.listdir(root / "friends")) < 3 and not list((root / "friends").glob("*.partial"))
    else:
        assert not [name for name in os.listdir(root / "results") if name.endswith((".tmp", ".json"))]


NAMES = ["a b", "é笑", "x" * 251, "-v", "per%20cent #1", "[a]"]


@pytest.mark.parametrize("name", mostly_long(NAMES, "x" * 251))
def test_a_video_of_any_name_is_read(trained, tmp_path, name):
    video = tmp_path / f"{name}.mp4"
    shutil.copy(next((trained / "datasets/Friends").glob("1x01*")), video)
    subprocess.run(command("create_results.py", tmp_path, "--video", str(video), "--weights", "fer", "--device", "cpu"),
                   check=True, capture_output=True, timeout=300)
    made, = (path for path in (tmp_path / "results").glob("*.json") if path.name.count(".") == 1)
    assert read_results(made) and made.name.startswith(name[:150])


@pytest.mark.parametrize("name", mostly_long(NAMES, "é笑"))
def test_images_of_any_name_are_parsed_and_trained_on(parsed, tmp_path, name):
    data = tmp_path / "datasets/AffectNet"
    shutil.copytree(parsed / "datasets/AffectNet", data, symlinks=True)
    for path in list(data.glob("*.csv")):
        path.write_bytes(path.read_bytes().replace(b"21/", os.fsencode(f"{name}/"), 40))
    for path in list(data.rglob("21/*")):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            target = path.parent.with_name(name) / path.name
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    (tmp_path / "friends_faces").symlink_to(parsed / "friends_faces")
    subprocess.run(command("parse_affectnet.py", tmp_path, "--verify"), check=True, capture_output=True)
    shutil.copy(parsed / "dicts/friends_parsed_new.npy", tmp_path / "dicts")
    found = read_index(tmp_path / "dicts/affectnet_parsed.npy")
    renamed = [entry for examples in found.values() for entry in examples.values() if f"/{name}/" in entry["img"]]
    assert len(renamed) > 20
    subprocess.run(command("model_train.py", tmp_path, *TRAIN, "--max-steps", "3", "--mixture", "affectnet", "1",
                           "--max-unreadable", "0"), check=True, capture_output=True, timeout=300)


def unsafe(tree):
    """(line, what) of each call or argument in a program that may run what a file or a name says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell") \
                and not (isinstance(node.value, ast.Constant) and node.value.value is False):
            yield node.value.lineno, node.arg
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "pickle", "torch", "marshal", "subprocess"):
            for name in {alias.name for alias in node.names} & {"system", "popen", "load", "loads", "getoutput"}:
                yield node.lineno, f"from {node.module} import {name}"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput",
                      "subprocess.getstatusoutput", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load"):
            yield node.lineno, called
        if called == "torch.load" and not any(word.arg == "weights_only" and ast.unparse(word.value) == "True"
                                              for word in node.keywords):
            yield node.lineno, called
        if called.startswith("subprocess.") and node.args and not isinstance(node.args[0], (ast.List, ast.Name)):
            yield node.lineno, f"{called} of {ast.unparse(node.args[0])}"


def test_nothing_unsafe_is_called():
    files = [*HERE.glob("*.py"), *(path for room in HERE.glob("*/__init__.py") for path in room.parent.rglob("*.py"))]
    found = [f"{path}:{line} {what}" for path in files for line, what in unsafe(ast.parse(path.read_text()))]
    assert len(files) > 50 and not found
    for line in ("np.load(a, allow_pickle=True)", "torch.load(a)", "torch.load(a, weights_only=False)", "eval(a)",
                 "subprocess.run('ls ' + a, shell=True)", "os.system(a)", "subprocess.run(f'ls {a}')",
                 "pickle.load(a)", "from os import system", "from torch import load"):
        assert list(unsafe(ast.parse(line))), line       # the search finds what it looks for
