"""One table of an archive: minutes of each emotion, person and video, in a small Parquet file a video.

Files are only added, each written whole, so that machines write beside each other and none waits. A video's file has a
row for each person and emotion, and one without either: the film itself, with the lengths of its shots. Of 30,000
records it keeps some hundred rows, all that a sum over the archive needs, so that the records need not be read again.
"""
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import WITH_CONTEMPT, names_of
from vtt_emotion.results.records import made_of
from vtt_emotion.results.tables import SPOKEN

# `SPOKEN`: minutes in which speech is heard, and in which this person speaks.
COLUMNS = ("video", "id", "person", "emotion", "minutes", "records", "shot_seconds", *SPOKEN)
# Contempt where any video has it.
BY_EMOTION = tuple(f"{name}_{emotion}" for name in SPOKEN for emotion in WITH_CONTEMPT)
PEOPLE_COLUMNS = ("person", "videos", "minutes", *WITH_CONTEMPT, "records", *SPOKEN, *BY_EMOTION)
VIDEO_COLUMNS = ("video", "film", "shots", "median_shot", "minutes", *WITH_CONTEMPT, "records", *SPOKEN, *BY_EMOTION,
                 "film_speech")


def schema() -> Any:
    """Of a video's file: id and person (its name) null where the row is the film's, person also where nobody knows;
    shot_seconds, the length of each shot in order, where it is not; `SPOKEN` null where it was not looked for."""
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema([("video", text), ("id", pyarrow.int32()), ("person", text), ("emotion", text),
                           ("minutes", pyarrow.float64()), ("records", pyarrow.int64()),
                           ("shot_seconds", pyarrow.list_(pyarrow.float32())),
                           *((name, pyarrow.float64()) for name in SPOKEN)])


def part_path(results: str | Path) -> Path:
    """Where the table's file of a results file is."""
    return made_of(results)[-1]


def part_rows(video: str, segments: Iterable[dict], shots: Iterable[dict], seconds: float, records: int,
              speech: Iterable[dict] | None = None) -> Iterator[tuple]:
    """A video's rows (tuples of `COLUMNS`): the film's, of `seconds` s and all its records, then by id and emotion.

    shots, speech: dicts with their start and end, s, as of `results.shots` and `results.speech`.
    """
    heard = None if speech is None else sum(stretch["end"] - stretch["start"] for stretch in speech) / 60
    yield video, None, None, None, seconds / 60, records, [shot["end"] - shot["start"] for shot in shots], heard, None
    sums: dict = defaultdict(lambda: [0.0, 0, None, None])
    for segment in segments:
        held = sums[segment["id"], segment["name"], WITH_CONTEMPT.index(segment["class"])]
        minutes = (segment["end"] - segment["start"]) / 60
        held[0] += minutes
        held[1] += segment["frames"]
        for place, name in enumerate(SPOKEN, 2):
            if segment.get(name) is not None:
                held[place] = (held[place] or 0.0) + segment[name] * minutes
    for (id, name, emotion), (minutes, frames, *spoken) in sorted(sums.items(), key=lambda row: (row[0][0], row[0][2])):
        yield video, id, name, WITH_CONTEMPT[emotion], minutes, frames, None, *spoken


def write_part(path: str | Path, video: str, segments: Iterable[dict], shots: Iterable[dict], seconds: float,
               records: int, speech: Iterable[dict] | None = None) -> None:
    """Write a video's rows, as of `part_rows`, as a whole Parquet file."""
    import pyarrow
    from pyarrow import parquet

    columns = zip(*part_rows(video, segments, shots, seconds, records, speech))
    arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema())]
    with whole_file(path) as temporary:
        parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema()), temporary)


def read_parts(folder: str | Path, files: Any = None) -> Any:
    """The rows of all files in a folder, a pyarrow Table; files: the fsspec file system that `folder` is a path of.

    Raises:
        InputError: no such folder, no file in it, or a damaged one.
    """
    import pyarrow
    from pyarrow import dataset

    said = "expected the folder archive/ of results, which create_results.py --cluster or --table writes"
    try:
        parts = dataset.dataset(str(folder), schema(), format="parquet", filesystem=files)
        if not parts.files:
            raise InputError(f"{folder}: holds no table; {said}")
        whole = dataset.ParquetFragmentScanOptions(pre_buffer=files is not None)  # a small file here is read at once
        return parts.to_table(fragment_scan_options=whole).combine_chunks()      # sums of 10,000 pieces take long
    except FileNotFoundError:
        raise InputError(f"{folder}: no such folder; {said}") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{folder}: not such a table, or a damaged file in it ({str(error).splitlines()[0]})") \
            from None


