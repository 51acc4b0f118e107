"""The records of an episode as arrays: whose row each is in, on which frame, and where segments are the strongest.

Times are whole milliseconds. A reading is one record of the results; a row is a line of the timeline, one person.
"""
from collections import Counter
from dataclasses import dataclass

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS

NEAR = 2                                         # ms by which a record's time may miss its frame's
LONGEST = 4_000_000_000                          # ms; times are 32 bits in the page
STRONGEST = 5                                    # segments of each emotion whose pictures stay in the page


@dataclass
class Readings:
    """The records of an episode as arrays of N, in the order of the results."""
    times: np.ndarray                            # ms, int64
    emotions: np.ndarray                         # 0 to 6
    confidences: np.ndarray                      # 0 to 1
    boxes_xyxy: np.ndarray                       # float (N, 4)
    ids: np.ndarray                              # as in the results
    scores: np.ndarray | None                    # float (N, 7), where every record has them
    faces: np.ndarray                            # place in `labels`: a name, or an id without one
    labels: list
    named: list                                  # bool, of each label
    frontal: np.ndarray                          # 0 to 1; 1 where the results do not tell


def as_readings(path, records):
    """The records of the results in `path` as `Readings`. InputError names the first one that is not as expected."""
    labels, rows, scores = {}, [], []
    for place, record in enumerate(records):
        face = record["object"]
        try:
            box, confidence = [float(value) for value in face["box"]], float(face["confidence"])
            time, name, frontal = round(1000 * record["seconds"]), face["name"], float(face.get("frontal", 1))
            good = np.isfinite(box).all() and 0 <= confidence <= 1 and 0 <= frontal <= 1 and time < LONGEST \
                and isinstance(face["id"], int) and isinstance(name, str | None)
            given = [float(face["scores"][emotion]) for emotion in EMOTIONS] if "scores" in face else None
            good = good and (given is None or all(0 <= score <= 1 for score in given))
        except (KeyError, TypeError, ValueError, OverflowError):
            good = False
        if not good:
            raise InputError(f"{path}: record {place}: expected seconds, a box of four numbers, a confidence (and, "
                             "if any, frontal, and all seven scores) from 0 to 1, a whole number as id and a name or "
                             "null")
        scores.append(given)
        key = (True, name) if name else (False, face["id"])
        rows.append((time, EMOTIONS.index(record["class"]), confidence, labels.setdefault(key, len(labels)), frontal))
    times, emotions, confidences, faces, frontal = map(np.array, zip(*rows)) if rows else np.zeros((5, 0), int)
    boxes = np.array([record["object"]["box"] for record in records], float).reshape(-1, 4)
    ids = np.array([record["object"]["id"] for record in records], object)
    scores = np.array(scores, float).reshape(-1, len(EMOTIONS)) if scores and None not in scores else None
    return Readings(times.astype(np.int64), emotions, confidences.astype(float), boxes, ids, scores, faces,
                    [name if named else f"face {name}" for named, name in labels], [named for named, _ in labels],
                    frontal.astype(float))


def choose_rows(readings, most, kept=()):
    """(row of each reading, labels of the rows): a row a person, the named ones first, those seen most first.

    Then faces without a name, in the order they come. Beyond `most` rows those seen least share one more, whose
    label says how many they are; whose label is in `kept` (lower case) comes before all others to a row.
    """
    counts, named = Counter(readings.faces.tolist()), readings.named
    order = sorted(counts, key=lambda face: (readings.labels[face].lower() not in kept, not named[face], -counts[face]))
    most += len(order) == most + 1                           # a single one needs no row for the rest
    chosen = sorted(order[:most], key=lambda face: (not named[face], -counts[face] if named[face] else face))
    row_of = {face: row for row, face in enumerate(chosen)} | dict.fromkeys(order[most:], most)
    labels = [readings.labels[face] for face in chosen]
    if len(order) > most:
        labels.append(f"{len(order) - most} others")
    return np.array([row_of[face] for face in readings.faces.tolist()], int), labels


def place_frames(source, times, frames):
    """The frame (its place in `frames`, ascending ms) of each of `times`; InputError where one has none."""
    after = np.clip(np.searchsorted(frames, times), 1, max(len(frames) - 1, 1))
    place = np.where(times - frames[after - 1] <= frames[after % len(frames)] - times, after - 1, after % len(frames))
    missed = np.flatnonzero(np.abs(frames[place] - times) > NEAR)
    if len(missed):
        raise InputError(f"{source}: has no frame at {times[missed[0]] / 1000} s; the results were made from another "
                         "video")
    return place


def time_step(readings):
    """ms from one reading of a face to its next: the median, 42 where no face has two."""
    order = np.lexsort((readings.times, readings.faces))
    steps = np.diff(readings.times[order])[np.diff(readings.faces[order]) == 0]
    return int(np.median(steps[steps > 0])) if (steps > 0).any() else 42


def strongest(segments, readings):
    """Places of the readings at the peaks of the strongest segments of each emotion: their length times confidence."""
    found, place_of = [], {}
    for place, (id, time) in enumerate(zip(readings.ids.tolist(), readings.times.tolist())):
        place_of[id, time] = place
    for emotion in EMOTIONS:
        mine = [segment for segment in segments if segment["class"] == emotion]
        mine.sort(key=lambda segment: (segment["start"] - segment["end"]) * segment["confidence"])
        peaks = [(segment["id"], round(1000 * segment["peak_seconds"])) for segment in mine[:STRONGEST]]
        found += [place_of[peak] for peak in peaks if peak in place_of]      # not where rounded twice
    return found
