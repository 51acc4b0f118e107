"""Benchmarks of clips: lists of clips and labels, and a folder of frames a clip (docs/datasets.md).

DFEW: Jiang et al., ACM Multimedia 2020. FERV39k: Wang et al., CVPR 2022. MAFW: Liu et al., ACM Multimedia 2022.
"""
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.core.labels import ANGRY, CONTEMPT_NAMES, DISGUST, FEAR, FRIENDS, HAPPY, NEUTRAL, SAD, SURPRISE
from vtt_emotion.datasets.layouts import find_files, find_folders, named, names_in
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.datasets.parsing import Report, check_inside

FRAMES = 16                                      # of a clip, evenly spread, as is usual with these benchmarks


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's name, its lists by their paths (a fold's test list, or the lists of both splits), where its frames
    may lie, the first that is there, and its labels by what its lists call them."""
    name: str
    lists: re.Pattern
    frames: tuple[str, ...]
    labels: Mapping[str, int | str]


BENCHMARKS = {
    "dfew": Benchmark(
        "DFEW", re.compile(r".*test(?:\(single-labeled\))?/set_(?P<fold>[1-5])\.csv"),
        ("data_affine/single_label/data", "clip_224x16f", "jpg_256"),
        dict(zip("1234567", (HAPPY, SAD, NEUTRAL, ANGRY, SURPRISE, DISGUST, FEAR)))),
    "ferv39k": Benchmark(
        "FERV39k", re.compile(r"(?:.*/)?(?P<split>train|test)_All\.csv"), ("2_ClipsforFaceCrop",), FRIENDS),
    "mafw": Benchmark(
        "MAFW", re.compile(r".*single/no_caption/set_(?P<fold>[1-5])/test\.txt"), ("data/faces", "data/frames"),
        FRIENDS | {name: name for name in ("contempt", "anxiety", "helplessness", "disappointment")})}


def find_parts(root: Path, benchmark: Benchmark) -> tuple[dict[str, str], str]:
    """({fold or split: list}, folder of the clips), relative to `root`. InputError where one is missing, or twice."""
    lists: dict[str, str] = {}
    for path in find_files(root, lambda name: name.lower().endswith((".csv", ".txt")), levels=5):
        found = benchmark.lists.fullmatch(path)
        if found and found[1] in lists:
            raise InputError(f"{root / path} and {root / lists[found[1]]}: expected one such list; move the other")
        if found:
            lists[found[1]] = path
    if not lists or ("fold" in benchmark.lists.groupindex and len(lists) < 5):
        raise InputError(f"{root}: expected {benchmark.name}'s lists, whose paths match {benchmark.lists.pattern}, of "
                         f"all five folds or of a split, found {', '.join(lists.values()) or 'none'}")
    for place in benchmark.frames:
        head, *rest = place.split("/")
        for folder in find_folders(root, named(head), 3):
            if root.joinpath(folder, *rest).is_dir():
                return lists, PurePosixPath(folder, *rest).as_posix()
    raise InputError(f"{root}: none of the folders {', '.join(benchmark.frames)}, in it or in folders below it")


def read_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(row number, clip, label) of a list, separated by commas or blanks; DFEW's first row is a header."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        fields = re.split(r"[,\s]+", line.strip())
        if fields != [""] and fields != ["video_name", "label"]:
            yield number, fields[0], fields[1].lower() if len(fields) == 2 else ""


def buffers(images: list[str]) -> list[list[str]]:
    """Of a clip's images `FRAMES`, evenly spread, each with the three before it, as the network sees a frame."""
    spread = [images[place] for place in np.linspace(0, len(images) - 1, FRAMES).round().astype(int)]
    padded = spread[:1] * (BUFFER - 1) + spread
    return [padded[place:place + BUFFER] for place in range(FRAMES)]


def read_clips(root: Path, key: str, report: Report, contempt: bool = False) -> Iterator[dict]:
    """An entry for each of a clip's `buffers`: img, pos (fold, or 0, and the clip), emo, and split where it has one.

    Clips of contempt are left out but with `contempt`.
    """
    benchmark = BENCHMARKS[key]
    emotions = {**benchmark.labels, **(CONTEMPT_NAMES if contempt else {})}
    lists, folder = find_parts(root, benchmark)
    print(f"{benchmark.name}: {', '.join(lists.values())}, clips in {folder}/")
    for part, path in sorted(lists.items()):
        for number, name, label in read_rows(root / path):
            where = f"{root / path} row {number}"
            emotion = emotions.get(label)
            clip = check_inside(name.rsplit(".", 1)[0], where)
            clip = clip.zfill(5) if clip.isdecimal() else clip
            if emotion is None:
                labels = ", ".join(benchmark.labels)
                report.defect(where, f"expected a clip and one of {labels}, found {name} {label}"[:300])
            elif isinstance(emotion, str):
                report.drop(emotion)
            elif not (images := frames_of(root / folder / clip)):
                report.drop("frames missing")
            else:
                fold = {"pos": [int(part), clip]} if part.isdecimal() else {"pos": [0, clip], "split": part}
                for four in buffers([f"{folder}/{clip}/{image}" for image in images]):
                    yield {"img": four, "emo": emotion} | fold


def frames_of(folder: Path) -> list[str]:
    """The names of the images in a clip's folder, in order, also of numbers without zeros before; [] where is none."""
    names = names_in(folder) if folder.is_dir() else []
    return sorted((name for name in names if name.lower().endswith(IMAGE_SUFFIXES)), key=lambda name: (len(name), name))
