"""Records and segments as rows of a table, and as CSV.

A record's columns: seconds (presentation time, s), id, name, class, confidence (0 to 1), a score (0 to 1) for each of
the seven emotions, and for contempt where it is told, valence and arousal (-1 to 1) where they are, and the box's xmin,
ymin, xmax, ymax (px); of photos file instead of seconds. A segment's: id, name, class, start and end (s), confidence
(mean score), peak (greatest), peak_seconds (s), frames.
"""
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, EMOTIONS, WITH_CONTEMPT

BOX = ("xmin", "ymin", "xmax", "ymax")
RECORD_COLUMNS = ("seconds", "id", "name", "class", "confidence", *EMOTIONS, *BOX)
FORMULA = tuple("=+-@\t\r")                     # what a formula of spreadsheets begins with
SEGMENT_COLUMNS = ("id", "name", "class", "start", "end", "confidence", "peak", "peak_seconds", "frames")


def record_rows(records: Iterable[dict]) -> Iterator[dict]:
    """Yield each record as a flat dict of `RECORD_COLUMNS` (see `columns_of`); scores it lacks are None."""
    for record in records:
        face = record["object"]
        scores = face.get("scores") or dict.fromkeys(EMOTIONS)
        moment = {"file": record["file"]} if "file" in record else {"seconds": record["seconds"]}
        yield {**moment, "id": face["id"], "name": face["name"], "class": record["class"],
               "confidence": face["confidence"], **scores, **{name: face[name] for name in AFFECT if name in face},
               **dict(zip(BOX, face["box"]))}


def columns_of(records: Sequence[dict]) -> tuple[str, ...]:
    """The columns of records: of photos the file, not seconds; contempt, valence and arousal where one has them."""
    first, *rest = RECORD_COLUMNS
    rest[-len(BOX):-len(BOX)] = [name for name in AFFECT if any(name in record["object"] for record in records)]
    if any("contempt" in (record["object"].get("scores") or ()) for record in records):
        rest.insert(rest.index(EMOTIONS[-1]) + 1, WITH_CONTEMPT[-1])
    return "file" if records and "file" in records[0] else first, *rest


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write rows (dicts) as CSV, UTF-8, with a header; None is an empty cell.

    Text that a spreadsheet would take for a formula gets a ' before it.
    """
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
                          for key, value in row.items()} for row in rows)
