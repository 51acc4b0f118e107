"""The tables of tables.py as pandas DataFrames, and as Parquet, which keeps their types."""
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, WITH_CONTEMPT, names_of
from vtt_emotion.results.tables import MESH_COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

TYPES = {"seconds": "float64", "start": "float64", "end": "float64", "peak_seconds": "float64", "id": "int64",
         "frames": "int64", "shot": "int64", "first_frame": "int64", "end_frame": "int64", "other": "int64",
         "shots": "int64", "framing": "string", "people": "string", "other_name": "string", "emotion": "string",
         "records": "int64", "lag": "float64", "r": "float64", "chance": "float64", "p": "float64",
         "r_without_lag": "float64", "confidence": "float32", "peak": "float32", "xmin": "int32", "ymin": "int32",
         "xmax": "int32", "ymax": "int32", "name": "string", "file": "string",
         "speech": "float32", "speaking": "float32"} | dict.fromkeys(
             (*WITH_CONTEMPT, *AFFECT, *MESH_COLUMNS), "float32")


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
