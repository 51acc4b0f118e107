"""Labelled pictures as people have them: a CSV beside the pictures, or folders named by emotion (docs/formats.md).

A row's label is one emotion, votes (or probabilities) by emotion, or a first and a second choice of one or several
readers. Words are matched in any case; numbers mean what the table that the caller names says, and are never guessed.
"""
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from vtt_emotion.core.crop import check_pixels, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.core.labels import (
    AFFECTNET,
    AFFECTNET_DROPPED,
    CONTEMPT,
    CONTEMPT_NAMES,
    FER2013,
    FRIENDS,
    RAF,
    WITH_CONTEMPT,
)
from vtt_emotion.datasets.fer2013 import read_rows
from vtt_emotion.datasets.layouts import names_in
from vtt_emotion.datasets.parsing import Report, check_inside

CODES: dict[str, dict] = {"raf": RAF, "fer2013": FER2013, "affectnet": AFFECTNET | AFFECTNET_DROPPED}
LEFT_OUT = (*CONTEMPT_NAMES, "none", "unknown", "uncertain", "unreadable", "nf", "no face", "left-out")
SPLITS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
          "test": "test"}
SECOND = 0.4                                     # of a vote: another emotion that is nearly as fitting
FILE, LABEL, SPLIT = ("file", "image", "path"), ("label", "emotion"), ("split", "usage")
MORE = ("person", "clip", "licence")
AFFECT_SHORT = {"valence": "val", "arousal": "aro"}
CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))
BOXES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), *CORNERS)
EXPW = ("file", "face", "top", "left", "right", "bottom", "confidence", "label")
SIZES = {"w", "h", "width", "height"}            # alone they may be the picture's


@dataclass
class Wording:
    """How labels are read.

    words: {word: emotion's name, or "left-out"}, before the project's own; codes: a key of `CODES`, or ""; contempt:
    whether it is an emotion, and not left out.
    """
    words: dict[str, str]
    codes: str = ""
    contempt: bool = False

    def __post_init__(self) -> None:
        self.words = {word.lower(): emotion for word, emotion in self.words.items()}

    def __call__(self, text: str) -> int | str:
        """The emotion (0-7) of a label, or the name of what is left out. ValueError where it is neither."""
        named = self._named(text)
        return CONTEMPT if self.contempt and named in CONTEMPT_NAMES else named

    def _named(self, text):
        word = text.strip().lower()
        number = word.removesuffix(".0")         # pandas saves 3 as 3.0 where a cell of its column is empty
        word = self.words.get(word) or self.words.get(number, number)
        if word in FRIENDS:
            return FRIENDS[word]
        if word in LEFT_OUT:
            return word
        if word.isdecimal():
            if not self.codes:
                raise InputError(f"label {word} is a number; --codes {', '.join(CODES)} says whose it is")
            if int(word) in CODES[self.codes]:
                return CODES[self.codes][int(word)]
        raise ValueError(f"expected an emotion ({', '.join(WITH_CONTEMPT)}), found {text!r}; --words maps others"[:300])


def soft_label(votes: list[tuple[int | str, float]]) -> tuple[np.ndarray | None, str]:
    """Votes [(emotion or what is left out, weight)] as (shares (8,), ""), or (None, why the face is dropped)."""
    em = np.zeros(len(WITH_CONTEMPT))
    others: dict[str, float] = {}
    for named, weight in votes:
        if isinstance(named, str):
            others[named] = others.get(named, 0) + weight
        else:
            em[named] += weight
    most = max(others, key=others.__getitem__, default=None)
    if most is not None and others[most] > em.max():
        return None, most
    return (em / em.sum(), "") if em.any() else (None, "no label")


def read_number(row: dict, name: str) -> float:
    """The number of a row's column. ValueError where it is none; a comma may mean thousands, and is not guessed."""
    try:
        return float(row[name])
    except ValueError:
        hint = "; decimals want a point" if "," in row[name] else ""
        raise ValueError(f"expected a number as {name}, found {row[name]!r}{hint}"[:200]) from None


