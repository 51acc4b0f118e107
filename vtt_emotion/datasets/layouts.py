"""Where things lie in a dataset's folder, however it was unpacked: lists and folders found by their names.

Names count in any case. What macOS leaves beside files (`._name`, .DS_Store, __MACOSX) is passed over.
"""
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from vtt_emotion.core.errors import InputError

CROWDED = 200                                    # folders in one: so many hold pictures, and are not looked into


def left_over(name: str) -> bool:
    """Whether macOS left the file or folder of this name; it is none of the dataset's."""
    return name.startswith("._") or name in (".DS_Store", "__MACOSX")


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted, without what macOS left."""
    return sorted(name for name in os.listdir(folder) if not left_over(name))


def named(*names: str) -> Callable[[str], bool]:
    """A function that tells whether a name is one of `names`, in any case."""
    lowered = {name.lower() for name in names}
    return lambda name: name.lower() in lowered


def find_files(root: Path, wanted: Callable[[str], object], levels: int = 3) -> list[str]:
    """Paths, relative to `root`, of files whose names are `wanted`, in it or in folders up to `levels` below it."""
    return [f"{folder}{name}" for folder, files, _ in _walk(root, levels) for name in files if wanted(name)]


def find_folders(root: Path, wanted: Callable[[str], object], levels: int = 2) -> list[str]:
    """Paths, relative to `root`, of folders whose names are `wanted`, in it or in folders up to `levels` below it.

    Of those within each other (`Landmarks/Landmarks`) the inner one.
    """
    found = [f"{folder}{name}" for folder, _, folders in _walk(root, levels) for name in folders if wanted(name)]
    return [path for path in found if not any(other.startswith(f"{path}/") for other in found)]


def only(root: Path, found: Sequence[str], what: str) -> str | None:
    """The one path of `found`, or None; an InputError that names two where several fit."""
    if len(found) > 1:
        first, second = (os.path.join(root, path) for path in sorted(found)[:2])
        raise InputError(f"{first} and {second}: expected one {what}; move or rename the other")
    return found[0] if found else None


def _walk(root, levels, folder=""):
    """(path with "/" at its end, names of files, names of folders) of `root` and of the folders below it."""
    files, folders = [], []
    try:
        with os.scandir(os.path.join(root, folder)) as items:
            for item in items:
                if not left_over(item.name):
                    (folders if item.is_dir() else files).append(item.name)
    except PermissionError:
        if not folder:
            raise
    yield folder, sorted(files), sorted(folders)
    if levels and len(folders) <= CROWDED:
        for name in sorted(folders):
            if not name.startswith("."):
                yield from _walk(root, levels - 1, f"{folder}{name}/")


class Listings:
    """Which files there are, by one listing a folder instead of one question a file: `"1/a.jpg" in listings`."""

    def __init__(self, root: Path) -> None:
        self.root, self.listed = root, {}

    def __contains__(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in self.listed:
            try:
                self.listed[folder] = set(os.listdir(self.root / folder))
            except OSError:                      # no such folder, or no name of one
                self.listed[folder] = set()
        return name in self.listed[folder]
