"""A run's log.csv, a row of figures each so many steps, and confusions.csv, a matrix of each validation."""
import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import naming, whole_file
from vtt_emotion.core.labels import AFFECT, WITH_CONTEMPT

FIGURES = ("step", "train_error", "train_accuracy", "valid_error", "valid_accuracy", "valid_mean_recall",
           "learning_rate", "images_per_second")


def columns_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The log's columns of a network with the outputs `labels`: each emotion's recall, valence's and arousal's CCC."""
    return *FIGURES, *(f"ccc_{name}" if name in AFFECT else f"recall_{name}" for name in labels)


LOG_COLUMNS = columns_of((*WITH_CONTEMPT, *AFFECT))          # all that there may be


def confusion_columns(emotions: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of confusions.csv: a row is a validation's faces of one emotion, by what was said of them."""
    return "step", "emotion", *emotions


def cut_log(path: Path, step: int, columns: tuple[str, ...]) -> None:
    """Keep the rows of log.csv, or confusions.csv, up to `step`; a new one gets its header of `columns`."""
    rows = []
    if step and path.is_file():
        rows = [row for row in csv.DictReader(io.StringIO(_whole_lines(path)))
                if (row.get("step") or "").isdecimal() and int(row["step"]) <= step]
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _whole_lines(path):
    """A file's text but for a last line that is still being written."""
    text = path.read_text(errors="replace")
    return text[:text.rfind("\n") + 1]


def add_rows(path: Path, columns: tuple[str, ...], rows: Iterable[dict]) -> None:
    """Add rows to log.csv or confusions.csv; what a row lacks stays blank."""
    with naming(path), open(path, "a", newline="") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerows(rows)


def read_confusion(path: Path, step: int | None = None) -> tuple[int, np.ndarray, tuple[str, ...]] | None:
    """(step, counts (K, K), a row per true emotion, names of the K) of a validation, the last one where `step` is None.

    None where the file is not there, or has no whole matrix of it. InputError where it is none.
    """
    if not path.is_file():
        return None
    header, *lines = list(csv.reader(_whole_lines(path).splitlines())) or [[]]
    try:
        steps = [int(line[0]) for line in lines]
        wanted = step if step is not None else steps[-1] if steps else 0
        counts = np.array([line[2:] for line, at in zip(lines, steps) if at == wanted], int)
    except (ValueError, IndexError):
        raise InputError(f"{path}: expected rows of a step, an emotion and counts") from None
    names = tuple(header[2:])
    return (wanted, counts, names) if counts.shape == (len(names), len(names)) and names else None


def read_log(path: Path) -> list[dict]:
    """log.csv as a list of dicts of numbers, None where blank; a last row that is still being written is left out."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such log; a training run writes it")
    reader = csv.DictReader(io.StringIO(_whole_lines(path)))
    if not reader.fieldnames or "step" not in reader.fieldnames:
        raise InputError(f"{path}: expected a header row with step, {', '.join(LOG_COLUMNS[1:])}")
    rows = []
    for number, row in enumerate(reader, 2):
        try:
            figures = {name: float(row[name]) if row.get(name) else None for name in LOG_COLUMNS}
            rows.append(figures | {"step": int(row["step"])})
        except (TypeError, ValueError):
            raise InputError(f"{path} row {number}: expected numbers, found {list(row.values())}") from None
    return rows
