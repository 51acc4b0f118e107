"""Index FER2013 with the FER+ votes, from its image folders or from its CSV.

Reads fer2013new.csv (the votes) and FER2013Train/, FER2013Valid/ and FER2013Test/, wherever in the folder they lie;
pictures of a folder that holds none, or of all three where none is there, are first written from fer2013.csv or
icml_face_data.csv. Writes dicts/fer_parsed.npy: [example] -> img, gt (the whole image), em (the votes as 7 shares, with
--contempt 8), split train/valid/test.

    python parse_fer.py --fer-path datasets/FER2013
    python parse_fer.py --verify
"""
import os
import shutil
from pathlib import PurePosixPath

import numpy as np
from tqdm import tqdm

from ops import Contempt, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import CONTEMPT, EMOTIONS, FERPLUS, FERPLUS_DROPPED
from vtt_emotion.datasets.fer2013 import PARTIAL, PIXELS, USAGES, find_empty, find_votes_and_faces, read_rows
from vtt_emotion.datasets.layouts import names_in
from vtt_emotion.datasets.parsing import Report, check_inside, keep_readable

ParseFerOps = compose(place=Place, fer=folders("fer"), contempt=Contempt, parse=Parse)
SIDE = 48                                        # px


def soft_label(row, contempt=False):
    """FER+ votes as (shares (7,), or with `contempt` (8,), None), or (None, the reason to drop the row).

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
    emotions = FERPLUS | ({"contempt": CONTEMPT} if contempt else {})
    if majority not in emotions:
        return None, f"majority {majority}"
    em = np.zeros(len(EMOTIONS) + contempt)
    for name, emotion in emotions.items():
        em[emotion] = votes[name]
    return em / em.sum(), None


def write_pictures(root, votes, pixels, folders, report):
    """Write the pictures of the CSV `pixels` into `folders` ({name: folder}) as PNG files, named as in the votes.

    They are gathered in a folder apart, so that an interrupted writing is not taken for whole.
    """
    partial, votes = root / PARTIAL, read_rows(root / votes)
    shutil.rmtree(partial, ignore_errors=True)
    for name in folders:
        (partial / name).mkdir(parents=True)
    for number, row in tqdm(read_rows(root / pixels), "write pictures", unit="picture", disable=None):
        where = f"{root / pixels} row {number}"
        _, vote = next(votes, (0, None))
        if vote is None or vote.get("Usage") != row.get("Usage") or row.get("Usage") not in USAGES:
            raise InputError(f"{where}: Usage {row.get('Usage')!r} does not match the row of fer2013new.csv")
        name = USAGES[row["Usage"]][0]
        if not vote.get("Image name") or name not in folders:        # without a name it is NF, not a face
            continue
        path = partial / name / check_inside(vote["Image name"], where, flat=True)
        try:
            image = np.array((row.get("pixels") or "").split(), np.uint8).reshape(SIDE, SIDE)
        except (ValueError, OverflowError):
            report.defect(where, f"expected {SIDE * SIDE} pixels from 0 to 255")
            continue
        if not path.exists():                    # of two rows of one name the first counts, here and in the votes
            write_image(path, np.repeat(image[..., None], 3, 2))
    os.sync()
    for name, folder in folders.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for path in (partial / name).iterdir():
            path.rename(root / folder / path.name)
    shutil.rmtree(partial)


def read_votes(root, votes, folders, report, contempt):
    """Entries of the rows of the list `votes` whose picture is there, each once; contempt: whether it is kept."""
    files = {name: set(names_in(root / folder)) for name, folder in folders.items() if folder}
    seen = set()
    for number, row in read_rows(root / votes):
        where, name = f"{root / votes} row {number}", row.get("Image name")
        if name:
            check_inside(name, where, flat=True)
        part, split = USAGES.get(row.get("Usage"), (None, None))
        if part is None:
            report.defect(where, f"expected a Usage of {', '.join(USAGES)}, found {row.get('Usage')!r}")
            continue
        try:
            em, reason = soft_label(row, contempt)
        except ValueError as error:
            report.defect(where, error)
            continue
        if part not in files:
            em, reason = None, f"{part}: no such folder"
        elif em is not None and name not in files[part]:
            em, reason = None, "image missing"
        elif (part, name) in seen and em is not None:
            em, reason = None, "the same picture again"
        if em is None:
            report.drop(reason)
            continue
        seen.add((part, name))
        yield {"img": f"{folders[part]}/{name}", "gt": [0, 0, SIDE, SIDE], "em": em, "split": split}


def main(argv=None):
    ops = parse(ParseFerOps, argv, __doc__)
    root, report = ops.fer.fer_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --fer-path names FER2013's, sample_data.py draws a small one")
    votes, pixels, folders = find_votes_and_faces(root)
    empty = find_empty(root, folders)
    if len(empty) == len(folders) and pixels is None:
        raise InputError(f"{root / PIXELS[0]}: no such file, and no pictures in {', '.join(folders)}")
    if empty and pixels:
        beside = PurePosixPath(votes).parent
        folders |= {name: folders[name] or (beside / name).as_posix() for name in empty}
    print(f"FER2013 with the votes of FER+: {votes}, pictures in "
          + ", ".join(f"{folder}/" + (f" (written from {pixels})" if name in empty and pixels else "")
                      for name, folder in folders.items() if folder))
    if empty and pixels:
        write_pictures(root, votes, pixels, {name: folders[name] for name in empty}, report)
    entries = list(read_votes(root, votes, folders, report, ops.contempt.contempt))
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    report.finish(ops.place.dicts_path, "fer", entries, lambda entry: entry["split"], root, "example")


if __name__ == "__main__":
    run_script(main)
