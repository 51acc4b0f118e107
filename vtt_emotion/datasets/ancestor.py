"""Indexes that the ancestor project wrote (docs/formats.md), turned into the form of this one's."""
import os
import re
from pathlib import Path

import numpy as np

from vtt_emotion.core.command_line import torchrun_places
from vtt_emotion.core.labels import CHARACTERS
from vtt_emotion.datasets.layouts import find_folders, named, only

GROWN = 1.6                                      # times its box: the ancestor's crops of Friends
MOSTLY = 0.99                                    # of all boxes; a few of a real list are empty or inverted


def convert_ancestor(source: str, index: dict, path: Path, root: Path) -> None:
    """Turn an index into this project's form, in place, and say how; one that this project wrote is left as it is.

    AffectNet's images were relative to their folder, and become so to `root`; RAF's boxes `bb` were corners, and become
    `gt`, x, y, w, h; of Friends `pos` was ["ep01", period, "ross", frame], and becomes [episode, character id], and its
    crops are `grown`.

    Where boxes `bb` cannot be corners they are taken for x, y, w, h; all boxes of the index decide which they are.
    """
    said = {"affectnet": _name_images, "raf": _turn_boxes, "friends": _number_episodes}
    line = said[source](index, root) if source in said else None
    if line and torchrun_places()[0] == 0:
        print(f"{path}: an index of the ancestor project; {line}")


def _name_images(index, root):
    entries = [entry for examples in index.values() for entry in examples.values()]
    if not entries or "split" in entries[0]:
        return None
    folder = only(root, find_folders(root, named("Manually_Annotated_Images")), "folder Manually_Annotated_Images")
    if folder is None:
        return f"images taken relative to {root}, where no Manually_Annotated_Images is"
    for entry in entries:
        entry["img"] = f"{folder}/{entry['img']}"
    return f"images taken from {root / folder}"


def _turn_boxes(index, _):
    entries = [entry for entry in index.values() if "bb" in entry]
    if not entries:
        return None
    boxes = np.array([entry["bb"] for entry in entries], float).reshape(-1, 4)
    opens = (boxes[:, 2:] > boxes[:, :2]).all(1)
    corners = opens.mean() >= MOSTLY             # of boxes x, y, w, h some are smaller than they lie right or down
    if corners:
        boxes[:, 2:] -= boxes[:, :2]
    for entry, box in zip(entries, boxes.tolist()):
        entry["gt"] = box
        em = np.asarray(entry["em"], float)
        entry["em"] = em / em.sum()              # RAF-ML's six numbers may sum to more than 1
    return (f"its boxes bb are x0, y0, x1, y1, as {opens.sum():,} of {len(opens):,} can be" if corners else
            f"its boxes bb are x, y, w, h, as {len(opens) - opens.sum():,} of {len(opens):,} cannot be corners")


def _number_episodes(index, _):
    entries = [entry for examples in index.values() for entry in examples.values()]
    if not entries or len(entries[0]["pos"]) != 4:
        return None
    for entry in entries:
        episode, period, character, frame = (os.fsdecode(item) if isinstance(item, str | bytes) else item
                                             for item in entry["pos"])
        entry["pos"] = [int(re.fullmatch(r"ep(\d+)", episode).group(1)), CHARACTERS.index(character.lower())]
        entry |= {"period": int(period), "frame": int(frame), "character": character.lower(), "grown": GROWN}
    return (f"its images are relative to the folder that --faces-path names, and taken to be {GROWN} times as large as "
            "their boxes")
