"""Index AffectNet, the 2017 manual release or the 2021 release, whichever the folder holds.

Reads training.csv and validation.csv (2017), or train_set/ and val_set/ (2021), or one of them, wherever they lie;
images are looked for, and opened with --verify. Writes dicts/affectnet_parsed.npy: [emotion 0-6][example] -> img, gt,
emo, aro, val, split; with --contempt it is emotion 7.

    python parse_affectnet.py --affectnet-path datasets/AffectNet
    python parse_affectnet.py --affectnet-path datasets/AffectNet2021 --verify
"""
from operator import itemgetter

from ops import AffectNetLists, Contempt, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import check_pixels
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import AFFECTNET, AFFECTNET_DROPPED, CONTEMPT
from vtt_emotion.datasets.affectnet_2021 import find_splits, read_examples
from vtt_emotion.datasets.layouts import Listings, find_files, find_folders, named, only
from vtt_emotion.datasets.parsing import Report, check_inside, keep_readable

ParseAffectNetOps = compose(place=Place, affectnet=folders("affectnet"), lists=AffectNetLists, contempt=Contempt,
                            parse=Parse)
# The 2017 lists: their split, and the folder of their images.
LISTS = {"validation.csv": ("valid", "Manually_Annotated_Images"),
         "training.csv": ("train", "Manually_Annotated_Images"),
         "automatically_annotated.csv": ("train", "Automatically_Annotated_Images")}
COLUMNS = ("subdirectory_filepath", "face_x", "face_y", "face_width", "face_height", "expression", "valence", "arousal")
PLACES, WIDTH = (0, 1, 2, 3, 4, 6, 7, 8), 9      # of the columns in a list without a header


def read_header(row, where):
    """(places of `COLUMNS` in a list's rows, number of its columns, whether its first `row` is a header)."""
    names = [name.strip().lower() for name in row]
    if COLUMNS[0] not in names:
        return PLACES, WIDTH, False
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InputError(f"{where}: expected a column {missing[0]}, found {', '.join(row)[:200]}")
    return [names.index(name) for name in COLUMNS], len(names), True


def read_row(row, codes):
    """One row of a 2017 list, its `COLUMNS`: (entry without split, None) or (None, the known reason to drop it).

    codes: {expression: emotion} of those that are kept.

    Raises:
        ValueError: a row that is not as the format is described.
    """
    name, *box, code, valence, arousal = row
    number = float(code)                         # a list that pandas has saved holds 0.0 for 0
    if number not in codes and number in AFFECTNET_DROPPED:
        return None, f"expression {number:.0f}, {AFFECTNET_DROPPED[number]}"
    if number not in codes:
        raise ValueError(f"expected an expression from 0 to 10, found {code}")
    if "NULL" in box or "" in box:
        return None, "box NULL"
    x, y, w, h = map(round, map(float, box))
    check_pixels((x, y, w, h))
    if w < 0 or h < 0:
        return None, "box of negative size"
    if w == 0 or h == 0:
        return None, "empty box"
    entry = {"img": name, "gt": [x, y, w, h], "emo": codes[number], "aro": float(arousal), "val": float(valence)}
    for value in (entry["aro"], entry["val"]):
        if not (-1 <= value <= 1 or value == -2):
            raise ValueError(f"expected valence and arousal from -1 to 1, or -2, found {valence} and {arousal}")
    return entry, None


def rows_of(path):
    """(row number, `COLUMNS` of it, None) of a 2017 list, or (row number, None, what is wrong); quotes mean nothing."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            row = line.removesuffix("\n").split(",")
            if number == 1:
                places, width, header = read_header(row, f"{path} row 1")
                pick = itemgetter(*places)
                if header:
                    continue
            if len(row) == width:
                yield number, pick(row), None
            elif row != [""]:
                yield number, None, f"expected {width} columns, found {len(row)}"


def read_list(path, images, split, report, listings, codes):
    """Entries of one 2017 list (CSV, with or without its header row); codes: as of `read_row`."""
    for number, row, wrong in rows_of(path):
        if wrong:
            report.defect(f"{path} row {number}", wrong)
            continue
        plain = check_inside(row[0], f"{path} row {number}")
        try:
            entry, reason = read_row(row, codes)
        except (ValueError, OverflowError) as error:
            report.defect(f"{path} row {number}", error)
            continue
        if entry and f"{images}/{plain}" not in listings:
            entry, reason = None, "image missing"
        if entry is None:
            report.drop(reason)
            continue
        entry["img"], entry["split"] = f"{images}/{plain}", split
        yield entry


def find_lists(root, automatic):
    """[(list, folder of its images, split)] of those of the 2017 release that are there, paths relative to `root`."""
    lists = []
    for name, (split, folder) in LISTS.items():
        if name.startswith("automatic") and not automatic:
            continue
        path = only(root, find_files(root, named(name)), f"list {name}")
        if path is None and name.startswith("automatic"):
            raise InputError(f"{root}: no {name}, in it or in the folders below it; --automatic asks for it")
        if path is None:
            continue
        images = only(root, find_folders(root, named(folder)), f"folder {folder}")
        if images is None:
            raise InputError(f"{root}: no images; expected a folder {folder}, in it or in the folders below it")
        if (root / path).stat().st_size == 0:
            raise InputError(f"{root / path}: the list is empty")
        lists.append((path, images, split))
    if not lists:
        raise InputError(f"{root}: no validation.csv, training.csv, val_set or train_set, in it or in folders below it")
    return lists


def read_2017(root, lists, report, codes):
    """Entries of the `lists` (of `find_lists`), by `codes`; an image in both splits stays in validation alone."""
    listings, entries = Listings(root), []
    for path, images, split in lists:
        entries += read_list(root / path, images, split, report, listings, codes)
    held_out = {entry["img"] for entry in entries if entry["split"] == "valid"}
    kept = [entry for entry in entries if entry["split"] == "valid" or entry["img"] not in held_out]
    report.drop("in both splits, kept for validation", len(entries) - len(kept))
    return kept


def main(argv=None):
    ops = parse(ParseAffectNetOps, argv, __doc__)
    root, report = ops.affectnet.affectnet_path, Report(ops.parse.strict)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --affectnet-path names it, sample_data.py draws a small one")
    parts, codes = find_splits(root), AFFECTNET | ({7: CONTEMPT} if ops.contempt.contempt else {})
    if parts:
        print(f"AffectNet, 2021 release: {', '.join(f'{part}/' for part in parts.values())}")
        entries = read_examples(root, parts, report, ops.parse.workers, codes)
    else:
        lists = find_lists(root, ops.lists.automatic)
        print("AffectNet, 2017 release: " + ", ".join(f"{path} of {images}/" for path, images, _ in lists))
        entries = read_2017(root, lists, report, codes)
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    report.finish(ops.place.dicts_path, "affectnet", entries, lambda entry: entry["split"], root, "example")


if __name__ == "__main__":
    run_script(main)
