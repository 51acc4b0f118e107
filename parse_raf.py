"""Index RAF-DB: its basic, compound and multi (RAF-ML) subsets, whichever the folder holds.

Reads the label lists, box or landmark files; images are looked for, and opened with --verify.
Writes dicts/raf_parsed.npy: [example] -> img, gt, em (7 numbers that sum to 1), split, subset.

    python parse_raf.py --raf-path datasets/RAF-DB
    python parse_raf.py --subsets basic --verify
"""
import re

import numpy as np

from indexes.command_line import InputError, parse, run_script
from indexes.crop import touches
from indexes.images import image_size
from indexes.labels import EMOTIONS, NEUTRAL, RAF, RAF_COMPOUND, RAF_MULTI
from indexes.npy import FILES
from indexes.parsing import Report, check_inside, keep_readable, read_numbers
from ops import ParseRafOps

LISTS = ("list_patition_label.txt", "list_partition_label.txt")      # the first is how RAF-DB spells it
SPLIT = re.compile(r"(train|test)_")


def soft_label(*emotions):
    """An equal share for each of the emotions: float64 (7,)."""
    em = np.zeros(len(EMOTIONS))
    em[list(emotions)] = 1 / len(emotions)
    return em


def read_lines(path):
    """(row number, image name, other fields) of each row of a list; a name that leaves the folder is refused."""
    if not path.is_file():
        raise InputError(f"{path}: no such list")
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        check_inside(fields[0], f"{path} row {number}", flat=True)
        yield number, fields[0], fields[1:]


def whole_image(root, path):
    width, height = image_size(root / path)
    return [0, 0, width, height]


def locate(root, subset, name, points_file, points_columns, grow, files):
    """(image path, box) of an example: the original with its box, or else the aligned copy; or (None, reason).

    The box spans the points (K, 2) in `points_file`, grown by `grow` of its size on each side.
    """
    stem = name.rsplit(".", 1)[0]
    original, aligned = f"{subset}/Image/original/{name}", f"{subset}/Image/aligned/{stem}_aligned.jpg"
    points = read_numbers(root / subset / "Annotation" / points_file.format(stem), points_columns)
    if name in files["original"] and points is not None:
        points = points.reshape(-1, 2)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        if points_columns == 4 and not (points[1] > points[0]).all():
            return None, "empty or inverted box"
        gx, gy = grow * (x1 - x0), grow * (y1 - y0)
        box = [float(v) for v in (x0 - gx, y0 - gy, x1 - x0 + 2 * gx, y1 - y0 + 2 * gy)]
        return (original, box) if touches(box, *image_size(root / original)) else (None, "box outside its image")
    if f"{stem}_aligned.jpg" in files["aligned"]:
        return aligned, whole_image(root, aligned)
    if name in files["original"]:
        return None, "no box or landmarks, and no aligned image"
    return None, "image missing"


def read_labels(folder, subset, report):
    """(list file, row, image name, split, soft label) of each labelled image of a subset."""
    labels = folder / "EmoLabel"
    partition = {}
    if subset == "multi":
        path = labels / "distribution.txt"
        if (labels / "partition_label.txt").is_file():
            partition = {name: fields[0] for _, name, fields in read_lines(labels / "partition_label.txt") if fields}
    else:
        path = next((labels / name for name in LISTS if (labels / name).is_file()), labels / LISTS[0])
    for number, name, fields in read_lines(path):
        where = f"{path} row {number}"
        try:
            em = read_label(subset, fields)
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
    """Entries of one subset."""
    files = {kind: set(path.name for path in (root / subset / "Image" / kind).glob("*"))
             for kind in ("original", "aligned")}
    points = ("manual/{}_manu_ldmk.txt", 2, 0.5) if subset == "multi" else ("boundingbox/{}_boundingbox.txt", 4, 0.0)
    for where, name, split, em in read_labels(root / subset, subset, report):
        try:
            image, box = locate(root, subset, name, *points, files)
        except InputError:
            image, box = None, "image unreadable"
        except ValueError as error:
            report.defect(where, error)
            continue
        if image is None:
            report.drop(f"{subset}: {box}")
            continue
        yield {"img": image, "gt": box, "em": em, "split": split, "subset": subset}


def main(argv=None):
    ops = parse(ParseRafOps, argv, __doc__)
    root, report = ops.raf.raf_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --raf-path names RAF-DB's, sample_data.py draws a small one")
    subsets = [subset for subset in ops.subsets.subsets if (root / subset).is_dir()]
    if not subsets:
        raise InputError(f"{root}: expected at least one of the folders {', '.join(ops.subsets.subsets)}")
    entries = [entry for subset in subsets for entry in read_subset(root, subset, report)]
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    aligned = sum("/aligned/" in entry["img"] for entry in entries)
    print(f"{len(entries) - aligned:,} originals with a box, {aligned:,} aligned copies")
    report.finish(ops.place.dicts_path / FILES["raf"], entries, dict(enumerate(entries)),
                  lambda entry: (f"{entry['subset']} {entry['split']}", int(entry["em"].argmax())), root, "example")


if __name__ == "__main__":
    run_script(main)
