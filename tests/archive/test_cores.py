import os
import subprocess
import sys
import threading

import pytest

from vtt_emotion.archive.cores import Cores

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not Linux")
CODE = "from vtt_emotion.archive.cores import Cores\nwith Cores({0}) as cores: print(sorted(cores.own or ()))"


def another(count):
    """The cores that another process gets."""
    return subprocess.run([sys.executable, "-c", CODE.format(count)], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": "."}, preexec_fn=lambda: os.sched_setaffinity(0, ALL)).stdout


ALL = os.sched_getaffinity(0)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Locks of this test alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_task_keeps_to_cores_that_no_other_has():
    stop, started = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (started.set(), stop.wait()))
    thread.start()
    started.wait()
    try:
        with Cores(1) as cores:
            assert len(cores.own) == 1
            threads = [os.sched_getaffinity(int(name)) for name in os.listdir("/proc/self/task")]
            assert len(threads) > 1 and all(there == cores.own for there in threads)
            others = another(1)
            assert str(min(cores.own)) not in others and (len(ALL) == 1) == (others == "[]\n")
            with cores.left():
                assert os.sched_getaffinity(0) == ALL and another(len(ALL)) == f"{sorted(ALL)}\n"
            assert os.sched_getaffinity(0) == cores.own
        assert os.sched_getaffinity(0) == ALL == os.sched_getaffinity(thread.native_id)
    finally:
        stop.set()
        thread.join()


def test_where_too_few_are_free_it_stays_where_it_was():
    with Cores(len(ALL) + 1) as cores:
        assert cores.own is None and os.sched_getaffinity(0) == ALL
    assert another(len(ALL)) == f"{sorted(ALL)}\n"           # those that it found are given back
