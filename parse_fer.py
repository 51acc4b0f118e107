"""Index FER2013 with the FER+ votes, from its image folders or from its CSV.

Reads fer2013new.csv (the votes) beside FER2013Train/, FER2013Valid/ and FER2013Test/, whichever are there; where
none is, fer2013.csv, whose pictures it writes into those folders first. Writes dicts/fer_parsed.npy: [example]
-> img, gt (the whole image), em (the votes as 7 shares), split train/valid/test.

    python parse_fer.py --fer-path datasets/FER2013
    python parse_fer.py --verify
"""
import csv
import os
import shutil

import numpy as np
from tqdm import tqdm

from indexes.command_line import InputError, parse, run_script
from indexes.images import write_image
from indexes.labels import EMOTIONS, FERPLUS, FERPLUS_DROPPED
from indexes.npy import FILES
from indexes.parsing import Report, check_inside, keep_readable
from ops import ParseFerOps

USAGES = {"Training": ("FER2013Train", "train"), "PublicTest": ("FER2013Valid", "valid"),
          "PrivateTest": ("FER2013Test", "test")}
PARTIAL = "fer2013.partial"                      # there while pictures are being written
SIDE = 48                                        # px


def read_rows(path):
    """(row number, {column: text}) of each row of a CSV file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            yield from enumerate(reader, 2)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path} row {reader.line_num}: not CSV ({error})") from None


def soft_label(row):
    """FER+ votes as (shares (7,), None), or (None, the reason to drop the row).

    A single vote is noise and counts 0, as Barsoum et al. ("Training Deep Networks for Facial Expression
    Recognition with Crowd-Sourced Label Distribution", ICMI 2016) do.

    Raises:
        ValueError: a column is missing or not a number of votes.
    """
    columns = (*FERPLUS, *FERPLUS_DROPPED)
    if any(row.get(name) is None for name in columns):
        raise ValueError(f"expected the columns {', '.join(columns)}")
    votes = {name: int(row[name]) for name in columns}
    if min(votes.values()) < 0 or max(votes.values()) > 1000:
        raise ValueError(f"expected votes, found {votes}"[:200])
    votes = {name: count if count > 1 else 0 for name, count in votes.items()}
    majority = max(votes, key=votes.get)         # of equal counts an emotion comes first
    if votes[majority] == 0:
        return None, "no two votes agree"
    if majority in FERPLUS_DROPPED:
        return None, f"majority {majority}"
    em = np.zeros(len(EMOTIONS))
    for name, emotion in FERPLUS.items():
        em[emotion] = votes[name]
    return em / em.sum(), None


def write_pictures(root, report):
    """Write the pictures of fer2013.csv as PNG files into the folders, named as the votes' rows name them.

    They are gathered in a folder apart, so that an interrupted writing is not taken for whole.
    """
    partial = root / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    votes = read_rows(root / "fer2013new.csv")
    for number, row in tqdm(read_rows(root / "fer2013.csv"), "write pictures", unit="picture", disable=None):
        where = f"{root / 'fer2013.csv'} row {number}"
        _, vote = next(votes, (0, None))
        if vote is None or vote.get("Usage") != row.get("Usage") or row.get("Usage") not in USAGES:
            raise InputError(f"{where}: Usage {row.get('Usage')!r} does not match the row of fer2013new.csv")
        if not vote.get("Image name"):           # NF: not a face
            continue
        try:
            pixels = np.array((row.get("pixels") or "").split(), np.uint8).reshape(SIDE, SIDE)
        except (ValueError, OverflowError):
            report.defect(where, f"expected {SIDE * SIDE} pixels from 0 to 255")
            continue
        name = f"{USAGES[row['Usage']][0]}/{check_inside(vote['Image name'], where, flat=True)}"
        write_image(partial / name, np.repeat(pixels[..., None], 3, 2))
    os.sync()
    for folder in sorted(partial.glob("*")):
        shutil.rmtree(root / folder.name, ignore_errors=True)
        folder.rename(root / folder.name)
    partial.rmdir()


def read_votes(root, report):
    """Entries of the rows of fer2013new.csv whose picture is there."""
    files = {folder: set(os.listdir(root / folder)) for folder, _ in USAGES.values() if (root / folder).is_dir()}
    path = root / "fer2013new.csv"
    for number, row in read_rows(path):
        where = f"{path} row {number}"
        name = row.get("Image name")
        if name:
            check_inside(name, where, flat=True)
        folder, split = USAGES.get(row.get("Usage"), (None, None))
        if folder is None:
            report.defect(where, f"expected a Usage of {', '.join(USAGES)}, found {row.get('Usage')!r}")
            continue
        if folder not in files:
            report.drop(f"{folder}: no such folder")
            continue
        try:
            em, reason = soft_label(row)
        except ValueError as error:
            report.defect(where, error)
            continue
        if em is not None and name not in files[folder]:
            em, reason = None, "image missing"
        if em is None:
            report.drop(reason)
            continue
        yield {"img": f"{folder}/{name}", "gt": [0, 0, SIDE, SIDE], "em": em, "split": split}


def main(argv=None):
    ops = parse(ParseFerOps, argv, __doc__)
    root, report = ops.fer.fer_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --fer-path names FER2013's, sample_data.py draws a small one")
    if (root / PARTIAL).is_dir() or not any((root / folder).is_dir() for folder, _ in USAGES.values()):
        write_pictures(root, report)
    entries = list(read_votes(root, report))
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    report.finish(ops.place.dicts_path / FILES["fer"], entries, dict(enumerate(entries)),
                  lambda entry: (entry["split"], int(entry["em"].argmax())), root, "example")


if __name__ == "__main__":
    run_script(main)
