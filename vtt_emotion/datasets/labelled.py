"""Labelled pictures as people have them: a CSV beside the pictures, or folders named by emotion (docs/formats.md)."""
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

from vtt_emotion.core.crop import check_pixels, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.datasets.fer2013 import read_rows
from vtt_emotion.datasets.layouts import names_in
from vtt_emotion.datasets.parsing import Report, check_inside
from vtt_emotion.datasets.wording import Wording, label_reader, read_number, soft_label

SPLITS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
          "test": "test", "publictest": "valid", "privatetest": "test"}          # the last two are FER2013's
FILE, SPLIT = ("file", "image", "path"), ("split", "usage")
MORE = ("person", "clip", "licence")
AFFECT_SHORT = {"valence": "val", "arousal": "aro"}
CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))
BOXES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), *CORNERS)
EXPW = ("file", "face", "top", "left", "right", "bottom", "confidence", "label")
SIZES = {"w", "h", "width", "height"}            # alone they may be the picture's


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
    def __init__(self, names: list[str], wording: Wording) -> None:
        self.file = next((name for name in FILE if name in names), next(filter(None, names), ""))
        self.labels, self.votes = label_reader(names, wording)
        self.box = box_columns(names)
        self.more = [name for name in (*SPLIT, *MORE, *AFFECT_SHORT) if name in names]
        read = {self.file, *self.labels, *self.box, *self.more, ""}
        self.rest = [name for name in names if name not in read]

    def __str__(self) -> str:
        boxes = f"boxes by {', '.join(self.box)}" if self.box else "no boxes"
        return "; ".join([f"by {self.file}", f"labels by {', '.join(self.labels)}", boxes,
                          *([f"also {', '.join(self.more)}"] if self.more else ()),
                          *([f"not read: {', '.join(self.rest)}"] if self.rest else ())])

    def entry(self, row: dict) -> dict[str, Any]:
        """An entry, its `img` as the list names it, but with its readers' `votes` in place of `em`, of a row.

        ValueError, TypeError or AttributeError where the row is not as described.
        """
        split = (row.get("split") or row.get("usage") or "").strip().lower()
        if split and split not in SPLITS:
            raise ValueError(f"expected a split of {', '.join(SPLITS)}, found {split!r}")
        entry = {"img": row[self.file] or "", "votes": self.votes(row), "split": SPLITS.get(split, ""),
                 "box": read_box(row, self.box)}
        return entry | {name: row[name] for name in MORE if row.get(name)} | read_affect(row)


def joined(rows: list[dict], agreed: bool) -> tuple[dict | None, str]:
    """(an entry, "") of all `Columns.entry`s of one face, or (None, why it is dropped).

    Each row is of other readers: all votes count, valence and arousal are averaged, of all else the first row's holds.
    With `agreed` a face whose readers' first choices differ is dropped.
    """
    readers = [votes for row in rows for votes in row["votes"] if votes]
    if agreed and len({max(votes, key=itemgetter(1))[0] for votes in readers}) > 1:
        return None, "readers differ"
    em, reason = soft_label([vote for votes in readers for vote in votes])
    entry = {name: value for row in reversed(rows) for name, value in row.items() if name != "votes"} | {"em": em}
    for name in AFFECT_SHORT.values():
        given = [row[name] for row in rows if row.get(name, -2) != -2]
        entry |= {name: fmean(given)} if given else {}
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
    faces: dict[tuple, list[dict]] = {}          # by picture and box
    if path.lower().endswith(".lst"):
        rows, wording = read_expw, replace(wording, codes=wording.codes or "fer2013")
        places = (folder / "origin", folder.parent / "image/origin", folder)
        folder = next(place for place in places if (root / place).is_dir())
    for number, texts in rows(root / path):
        where = f"{root / path} row {number}"
        row = {(name or "").lower(): text for name, text in texts.items()}
        try:
            if columns is None:
                columns = Columns(list(row), wording)
                print(f"{root / path}: pictures of {root / folder} {columns}")
            entry = columns.entry(row)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (ValueError, TypeError, AttributeError) as error:
            report.defect(where, error if isinstance(error, ValueError)
                          else f"expected {', '.join(row)}, found a row cut short"[:300])
            continue
        entry["img"] = check_inside((folder / entry["img"]).as_posix(), where)
        faces.setdefault((entry["img"], *(entry["box"] or ())), []).append(entry)
    several = sum(len(entries) > 1 for entries in faces.values())
    if several:
        print(f"{root / path}: {several:,} of {len(faces):,} faces have several rows, each read as another reader's")
    for entries in faces.values():
        face, reason = joined(entries, agreed)
        if face:
            yield face
        else:
            report.drop(reason)


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
