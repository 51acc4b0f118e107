"""Read one video of an archive, on disk or in a bucket: fetch it, read it, write its results and its table rows."""
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtt_emotion.archive.places import all_there, fetched, is_url, placed
from vtt_emotion.archive.table import part_path, write_part
from vtt_emotion.core.files import locked
from vtt_emotion.results.records import made_of
from vtt_emotion.results.shots import read_shots
from vtt_emotion.results.speech import read_speech
from vtt_emotion.video.create import create, is_of, read_source


@dataclass
class Job:
    """A video to be read: where it is (Path or URL), the folder of its results (the same), their name, its bytes."""
    source: Any
    folder: Any
    name: str
    size: int = 0


def files_of(name: str, overlay: bool, table: bool, speech: bool = False) -> list[str]:
    """The names of the files that must all be there for a video's results to be complete."""
    segments, shots, heard, film, part = made_of(f"{name}.json")
    return [f"{name}.json", str(segments), str(shots), *([str(heard)] if speech else []),
            *([str(film)] if overlay else []), *([part.as_posix()] if table else [])]


def is_there(job: Job, overlay: bool, table: bool, speech: bool = False) -> bool:
    """Whether a job's results are there, and of its video as far as their faces file tells.

    Elsewhere, or of a video elsewhere, that the files are there is enough: what is in them would have to be fetched.
    """
    names = files_of(job.name, overlay, table, speech)
    if is_url(job.folder):
        return all_there(job.folder, names)
    there = all((job.folder / name).is_file() for name in names)
    return there and (is_url(job.source) or is_of(job.source, job.folder / f"{job.name}.json"))


def shown(job: Job) -> Path | str:
    """A job's results file as people are told of it."""
    return f"{job.folder}/{job.name}.json" if is_url(job.folder) else job.folder / f"{job.name}.json"


def read_job(job: Job, ops: Any, step: Any, gallery: dict, table: bool,
             read: Callable = read_source) -> tuple[int, int, float]:
    """Read a video and write its results; returns (records, frames, length of the film, s).

    table: whether its part of the archive's table is written too. read: as of `create`.
    """
    with fetched(job.source) as source, placed(job.folder, files_of(job.name, True, True, True)[1:]) as folder, \
            naming_originals({str(folder): job.folder, str(source): job.source}):
        path = folder / f"{job.name}.json"
        with locked(path, "written"):
            count, segments, frames, seconds = create(source, path, ops, step, gallery, read)
            if table:
                write_part(part_path(path), job.name, segments, read_shots(path), seconds, count, read_speech(path))
                print(f"wrote {part_path(path)}")
    return count, frames, seconds


@contextmanager
def naming_originals(urls: dict) -> Iterator[None]:
    """Replace in what is printed meanwhile the path of each copy by the URL that it is of: {path: URL}."""
    urls = {copy: url for copy, url in urls.items() if is_url(url)}
    if not urls:
        yield
        return
    said = io.StringIO()
    with redirect_stdout(said):
        yield
    text = said.getvalue()
    for copy, url in urls.items():
        text = text.replace(copy, url)
    print(text, end="")
