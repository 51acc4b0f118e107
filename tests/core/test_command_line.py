"""A script whose words nobody hears, or that its terminal leaves, ends what it is for."""
import os
import signal
import subprocess
import sys
import time

import pytest

from vtt_emotion.core.files import as_text, short_name

TALKER = """
import sys, time, tempfile
from pathlib import Path
from vtt_emotion.core.command_line import run_script

def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as copy:
        for _ in range(3):
            print("a word", flush=True)
            print("a warning", file=sys.stderr, flush=True)
            time.sleep(float(sys.argv[2]))
        Path(sys.argv[1], "results").write_text("whole")

run_script(main)
"""


@pytest.mark.parametrize("shell, status", [('"$@" | true', 0), ('"$@" 2>&1 | true', 0), ('"$@" > /dev/full', 1),
                                           ('"$@" > /dev/full 2>&1', 1)])
def test_results_are_written_where_nobody_hears(tmp_path, shell, status):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell, "-", sys.executable, "-c", TALKER, tmp_path, "0.1"],
                          capture_output=True, text=True, timeout=60)
    assert (tmp_path / "results").read_text() == "whole" and done.returncode == status
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    if "2>&1" not in shell and status:
        assert done.stderr.splitlines()[-1] == "error: standard output: No space left on device"


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_goes_away_leaves_no_copy(tmp_path, ignored):
    """Unless nohup let it go on."""
    process = subprocess.Popen([*(["nohup"] if ignored else []), sys.executable, "-c", TALKER, tmp_path, "0.5"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=60)
    assert (tmp_path / "results").exists() == ignored and process.returncode == (0 if ignored else 129)
    assert sorted(path.name for path in tmp_path.iterdir()) == (["results"] if ignored else [])
    assert ignored or said.endswith("stopped\n")


def test_names_of_any_bytes_are_text():
    assert as_text(os.fsdecode(b"caf\xe9.mp4")) == "caf\\xe9.mp4" and as_text("café") == "café"
    assert short_name(os.fsdecode(b"\xff")) == "\\xff"
    assert len(short_name("é" * 200).encode()) <= 200 and short_name("é" * 200) != short_name("é" * 201)
