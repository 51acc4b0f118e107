"""What people coded by hand, beside the results: whose row of the page it goes to, and how the readings agree."""
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.page.readings import Readings
from vtt_emotion.results.agreement import ANY, SUMMARY, faces_by_person, measure_pairs, pair


def readings_of(target: str, readings: Readings) -> np.ndarray:
    """Places of the readings of one person, in order of time; of `ANY`, of the largest face of each moment."""
    if target != ANY:
        mine = np.array([label.lower() == target for label in readings.labels], bool)
        places = np.flatnonzero(mine[readings.faces["label"]]) if len(readings.faces) else np.zeros(0, int)
        return places[np.argsort(readings.faces["time"][places], kind="stable")]
    x0, y0, x1, y1 = readings.faces["box_xyxy"].T
    order = np.lexsort((-(x1 - x0) * (y1 - y0), readings.faces["time"]))
    return order[np.unique(readings.faces["time"][order], return_index=True)[1]]


def cut(start: int, end: int, times: np.ndarray, rows: np.ndarray) -> list[tuple[int, int, int]]:
    """[(row, start, end)] of a span (ms), cut where the row of the person's readings (times, rows) changes.

    Without a reading in it, it is of the person's only row; -1 is none.
    """
    low, high = (int(np.searchsorted(times, edge)) for edge in (start, end))
    if low == high:
        only = rows[0] if len(rows) and (rows == rows[0]).all() else -1
        return [(int(only), start, end)]
    changes = low + 1 + np.flatnonzero(np.diff(rows[low:high]))
    edges = [start, *times[changes].tolist(), end]
    return [(int(rows[place]), *two) for place, *two in zip([low, *changes], edges, edges[1:])]


def place_coded(spans: Iterable[dict], readings: Readings, rows: np.ndarray,
                people: dict[str, str]) -> tuple[dict[int, list], dict[str, list]]:
    """Where the page shows what was coded: under the rows of the results, else in rows of its own.

    A row takes one person's annotations at a time.

    Args:
        spans: of vtt_emotion.results.coded; rows: (N,) the row of each reading; people: {coded person: who
            that is in the results, or `ANY`}.

    Returns:
        ({row: [(start, end, emotion)]}, {person: the same}), ms, in order of time.
    """
    placed, own = {}, {}
    for person in dict.fromkeys(span["person"] for span in spans):
        mine, found = readings_of(people.get(person, person).lower(), readings), {}
        for span in (span for span in spans if span["person"] == person):
            start, end = (round(1000 * span[key]) for key in ("start", "end"))
            for row, *piece in cut(start, end, readings.faces["time"][mine], rows[mine]):
                found.setdefault(row, []).append((*piece, EMOTIONS.index(span["class"])))
        both = {row: sorted(placed.get(row, []) + pieces) for row, pieces in found.items() if row >= 0}
        if any(other[0] < one[1] for pieces in both.values() for one, other in zip(pieces, pieces[1:])):
            found, both = {-1: sorted(piece for pieces in found.values() for piece in pieces)}, {}
        placed |= both
        if -1 in found:
            own[person] = found[-1]
    return placed, own


def add_coded(data: dict, placed: dict[int, list], own: dict[str, list]) -> None:
    """Put what `place_coded` gave into the rows of the page's `data`, of which the last are those of `own`."""
    spans = placed | dict(enumerate(own.values(), len(data["rows"]) - len(own)))
    for place, row in enumerate(data["rows"]):
        columns = list(zip(*spans.get(place, ()))) or [(), (), ()]
        row["truth"] = dict(zip(("starts", "ends", "emotions"), columns))


def measure_coded(spans: list[dict], records: list[dict], people: dict[str, str], block: float, resamples: int) -> dict:
    """How the records agree with what was coded of the people that they have: as `agreement.measure_pairs`.

    Returns:
        dict: people, seconds coded, read (share of them), records, the figures of `SUMMARY`, confusion; without a
        record in what was coded people, seconds and 0 records.
    """
    have = {person for person, rows in faces_by_person(records).items() if len(rows)}
    known = [span for span in spans if people.get(span["person"], span["person"]).lower() in have]
    lengths = {}
    for span in spans:
        lengths[span["person"]] = lengths.get(span["person"], 0) + span["end"] - span["start"]
    about = {"people": len(lengths), "seconds": sum(lengths.values()), "records": 0}
    pairs, read = pair(known, records, people) if known else ({}, {})
    parts = [part for part in pairs.values() if len(part[1])]
    if not parts:
        return about
    figures = measure_pairs(parts, block, resamples)
    share = sum(read[person] * lengths[person] for person in read) / about["seconds"]
    return about | {"read": share, **{name: figures[name] for name in ("records", *SUMMARY, "confusion")}}


def coded_lines(path: str | Path, spans: list[dict], own: dict[str, list], readings: Readings, people: dict[str, str],
                times: np.ndarray, figures: dict) -> Iterator[str]:
    """Sentences on the annotations of the file `path`: what lies past the end, who has a row `own`, how all agree.

    Args:
        times: ms of all frames; figures: of `measure_coded`.
    """
    end = times.max(initial=0) / 1000
    late = [span for span in spans if span["start"] > end]
    if late:
        yield (f"{path}: {len(late)} annotations, the first {late[0]['person']!r} at {late[0]['start']:g} s, lie past "
               f"the end at {end:g} s")
    for person in own:
        target = people.get(person, person)
        if target == ANY or target.lower() in {label.lower() for label in readings.labels}:
            yield (f"{path}: {person!r} has a row of its own as well, for what was coded where no face is read, or "
                   "another's coding is shown")
        else:
            yield (f"{path}: {person!r} has a row of its own: {target!r} is not in the results, which have "
                   f"{', '.join(readings.labels)}; --people {person!r} {ANY} takes the largest face of each moment")
    agree = "".join(f", {name} {figures[name][0]:.2f}" for name in ("agreement", "kappa") if figures.get(name))
    whom = f"{figures['people']} {'person' if figures['people'] == 1 else 'people'}"
    yield f"{path}: {figures['seconds']:.1f} s coded of {whom}, {figures['records']:,} readings in them{agree}"
