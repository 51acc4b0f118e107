"""Who shows which emotion from when to when: the records of an episode as segments, and their file.

A segment is a run of one emotion of one id. Its scores are averaged over a window, and another emotion takes over
only where it leads by a margin (hysteresis, as in Schmitt's trigger), so that a face between two emotions does not
flicker; what is still shorter than the least length is given to its neighbour.
"""
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import read_json
from vtt_emotion.core.labels import EMOTIONS, WITH_CONTEMPT
from vtt_emotion.results.checks import SEGMENT, SEGMENT_SAYS, check_all
from vtt_emotion.results.poses import facing
from vtt_emotion.results.records import made_of
from vtt_emotion.results.speech import read_speech, with_speech

STEPS = 1.6                                      # times the step between two records is no gap yet


def segments_path(results: str | Path) -> Path:
    """Where the segments of a results file are: NAME.segments.json beside it."""
    return made_of(results)[0]


class Timelines:
    """The scores of each id over time, and whether it speaks, gathered from records one by one, 80 bytes each."""

    def __init__(self) -> None:
        self.numbers, self.names, self.times = {}, {}, array("d")

    def add(self, record: dict) -> None:
        """Take a record of `create_results.py`; one without scores is taken to share the rest out evenly."""
        face, seconds = record["object"], record["seconds"]
        scores, speaks = face.get("scores"), face.get("speaking")
        if scores is None:
            scores = dict.fromkeys(EMOTIONS, (1 - face["confidence"]) / (len(EMOTIONS) - 1))
            scores[record["class"]] = face["confidence"]
        shares = [scores.get(name) or 0.0 for name in WITH_CONTEMPT]
        self.numbers.setdefault(face["id"], array("d")).extend(
            [seconds, *shares, np.nan if speaks is None else speaks])
        self.names[face["id"]] = self.names.get(face["id"]) or face["name"]
        if not self.times or self.times[-1] != seconds:
            self.times.append(seconds)

    def passing(self, records: Iterable[dict]) -> Iterator[dict]:
        """Yield the records, each taken on its way."""
        for record in records:
            self.add(record)
            yield record

    def segments(self, window: float, lead: float, least: float, gap: float, shots: Sequence[dict] = ()) -> list[dict]:
        """The segments (list of dicts, see `find_segments`) of all that was taken."""
        if len(self.times) < 2:                  # one moment lasts no time that is known
            return []
        step, found = float(np.median(np.diff(self.times))), []
        for id, numbers in self.numbers.items():
            rows = np.frombuffer(numbers).reshape(-1, 2 + len(WITH_CONTEMPT))
            places = _shots_at(rows[:, 0], shots)
            broken = (np.diff(rows[:, 0]) > max(gap, STEPS * step)) | _others_between(places, id, shots)
            for piece in np.split(np.arange(len(rows)), np.flatnonzero(broken) + 1):
                over = min(rows[piece[-1], 0] + step, shots[places[piece[-1]]]["end"] if shots else np.inf)
                found += [{"id": id, "name": self.names[id], **segment}
                          for segment in _piece_segments(rows[piece], over, window, lead, least)]
        return sorted(found, key=lambda segment: (segment["start"], segment["id"]))


def _shots_at(times, shots):
    """The place in `shots` (dicts, as of `find_shots`) of each of some times, int (K,); 0 where there are none."""
    return (np.searchsorted([shot["start"] for shot in shots], times, "right") - 1).clip(0)


def _others_between(places, id, shots):
    """bool (K - 1,), whether between two moments, in the shots at `places` (K,), lies a shot that an id is not in."""
    between = np.zeros(len(places) - 1, bool)
    for place in np.flatnonzero(np.diff(places) > 1):
        skipped = shots[places[place] + 1:places[place + 1]]
        between[place] = not all(any(person["id"] == id for person in shot["people"]) for shot in skipped)
    return between


def find_segments(records: Iterable[dict], window: float = 0.5, lead: float = 0.1, least: float = 0.5,
                  gap: float = 0.5, shots: Sequence[dict] = ()) -> list[dict]:
    """The segments of records (any iterable, in order of seconds), sorted by start, then id.

    Args: see ops.Segments; seconds, and a difference of scores. shots: as of `find_shots`, where they are known: then
        none runs over a shot that its person is not in, or beyond the end of one.

    Returns:
        list of dicts: id, name (or None), class, start, end (s; the end is where the last frame is over), confidence
        (mean score of its emotion), peak (the greatest), peak_seconds (when), frames (records in it), and where records
        tell it speaking (the share of those that do in which the face speaks).
    """
    timelines = Timelines()
    for record in records:
        timelines.add(record)
    return timelines.segments(window, lead, least, gap, shots)


