"""A reading that is killed: what is there is of one reading, or `--resume` reads again."""
import itertools
import json
import pkgutil
from types import SimpleNamespace

import fsspec
import numpy as np
import pyarrow.parquet
import pytest

from ops import ResultsOps
from vtt_emotion.archive.work import Job, is_there, read_job
from vtt_emotion.video.faces_file import describe, write_faces
from vtt_emotion.video.tracks import FACE


class Killed(BaseException):
    pass


def reader(id, seconds=(0.0, 0.5, 1.0)):
    """What `create` reads with: three records of one face `id`, and a faces file as of other options."""
    def read(source, ops, step, gallery, kept):
        write_faces(kept, describe(source, {"id": id}), np.zeros(0, FACE), [0, len(seconds)])
        return [{"type": "emotion", "class": "happy", "seconds": time, "object": {
            "id": id, "name": None, "box": [0, 0, 9, 9], "confidence": 0.9}} for time in seconds], SimpleNamespace(
            seconds=list(seconds))
    return read


def ids_of(files, folder):
    """{file: ids in it} of the results in a folder of an fsspec file system."""
    found = {}
    for name in ("a.json", "a.segments.json"):
        if files.exists(f"{folder}/{name}"):
            found[name] = {item.get("object", item)["id"] for item in json.loads(files.cat(f"{folder}/{name}"))}
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
            read_job(job, ops, None, {}, True, reader(1))
            assert is_there(job, False, True)
            left = iter(range(moment))
            for where in ("os.replace", "pathlib.Path.unlink", *(
                    ["fsspec.implementations.memory.MemoryFileSystem.put_file",
                     "fsspec.implementations.memory.MemoryFileSystem.rm_file"] if remote else ())):
                patch.setattr(where, dying(where, left))
            try:
                read_job(job, ops, None, {}, True, reader(2))
            except Killed:
                pass
            else:
                break
        ids = ids_of(files, "/killed" if remote else folder)
        seen.add(len(ids))
        assert len(set(map(frozenset, ids.values()))) == 1, (moment, ids)
        assert is_there(job, False, True) == (len(ids) == 3)
    assert moment > 4 and {1, 2} <= seen and is_there(job, False, True)
    if remote:
        files.store.clear()
