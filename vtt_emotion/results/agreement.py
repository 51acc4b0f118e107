"""How what was said agrees with what is so, or was coded: the confusion matrix, recall, Cohen's kappa, F1.

All comes from counts (7 x 7, or with contempt 8 x 8, coded by said), so that a thousand resamples take milliseconds;
the tests hold the figures to scikit-learn's and krippendorff's.
"""
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import CONTEMPT, EMOTIONS, WITH_CONTEMPT, names_of

ANY = "any"                                      # in place of a person: the largest face of each moment
SUMMARY = ("agreement", "kappa", "alpha", "macro_f1")


def faces_by_person(records: Iterable[dict]) -> dict[str, np.ndarray]:
    """{person: float (N, 6)} of records: seconds, emotion, box_xyxy.

    A person is a name, else "face" and the id, in lower case; `ANY` has the largest face of each moment.
    """
    rows, largest = {}, {}
    for record in records:
        face = record["object"]
        row = (record["seconds"], WITH_CONTEMPT.index(record["class"]), *face["box"])
        rows.setdefault((face["name"] or f"face {face['id']}").lower(), []).append(row)
        x0, y0, x1, y1 = face["box"]
        if (x1 - x0) * (y1 - y0) > largest.get(row[0], (-1, None))[0]:
            largest[row[0]] = (x1 - x0) * (y1 - y0), row
    rows[ANY] = [row for _, row in largest.values()]
    return {person: np.array(mine, float).reshape(-1, 6) for person, mine in rows.items()}


def faces_in(faces: dict[str, np.ndarray], span: dict, people: dict[str, str]) -> np.ndarray:
    """The rows of `faces_by_person` within an annotation (`coded.read_coded`), its end left out.

    Args:
        people: {coded person: who that is in the results, or `ANY`}; who is not in it has the same name in both.

    Raises:
        InputError: a person whom the results do not have.
    """
    person = span["person"]
    mine = faces.get(people.get(person, person).lower())
    if mine is None or not len(mine):
        have = ", ".join(name for name in faces if name != ANY) or "nobody"
        raise InputError(f"{person!r} was coded, and is not in the results, which have {have}; --people {person!r} "
                         f"{ANY} takes the largest face of each moment")
    low, high = (np.searchsorted(mine[:, 0], span[edge] - 1e-6) for edge in ("start", "end"))
    return mine[low:high]


def pair(spans: Iterable[dict], records: Iterable[dict],
         people: dict[str, str]) -> tuple[dict[str, tuple], dict[str, float]]:
    """The moments that were coded and read: {person: (seconds, coded, said)}, arrays of N, and the share read of each.

    A moment is a record whose time is within an annotation of its person; `people` and the error as of `faces_in`.
    """
    faces = faces_by_person(records)
    moments = faces[ANY][:, 0]
    step = float(np.median(np.diff(moments))) if len(moments) > 1 else 0.0
    pairs, lengths = {}, {}
    for span in spans:
        found = faces_in(faces, span, people)[:, :2]
        coded = np.full((len(found), 1), EMOTIONS.index(span["class"]))
        pairs.setdefault(span["person"], []).append(np.hstack([found, coded]))
        lengths[span["person"]] = lengths.get(span["person"], 0) + span["end"] - span["start"]
    joined = {person: np.concatenate(parts) for person, parts in pairs.items()}
    return ({person: (rows[:, 0], rows[:, 2].astype(int), rows[:, 1].astype(int)) for person, rows in joined.items()},
            {person: min(1.0, len(rows) * step / lengths[person]) for person, rows in joined.items()})


def count_pairs(truth: ArrayLike, said: ArrayLike, classes: int = 7) -> np.ndarray:
    """Confusion counts (K, K) of K classes, a row per true one, of labels `truth` and `said`, int (N,)."""
    cells = np.asarray(truth, int) * classes + np.asarray(said, int)
    return np.bincount(cells, minlength=classes ** 2).reshape(classes, classes)


