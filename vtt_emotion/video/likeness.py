"""Who of a film looks like whom: the people of its results by their encodings, for a person who joins them."""
import numpy as np
from numpy.typing import ArrayLike

from vtt_emotion.video.names import distances, seen_together


def mean_encodings(encodings: dict[int, np.ndarray],
                   people: dict[int, tuple[int, str | None]]) -> dict[int, np.ndarray]:
    """{person: the mean (128,) of the encodings of all faces of theirs}, of those who have any.

    encodings: {face: (K, 128)}, of `Portraits`; people: {face: (person, name)}, of `identify`.
    """
    rows = {}
    for face, found in sorted(encodings.items()):
        if len(found) and face in people:
            rows.setdefault(people[face][0], []).append(found)
    return {person: np.concatenate(mine).mean(0) for person, mine in sorted(rows.items())}


def most_alike(encodings: dict[int, np.ndarray], times: ArrayLike, ids: ArrayLike,
               count: int = 24) -> tuple[dict[int, list[int]], list[int]]:
    """({id: the ids most like it, the nearest first, `count` at most}, ids: the two most alike first, then the next).

    Two who are seen at one time are never alike, as they are not one person.

    Args:
        encodings: {id: (128,)}; times, ids: (N,) of all faces of the results.
    """
    known, times, ids = np.array(sorted(encodings), int), np.asarray(times), np.asarray(ids)
    if len(known) < 2:
        return {}, []
    here = np.isin(ids, known)
    faces = np.zeros(here.sum(), [("frame", int), ("id", int)])
    faces["frame"], faces["id"] = times[here], np.searchsorted(known, ids[here]) + 1
    rows, size = np.stack([encodings[id] for id in known.tolist()]), len(known)
    far, together = distances(rows, rows), np.eye(size, dtype=bool)
    seen = seen_together(np.sort(faces, order=["frame", "id"]))
    together[:len(seen), :len(seen)] |= seen
    far[together] = np.inf
    near = {int(id): known[np.argsort(row, kind="stable")[:min(count, np.isfinite(row).sum())]].tolist()
            for id, row in zip(known, far)}
    by_gap = [id for id in known[np.argsort(far.min(1), kind="stable")].tolist() if near[id]]
    return near, list(dict.fromkeys(one for id in by_gap for one in (id, near[id][0])))
