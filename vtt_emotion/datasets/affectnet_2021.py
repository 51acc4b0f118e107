"""AffectNet's 2021 release: train_set/ and val_set/, each with images/ and their annotations/ as .npy files."""
import os
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import image_size
from vtt_emotion.core.labels import AFFECTNET_DROPPED
from vtt_emotion.datasets.layouts import find_folders, named, names_in, only
from vtt_emotion.datasets.parsing import Report, in_threads

PARTS = {"train_set": "train", "val_set": "valid"}


def find_splits(root: Path) -> dict[str, str]:
    """{split: folder, relative to `root`} of the parts that are there.

    Raises:
        InputError: a part that is there twice, or without its folders.
    """
    found = {split: only(root, find_folders(root, named(part), 1), f"folder {part}") for part, split in PARTS.items()}
    parts = {split: part for split, part in found.items() if part is not None}
    for part in parts.values():
        if not (root / part / "images").is_dir() or not (root / part / "annotations").is_dir():
            raise InputError(f"{root / part}: expected the folders images and annotations")
    return parts


def read_example(root: Path, path: str, split: str, codes: dict[int, int]) -> tuple[dict | None, str | None]:
    """One image, its box the whole image: (entry, None), or (None, the known reason to drop it).

    codes: {expression: emotion} of those that are kept.

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
    if code not in codes and code in AFFECTNET_DROPPED:
        return None, f"expression {code}, {AFFECTNET_DROPPED[code]}"
    if code not in codes:
        raise ValueError(f"expected an expression from 0 to 10, found {code}")
    try:
        width, height = image_size(root / path)
    except InputError:
        return None, "image unreadable"
    return {"img": path, "gt": [0, 0, width, height], "emo": codes[code], "aro": values["aro"],
            "val": values["val"], "split": split, "whole": True}, None


def read_examples(root: Path, parts: dict[str, str], report: Report, workers: int, codes: dict[int, int]) -> list[dict]:
    """Entries of the images in `parts` (of `find_splits`), by number; codes: as of `read_example`."""
    paths = []
    for split, part in parts.items():
        names = sorted(names_in(root / part / "images"), key=lambda name: (len(name), name))
        paths += [(f"{part}/images/{name}", split) for name in names]
        have = {os.path.splitext(name)[0] for name in names}
        notes = names_in(root / part / "annotations")
        report.drop("image missing", sum(note.endswith("_exp.npy") and note[:-8] not in have for note in notes))

    def read(example):
        try:
            return read_example(root, *example, codes)
        except (ValueError, OverflowError) as error:
            return None, error

    entries = []
    for (path, _), (entry, reason) in zip(paths, in_threads(read, paths, workers, "read")):
        if entry:
            entries.append(entry)
        elif isinstance(reason, Exception):
            report.defect(root / path, reason)
        else:
            report.drop(reason)
    return entries
