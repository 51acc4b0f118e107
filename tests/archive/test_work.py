"""A reading that is killed: what is there is of one reading, or `--resume` reads again."""
import itertools
import json
import os
import pkgutil
import sys
from types import SimpleNamespace

import fsspec
import numpy as np
import pyarrow.parquet
import pytest

import create_results
import export_results
from ops import ResultsOps
from vtt_emotion.archive.work import Job, is_there, read_job
from vtt_emotion.core.command_line import Heard
from vtt_emotion.core.errors import InputError
from vtt_emotion.results.elan import write_eaf
from vtt_emotion.video.create import create
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.faces_file import describe, write_faces

STEP = SimpleNamespace(arithmetic="int8")         # nothing is read with it


class Killed(BaseException):
    pass


def reader(id, seconds=(0.0, 0.5, 1.0)):
    """What `create` reads with: three records of one face `id`, `id` s of speech, and a faces file of other options."""
    def read(source, ops, step, gallery, kept):
        write_faces(kept, describe(source, {"id": id}), np.zeros(0, FACE), [0, len(seconds)])
        return [{"type": "emotion", "class": "happy", "seconds": time, "object": {
            "id": id, "name": None, "box": [0, 0, 9, 9], "confidence": 0.9}} for time in seconds], SimpleNamespace(
            seconds=list(seconds), shots=[0, len(seconds)], height=9, faces=np.zeros(0, FACE),
            encodings={}, people={}, speech=[{"start": 0, "end": id}])
    return read


def ids_of(files, folder):
    """{file: ids in it} of the results in a folder of an fsspec file system."""
    found = {}
    for name in ("a.json", "a.segments.json"):
        if files.exists(f"{folder}/{name}"):
            found[name] = {item.get("object", item)["id"] for item in json.loads(files.cat(f"{folder}/{name}"))}
    if files.exists(f"{folder}/a.speech.json"):
        found["a.speech.json"] = {stretch["end"] for stretch in json.loads(files.cat(f"{folder}/a.speech.json"))}
    if files.exists(f"{folder}/archive/a.parquet"):
        rows = pyarrow.parquet.read_table(f"{folder}/archive/a.parquet", filesystem=files).to_pylist()
        found["a.parquet"] = {row["id"] for row in rows if row["id"] is not None}
    return found


def dying(where, left):
    """What `where` names, but it kills once the iterator `left` is through."""
    module, _, name = where.rpartition(".")
    once = getattr(pkgutil.resolve_name(module), name)

    def call(*args, **more):
        if next(left, None) is None:
            raise Killed
        return once(*args, **more)
    return call


@pytest.mark.parametrize("remote", [False, True])
def test_files_are_of_one_reading_wherever_it_is_killed(tmp_path, remote):
    video, files = tmp_path / "a.mp4", fsspec.filesystem("memory" if remote else "file")
    video.write_bytes(b"film")
    folder = "memory://killed" if remote else tmp_path / "results"
    job, ops, seen = Job(video, folder, "a"), ResultsOps(), set()
    for moment in itertools.count():
        with pytest.MonkeyPatch.context() as patch:
            read_job(job, ops, STEP, {}, True, reader(1))
            assert is_there(job, False, True, True)
            left = iter(range(moment))
            for where in ("os.replace", "pathlib.Path.unlink", *(
                    ["fsspec.implementations.memory.MemoryFileSystem.put_file",
                     "fsspec.implementations.memory.MemoryFileSystem.rm_file"] if remote else ())):
                patch.setattr(where, dying(where, left))
            try:
                read_job(job, ops, STEP, {}, True, reader(2))
            except Killed:
                pass
            else:
                break
        ids = ids_of(files, "/killed" if remote else folder)
        seen.add(len(ids))
        assert len(set(map(frozenset, ids.values()))) == 1, (moment, ids)
        assert is_there(job, False, True, True) == (len(ids) == 4)
    assert moment > 4 and {1, 2} <= seen and is_there(job, False, True, True)
    if remote:
        files.store.clear()


def test_a_film_that_fails_in_any_way_stops_no_other_and_names_may_be_of_any_bytes(tmp_path, monkeypatch):
    def read(source, *args):
        if source.name == "b.mp4":
            raise ZeroDivisionError("no frame")
        return reader(1)(source, *args)

    (tmp_path / "films").mkdir()
    for name in (b"b.mp4", b"caf\xe9.mp4", b"d.mp4"):
        (tmp_path / "films" / os.fsdecode(name)).write_bytes(name)
    monkeypatch.setattr(create_results, "make_reader", lambda ops: (STEP, {}))
    monkeypatch.setattr("vtt_emotion.archive.work.create", lambda *args: create(*args[:-1], read))
    monkeypatch.setattr(sys, "stdout", Heard(sys.stdout))
    with pytest.raises(InputError, match=r"1 of 3 videos could not be read: .*b\.mp4: ended with ZeroDivisionError"):
        create_results.main(["--root", str(tmp_path), "--videos", str(tmp_path / "films"), "--table"])
    assert {path.name for path in (tmp_path / "results/archive").iterdir()} == {"caf\\xe9.parquet", "d.parquet"}
    export_results.main(["--results", str(tmp_path / "results/caf\\xe9.json"), "--to", "csv", "parquet", "elan"])
    export_results.main(["--archive", str(tmp_path / "results/archive")])
    assert "caf\\xe9,0.0" in (tmp_path / "results/archive.videos.csv").read_text()
    write_eaf(tmp_path / "a.eaf", [], tmp_path / "films" / os.fsdecode(b"caf\xe9.mp4"))
    assert 'RELATIVE_MEDIA_URL="./films/caf%E9.mp4"' in (tmp_path / "a.eaf").read_text()