def _piece_segments(rows, over, window, lead, least):
    """The segments of an unbroken stretch of one id: rows (K, 10) of times, eight scores, whether it speaks.

    over: when the last of them is, s.
    """
    times, scores, speaks = rows[:, 0], rows[:, 1:-1], rows[:, -1]
    ends = np.append(times[1:], over)
    emotions = _without_flicker(_averaged(times, scores, window), lead)
    runs = _absorb(_runs(emotions), times, ends, scores, least)
    for first, stop, emotion in runs:
        shown = scores[first:stop, emotion]
        peak = first + int(shown.argmax())
        known = speaks[first:stop][np.isfinite(speaks[first:stop])]
        yield {"class": WITH_CONTEMPT[emotion], "start": round(float(times[first]), 3),
               "end": round(float(ends[stop - 1]), 3), "confidence": round(float(shown.mean()), 3),
               "peak": round(float(shown.max()), 3), "peak_seconds": round(float(times[peak]), 3),
               "frames": stop - first} | ({"speaking": round(float(known.mean()), 3)} if len(known) else {})


def _averaged(times, scores, window):
    """Scores (K, 8) averaged over the `window` s around each time."""
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, 0)])
    low = np.searchsorted(times, times - window / 2 - 1e-6)
    high = np.searchsorted(times, times + window / 2 + 1e-6)
    return (sums[high] - sums[low]) / (high - low)[:, None]


def _without_flicker(scores, lead):
    """The emotion (K,) held at each row of scores (K, 8): another takes over where it leads by `lead`."""
    emotions = scores.argmax(1)
    held = emotions[0]
    for place, best in enumerate(emotions):
        if scores[place, best] - scores[place, held] >= lead:
            held = best
        emotions[place] = held
    return emotions


def _runs(emotions):
    """[(first, stop, emotion)] of the runs of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(emotions)) + 1).tolist(), len(emotions)]
    return [(first, stop, int(emotions[first])) for first, stop in zip(edges, edges[1:])]


def _absorb(runs, times, ends, scores, least):
    """Give runs shorter than `least` s, the shortest first, to the neighbour whose emotion they show more of.

    One that has no neighbour is left out.
    """
    def length(run):
        return ends[run[1] - 1] - times[run[0]]

    while runs and length(shortest := min(runs, key=length)) < least - 1e-6:
        place = runs.index(shortest)
        beside = [other for other in (place - 1, place + 1) if 0 <= other < len(runs)]
        if not beside:
            return []
        shown = scores[shortest[0]:shortest[1]].sum(0)
        into = max(beside, key=lambda other: shown[runs[other][2]])
        low, high = sorted((place, into))
        runs[low:high + 1] = [(runs[low][0], runs[high][1], runs[into][2])]
        if low and runs[low - 1][2] == runs[low][2]:
            runs[low - 1:low + 1] = [(runs[low - 1][0], runs[low][1], runs[low][2])]
            low -= 1
        if low + 1 < len(runs) and runs[low + 1][2] == runs[low][2]:
            runs[low:low + 2] = [(runs[low][0], runs[low + 1][1], runs[low][2])]
    return runs


def longest_lines(segments: Iterable[dict], most: int = 10) -> list[str]:
    """The longest segments as lines to print, with who, what, from when and how long."""
    longest = sorted(segments, key=lambda segment: segment["start"] - segment["end"])[:most]
    return [f"{segment['name'] or 'face ' + str(segment['id']):12}{segment['class']:10}"
            f"{clock(segment['start'])} to {clock(segment['end'])}{segment['end'] - segment['start']:8.1f} s"
            f"{segment['confidence']:7.0%}" for segment in longest]


def clock(seconds: float) -> str:
    """Seconds as people read a player's clock: 1:02:03.4."""
    tenths = round(10 * seconds)
    hours, minutes = tenths // 36000, tenths // 600 % 60
    return f"{f'{hours}:{minutes:02d}' if hours else minutes}:{tenths // 10 % 60:02d}.{tenths % 10}"


def segments_of(results: str | Path, records: list[dict], shots: Sequence[dict] = (), renamed: bool = False,
                most_turn: float | None = None, options: Callable[[Path], dict] | None = None) -> list[dict]:
    """The segments of a results file with these `records` and `shots`: those kept beside it, else found anew.

    Where people were `renamed`, other segments may be one's: they are found anew as well, as without the faces that are
    not `facing` by `most_turn`. options: called with `results`, gives the keywords of `find_segments` that they were
    found by. InputError where what is kept is of other results.
    """
    kept = segments_path(results)
    if renamed or most_turn is not None or not kept.is_file():
        ahead = compress(records, facing(results, records, most_turn))
        found = find_segments(ahead, **options(Path(results)) if options else {}, shots=shots)
        return with_speech(found, read_speech(results))
    segments = read_segments(kept)
    if not {segment["id"] for segment in segments} <= {record["object"]["id"] for record in records}:
        raise InputError(f"{kept}: of other results than {Path(results).name}; delete it, and they are found anew")
    return segments


def read_segments(path: str | Path) -> list[dict]:
    """The segments (list of dicts) of a segments file; InputError where it is none."""
    segments = read_json(path, "no such segments; create_results.py writes them")
    check_all(path, "segment", segments, SEGMENT, SEGMENT_SAYS)
    for place, segment in enumerate(segments):
        if segment["start"] > segment["end"]:
            raise InputError(f"{path}: segment {place}: expected {SEGMENT_SAYS}; found start after end")
    return segments
