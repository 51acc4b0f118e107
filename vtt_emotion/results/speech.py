"""Speech beside emotion: from when to when it is heard in a film, how much of a segment is spoken, who speaks when."""
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import read_json
from vtt_emotion.results.checks import SPEECH, SPEECH_SAYS, check_all

PAUSE = 0.3                                      # s, of a person who goes on speaking
FILM = "the film"
SPEECH_COLUMNS = ("start", "end")


def speech_path(results: str | Path) -> Path:
    """Where the speech of a film is: NAME.speech.json beside its results."""
    return Path(results).with_suffix(".speech.json")


def read_speech(results: str | Path) -> list[dict] | None:
    """The speech beside a results file, dicts of `start` and `end`, s, in order; None where it was not looked for.

    InputError where it is none.
    """
    path = speech_path(results)
    if not path.is_file():
        return None
    speech = check_all(path, "stretch", read_json(path, ""), SPEECH, SPEECH_SAYS)
    edges = [stretch[end] for stretch in speech for end in SPEECH_COLUMNS]
    if any(one > other for one, other in zip(edges, edges[1:])):
        raise InputError(f"{path}: expected stretches one after the other, each with {SPEECH_SAYS}")
    return speech


def with_speech(segments: list[dict], speech: list[dict] | None) -> list[dict]:
    """The segments with `speech`, the share of their time in which it is heard, 0 to 1; as they are where it is None.

    >>> with_speech([{"start": 1.0, "end": 3.0}], [{"start": 2.0, "end": 4.0}])
    [{'start': 1.0, 'end': 3.0, 'speech': 0.5}]
    """
    if speech is None:
        return segments
    edges = np.array([(stretch["start"], stretch["end"]) for stretch in speech]).reshape(-1, 2)
    heard = np.cumsum([(0.0, end - start) for start, end in edges])            # s of it up to each edge
    times = np.array([(segment["start"], segment["end"]) for segment in segments]).reshape(-1, 2)
    seconds = np.diff(np.interp(times, edges.ravel(), heard))[:, 0] if len(edges) else np.zeros(len(times))
    shares = (seconds / np.maximum(np.diff(times)[:, 0], 1e-3)).clip(0, 1)
    return [segment | {"speech": round(float(share), 3)} for segment, share in zip(segments, shares)]


def turns(speech: Iterable[dict], records: Iterable[dict]) -> list[dict]:
    """The turns (dicts of id, name, start and end, s) that are spoken: those of `FILM`, without an id, its speech, then
    each person's, from the first to the last of its `records`, in order of seconds, that are `speaking`, over pauses of
    up to `PAUSE` s."""
    found, last = [{"id": None, "name": FILM, **stretch} for stretch in speech], {}            # last: an id's last turn
    for record in records:
        face, seconds = record["object"], record["seconds"]
        if not face.get("speaking"):
            continue
        turn = last.get(face["id"])
        if turn is None or seconds - turn["end"] > PAUSE + 1e-6:
            turn = last[face["id"]] = {"id": face["id"], "name": face["name"], "start": seconds}
            found.append(turn)
        turn["end"] = seconds
    return found
