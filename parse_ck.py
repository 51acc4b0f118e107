"""Index the labelled sequences of CK+ as four-frame clips from onset to peak.

Reads Emotion/ (one number a labelled sequence), cohn-kanade-images/ and, where they are there, Landmarks/.
Writes dicts/ck_parsed.npy: [emotion][example] -> img (4 images, the last one the peak), pos [subject, sequence],
emo, and gt, the box of the peak's landmarks (absent without them: the whole image).

    python parse_ck.py --ck-path datasets/CK+
    python parse_ck.py --verify
"""
import numpy as np

from indexes.command_line import InputError, parse, run_script
from indexes.images import IMAGE_SUFFIXES
from indexes.labels import CK
from indexes.npy import BUFFER, FILES, by_emotion
from indexes.parsing import Report, keep_readable, read_numbers
from ops import ParseCkOps

CONTEMPT = 2


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


def read_sequence(root, label, report):
    """The entry of a labelled sequence, or None where it is dropped."""
    subject, sequence = label.parts[-3:-1]
    images = sorted(path for path in (root / "cohn-kanade-images" / subject / sequence).glob("*")
                    if path.suffix.lower() in IMAGE_SUFFIXES)
    peak = images[-1].stem if images else ""
    try:
        code = read_label(label)
        marks = read_numbers(root / "Landmarks" / subject / sequence / f"{peak}_landmarks.txt", 2)
    except ValueError as error:
        report.defect(label, error)
        return None
    if code == CONTEMPT or not images:
        report.drop("contempt" if code == CONTEMPT else "images missing")
        return None
    entry = {"img": [path.relative_to(root).as_posix() for path in spread(images)],
             "pos": [subject, sequence], "emo": CK[code]}
    if marks is not None:
        (x0, y0), (x1, y1) = marks.min(0).tolist(), marks.max(0).tolist()
        entry["gt"] = [x0, y0, x1 - x0, y1 - y0]
    return entry


def main(argv=None):
    ops = parse(ParseCkOps, argv, __doc__)
    root, report = ops.ck.ck_path, Report(ops.parse.strict)
    for folder in (root, root / "Emotion", root / "cohn-kanade-images"):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; --ck-path names CK+'s, sample_data.py draws a small one")
    labels = sorted((root / "Emotion").glob("*/*/*_emotion.txt"))
    entries = [entry for entry in (read_sequence(root, label, report) for label in labels) if entry]
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    sequences = sum(path.is_dir() for path in (root / "cohn-kanade-images").glob("*/*"))
    print(f"{len(labels):,} of {sequences:,} sequences have a label")
    report.finish(ops.place.dicts_path / FILES["ck"], entries, by_emotion(entries),
                  lambda entry: ("clips", entry["emo"]), root, "sequence")


if __name__ == "__main__":
    run_script(main)