def label_reader(columns: list[str], wording: Wording, agreed: bool) -> tuple[list[str], Callable[[dict], list]]:
    """The columns that are labels, and a function from a row to its votes, as of `soft_label`.

    With `agreed` rows whose readers' first choices differ have none. InputError where no column is a label.
    """
    readers = [name for name in columns if name == "first" or name.startswith("first_")]
    if readers:
        others = [name for name in (name.replace("first", "second", 1) for name in readers) if name in columns]

        def choices(row):
            firsts = [wording(row[name]) for name in readers]
            if agreed and len(set(firsts)) > 1:
                return [("readers differ", 1.0)]
            return [(first, 1.0) for first in firsts] + [(wording(row[name]), SECOND) for name in others if row[name]]
        return [*readers, *others], choices
    label = next((name for name in LABEL if name in columns), None)
    if label:
        return [label], lambda row: [(wording(row[label]), 1.0)]
    known = {}
    for name in columns:
        try:
            known[name] = wording(name)
        except (ValueError, InputError):         # a column of something else
            continue
    if not any(isinstance(emotion, int) for emotion in known.values()):
        hint = "; between columns commas are expected" if len(columns) == 1 else ""
        raise InputError(f"expected a column {' or '.join(LABEL)}, first, or one an emotion, found "
                         f"{', '.join(columns)[:200]}{hint}")

    def votes(row):
        counts = [(emotion, read_number(row, name) if row[name] else 0.0) for name, emotion in known.items()]
        if not all(0 <= count < math.inf for _, count in counts):
            raise ValueError(f"expected votes or probabilities, found {[count for _, count in counts]}")
        return counts
    return list(known), votes


def box_columns(columns: list[str]) -> tuple[str, ...]:
    """The four columns of a box, of `BOXES`, or () where there are none. InputError where there are some of them."""
    for names in BOXES:
        if set(names) <= set(columns):
            return names
    some = [name for name in columns if name in set().union(*BOXES)]
    if set(some) - SIZES:
        raise InputError(f"expected a box's four columns, {' or '.join(', '.join(names) for names in BOXES)}, found "
                         f"{', '.join(some)}")
    return ()


def read_box(row: dict, names: tuple[str, ...]) -> list[float] | None:
    """A row's box_xywh, px, of its columns `names`, or None where all are empty. ValueError where it is no box."""
    texts = [(row[name] or "").strip() for name in names]
    if not any(texts):
        return None
    if not all(texts):
        raise ValueError(f"expected a box's {', '.join(names)}, or none of them, found {', '.join(texts)}")
    numbers = [read_number(row, name) for name in names]
    check_pixels(numbers)
    box = xyxy_to_xywh(numbers) if names in CORNERS else numbers
    if min(box[2:]) <= 0:
        raise ValueError(f"expected a box of some width and height, found {numbers}")
    return box


def read_affect(row: dict) -> dict[str, float]:
    """A row's valence and arousal, `val` and `aro`, those that are given.

    InputError where one is beyond -1 to 1, but AffectNet's -2 for none: then the whole column is of another scale, and
    what of it lies within means something else.
    """
    given = {}
    for name, short in AFFECT_SHORT.items():
        value = read_number(row, name) if row.get(name) else math.nan
        if not (-1 <= value <= 1 or value == -2 or math.isnan(value)):
            raise InputError(f"expected {name} from -1 to 1, or -2 for none, found {row[name]}; scale the column, or "
                             "rename it to leave it out")
        if not math.isnan(value):
            given[short] = value
    return given


