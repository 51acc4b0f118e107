"""Index the labelled sequences of CK+ as four-frame clips from onset to peak.

Reads Emotion/ (one number a labelled sequence), cohn-kanade-images/ and, where they are there, Landmarks/, wherever in
the folder they lie.
Writes dicts/ck_parsed.npy: [emotion][example] -> img (4 images, the last one the peak), pos [subject, sequence],
emo (7 is contempt, with --contempt), and gt, the box of the peak's landmarks (absent without them: the whole image).

    python parse_ck.py --ck-path datasets/CK+
    python parse_ck.py --verify
"""
import numpy as np

from ops import Contempt, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.core.labels import CK, CONTEMPT
from vtt_emotion.datasets.layouts import find_folders, left_over, named, only
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.datasets.parsing import Report, keep_readable, read_numbers

ParseCkOps = compose(place=Place, ck=folders("ck"), contempt=Contempt, parse=Parse)
DROPPED = {2: "contempt"}
FOLDERS = {"labels": ("Emotion", "Emotion_labels"), "images": ("cohn-kanade-images", "extended-cohn-kanade-images"),
           "landmarks": ("Landmarks",)}


def find_ck_folders(root):
    """{part: folder} of the labels, the images and, where they are there, the landmarks; all named as in `FOLDERS`."""
    parts = {}
    for part, names in FOLDERS.items():
        found = only(root, find_folders(root, named(*names)), f"folder of the {part}")
        if found is None and part != "landmarks":
            raise InputError(f"{root / names[0]}: no such folder, nor one of that name below; --ck-path names CK+'s, "
                             "sample_data.py draws a small one")
        parts[part] = found and root / found
    return parts


def spread(images):
    """Four of a sequence's images, evenly from the first to the last."""
    return [images[round(place)] for place in np.linspace(0, len(images) - 1, BUFFER)]


def read_label(path):
    """The emotion code in a label file, one float that is a whole number from 0 to 7.

    Raises:
        ValueError: it holds something else.
    """
    text = path.read_text(errors="replace").split()
    if len(text) != 1 or float(text[0]) not in range(8):
        raise ValueError(f"expected one number from 0 to 7, found {' '.join(text)[:40]!r}")
    return int(float(text[0]))


def read_sequence(root, parts, label, report, codes):
    """The entry of a labelled sequence, or None where it is dropped; `parts` of `find_ck_folders`.

    codes: {number in a label's file: emotion} of those that are kept.
    """
    subject, sequence = label.parts[-3:-1]
    images = sorted(path for path in (parts["images"] / subject / sequence).glob("*")
                    if path.suffix.lower() in IMAGE_SUFFIXES and not left_over(path.name))
    marks, peak = parts["landmarks"], images[-1].stem if images else ""
    try:
        code = read_label(label)
        marks = marks and read_numbers(marks / subject / sequence / f"{peak}_landmarks.txt", 2)
    except ValueError as error:
        report.defect(label, error)
        return None
    if code not in codes or not images:
        report.drop("images missing" if code in codes else DROPPED[code])
        return None
    entry = {"img": [path.relative_to(root).as_posix() for path in spread(images)],
             "pos": [subject, sequence], "emo": codes[code]}
    if marks is not None:
        (x0, y0), (x1, y1) = marks.min(0).tolist(), marks.max(0).tolist()
        entry["gt"] = [x0, y0, x1 - x0, y1 - y0]
    return entry


def main(argv=None):
    ops = parse(ParseCkOps, argv, __doc__)
    root, report = ops.ck.ck_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --ck-path names CK+'s, sample_data.py draws a small one")
    parts = find_ck_folders(root)
    there = {part: folder.relative_to(root).as_posix() for part, folder in parts.items() if folder}
    print("CK+: " + ", ".join(f"{part} in {folder}/" for part, folder in there.items()))
    labels = sorted(path for path in parts["labels"].glob("*/*/*_emotion.txt") if not left_over(path.name))
    codes = CK | ({2: CONTEMPT} if ops.contempt.contempt else {})
    entries = [entry for entry in (read_sequence(root, parts, label, report, codes) for label in labels) if entry]
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    sequences = sum(path.is_dir() for path in parts["images"].glob("*/*"))
    print(f"{len(labels):,} of {sequences:,} sequences have a label")
    report.finish(ops.place.dicts_path, "ck", entries, lambda _: "clips", root, "sequence")


if __name__ == "__main__":
    run_script(main)
