"""Files and folders written whole or not at all, and short names for them."""
import errno
import glob
import json
import os
import platform
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vtt_emotion.core.errors import InputError

if sys.platform != "win32":
    import fcntl


def as_text(name: str) -> str:
    r"""A file's name, of any bytes, as text that every format can hold: what is not UTF-8 is written as in caf\xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def short_name(name: str, most: int = 200) -> str:
    """A file's name as text, in at most `most` bytes, of 255 that file systems allow.

    A longer one is cut, and a checksum of the whole name is added.
    """
    data = as_text(name).encode()
    if len(data) <= most:
        return data.decode()
    return data[:most - 9].decode(errors="ignore") + f"~{zlib.crc32(data):08x}"


def check_regular(path: str | Path) -> None:
    """Refuse what is there and no regular file: to read a pipe or a device may never end."""
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe, a device or a socket"
        raise InputError(f"{path}: expected a file, found {kind}")


def read_json(path: str | Path, absent: str) -> Any:
    """The JSON of a UTF-8 file; InputError where it is none, or, in the words `absent`, where it is not there."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: {absent}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as a whole JSON file, a line a part. ValueError where a number in it is not finite."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")


def picture_format(path: str | Path) -> str:
    """The format that a picture's name asks for by its ending: png, pdf or svg. InputError for another."""
    form = Path(path).suffix.lower()[1:]
    if form not in ("png", "pdf", "svg"):
        raise InputError(f"{path}: expected the name of a picture, ending in .png, .pdf or .svg")
    return form


@contextmanager
def naming(path: str | Path, temporary: Path | None = None) -> Iterator[None]:
    """Name an OSError without a file, or of the `temporary` one, after `path`: "No space left" says not where."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).removeprefix("file:") == str(temporary):
            raise OSError(error.errno or errno.EIO, f"could not be written ({error.strerror or error})",
                          str(path)) from error
        raise


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its place when it is whole and on the disk.

    What a killed writing left of it is removed by the next.
    """
    partial, former = (folder.with_name(f"{folder.name}.{what}") for what in ("partial", "former"))
    if former.exists() and not folder.exists():  # killed between the two renames below
        former.rename(folder)
    for left in (partial, former):
        shutil.rmtree(left, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with naming(partial):
            yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    os.sync()
    if folder.exists():
        folder.rename(former)
    partial.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


@contextmanager
def whole_file(path: str | Path, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; moved into place on success, removed on failure.

    With `flush` it is on the disk before it is moved, so that it outlasts a power cut, and what a killed process left
    of the same file is removed. Without, it suits the many files of a folder that is itself moved when it is whole.

    Raises:
        OSError: named after `path`, where it could not be written.
    """
    path = Path(path)
    machine = platform.node()[:30]               # a folder may be shared by machines
    hidden = path.with_name(f".{short_name(path.name)}.{machine}")
    temporary = Path(f"{hidden}.{os.getpid()}.tmp")
    try:
        with naming(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            if flush:
                _clear_up(hidden)
            yield temporary
            if flush:
                with open(temporary, "rb") as file:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with suppress(NotADirectoryError):       # the error that is on its way says that the folder is a file
            temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path | str, doing: str) -> Iterator[None]:
    """Keep other processes from `doing` (such as "trained") the same to `path`, a file or a folder, at the same time.

    By a hidden file beside it, on which this process holds a lock: what a killed one leaves is locked no more, and the
    next removes it. A record lock, which unlike flock's is not handed on to the workers that are forked meanwhile. A
    system or a file system without such locks does without.

    Raises:
        InputError: another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
    path = Path(path)
    lock = path.with_name(f".{short_name(path.name)}.lock")
    with naming(path, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _lock(path, lock, doing)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)             # before it is let go: who waits for it finds that it is gone
        os.close(held)


def _lock(path, lock, doing):
    """The descriptor of the file `lock`, locked, which is still at its place then."""
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                os.close(held)
                raise InputError(f"{path}: is being {doing} by another process") from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held), os.stat(lock)):
                return held
        os.close(held)


def _clear_up(hidden):
    """Remove what processes that are no more left of a file."""
    for left in glob.glob(f"{glob.escape(str(hidden))}.*.tmp"):
        process = left.rsplit(".", 2)[1]
        try:
            os.kill(int(process), 0)             # only asks whether it is there
        except (ProcessLookupError, ValueError, OverflowError):
            Path(left).unlink(missing_ok=True)
        except PermissionError:                  # it is, another user's
            pass