def figures(confusion: ArrayLike) -> dict[str, np.ndarray]:
    """Figures of confusion counts (..., K, K), coded by said; each is (...), those of a class (..., K); NaN if none.

    agreement is the accuracy. kappa: Cohen, "A coefficient of agreement for nominal scales", 1960. alpha: Krippendorff,
    "Content Analysis", for two coders, nominal, nobody missing. recall, f1, and their means, mean_recall and macro_f1,
    are of the emotions that were coded, precision of those that were said.
    """
    confusion = np.asarray(confusion, float)
    rows, columns, hits = confusion.sum(-1), confusion.sum(-2), np.diagonal(confusion, axis1=-2, axis2=-1)
    total, both, present = rows.sum(-1), rows + columns, (rows > 0).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement, chance = hits.sum(-1) / total, (rows * columns).sum(-1) / total ** 2
        recall, f1 = hits / rows, np.where(rows > 0, 2 * hits / both, np.nan)
        expected = ((2 * total) ** 2 - (both ** 2).sum(-1)) / (2 * total - 1)
        return {"agreement": agreement, "kappa": (agreement - chance) / (1 - chance),
                "alpha": 1 - 2 * (total - hits.sum(-1)) / expected, "recall": recall, "precision": hits / columns,
                "f1": f1, "mean_recall": np.nansum(recall, -1) / present, "macro_f1": np.nansum(f1, -1) / present}


def or_none(figure: float | np.ndarray) -> float | None:
    """A figure as float; None where it is not defined."""
    return float(figure) if np.isfinite(figure) else None


def measure_pairs(parts: Iterable[tuple], block: float, resamples: int) -> dict:
    """Figures of one or several persons' (seconds, coded, said), with 95 % intervals by the bootstrap.

    What is drawn anew are stretches of `block` s of a person, since neighbouring frames are alike: drawn one by one
    they would make every interval too narrow.

    Returns:
        dict: records, confusion, the figures of `SUMMARY` as [value, low, high], and classes, {emotion: coded, said
        (records), f1 as [value, low, high]}; None where there is none, as of the interval of a single stretch.
    """
    parts, stretches = list(parts), {}
    names = names_of(any(CONTEMPT in labels for part in parts for labels in part[1:]))
    size = len(names)
    for person, (seconds, coded, said) in enumerate(parts):
        for place, row, column in zip((seconds // block).astype(int), coded, said):
            stretches.setdefault((person, int(place)), np.zeros((size, size), int))[row, column] += 1
    counts = np.array(list(stretches.values())).reshape(-1, size * size)
    drawn = np.random.default_rng(0).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), resamples)
    confusion = counts.sum(0).reshape(size, size)
    whole, again = figures(confusion), figures((drawn @ counts).reshape(-1, size, size))
    again = again if len(counts) > 1 else {name: values * np.nan for name, values in again.items()}
    measured = {name: _interval(whole[name], again[name]) for name in SUMMARY}
    classes = {name: {"coded": int(confusion[row].sum()), "said": int(confusion[:, row].sum()),
                      "f1": _interval(whole["f1"][row], again["f1"][:, row])} for row, name in enumerate(names)}
    return {"records": int(confusion.sum()), **measured, "classes": classes, "confusion": confusion.tolist()}


def _interval(value, resampled):
    """[value, low, high] of a figure, its 95 % interval among the resamples that have it; None where it has none."""
    if not np.isfinite(value):
        return None
    found = resampled[np.isfinite(resampled)]
    interval = [round(float(end), 4) for end in np.percentile(found, (2.5, 97.5))] if len(found) else [None, None]
    return [round(float(value), 4), *interval]


def agreement_lines(figures: dict) -> Iterator[str]:
    """Tables of `measure_pairs`' figures, of all and by `persons`, each with its 95 % interval."""
    def cell(figure):
        value, low, high = figure or (None, None, None)
        text = "-" if value is None else f"{value:.2f}" if low is None else f"{value:.2f} ({low:.2f} to {high:.2f})"
        return f"{text:>23}"

    yield f"{'':16}{'records':>8}{'read':>6}" + "".join(f"{name.replace('_f', ' F'):>23}" for name in SUMMARY)
    for name, row in {"all": figures, **figures["persons"]}.items():
        read = f"{row['read']:.0%}" if "read" in row else ""
        yield f"{name[:15]:16}{row['records']:8,}{read:>6}" + "".join(cell(row[key]) for key in SUMMARY)
    yield f"{'':16}{'coded':>8}{'said':>6}{'F1':>23}"
    for name, row in figures["classes"].items():
        yield f"{name:16}{row['coded']:8,}{row['said']:6,}{cell(row['f1'])}"
