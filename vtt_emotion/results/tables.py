"""Records and segments as rows of a table, and as CSV.

A record's columns: seconds (presentation time, s), id, name, class, confidence (0 to 1), a score (0 to 1) for each of
the seven emotions, and for contempt where it is told, valence and arousal (-1 to 1) where they are, and the box's xmin,
ymin, xmax, ymax (px); of photos file instead of seconds. Results read with --mesh also have yaw, pitch and roll
(degrees), mouth and eyes (how far open) and mesh (how surely it holds), 0 to 1, and with --speech speaking, 1 where the
face does, else 0. A segment's: id, name, class, start and end (s), confidence (mean score), peak (greatest),
peak_seconds (s), frames; with --speech speech (the share of its time in which it is heard) and speaking (that in which
its person speaks).
"""
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, EMOTIONS, WITH_CONTEMPT

BOX = ("xmin", "ymin", "xmax", "ymax")
RECORD_COLUMNS = ("seconds", "id", "name", "class", "confidence", *EMOTIONS, *BOX)
POSE_COLUMNS = ("yaw", "pitch", "roll")
MESH_COLUMNS = (*POSE_COLUMNS, "mouth", "eyes", "mesh")
FORMULA = tuple("=+-@\t\r")                     # what a formula of spreadsheets begins with
SEGMENT_COLUMNS = ("id", "name", "class", "start", "end", "confidence", "peak", "peak_seconds", "frames")
SPOKEN = ("speech", "speaking")                  # of segments, where they have them; the second of records too


def segment_columns(segments: Sequence[dict]) -> tuple[str, ...]:
    """The columns of a list of segments: those of `SPOKEN` where some has them."""
    return (*SEGMENT_COLUMNS, *(name for name in SPOKEN if any(name in segment for segment in segments)))


def record_rows(records: Iterable[dict]) -> Iterator[dict]:
    """Yield each record as a flat dict of `columns_of`; scores, and what of its mesh, it lacks are None."""
    for record in records:
        face = record["object"]
        scores, speaks = face.get("scores") or dict.fromkeys(EMOTIONS), face.get("speaking")
        moment = {"file": record["file"]} if "file" in record else {"seconds": record["seconds"]}
        mesh = (face.get("pose") or {}) | {name: face.get(name) for name in MESH_COLUMNS[len(POSE_COLUMNS):]}
        yield {**moment, "id": face["id"], "name": face["name"], "class": record["class"],
               "confidence": face["confidence"], **scores, **{name: face[name] for name in AFFECT if name in face},
               **dict(zip(BOX, face["box"])), **dict.fromkeys(MESH_COLUMNS), **mesh,
               "speaking": None if speaks is None else int(speaks)}


def columns_of(records: Sequence[dict]) -> tuple[str, ...]:
    """The columns of records: of photos the file, not seconds; contempt, valence and arousal, those of a mesh, and
    `speaking`, where one has them."""
    has = {name for record in records for name in record["object"]}
    first, *rest = RECORD_COLUMNS
    rest[-len(BOX):-len(BOX)] = [name for name in AFFECT if name in has]
    if any("contempt" in (record["object"].get("scores") or ()) for record in records):
        rest.insert(rest.index(EMOTIONS[-1]) + 1, WITH_CONTEMPT[-1])
    return ("file" if records and "file" in records[0] else first, *rest, *(MESH_COLUMNS if "mesh" in has else ()),
            *SPOKEN[1:] * ("speaking" in has))


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write rows (dicts) as CSV, UTF-8, with a header; None is an empty cell.

    Text that a spreadsheet would take for a formula gets a ' before it.
    """
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
                          for key, value in row.items()} for row in rows)
