"""Where videos and results lie: folders of this machine, or URLs (s3://bucket/folder, gs://, memory://) by fsspec.

What lies here, file:// too, is a Path and is used where it is, without fsspec. What lies elsewhere is a str.
"""
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.batch import name_videos, videos_in
from vtt_emotion.video.sources import VIDEO_SUFFIXES, say_left_out

WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}     # a file put there is whole, or none
# A store that accepts and stays silent is asked six times, by s3fs itself.
PATIENCE = dict.fromkeys(("s3", "s3a"), {"config_kwargs": {"connect_timeout": 4, "read_timeout": 4,
                                                           "retries": {"max_attempts": 0}}})
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def is_url(place: object) -> TypeGuard[str]:
    """Whether a place lies elsewhere."""
    return isinstance(place, str) and "://" in place


def as_place(text: str | Path, root: Path = Path(".")) -> Any:
    """A Path of what lies here, from `root`, or the URL (str) of what does not."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", str(text)):
        text = str(text).rstrip("/")
        return Path(text.removeprefix("file://")) if text.startswith("file://") else text
    return Path(root) / text


@contextmanager
def reaching(url: str) -> Iterator[tuple[Any, str]]:
    """(file system, path in it) of a URL; what goes wrong there is said in a sentence.

    Raises:
        InputError: fsspec or what it needs is missing, no such protocol, or the file system's own errors.
    """
    protocol = url.split("://")[0]
    try:
        import fsspec

        yield fsspec.core.url_to_fs(url, **PATIENCE.get(protocol, {}))
    except ImportError:
        package = PACKAGES.get(protocol, "fsspec")
        raise InputError(f"{url}: {protocol}:// needs {package}, which is not installed: pip install -r "
                         f"requirements-cluster.txt{'' if package in ('fsspec', 's3fs') else f' {package}'}") from None
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{url}: no such file") from None
    except Exception as error:                   # each file system has errors of its own, of no common class
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{url}: could not be reached ({reason})") from None


def list_videos(url: str) -> list[str]:
    """The URLs of a video, or of the videos right in a folder, by name. InputError where there is none."""
    with reaching(url) as (files, path):
        if not files.exists(path):
            raise InputError(f"{url}: no such video")
        if files.isfile(path):
            return [url]
        names = sorted(PurePosixPath(entry["name"]).name for entry in files.ls(path, detail=True)
                       if entry["type"] == "file")
    names = [name for name in names if name[0] != "."]
    videos = [name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES]
    say_left_out(url, [name for name in names if name not in set(videos)], "video")
    if not videos:
        raise InputError(f"{url}: holds no video")
    return [f"{url}/{name}" for name in videos]


def size_of(place: Any) -> int:
    """Bytes of a video, here or elsewhere (a folder that was listed is not asked again); 0 of a folder of frames."""
    if is_url(place):
        with reaching(place) as (files, path):
            return files.info(path)["size"]
    return place.stat().st_size if place.is_file() else 0


def find_videos(places: Iterable) -> list[tuple[Path | str, str]]:
    """[(video, name of its results)] of videos and folders of them, here (Path) and elsewhere (str), as `name_videos`.

    Raises:
        InputError: one is not there, a folder has none, or two would write the same results.
    """
    videos = []
    for place in map(as_place, places):
        videos += list_videos(place) if is_url(place) else videos_in(place)
    return name_videos(videos)


@contextmanager
def fetched(source: Any) -> Iterator[Path]:
    """The source as a Path: itself where it lies here, else a copy, fetched once and removed at the end."""
    if not is_url(source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="video-") as folder:
        copy = Path(folder) / PurePosixPath(source).name
        with reaching(source) as (files, path):
            files.get_file(path, str(copy))
        try:
            yield copy
        except InputError as error:
            raise InputError(str(error).replace(str(copy), source)) from None


@contextmanager
def placed(folder: Any, last: Sequence[str]) -> Iterator[Path]:
    """A folder here to write results in: `folder` itself, or one whose files are then put there, each whole.

    last: names of files that are put last, in this order; those there, of a reading before, are removed first.
    """
    if not is_url(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="results-") as here:
        yield Path(here)
        for name in last:
            remove(f"{folder}/{name}")
        made = {path.relative_to(here).as_posix(): path for path in Path(here).rglob("*") if path.is_file()}
        for name in [*sorted(set(made) - set(last)), *(name for name in last if name in made)]:
            put(made[name], f"{folder}/{name}")


def remove(url: str) -> None:
    """Remove a file at a URL, where there is one."""
    with reaching(url) as (files, path):
        if files.exists(path):
            files.rm_file(path)


def put(path: Path, url: str) -> None:
    """Put a file at a URL, whole or not at all."""
    with reaching(url) as (files, target):
        files.makedirs(target.rpartition("/")[0], exist_ok=True)
        protocols = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
        if protocols & WHOLE:
            files.put_file(str(path), target)
        else:                                    # moved into place
            files.put_file(str(path), f"{target}.partial")
            files.mv(f"{target}.partial", target)


def all_there(folder: str, names: Iterable[str]) -> bool:
    """Whether files of these names lie in a folder elsewhere."""
    for name in names:
        with reaching(f"{folder}/{name}") as (files, path):
            if not files.exists(path):
                return False
    return True
