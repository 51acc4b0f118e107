"""What the parsers share: paths of lists, files of numbers, images verified, and the count of what was kept."""
import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ops import SOURCES
from vtt_emotion.core.crop import check_pixels, crop_face
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image
from vtt_emotion.core.labels import WITH_CONTEMPT, names_of
from vtt_emotion.datasets.npy import by_emotion, index_file, kind_of, write_index


def check_inside(name: str, where: str | Path, flat: bool = False) -> str:
    """`inside`, refusing a path that leaves the folder; with `flat`, one that is more than a file's name too."""
    plain = inside(name)
    if plain is None or (flat and "/" in plain):
        raise InputError(f"{where}: the path {name!r} leaves the dataset's folder")
    return plain


def inside(name: str) -> str | None:
    """A path of a dataset's list in its plain form, or None where it leaves the dataset's folder."""
    plain = os.path.normpath(name.replace("\\", "/"))
    leaves = os.path.isabs(plain) or plain == ".." or plain.startswith("../") or plain[1:2] == ":"
    return None if leaves or "\0" in plain else plain


class Report:
    """What a parser kept and dropped: counts by split, label and reason, and the strictness towards defects."""

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.kept = Counter()
        self.dropped = Counter()
        self.unknown = 0
        self.example = ""

    def keep(self, split: str, label: int) -> None:
        self.kept[split, label] += 1

    def drop(self, reason: str, count: int = 1) -> None:
        """Count rows dropped for a defect that the format is known to have."""
        self.dropped[reason] += count

    def defect(self, where: str | Path, message: str | Exception) -> None:
        """Count a row dropped for a defect that nobody described; an error when strict."""
        if self.strict:
            raise InputError(f"{where}: {message}")
        if self.unknown == 0:
            self.example = f"{where}: {message}"
        self.unknown += 1

    def print(self, path: str | Path) -> None:
        """Print the counts, and where the index went."""
        for split in sorted({split for split, _ in self.kept}):
            counts = [self.kept[split, label] for label in range(len(WITH_CONTEMPT))]
            named = ", ".join(f"{name} {count:,}" for name, count in zip(names_of(counts[-1]), counts))
            print(f"{split}: kept {sum(counts):,} ({named})")
        for line in self.losses():
            print(f"dropped {line}")
        print(f"wrote {path}")

    def finish(self, dicts_path: Path, source: str, entries: Sequence[dict], split: Callable[[dict], str],
               root: Path, noun: str) -> None:
        """End a parser: count what was kept, write the source's index and print; an empty one is refused, not written.

        Args:
            split: an entry's, as it is printed.
            root, noun: the dataset's folder and what it should hold, for the error.
        """
        if not entries:
            raise InputError(f"{root}: no usable {noun}; {self.summary()}")
        path, one_emotion = dicts_path / index_file(source), SOURCES[kind_of(source)].by_emotion
        for entry in entries:
            self.keep(split(entry), entry["emo"] if one_emotion else int(entry["em"].argmax()))
        write_index(path, by_emotion(entries) if one_emotion else dict(enumerate(entries)))
        self.print(path)

    def losses(self) -> list[str]:
        """A line for each reason rows were dropped for, the most frequent first."""
        lines = [f"{count:,}: {reason}" for reason, count in self.dropped.most_common() if count]
        if self.unknown:
            lines.append(f"{self.unknown:,}: not as the format is described; the first: {self.example}")
        return lines

    def summary(self) -> str:
        """What was dropped, as the end of an error's sentence."""
        return "dropped " + "; ".join(self.losses()) if self.losses() else "its lists are empty"


def read_numbers(path: Path, columns: int) -> np.ndarray | None:
    """A box or landmark file as float (K, columns), to the first row of another width; None where it is missing.

    ValueError where it holds something else.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise
    rows = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) != columns:
            if fields:
                break
            continue
        rows.append([float(field) for field in fields])
        check_pixels(rows[-1], f"{path.name}: ")
    if not rows:
        raise ValueError(f"{path.name}: expected rows of {columns} numbers")
    return np.array(rows)


def in_threads(function: Callable[[Any], Any], items: Sequence, workers: int, description: str,
               chunk: int = 64) -> list:
    """`function` of each of `items`, in order, in `workers` threads (0: one per core), with progress."""
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        chunks = [items[start:start + chunk] for start in range(0, len(items), chunk)]
        results = []
        with tqdm(total=len(items), desc=description, unit="file", disable=None) as progress:
            for part in pool.map(lambda part: [function(item) for item in part], chunks):
                results += part
                progress.update(len(part))
        return results


def keep_readable(entries: list[dict], root: Path, workers: int, report: Report) -> list[dict]:
    """The index entries whose images (`img`, under `root`) decode in full and hold their box (`gt`).

    The rest go to the parser's report.
    """
    def defect(entry):
        try:
            for name in [entry["img"]] if isinstance(entry["img"], str) else entry["img"]:
                image = read_image(root / name)
        except InputError:
            return "image unreadable"
        try:
            crop_face(image, entry.get("gt", (0, 0, *image.shape[1::-1])), 16)
        except InputError:
            return "box outside its image"
        return None

    reasons = in_threads(defect, entries, workers, "verify")
    for reason in filter(None, reasons):
        report.drop(reason)
    return [entry for entry, reason in zip(entries, reasons) if reason is None]
