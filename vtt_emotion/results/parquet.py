"""The tables of tables.py as pandas DataFrames, and as Parquet, which keeps their types."""
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, WITH_CONTEMPT, names_of
from vtt_emotion.results.tables import BOX, MESH_COLUMNS, SPOKEN

if TYPE_CHECKING:
    from pandas import DataFrame

TYPES = {name: kind for kind, names in {
    "float64": ("seconds", "start", "end", "peak_seconds", "lag", "r", "chance", "p", "r_without_lag"),
    "int64": ("id", "frames", "shot", "first_frame", "end_frame", "other", "shots", "records"), "int32": BOX,
    "string": ("name", "file", "framing", "people", "other_name", "emotion"),
    "float32": ("confidence", "peak", *SPOKEN, *WITH_CONTEMPT, *AFFECT, *MESH_COLUMNS)}.items() for name in names}


def as_frame(columns: Sequence[str], rows: Iterable[dict], labels: Sequence[str] = ()) -> "DataFrame":
    """Rows (dicts) as a pandas DataFrame with the columns' types; a class is a category of the labels, or emotions."""
    import pandas

    types = TYPES | dict.fromkeys(labels, "float32")
    frame = pandas.DataFrame.from_records(list(rows), columns=list(columns))
    frame = frame.round({column: 0 for column in columns if types.get(column) == "int32"})
    frame = frame.astype({column: types[column] for column in columns if column in types})
    if "class" not in frame:
        return frame
    labels = labels or names_of("contempt" in columns or (frame["class"] == "contempt").any())
    return frame.assign(**{"class": pandas.Categorical(frame["class"], list(labels))})


def write_parquet(path: str | Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write rows (dicts) as a whole Parquet file."""
    with whole_file(path) as temporary:
        as_frame(columns, rows).to_parquet(temporary, engine="pyarrow", index=False)