class Columns:
    """What the columns of a list hold, by their names; as text, a line of those that are read and those that are not.

    InputError where no column is a label, or a box is not whole.
    """
    def __init__(self, names: list[str], wording: Wording, agreed: bool) -> None:
        self.file = next((name for name in FILE if name in names), next(filter(None, names), ""))
        self.labels, self.votes = label_reader(names, wording, agreed)
        self.box = box_columns(names)
        self.more = [name for name in (*SPLIT, *MORE, *AFFECT_SHORT) if name in names]
        read = {self.file, *self.labels, *self.box, *self.more, ""}
        self.rest = [name for name in names if name not in read]

    def __str__(self) -> str:
        boxes = f"boxes by {', '.join(self.box)}" if self.box else "no boxes"
        return "; ".join([f"by {self.file}", f"labels by {', '.join(self.labels)}", boxes,
                          *([f"also {', '.join(self.more)}"] if self.more else ()),
                          *([f"not read: {', '.join(self.rest)}"] if self.rest else ())])

    def entry(self, row: dict) -> tuple[dict | None, str]:
        """(an entry, its `img` as the list names it, "") of a row, or (None, why the face is dropped).

        ValueError, TypeError or AttributeError where the row is not as described.
        """
        em, reason = soft_label(self.votes(row))
        split = (row.get("split") or row.get("usage") or "").strip().lower()
        if split and split not in SPLITS:
            raise ValueError(f"expected a split of {', '.join(SPLITS)}, found {split!r}")
        entry: dict[str, Any] = {"img": row[self.file] or "", "em": em, "split": SPLITS.get(split, ""),
                                 "box": read_box(row, self.box)}
        entry |= {name: row[name] for name in MORE if row.get(name)}
        entry |= read_affect(row)
        return (None, reason) if em is None else (entry, "")


def read_expw(path: Path) -> Iterator[tuple[int, dict]]:
    """(row number, {of `EXPW`: text, None where the row is cut short}) of each row of ExpW's label.lst."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, dict(zip_longest(EXPW, line.rsplit(maxsplit=len(EXPW) - 1)))


def read_list(root: Path, path: str, wording: Wording, agreed: bool, report: Report) -> Iterator[dict]:
    """Entries (img, em, split or "", box or None, more) of a list `path` under `root`; which columns it has is printed.

    It is a CSV with pictures beside it, or ExpW's label.lst (Zhang et al., "From Facial Expression Recognition to
    Interpersonal Relation Prediction", 2018), whose pictures lie in `origin` or beside it.
    """
    folder, columns, rows = Path(path).parent, None, read_rows
    if path.lower().endswith(".lst"):
        rows, wording = read_expw, replace(wording, codes=wording.codes or "fer2013")
        places = (folder / "origin", folder.parent / "image/origin", folder)
        folder = next(place for place in places if (root / place).is_dir())
    for number, texts in rows(root / path):
        where = f"{root / path} row {number}"
        row = {(name or "").lower(): text for name, text in texts.items()}
        try:
            if columns is None:
                columns = Columns(list(row), wording, agreed)
                print(f"{root / path}: pictures of {root / folder} {columns}")
            entry, reason = columns.entry(row)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (ValueError, TypeError, AttributeError) as error:
            report.defect(where, error if isinstance(error, ValueError)
                          else f"expected {', '.join(row)}, found a row cut short"[:300])
            continue
        if entry is None:
            report.drop(reason)
        else:
            yield entry | {"img": check_inside((folder / entry["img"]).as_posix(), where)}


def people_of_several_splits(entries: list[dict]) -> list[str]:
    """Who is trained on and measured too, sorted; a person that is a number is one of its clip, where there is one."""
    seen: dict[bool, set] = {True: set(), False: set()}
    for entry in entries:
        person, clip = entry.get("person", ""), entry.get("clip")
        if person:
            seen[entry["split"] == "train"].add(f"{person} of clip {clip}" if clip and person.isdecimal() else person)
    return sorted(seen[True] & seen[False])


def read_folders(root: Path, path: str, wording: Wording, report: Report) -> Iterator[dict]:
    """Entries, as of `read_list`, of folders [train|valid|test]/EMOTION/* under `root`/`path`."""
    for name in names_in(root / path):
        folder = Path(path) / name
        if not (root / folder).is_dir():
            continue
        if name.lower() in SPLITS:
            for entry in read_folders(root, folder.as_posix(), wording, report):
                yield entry | {"split": SPLITS[name.lower()]}
            continue
        pictures = [file for file in names_in(root / folder) if file.lower().endswith(IMAGE_SUFFIXES)]
        try:
            em, reason = soft_label([(wording(name), 1.0)])
        except InputError as error:
            raise InputError(f"{root / folder}: {error}") from None
        except ValueError as error:
            report.defect(root / folder, error)
            continue
        if em is None:
            report.drop(reason, len(pictures))
            continue
        for file in pictures:
            yield {"img": (folder / file).as_posix(), "em": em, "split": "", "box": None}
