"""The records of an episode as arrays: whose row each is in, on which frame, and where segments are the strongest.

Times are whole milliseconds. A reading is one record of the results; a row is a line of the timeline, one person.
"""
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import AFFECT, EMOTIONS, WITH_CONTEMPT, names_of

NEAR = 2                                         # ms by which a record's time may miss its frame's
STRONGEST = 5                                    # segments of each emotion whose pictures stay in the page


# The face of one record. time: ms; emotion: its place in WITH_CONTEMPT; label: its place in `Readings.labels`; scores:
# NaN where the record has none, as affect, valence and arousal; frontal: 1 where it does not tell; turned: too far to
# count.
READING = np.dtype([("time", np.int64), ("id", np.int64), ("label", np.int64), ("emotion", np.int64),
                    ("confidence", float), ("scores", float, len(WITH_CONTEMPT)), ("box_xyxy", float, 4),
                    ("frontal", float), ("affect", float, len(AFFECT)), ("turned", bool)])


@dataclass
class Readings:
    """The records of an episode: `faces` (N,), dtype READING, in the order of the results, and who they are."""
    faces: np.ndarray
    labels: list                                 # names, or "face 3" of an id without one
    named: list                                  # bool, of each label
    emotions: tuple[str, ...] = EMOTIONS         # that they tell apart

    @property
    def scored(self) -> bool:
        """Whether every record has scores."""
        return len(self.faces) > 0 and bool(np.isfinite(self.faces["scores"][:, :len(EMOTIONS)]).all())

    @property
    def affected(self) -> bool:
        """Whether any record has valence and arousal."""
        return bool(np.isfinite(self.faces["affect"]).all(1).any())


def as_readings(records: Iterable[dict], ahead: Iterable[bool] = repeat(True)) -> Readings:
    """The records of `read_results` as `Readings`; ahead: whether each face is turned no further than it may be."""
    labels = {}                                  # {(whether it is a name, name or id): its place}
    faces = np.array([(*_as_row(record, labels), not one) for record, one in zip(records, ahead)], READING)
    contempt = (faces["emotion"] >= len(EMOTIONS)).any() or np.isfinite(faces["scores"][:, len(EMOTIONS):]).any()
    return Readings(faces, [name if named else f"face {name}" for named, name in labels],
                    [named for named, _ in labels], names_of(contempt))


def _as_row(record, labels):
    """A record as a tuple of READING's fields but `turned`; labels: as of `as_readings`, added to."""
    face = record["object"]
    id, name, frontal, scores = face["id"], face["name"], face.get("frontal"), face.get("scores") or {}
    label = labels.setdefault((True, name) if name else (False, id), len(labels))
    return (round(1000 * record["seconds"]), id, label, WITH_CONTEMPT.index(record["class"]), face["confidence"],
            tuple(math.nan if scores.get(emotion) is None else scores[emotion] for emotion in WITH_CONTEMPT),
            tuple(face["box"]), 1 if frontal is None else frontal,
            tuple(math.nan if face.get(name) is None else face[name] for name in AFFECT))


def choose_rows(readings: Readings) -> tuple[np.ndarray, list[str]]:
    """(row of each reading, labels of the rows): a row a person, the named ones first, those seen most first."""
    counts, named = Counter(readings.faces["label"].tolist()), readings.named
    order = sorted(counts, key=lambda face: (not named[face], -counts[face], face))
    row_of = {face: row for row, face in enumerate(order)}
    return (np.array([row_of[face] for face in readings.faces["label"].tolist()], int),
            [readings.labels[face] for face in order])


def place_frames(source: str | Path, times: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The frame (its place in `frames`, ascending ms) of each of `times`; InputError where one has none."""
    after = np.clip(np.searchsorted(frames, times), 1, max(len(frames) - 1, 1))
    place = np.where(times - frames[after - 1] <= frames[after % len(frames)] - times, after - 1, after % len(frames))
    missed = np.flatnonzero(np.abs(frames[place] - times) > NEAR)
    if len(missed):
        raise InputError(f"{source}: has no frame at {times[missed[0]] / 1000} s; the results were made from another "
                         "video")
    return place


def time_step(readings: Readings) -> int:
    """ms from one reading of a face to its next: the median, 42 where no face has two."""
    order = np.lexsort((readings.faces["time"], readings.faces["label"]))
    steps = np.diff(readings.faces["time"][order])[np.diff(readings.faces["label"][order]) == 0]
    return int(np.median(steps[steps > 0])) if (steps > 0).any() else 42


def strongest(segments: Iterable[dict], readings: Readings) -> list[int]:
    """Places of the readings at the peaks of the strongest segments of each emotion: their length times confidence."""
    found, place_of = [], {}
    for place, (id, time) in enumerate(zip(readings.faces["id"].tolist(), readings.faces["time"].tolist())):
        place_of[id, time] = place
    for emotion in readings.emotions:
        mine = [segment for segment in segments if segment["class"] == emotion]
        mine.sort(key=lambda segment: (segment["start"] - segment["end"]) * segment["confidence"])
        peaks = [(segment["id"], round(1000 * segment["peak_seconds"])) for segment in mine[:STRONGEST]]
        found += [place_of[peak] for peak in peaks if peak in place_of]      # not where rounded twice
    return found
