"""People's scores over time, as curves, and what is left of them where a person's own rest is taken off.

A person is a name, or an id without one. The rest is the median of each emotion's scores over the film: a face at rest
may read a little sad or angry all the time. A difference lies from -1 to 1; those of a moment need not sum to 0.
"""
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import WITH_CONTEMPT, names_of

BASELINE_COLUMNS, REST_COLUMNS = ("seconds", "id", "name"), ("id", "name", "records")    # and `emotions_in` both


@dataclass
class Curve:
    """One person's scores: the first id and the name of theirs, times (K,) in s, ascending, and scores (K, 7), with
    contempt (K, 8)."""
    id: int
    name: str | None
    times: np.ndarray
    scores: np.ndarray


def curves_of(path: str | Path, records: Iterable[dict]) -> list[Curve]:
    """The curves of all people in records, by their ids; an InputError, which names `path`, where one has no scores."""
    rows, records = {}, list(records)
    names = names_of(any("contempt" in (record["object"].get("scores") or ()) for record in records))
    for record in sorted(records, key=lambda record: record["seconds"]):
        face = record["object"]
        if not face.get("scores"):
            raise InputError(f"{path}: the record of id {face['id']} at {record['seconds']} s has no scores; expected "
                             "results by create_results.py --scores true")
        rows.setdefault(face["name"] or face["id"], []).append(
            (face["id"], face["name"], record["seconds"], [face["scores"].get(name) or 0.0 for name in names]))
    curves = []
    for mine in rows.values():
        ids, called, times, scores = zip(*mine)
        curves.append(Curve(min(ids), called[0], np.array(times, float), np.array(scores, float)))
    return sorted(curves, key=lambda curve: curve.id)


def emotions_in(curves: Sequence[Curve]) -> tuple[str, ...]:
    """The emotions that curves are of, contempt where any record has a score of it."""
    return names_of(curves and curves[0].scores.shape[1] == len(WITH_CONTEMPT))


def rest_rows(curves: Iterable[Curve]) -> Iterator[dict]:
    """Rows of `REST_COLUMNS` and emotions, each person's medians."""
    for curve in curves:
        medians = np.median(curve.scores, 0).round(4).tolist()
        yield {"id": curve.id, "name": curve.name, "records": len(curve.times)} | dict(zip(WITH_CONTEMPT, medians))


def baseline_rows(curves: Iterable[Curve]) -> list[dict]:
    """Rows of `BASELINE_COLUMNS` and emotions, each moment's scores less the person's medians, by seconds, then id."""
    rows = [{"seconds": seconds, "id": curve.id, "name": curve.name} | dict(zip(WITH_CONTEMPT, scores))
            for curve in curves
            for seconds, scores in zip(curve.times.tolist(),
                                       (curve.scores - np.median(curve.scores, 0)).round(4).tolist())]
    return sorted(rows, key=lambda row: (row["seconds"], row["id"]))
