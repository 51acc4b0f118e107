"""Index RAF-DB: its basic, compound and multi (RAF-ML) subsets, whichever the folder holds, wherever in it they lie.

Reads the label lists, box or landmark files; images are looked for, and opened with --verify.
Writes dicts/raf_parsed.npy: [example] -> img, gt, em (7 numbers that sum to 1), split, subset.

    python parse_raf.py --raf-path datasets/RAF-DB
    python parse_raf.py --subsets basic --verify
"""
import re

import numpy as np

from ops import Parse, Place, RafSubsets, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import touches
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import image_size
from vtt_emotion.core.labels import EMOTIONS, NEUTRAL, RAF, RAF_COMPOUND, RAF_MULTI
from vtt_emotion.datasets.layouts import names_in
from vtt_emotion.datasets.parsing import Report, check_inside, keep_readable, read_numbers
from vtt_emotion.datasets.raf import find_subsets

ParseRafOps = compose(place=Place, raf=folders("raf"), subsets=RafSubsets, parse=Parse)
SPLIT = re.compile(r"(train|test)_")


def soft_label(*emotions):
    """An equal share for each of the emotions: float64 (7,)."""
    em = np.zeros(len(EMOTIONS))
    em[list(emotions)] = 1 / len(emotions)
    return em


def read_lines(path):
    """(row number, image name, other fields) of each row of a list; a name that leaves the folder is refused."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        check_inside(fields[0], f"{path} row {number}", flat=True)
        yield number, fields[0], fields[1:]


def locate(root, subset, name, files):
    """(image path, box) of an example: the original with its box, or else the aligned copy; or (None, reason).

    The box of multi spans the landmarks, grown by half of its size on each side. `files`: {folder: names in it}.
    """
    stem, multi = name.rsplit(".", 1)[0], subset.name == "multi"
    aligned = f"{stem}_aligned.jpg"
    points = subset.points and read_numbers(
        root / subset.points / f"{stem}_{'manu_ldmk' if multi else 'boundingbox'}.txt", 2 if multi else 4)
    if name in files[subset.original] and points is not None:
        points = points.reshape(-1, 2)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        if not multi and not (points[1] > points[0]).all():
            return None, "empty or inverted box"
        gx, gy = ((x1 - x0) / 2, (y1 - y0) / 2) if multi else (0, 0)
        box = [float(v) for v in (x0 - gx, y0 - gy, x1 - x0 + 2 * gx, y1 - y0 + 2 * gy)]
        path = f"{subset.original}/{name}"
        return (path, box) if touches(box, *image_size(root / path)) else (None, "box outside its image")
    if aligned in files[subset.aligned]:
        path = f"{subset.aligned}/{aligned}"
        return path, [0, 0, *image_size(root / path)]
    if name in files[subset.original]:
        return None, "no box or landmarks, and no aligned image"
    return None, "image missing"


def read_labels(root, subset, report):
    """(list file and row, image name, split, soft label) of each labelled image of a subset."""
    path, partition = root / subset.labels, {}
    if subset.name == "multi" and (path.parent / "partition_label.txt").is_file():
        partition = {name: fields[0] for _, name, fields in read_lines(path.parent / "partition_label.txt") if fields}
    for number, name, fields in read_lines(path):
        where = f"{path} row {number}"
        try:
            em = read_label(subset.name, fields)
        except (ValueError, IndexError, KeyError) as error:
            report.defect(where, error if isinstance(error, ValueError) else f"expected a label, found {fields}")
            continue
        split = {"0": "train", "1": "test"}.get(partition.get(name), partition.get(name)) or \
            (SPLIT.match(name).group(1) if SPLIT.match(name) else None)
        if split not in ("train", "test"):
            report.defect(where, f"expected a name or partition that tells train from test, found {name!r}")
            continue
        yield where, name, split, em


def read_label(subset, fields):
    """The soft label (7,) of a list's row, by its subset."""
    if subset == "basic":
        return soft_label(RAF[int(fields[0])])
    if subset == "compound":
        return soft_label(*RAF_COMPOUND[int(fields[0])])
    numbers = np.array([float(field) for field in fields])
    if len(numbers) != len(RAF_MULTI) or not (numbers >= 0).all() or numbers.sum() > 1.1:
        raise ValueError(f"expected six shares of a distribution, found {' '.join(fields)}")
    em = np.zeros(len(EMOTIONS))
    em[list(RAF_MULTI)] = numbers
    em[NEUTRAL] = max(0.0, 1 - numbers.sum())
    return em / em.sum()


def read_subset(root, subset, report):
    """Entries of one `Subset`."""
    files = {folder: set(names_in(root / folder)) if folder else () for folder in (subset.original, subset.aligned)}
    for where, name, split, em in read_labels(root, subset, report):
        try:
            image, box = locate(root, subset, name, files)
        except InputError:
            image, box = None, "image unreadable"
        except ValueError as error:
            report.defect(where, error)
            continue
        if image is None:
            report.drop(f"{subset.name}: {box}")
            continue
        whole = {"whole": True} if image.endswith("_aligned.jpg") else {}
        yield {"img": image, "gt": box, "em": em, "split": split, "subset": subset.name} | whole


def main(argv=None):
    ops = parse(ParseRafOps, argv, __doc__)
    root, report = ops.raf.raf_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --raf-path names RAF-DB's, sample_data.py draws a small one")
    subsets = find_subsets(root, ops.subsets.subsets)
    print("RAF-DB: " + ", ".join(
        f"{subset.name} ({subset.labels} of {subset.original or subset.aligned}/)" for subset in subsets))
    entries = [entry for subset in subsets for entry in read_subset(root, subset, report)]
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    aligned = sum(entry["img"].endswith("_aligned.jpg") for entry in entries)
    print(f"{len(entries) - aligned:,} originals with a box, {aligned:,} aligned copies")
    report.finish(ops.place.dicts_path, "raf", entries, lambda entry: f"{entry['subset']} {entry['split']}", root,
                  "example")


if __name__ == "__main__":
    run_script(main)
