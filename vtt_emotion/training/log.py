"""A run's log.csv: a row of figures each so many steps."""
import csv
import io
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, EMOTIONS, WITH_CONTEMPT

FIGURES = ("step", "train_error", "train_accuracy", "valid_error", "valid_accuracy", "valid_mean_recall",
           "learning_rate", "images_per_second")


def columns_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The log's columns of a network with the outputs `labels`: each emotion's recall, valence's and arousal's CCC."""
    return *FIGURES, *(f"ccc_{name}" if name in AFFECT else f"recall_{name}" for name in labels)


LOG_COLUMNS = columns_of((*WITH_CONTEMPT, *AFFECT))          # all that there may be


def cut_log(path: Path, step: int, labels: tuple[str, ...] = EMOTIONS) -> None:
    """Keep the log's rows up to `step`; a new log gets its header."""
    rows = [row for row in read_log(path) if row["step"] <= step] if step and path.is_file() else []
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns_of(labels), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_log(path: Path) -> list[dict]:
    """log.csv as a list of dicts of numbers, None where blank; a last row that is still being written is left out."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such log; a training run writes it")
    text = path.read_text(errors="replace")
    reader = csv.DictReader(io.StringIO(text[:text.rfind("\n") + 1]))
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
