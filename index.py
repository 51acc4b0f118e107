"""Reading and writing the `.npy` indexes, safely.

An index is a NumPy object array that holds one dict (README, "Indexes"). NumPy stores such an array as a
pickle, and a pickle can run code, so `read_index` goes by `safe_pickle`, which refuses all but plain data.
"""
import errno
import glob
import json
import os
import platform
import shutil
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from labels import EMOTIONS
from ops import InputError
from safe_pickle import PlainUnpickler

BUFFER = 4                                       # images of a Friends or CK+ entry: what the network's last frame sees
FILES = {"affectnet": "affectnet_parsed.npy", "raf": "raf_parsed.npy", "fer": "fer_parsed.npy",
         "ck": "ck_parsed.npy", "friends": "friends_parsed_new.npy"}


def short_name(name, most=200):
    """A file's name in at most `most` bytes, of 255 that file systems allow: a longer one is cut and told by a sum."""
    data = os.fsencode(name)
    return name if len(data) <= most else os.fsdecode(data[:most - 9]) + f"~{zlib.crc32(data):08x}"


@contextmanager
def naming(path, temporary=None):
    """Name an OSError without a file, or of the `temporary` one, after `path`: "No space left" says not where."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) == str(temporary):
            raise OSError(error.errno or errno.EIO, f"could not be written ({error.strerror or error})",
                          str(path)) from error
        raise


@contextmanager
def whole_folder(folder):
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
def whole_file(path, flush=True):
    """Yield a temporary path beside `path`; moved into place on success, removed on failure.

    With `flush` it is on the disk before it is moved, so that it outlasts a power cut, and what a killed process left
    of the same file is removed. Without, it suits the many files of a folder that is itself moved when it is whole.

    Raises:
        OSError: named after `path`, where it could not be written.
    """
    path = Path(path)
    hidden = path.with_name(f".{short_name(path.name)}")
    hidden = f"{hidden}.{platform.node()[:30]}"  # a folder may be shared by machines
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
        temporary.unlink(missing_ok=True)


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


def write_index(path, index):
    """Write `index` (dict) as a whole `.npy` file, or nothing."""
    holder = np.empty((), object)
    holder[()] = index
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, holder)


def read_index(path):
    """The dict in an index file.

    Raises:
        InputError: the file is missing, is not an index, or holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        script = next((name for name, file in FILES.items() if file == path.name), None)
        hint = f"; python parse_{script}.py writes it" if script else ""
        raise InputError(f"{path}: no such index{hint}")
    try:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if not dtype.hasobject or shape != ():
                raise ValueError(f"it holds {dtype} of shape {shape}")
            index = PlainUnpickler(file).read().item()
    except PermissionError:
        raise
    except Exception as error:                   # whatever bytes that are no index may lead to
        raise InputError(f"{path}: not an index of this project, a .npy file holding one dict of plain data "
                         f"({error})") from None
    if not isinstance(index, dict):
        raise InputError(f"{path}: expected a dict inside, found {type(index).__name__}")
    return index


def read_results(path):
    """The records (list of dicts) of a results file."""
    try:
        records = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such results; create_results.py writes them") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    try:
        good = all(record["class"] in EMOTIONS and record["seconds"] >= 0 and len(record["object"]["box"]) == 4
                   and {"id", "name"} <= set(record["object"]) for record in records)
    except (KeyError, TypeError):
        good = False
    if not good or not isinstance(records, list):
        raise InputError(f"{path}: expected an array of records with class, seconds and object (id, name, box)")
    return records


def by_emotion(entries):
    """Entries (each with `emo`) as `[emotion 0-6][example index]`."""
    index = {emotion: {} for emotion in range(len(EMOTIONS))}
    for entry in entries:
        examples = index[entry["emo"]]
        examples[len(examples)] = entry
    return index


def check_inside(name, where, flat=False):
    """`inside`, refusing a path that leaves the folder; with `flat`, one that is more than a file's name too."""
    plain = inside(name)
    if plain is None or (flat and "/" in plain):
        raise InputError(f"{where}: the path {name!r} leaves the dataset's folder")
    return plain


def inside(name):
    """A path of a dataset's list in its plain form, or None where it leaves the dataset's folder."""
    plain = os.path.normpath(name.replace("\\", "/"))
    leaves = os.path.isabs(plain) or plain == ".." or plain.startswith("../") or plain[1:2] == ":"
    return None if leaves or "\0" in plain else plain


class Report:
    """What a parser kept and dropped: counts by split, label and reason, and the strictness towards defects."""

    def __init__(self, strict=False):
        self.strict = strict
        self.kept = Counter()
        self.dropped = Counter()
        self.unknown = 0
        self.example = ""

    def keep(self, split, label):
        self.kept[split, label] += 1

    def drop(self, reason, count=1):
        """Count rows dropped for a defect that the format is known to have."""
        self.dropped[reason] += count

    def defect(self, where, message):
        """Count a row dropped for a defect that nobody described; an error when strict."""
        if self.strict:
            raise InputError(f"{where}: {message}")
        if self.unknown == 0:
            self.example = f"{where}: {message}"
        self.unknown += 1

    def print(self, path):
        """Print the counts, and where the index went."""
        for split in sorted({split for split, _ in self.kept}):
            counts = [self.kept[split, label] for label in range(len(EMOTIONS))]
            named = ", ".join(f"{name} {count:,}" for name, count in zip(EMOTIONS, counts))
            print(f"{split}: kept {sum(counts):,} ({named})")
        for line in self.losses():
            print(f"dropped {line}")
        print(f"wrote {path}")

    def finish(self, path, entries, index, kept, root, noun):
        """End a parser: count what was kept, write the index and print; an empty one is refused, not written.

        Args:
            entries: all entries; index: them in the index's structure; kept: an entry's (split, label).
            root, noun: the dataset's folder and what it should hold, for the error.
        """
        if not entries:
            raise InputError(f"{root}: no usable {noun}; {self.summary()}")
        for entry in entries:
            self.keep(*kept(entry))
        write_index(path, index)
        self.print(path)

    def losses(self):
        """A line for each reason rows were dropped for, the most frequent first."""
        lines = [f"{count:,}: {reason}" for reason, count in self.dropped.most_common() if count]
        if self.unknown:
            lines.append(f"{self.unknown:,}: not as the format is described; the first: {self.example}")
        return lines

    def summary(self):
        """What was dropped, as the end of an error's sentence."""
        return "dropped " + "; ".join(self.losses()) if self.losses() else "its lists are empty"
