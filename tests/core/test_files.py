"""JSON written whole, and locks, which a killed process does not leave behind."""
import multiprocessing
import os

import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import locked, read_json, write_json


def test_json_that_cannot_be_written_leaves_what_was_there(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1]})
    assert (tmp_path / "a.json").read_text() == '{\n "a": [\n  1\n ]\n}\n'
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json", "") == {"a": [1]} and os.listdir(tmp_path) == ["a.json"]


def test_a_lock_keeps_others_out_and_is_left_by_a_killed_process(tmp_path, held):
    path = tmp_path / "new" / "a.json"
    with held(path):
        with pytest.raises(InputError, match=r"a\.json: is being written by another process"), locked(path, "written"):
            pass
        with locked(tmp_path / "new" / "b.json", "written"):
            pass
    assert os.listdir(path.parent) == [".a.json.lock"]                       # of the killed one
    with locked(path, "written"):
        assert os.listdir(path.parent) == [".a.json.lock"]
    assert not os.listdir(path.parent)


def test_a_forked_worker_does_not_keep_the_lock(tmp_path):
    path, context = tmp_path / "a", multiprocessing.get_context("fork")
    stop = context.Event()
    with locked(path, "trained"):
        worker = context.Process(target=stop.wait)
        worker.start()
    try:
        asked = context.Process(target=_take, args=(path,))
        asked.start()
        asked.join(30)
        assert asked.exitcode == 0
    finally:
        stop.set()
        worker.join()


def _take(path):
    with locked(path, "trained"):
        pass
