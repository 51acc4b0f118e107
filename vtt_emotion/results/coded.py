"""What people coded by hand: who shows which emotion from when to when, from ELAN, Praat, subtitles or a table.

An .eaf or a .TextGrid has a tier a person, whose annotations are emotions; a .csv, .tsv or .txt the columns person,
emotion, start and end (s, or 1:02:03.5), or those of export_results.py's segments, of ELAN's tab-delimited text, BORIS'
events or Datavyu's cells; a .vtt or .srt cues whose lines read "rachel: happy", or <v rachel>happy.
"""
import codecs
import html
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS, FRIENDS
from vtt_emotion.results.coded_eaf import read_eaf
from vtt_emotion.results.coded_tables import read_table
from vtt_emotion.results.tiers import OURS

SUFFIXES = (".eaf", ".textgrid", ".csv", ".tsv", ".txt", ".vtt", ".srt")
LEFT_OUT = "left-out"                            # what a word is mapped to that is no emotion
VOICE = re.compile(r"<v(?:\.[^\s>]*)*\s+([^>]+)>(.*)")
FRAMES = re.compile(r"(\d+):(\d\d?):(\d\d?)[:;](\d\d?|\d{3})")


def read_coded(path: Path, tiers: Iterable = (), words: Iterable = (), fps: float | None = None) -> list:
    """The annotations of a file, in order of person, then start.

    Args:
        path: a file of one of `SUFFIXES`; text in UTF-8, UTF-16 or cp1252.
        tiers: the tiers (or persons) to take; where none are named all but those that exports write of shots,
            notes and speech.
        words: pairs (word of the coders, one of our emotions or `LEFT_OUT`), beside the nouns and adjectives that are
            known, in any case.
        fps: frames a second of times as H:MM:SS:FF.

    Returns:
        list of dicts: person, class (an emotion), start and end (s). Annotations without a word, or of `none`, are
        left out.

    Raises:
        InputError: no such file or tier, an unknown word, times that are none, or annotations of one person that
            overlap; it names the file, the tier or line, and what was expected.
    """
    path, known = Path(path), {"none": LEFT_OUT} | {word: EMOTIONS[emotion] for word, emotion in FRIENDS.items()}
    known |= {word.strip().lower(): emotion for word, emotion in words}
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected coded annotations as {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file of coded annotations")
    rows = [(where, str(person), word, *times) for where, person, word, *times in _read(path)
            if not person.startswith(OURS) or person in tiers]
    people = list(dict.fromkeys(person for _, person, *_ in rows))
    absent = [tier for tier in tiers if tier not in people]
    if absent:
        raise InputError(f"{path}: no tier {absent[0]!r} with annotations; it has {', '.join(people) or 'none'}")
    spans = [_as_span(*row, known=known, fps=fps) for row in rows if (not tiers or row[1] in tiers) and row[2].strip()]
    spans = sorted(filter(None, spans), key=lambda span: (span[1]["person"], span[1]["start"]))
    for (_, one), (where, other) in zip(spans, spans[1:]):
        if one["person"] == other["person"] and other["start"] < one["end"] - 1e-3:
            raise InputError(f"{where}: overlaps the annotation before it, which ends at {one['end']:g} s")
    if not spans:
        raise InputError(f"{path}: holds no coded emotion")
    return [span for _, span in spans]


def _as_span(where, person, word, *times, known, fps):
    """(where, span) of a row; None where its word is left out."""
    emotion = known.get(word.strip().lower())
    word, times = shorten(word, 100), [shorten(str(time), 50) for time in times]         # what errors show of them
    if emotion == LEFT_OUT:
        return None
    if fps is None and any(frames and len(frames[4]) < 3 for frames in map(FRAMES.fullmatch, map(str, times))):
        raise InputError(f"{where}: {times[0]} to {times[1]} counts frames; --coded-fps tells how many a second has")
    start, end = (_seconds(time, fps) for time in times)
    if not 0 <= start < end < math.inf:
        raise InputError(f"{where}: expected a start before its end, in seconds, found {times[0]} to {times[1]}")
    if emotion is None:
        raise InputError(f"{where}: unknown emotion {word!r}; --words {word!r} happy maps it, "
                         f"{LEFT_OUT} leaves it out, and --tiers names the tiers that are read alone")
    return where, {"person": person, "class": emotion, "start": start, "end": end}


def _seconds(time, fps):
    """Seconds of a number, or of text such as 62.5, 62,5, 1:02.5, 0:01:02:12 (frames) or 0:01:02:500 (Datavyu's ms).

    NaN where it is none.
    """
    frames = FRAMES.fullmatch(str(time))
    try:
        if frames:
            hours, minutes, seconds, part = map(int, frames.groups())
            rate = 1000 if len(frames[4]) == 3 else fps
            return 3600 * hours + 60 * minutes + seconds + part / rate if part < rate else math.nan
        parts = str(time).replace(",", ".").split(":")
        return sum(float(part) * 60 ** place for place, part in enumerate(reversed(parts))) if len(parts) < 4 \
            else math.nan
    except ValueError:
        return math.nan


def _read(path):
    """(where, person, word, start, end) of a file's annotations, by its ending."""
    suffix = path.suffix.lower()
    if suffix == ".eaf":
        return read_eaf(path)
    text = read_text(path)
    if suffix == ".textgrid":
        return _read_textgrid(path, text)
    return _read_cues(path, text, suffix[1:]) if suffix in (".vtt", ".srt") else read_table(path, text)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 or, as Excel writes on Windows, cp1252; InputError where it is none."""
    data = Path(path).read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    order = {b"\0": "utf-16-le"}.get(data[1:2], "utf-16-be" if data[:1] == b"\0" else None)
    for encoding in ["utf-16"] if wide else [order] if order else ["utf-8-sig", "cp1252"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass
    raise InputError(f"{path}: not text in UTF-8, UTF-16 or cp1252")


def _read_textgrid(path, text):
    from praatio.utilities.textgrid_io import parseTextgridStr

    try:
        tiers = [tier for tier in parseTextgridStr(text)["tiers"] if tier["class"] == "IntervalTier"]
        rows = [(tier["name"], str(word), float(start), float(end)) for tier in tiers
                for start, end, word in tier["entries"]]
    except Exception:                            # praatio's own for a damaged file share no class
        raise InputError(f"{path}: not a TextGrid of Praat, or a damaged one") from None
    for tier, word, start, end in rows:
        yield f"{path}: tier {tier!r} at {start} s", tier, word, start, end


def _read_cues(path, text, form):
    from webvtt import from_buffer
    from webvtt.errors import MalformedCaptionError, MalformedFileError

    try:
        cues = from_buffer(io.StringIO(text.replace("\r\n", "\n")), form)
    except (MalformedFileError, MalformedCaptionError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not {'WebVTT' if form == 'vtt' else 'SubRip'} ({error})") from None
    for cue in cues:
        for raw, line in zip(cue.lines, cue.text.split("\n")):
            voice = VOICE.fullmatch(raw.strip())
            person, colon, word = (voice[1], ":", voice[2]) if voice else line.rpartition(":")
            if not colon:
                raise InputError(f"{path}: cue at {cue.start}: expected a person and an emotion, as in "
                                 f"\"rachel: happy\", found {line!r}")
            yield (f"{path}: cue at {cue.start}", html.unescape(person.strip()), word.replace("</v>", ""),
                   cue.start_time.in_milliseconds() / 1000, cue.end_time.in_milliseconds() / 1000)
