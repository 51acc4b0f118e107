"""Index AffectNet, the 2017 manual release or the 2021 release, whichever the folder holds.

Reads training.csv and validation.csv (2017), or train_set/ and val_set/ (2021); images are looked for, and
opened with --verify. Writes dicts/affectnet_parsed.npy: [emotion 0-6][example] -> img, gt, emo, aro, val, split.

    python parse_affectnet.py --affectnet-path datasets/AffectNet
    python parse_affectnet.py --affectnet-path datasets/AffectNet2021 --verify
"""
import csv
import os

import numpy as np

from indexes.command_line import InputError, parse, run_script
from indexes.crop import check_pixels
from indexes.images import image_size
from indexes.labels import AFFECTNET, AFFECTNET_DROPPED
from indexes.npy import FILES, by_emotion
from indexes.parsing import Report, check_inside, in_threads, keep_readable
from ops import ParseAffectNetOps

LISTS = {"training.csv": "train", "validation.csv": "valid", "automatically_annotated.csv": "train"}
IMAGE_FOLDERS = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
AUTOMATIC_FOLDERS = ("Automatically_Annotated_Images", "Automatically_Annotated/Automatically_Annotated_Images")
COLUMNS = 9


class Folders:
    """Which files there are, by one listing a folder instead of one question a file."""

    def __init__(self, root):
        self.root, self.listed = root, {}

    def __contains__(self, path):
        folder, name = os.path.split(path)
        if folder not in self.listed:
            try:
                with os.scandir(self.root / folder) as items:
                    self.listed[folder] = {item.name for item in items}
            except OSError:                      # no such folder, or no name of one
                self.listed[folder] = set()
        return name in self.listed[folder]


def read_row(row):
    """One row of a 2017 list: (entry without split, None) or (None, the known reason to drop it).

    Raises:
        ValueError: a row that is not as the format is described.
    """
    if len(row) != COLUMNS:
        raise ValueError(f"expected {COLUMNS} columns, found {len(row)}")
    name, *box, _, code, valence, arousal = row
    code = int(code)
    if code in AFFECTNET_DROPPED:
        return None, f"expression {code}, {AFFECTNET_DROPPED[code]}"
    if code not in AFFECTNET:
        raise ValueError(f"expected an expression from 0 to 10, found {code}")
    if "NULL" in box:
        return None, "box NULL"
    x, y, w, h = (round(float(value)) for value in box)
    check_pixels((x, y, w, h))
    if w < 0 or h < 0:
        return None, "box of negative size"
    if w == 0 or h == 0:
        return None, "empty box"
    entry = {"img": name, "gt": [x, y, w, h], "emo": AFFECTNET[code], "aro": float(arousal), "val": float(valence)}
    if any(not (-1 <= entry[key] <= 1 or entry[key] == -2) for key in ("aro", "val")):
        raise ValueError(f"expected valence and arousal from -1 to 1, or -2, found {valence} and {arousal}")
    return entry, None


def rows_of(file, path):
    """The rows of a list; quotes mean nothing in it."""
    reader = csv.reader(file, quoting=csv.QUOTE_NONE)
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(f"{path} row {reader.line_num}: not CSV ({error})") from None


def read_list(path, images, split, report, folders):
    """Entries of one 2017 list (CSV, with or without its header row)."""
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, row in enumerate(rows_of(file, path), 1):
            if not row or (number == 1 and row[0].strip().lower().startswith("subdirectory")):
                continue
            plain = check_inside(row[0], f"{path} row {number}")
            try:
                entry, reason = read_row(row)
            except (ValueError, OverflowError) as error:
                report.defect(f"{path} row {number}", error)
                continue
            if entry and f"{images}/{plain}" not in folders:
                entry, reason = None, "image missing"
            if entry is None:
                report.drop(reason)
                continue
            entry["img"], entry["split"] = f"{images}/{plain}", split
            yield entry