def sum_up(table: Any) -> tuple[list[dict], list[dict], dict]:
    """(people, videos, totals) of an archive's rows.

    Returns:
        people: list of dicts, `PEOPLE_COLUMNS`: minutes in all and of each emotion of everybody with a name, who is
            seen longest first, and at the end, without a name, of all others; and of those minutes `SPOKEN`, and these
            of each emotion (None where speech was not looked for).
        videos: list of dicts, `VIDEO_COLUMNS`, by name: the same of each video, of the film, in minutes, and how many
            shots it has, of which median length, s (None without shots); and its minutes of speech, as film_speech.
        totals: dict: videos, hours (of film), shots, records, faces (ids without a name).
    """
    from pyarrow import compute

    seen = compute.is_valid(table["emotion"])
    faces, films = table.filter(seen), table.filter(compute.invert(seen))
    names = names_of("contempt" in faces["emotion"].unique().to_pylist())
    people = _pivot(faces, "person", names, faces.group_by("person").aggregate([("video", "count_distinct")]))
    ordered = sorted(people.items(), key=lambda item: (item[0] is None, -item[1]["minutes"], item[0]))
    videos = _pivot(faces, "video", names)
    for film in films.select(["video", "minutes", "records", "shot_seconds", "speech"]).to_pylist():
        name, lengths = film["video"], film["shot_seconds"] or []
        videos[name] = {**_empty(names), **videos.get(name, {}), "film": film["minutes"], "records": film["records"],
                        "shots": len(lengths), "median_shot": median(lengths) if lengths else None,
                        "film_speech": film["speech"]}
    nameless = faces.filter(compute.is_null(faces["person"])).group_by(["video", "id"]).aggregate([])
    totals = {"videos": len(films), "hours": (compute.sum(films["minutes"]).as_py() or 0) / 60,
              "shots": sum(row["shots"] for row in videos.values()),
              "records": compute.sum(films["records"]).as_py() or 0, "faces": len(nameless)}
    return ([{"person": name, **row} for name, row in ordered],
            [{"video": name, **videos[name]} for name in sorted(videos)], totals)


def _empty(names):
    by_emotion = (f"{name}_{emotion}" for name in SPOKEN for emotion in names)
    return {"minutes": 0.0, "records": 0, **dict.fromkeys(names, 0.0), **dict.fromkeys((*SPOKEN, *by_emotion))}


def _pivot(faces, key, names, counts=None):
    """{value of `key`: {minutes, each emotion's of `names`, records, what is `SPOKEN`, and videos by `counts`}} of rows
    of faces."""
    rows, summed = defaultdict(lambda: _empty(names)), ("minutes", "records", *SPOKEN)
    sums = faces.group_by([key, "emotion"]).aggregate([(name, "sum") for name in summed])
    for value, emotion, minutes, records, *spoken in zip(*(sums[name].to_pylist() for name in (
            key, "emotion", *(f"{name}_sum" for name in summed)))):
        row = rows[value]
        row["minutes"], row["records"] = row["minutes"] + minutes, row["records"] + records
        row[emotion] += minutes
        for name, part in zip(SPOKEN, spoken):
            if part is not None:
                row[name], row[f"{name}_{emotion}"] = (row[name] or 0.0) + part, part
    if counts is not None:
        for value, count in zip(counts[key].to_pylist(), counts["video_count_distinct"].to_pylist()):
            rows[value]["videos"] = count
    return dict(rows)


def summary_lines(people: list[dict], totals: dict, most: int = 20) -> Iterator[str]:
    """What `sum_up` found, as lines to print."""
    yield (f"{totals['videos']:,} videos, {totals['hours']:,.1f} hours of film, {totals['shots']:,} shots, "
           f"{totals['records']:,} records; {sum(row['person'] is not None for row in people):,} people by name, "
           f"{totals['faces']:,} faces without")
    names = names_of(people and "contempt" in people[0])
    yield f"{'minutes':24}{'videos':>8}{'all':>11}" + "".join(f"{name:>11}" for name in names)
    shown = people[:most] + [row for row in people[most:] if row["person"] is None]
    for row in shown:
        cells = "".join(f"{row[name]:11,.2f}" for name in ("minutes", *names))
        yield f"{(row['person'] or 'without a name')[:23]:24}{row['videos']:8,}{cells}"
