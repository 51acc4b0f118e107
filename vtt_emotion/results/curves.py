"""People's scores over time, as curves, and what is left of them where a person's own rest is taken off.

A person is a name, or an id without one. The rest is the median of each emotion's scores over the film: a face at rest
may read a little sad or angry all the time. A difference lies from -1 to 1; those of a moment need not sum to 0.
"""
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS

BASELINE_COLUMNS = ("seconds", "id", "name", *EMOTIONS)
REST_COLUMNS = ("id", "name", "records", *EMOTIONS)


@dataclass
class Curve:
    """One person's scores: the first id and the name of theirs, times (K,) in s, ascending, and scores (K, 7)."""
    id: int
    name: str | None
    times: np.ndarray
    scores: np.ndarray


def curves_of(path: str | Path, records: Iterable[dict]) -> list[Curve]:
    """The curves of all people in records, by their ids; an InputError, which names `path`, where one has no scores."""
    rows = {}
    for record in sorted(records, key=lambda record: record["seconds"]):
        face = record["object"]
        if not face.get("scores"):
            raise InputError(f"{path}: the record of id {face['id']} at {record['seconds']} s has no scores; expected "
                             "results by create_results.py --scores true")
        rows.setdefault(face["name"] or face["id"], []).append(
            (face["id"], face["name"], record["seconds"], [face["scores"][emotion] for emotion in EMOTIONS]))
    curves = []
    for mine in rows.values():
        ids, names, times, scores = zip(*mine)
        curves.append(Curve(min(ids), names[0], np.array(times, float), np.array(scores, float)))
    return sorted(curves, key=lambda curve: curve.id)


def rest_rows(curves: Iterable[Curve]) -> Iterator[dict]:
    """Rows of `REST_COLUMNS`, each person's medians."""
    for curve in curves:
        medians = np.median(curve.scores, 0).round(4).tolist()
        yield {"id": curve.id, "name": curve.name, "records": len(curve.times)} | dict(zip(EMOTIONS, medians))


def baseline_rows(curves: Iterable[Curve]) -> list[dict]:
    """Rows of `BASELINE_COLUMNS`, each moment's scores less the person's medians, by seconds, then id."""
    rows = [{"seconds": seconds, "id": curve.id, "name": curve.name} | dict(zip(EMOTIONS, scores))
            for curve in curves
            for seconds, scores in zip(curve.times.tolist(),
                                       (curve.scores - np.median(curve.scores, 0)).round(4).tolist())]
    return sorted(rows, key=lambda row: (row["seconds"], row["id"]))
