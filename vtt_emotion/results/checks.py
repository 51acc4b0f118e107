"""What records, segments and names must be, whoever wrote them: a table of kinds each, checked where they are read."""
import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS, WITH_CONTEMPT
from vtt_emotion.results.tables import POSE_COLUMNS

ABSENT = object()
LONGEST = 4e6                                    # s; milliseconds of it are 32 bits in the page
WIDEST = 2 ** 31 - 1                             # of a whole number in a table
LONE = re.compile("[\ud800-\udfff]")             # half a character, that no file in UTF-8 can hold


def number(least: float, most: float) -> Callable:
    """The kind of numbers within bounds, ends included; NaN is none."""
    return lambda value: type(value) in (int, float) and least <= value <= most


def whole(value: Any) -> bool:
    return type(value) is int and abs(value) <= WIDEST


def text(value: Any) -> bool:
    return isinstance(value, str) and not LONE.search(value)


def null(value: Any) -> bool:
    return value is None


def either(*kinds: Callable) -> Callable:
    return lambda value: any(kind(value) for kind in kinds)


def if_any(kind: Any) -> Callable:
    """What may be left out, or null."""
    return lambda value: value is ABSENT or value is None or misfit(value, kind) is None


def boolean(value: Any) -> bool:
    return isinstance(value, bool)


def emotion(value: Any) -> bool:
    return isinstance(value, str) and value in WITH_CONTEMPT


SHARE, TIME, PIXELS = number(0, 1), number(0, LONGEST), number(-WIDEST, WIDEST)
SIGNED, DEGREES = number(-1, 1), number(-180, 180)
POSE = dict.fromkeys(POSE_COLUMNS, DEGREES)
FACE = {"id": whole, "name": either(null, text), "box": [PIXELS] * 4, "confidence": SHARE, "frontal": if_any(SHARE),
        "valence": if_any(SIGNED), "arousal": if_any(SIGNED),
        "scores": if_any(dict.fromkeys(EMOTIONS, SHARE) | {"contempt": if_any(SHARE)}), "pose": if_any(POSE),
        "mouth": if_any(SHARE), "eyes": if_any(SHARE), "mesh": if_any(SHARE), "speaking": if_any(boolean)}
RECORD = {"class": emotion, "seconds": TIME, "file": lambda value: value is ABSENT, "object": FACE}
PHOTO = RECORD | {"seconds": null, "file": text}
RECORD_SAYS = ("class (an emotion), seconds (of a photo null, and its file) and object: id (whole number), name (text "
               "or null), box (four numbers), confidence (0 to 1) and, if any, frontal and all seven scores (0 to 1), "
               "pose (yaw, pitch, roll in degrees), mouth, eyes and mesh (0 to 1), valence and arousal (-1 to 1)")
SEGMENT = {"id": whole, "name": either(null, text), "class": emotion, "start": TIME, "end": TIME, "confidence": SHARE,
           "peak": SHARE, "peak_seconds": TIME, "frames": whole, "speech": if_any(SHARE), "speaking": if_any(SHARE)}
SEGMENT_SAYS = "id, name, class (an emotion), start before end (s), confidence, peak, peak_seconds and frames"
SPEECH = {"start": TIME, "end": TIME}
SPEECH_SAYS = "start before end (s)"
PERSON = {"id": whole, "name": either(null, text)}
SHOT = {"shot": whole, "start": TIME, "end": TIME, "first_frame": whole, "end_frame": whole,
        "framing": either(null, text), "people": lambda value: isinstance(value, list) and all(
            misfit(one, PERSON) is None for one in value)}
SHOT_SAYS = "shot, start, end (s), first_frame, end_frame, framing (text or null) and people (each with id and name)"
ENTRY = {"id": whole, "name": either(null, lambda value: text(value) and value.strip()), "from": if_any(TIME),
         "to": if_any(TIME)}
NOTE = {"from": TIME, "to": if_any(TIME), "text": text}
NOTE_SAYS = "from and, if it is no moment, to in seconds, and a text"
ENTRY_SAYS = "a whole number as id, a name or null, and from and to in seconds, from before to, or neither"


def misfit(value: Any, kind: Any, name: str = "") -> tuple | None:
    """(name, value) of the first part of a value that is not of its kind; None where all are.

    kind: a dict of kinds by key, a list of kinds, or a function that says whether a value is of it; what is not there
    is `ABSENT`.
    """
    if callable(kind):
        return None if kind(value) else (name, value)
    if type(value) is not type(kind) or isinstance(kind, list) and len(value) != len(kind):
        return name, value
    for key, part in kind.items() if isinstance(kind, dict) else enumerate(kind):
        found = misfit(value.get(key, ABSENT) if isinstance(kind, dict) else value[key], part, f"{name}.{key}")
        if found:
            return found
    return None


def check_all(path: str | Path, what: str, items: Any, kind: Any, says: str) -> list:
    """The items, each a dict of a kind; an InputError names the first that is not, and where.

    what, says: what one is called, and is to be, in the error.
    """
    if not isinstance(items, list):
        raise InputError(f"{path}: expected an array of {what}s, each with {says}")
    for place, item in enumerate(items):
        found = misfit(item, kind)
        if found:
            name, value = found
            shown = "" if value is ABSENT else f" {reprlib.repr(value)}"
            raise InputError(f"{path}: {what} {place}: expected {says}; found {'no ' * (value is ABSENT)}"
                             f"{name.strip('.')}{shown}")
    return items
