"""The results of an episode: one JSON array, one record a line."""
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import read_json, whole_file
from vtt_emotion.results.checks import PHOTO, RECORD, RECORD_SAYS, check_all

ARCHIVE = "archive"                              # the folder of the archive's table, in a folder of results


def results_name(episode: int) -> str:
    """The name of a Friends episode's results, without an ending."""
    return f"friends_s01_ep{episode:02d}"


def episode_of(results: str | Path) -> int | None:
    """The Friends episode that a results file is named after, or None."""
    match = re.fullmatch(r"friends_s01_ep(\d+)", Path(results).stem)
    return int(match.group(1)) if match else None


def made_of(results: str | Path) -> list[Path]:
    """The files that the same reading makes of its results, in the order in which they are written after them.

    They are removed first, and written last: where one is, it is of the results beside it, whenever a reading ended.
    """
    path = Path(results)
    return [path.with_suffix(".segments.json"), path.with_suffix(".shots.json"), path.with_suffix(".speech.json"),
            path.with_suffix(".overlay.mp4"), path.parent / ARCHIVE / f"{path.stem}.parquet"]


def remove_made_of(results: str | Path) -> None:
    """Remove what a reading before made of its results, before they, or the faces they are of, are written anew."""
    for path in made_of(results):
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def read_results(path: str | Path, photos: bool = False) -> list[dict]:
    """The records (list of dicts) of a results file, by seconds, then id, in whatever order they lie in it.

    Those of photos, without times, only where they are wanted. InputError names the first that is none.
    """
    records = read_json(path, "no such results; create_results.py writes them")
    of_photos = isinstance(records, list) and len(records) > 0 and isinstance(records[0], dict) and "file" in records[0]
    check_all(path, "record", records, PHOTO if of_photos else RECORD, RECORD_SAYS)
    if of_photos and not photos:
        raise InputError(f"{path}: of photos, which have no times")
    return records if of_photos else sorted(records, key=lambda record: (record["seconds"], record["object"]["id"]))


def write_records(path: str | Path, records: Iterable[dict]) -> int:
    """Write records as one JSON array, one a line, whole or not at all; returns how many there were."""
    count = 0
    with whole_file(path) as temporary, open(temporary, "w") as file:
        file.write("[")
        for record in records:
            file.write(f"{',' if count else ''}\n{json.dumps(record, allow_nan=False)}")
            count += 1
        file.write("\n]\n" if count else "]\n")
    return count
