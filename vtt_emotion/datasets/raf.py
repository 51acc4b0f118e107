"""RAF-DB's subsets and where their parts lie."""
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.layouts import find_files, find_folders, named, only

LISTS = {"multi": ("distribution.txt",),         # the first of the others is how RAF-DB spells it
         **dict.fromkeys(("basic", "compound"), ("list_patition_label.txt", "list_partition_label.txt"))}


@dataclass
class Subset:
    """A subset's name, and its list and folders, relative to RAF-DB's folder; None for one that is not there.

    `points` has a file an image: its box's corners, or for multi its landmarks.
    """
    name: str
    labels: str
    original: str | None
    aligned: str | None
    points: str | None


def subset_of(root: Path, path: str) -> str:
    """The subset that the list `path` under `root` is of: multi's by its name; compound's where the folder nearest to
    it that is called by one of both is compound's, or where its labels are more than basic's seven (one in twenty of
    them is: basic's may hold a defect); or else basic's.
    """
    if path.lower().endswith(LISTS["multi"]):
        return "multi"
    for folder in (*reversed(PurePosixPath(path).parent.parts), root.name):
        called = [name for name in ("basic", "compound") if name in folder.lower()]
        if called == ["compound"]:
            return "compound"
        if called == ["basic"]:
            break
    labels = [line.split()[1:2] for line in (root / path).read_text(errors="replace").splitlines()]
    beyond = sum(label in (["8"], ["9"], ["10"], ["11"]) for label in labels)
    return "compound" if beyond > len(labels) / 20 else "basic"


def read_layout(root: Path, name: str, labels: str) -> Subset:
    """The `Subset` of this name whose list is `labels`."""
    home = PurePosixPath(labels).parent
    while home.name.lower() == "emolabel":
        home = home.parent

    def part(outer, folder):
        start = home / (only(root / home, find_folders(root / home, named(outer), 0), f"folder {outer}") or "")
        found = only(root / start, find_folders(root / start, named(folder), 1), f"folder {folder}")
        return found and (start / found).as_posix()

    points = part("Annotation", "manual" if name == "multi" else "boundingbox")
    return Subset(name, labels, part("Image", "original"), part("Image", "aligned"), points)


def find_subsets(root: Path, wanted: Iterable[str]) -> list[Subset]:
    """Those of the `wanted` subsets that are there.

    Raises:
        InputError: none is, or one has two lists, or none in its folder, or two folders of one kind.
    """
    lists, found = find_files(root, named(*LISTS["multi"], *LISTS["basic"])), []
    subsets = {path: subset_of(root, path) for path in lists}
    for name in wanted:
        labels = only(root, [path for path in lists if subsets[path] == name], f"list of {name}")
        if labels:
            found.append(read_layout(root, name, labels))
        elif (root / name / "EmoLabel").is_dir() and not any(path.startswith(f"{name}/EmoLabel/") for path in lists):
            raise InputError(f"{root / name / 'EmoLabel' / LISTS[name][0]}: no such list")
    if not found:
        there = "; ".join(f"{root / path} is of {name}" for path, name in subsets.items()) or "there is none"
        raise InputError(f"{root}: expected in it, or in a folder below it, the list of one subset: " + ", ".join(
            f"{name}/EmoLabel/{LISTS[name][0]}" for name in wanted) + f"; {there}")
    return found