def find_images(root, automatic):
    candidates = AUTOMATIC_FOLDERS if automatic else IMAGE_FOLDERS
    found = next((name for name in candidates if (root / name).is_dir()), None)
    if found is None:
        raise InputError(f"{root}: no images; expected a folder {' or '.join(candidates)}")
    return found


def read_2017(root, automatic, report):
    """Entries of the 2017 release; an image in both lists stays in validation alone."""
    lists = [root / "Manually_Annotated_file_lists", root]
    folders, entries = Folders(root), []
    for name in reversed(LISTS) if automatic else ("validation.csv", "training.csv"):
        path = next((folder / name for folder in lists if (folder / name).is_file()), None)
        if path is None:
            raise InputError(f"{root}: no {name}, beside the images or in Manually_Annotated_file_lists/")
        images = find_images(root, name.startswith("automatic"))
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the list is empty")
        entries += read_list(path, images, LISTS[name], report, folders)
    held_out = {entry["img"] for entry in entries if entry["split"] == "valid"}
    kept = [entry for entry in entries if entry["split"] == "valid" or entry["img"] not in held_out]
    report.drop("in both splits, kept for validation", len(entries) - len(kept))
    return kept


def read_2021_example(root, path):
    """One 2021 image, its box the whole image: (entry, None), or (None, the known reason to drop it).

    Raises:
        ValueError: annotations that are not as the format is described.
    """
    folder, name = os.path.split(path)
    notes = root / os.path.dirname(folder) / "annotations"
    values = {}
    for kind in ("exp", "val", "aro"):
        try:
            values[kind] = float(np.load(notes / f"{os.path.splitext(name)[0]}_{kind}.npy", allow_pickle=False).item())
        except FileNotFoundError:
            return None, "annotation missing"
        except Exception as error:               # NumPy reads the header as Python, and has errors of many kinds
            raise ValueError(f"annotation _{kind}.npy is not one number ({error})") from None
    code = int(values["exp"])
    if code in AFFECTNET_DROPPED:
        return None, f"expression {code}, {AFFECTNET_DROPPED[code]}"
    if code not in AFFECTNET:
        raise ValueError(f"expected an expression from 0 to 10, found {code}")
    try:
        width, height = image_size(root / path)
    except InputError:
        return None, "image unreadable"
    return {"img": path, "gt": [0, 0, width, height], "emo": AFFECTNET[code], "aro": values["aro"],
            "val": values["val"], "split": "train" if path.startswith("train") else "valid"}, None


def read_2021(root, report, workers):
    """Entries of the 2021 release, in the order of the images' numbers."""
    paths = []
    for part in ("train_set", "val_set"):
        if not (root / part / "images").is_dir() or not (root / part / "annotations").is_dir():
            raise InputError(f"{root / part}: expected the folders images and annotations")
        names = sorted(os.listdir(root / part / "images"), key=lambda name: (len(name), name))
        paths += [f"{part}/images/{name}" for name in names]
        have = {os.path.splitext(name)[0] for name in names}
        notes = os.listdir(root / part / "annotations")
        report.drop("image missing", sum(note.endswith("_exp.npy") and note[:-8] not in have for note in notes))

    def read(path):
        try:
            return read_2021_example(root, path)
        except (ValueError, OverflowError) as error:
            return None, error

    entries = []
    for path, (entry, reason) in zip(paths, in_threads(read, paths, workers, "read")):
        if entry:
            entries.append(entry)
        elif isinstance(reason, Exception):
            report.defect(root / path, reason)
        else:
            report.drop(reason)
    return entries


def main(argv=None):
    ops = parse(ParseAffectNetOps, argv, __doc__)
    root, report = ops.affectnet.affectnet_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --affectnet-path names it, sample_data.py draws a small one")
    if (root / "train_set").is_dir():
        entries = read_2021(root, report, ops.parse.workers)
    else:
        entries = read_2017(root, ops.lists.automatic, report)
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    report.finish(ops.place.dicts_path / FILES["affectnet"], entries, by_emotion(entries),
                  lambda entry: (entry["split"], entry["emo"]), root, "example")


if __name__ == "__main__":
    run_script(main)
