"""Index labelled pictures of any origin, by a CSV beside them or by folders named by emotion.

Reads under datasets/Labelled a CSV (a picture's file; its emotion, votes by emotion, or a first and second choice; box,
split, person, valence, arousal where given), ExpW's label.lst, or folders [train|valid|test]/EMOTION/*. Writes
dicts/labelled_parsed.npy, or with --name dicts/labelled_NAME_parsed.npy, which training and evaluation know as
`labelled` and `labelled:NAME`: [example] -> img, gt (the square to crop), em (7 shares, with --contempt 8), split, and
what else is given.

    python parse_labelled.py --labels RAF-DB/DATASET --name raf --codes raf
    python parse_labelled.py --labels mine/faces.csv --name mine --words joyful happy bored left-out
"""
import os
import sys
from pathlib import PurePosixPath

from ops import Contempt, Labels, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import square_around
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import image_size
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.datasets.labelled import SPLITS, people_of_several_splits, read_folders, read_list
from vtt_emotion.datasets.layouts import Listings, find_files, named
from vtt_emotion.datasets.parsing import Report, in_threads, keep_readable
from vtt_emotion.datasets.wording import Wording

ParseLabelledOps = compose(place=Place, labelled=folders("labelled"), labels=Labels, contempt=Contempt, parse=Parse)


def with_squares(entries, root, margin, workers, report):
    """Entries with `gt`, the square (x, y, side, side) about their box, or about the whole picture."""
    def size(entry):
        try:
            return entry["box"] or (0, 0, *image_size(root / entry["img"]))
        except InputError:
            return None

    listings = Listings(root)
    there = [entry for entry in entries if entry["img"] in listings]
    if entries and not there:
        first = PurePosixPath(entries[0]["img"])
        raise InputError(f"{root / first}: no such picture; none of the list's {len(entries):,} is where it says"
                         f"{elsewhere(root, first)}")
    report.drop("image missing", len(entries) - len(there))
    kept, seen = [], set()
    for entry, box in zip(there, in_threads(size, there, workers, "sizes")):
        key = (entry["img"], box and tuple(box))
        if box is None or key in seen:
            report.drop("image unreadable" if box is None else "the same face again")
            continue
        seen.add(key)
        x, y, side = square_around(box, margin)
        kept.append({name: value for name, value in entry.items() if name != "box"} | {"gt": [x, y, side, side]})
    return kept


def elsewhere(root, image):
    """Where below its folder a missing image's name is found, and how to read it, as Kaggle's RAF-DB wants it."""
    beside = next((folder for folder in image.parents if os.path.isdir(root / folder)), PurePosixPath())
    found = find_files(root / beside, named(image.name), levels=4)
    if not found:
        return ""
    folder = (beside / found[0]).parent.parent
    folder = folder.parent if folder.name.lower() in SPLITS else folder
    return f"; {beside / found[0]} has its name; folders named by label are read without the list, --labels {folder}"


def main(argv=None):
    ops = parse(ParseLabelledOps, argv, __doc__)
    root, options, report = ops.labelled.labelled_path, ops.labels, Report(ops.parse.strict)
    path, contempt = root / options.labels, ops.contempt.contempt
    wording = Wording(dict(options.words), options.codes, contempt)
    if path.is_dir():
        found = read_folders(root, options.labels, wording, report)
    elif path.is_file():
        found = read_list(root, options.labels, wording, options.agreed, report)
    else:
        raise InputError(f"{path}: no such file or folder; --labels names a CSV, or a folder of folders, under "
                         "--labelled-path")
    known = None if contempt else len(EMOTIONS)
    entries = [entry | {"split": entry["split"] or options.split, "em": entry["em"][:known]} for entry in found]
    entries = with_squares(entries, root, options.margin, ops.parse.workers, report)
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    people = people_of_several_splits(entries)
    if people:
        print(f"warning: {path}: people in training and in valid or test as well: {len(people):,}, the first "
              f"{people[0]}; a measure on them flatters", file=sys.stderr)
    report.finish(ops.place.dicts_path, f"labelled:{options.name}", entries, lambda entry: entry["split"], path,
                  "labelled picture")


if __name__ == "__main__":
    run_script(main)
