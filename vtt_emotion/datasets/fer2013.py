"""FER2013 and the FER+ votes: their files, where they lie, and which pictures are still to be written."""
import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES
from vtt_emotion.datasets.layouts import find_files, find_folders, named, names_in, only

USAGES = {"Training": ("FER2013Train", "train"), "PublicTest": ("FER2013Valid", "valid"),
          "PrivateTest": ("FER2013Test", "test")}
PIXELS = ("fer2013.csv", "icml_face_data.csv")   # the second is Kaggle's, of the same rows
PARTIAL = "fer2013.partial"                      # there while pictures are being written


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number, {column: text}) of each row of a CSV file; the columns' names may have spaces around.

    It is UTF-8, or UTF-16 by its mark; a header without a comma tells semicolons and tabs.
    """
    with open(path, "rb") as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    with open(path, newline="", encoding="utf-16" if wide else "utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            header = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=next((mark for mark in ",;\t" if mark in header), ","))
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            yield from enumerate(reader, 2)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path} row {reader.line_num}: not CSV ({error})") from None


def find_votes_and_faces(root: Path) -> tuple[str, str | None, dict[str, str | None]]:
    """(list of the votes, CSV of the pictures or None, {folder's name: folder or None}), relative to `root`."""
    votes = only(root, find_files(root, named("fer2013new.csv")), "list of votes")
    if votes is None:
        raise InputError(f"{root / 'fer2013new.csv'}: no such file, nor one in the folders below")
    pixels = next(filter(None, (only(root, find_files(root, named(name)), f"file {name}") for name in PIXELS)), None)
    folders = {}
    for name, _ in USAGES.values():
        found = [path for path in find_folders(root, named(name)) if not path.startswith(PARTIAL)]
        folders[name] = only(root, found, f"folder {name}")
    return votes, pixels, folders


def find_empty(root: Path, folders: dict[str, str | None]) -> set[str]:
    """The folders' names whose pictures are to be written: those without any, or all where no folder is there.

    And those whose writing was stopped.
    """
    def holds(folder):
        return any(name.lower().endswith(IMAGE_SUFFIXES) for name in names_in(root / folder))

    empty = {name for name, folder in folders.items() if folder and not holds(folder)}
    if len(empty) == sum(folder is not None for folder in folders.values()):
        empty = set(folders)
    return empty | {name for name in folders if (root / PARTIAL / name).is_dir()}
