"""What people coded by hand: who shows which emotion from when to when, from ELAN (.eaf), a table (.csv) or .vtt.

An .eaf has a tier a person, whose annotations are emotions; a .csv the columns person, emotion, start and end (s, or
1:02:03.5), or those of export_results.py's segments, between commas, semicolons or tabs; a .vtt cues whose lines read
"rachel: happy", or <v rachel>happy.
"""
import csv
import html
import math
import re
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS, FRIENDS

SUFFIXES = (".eaf", ".csv", ".vtt")
LEFT_OUT = "left-out"                            # what a word is mapped to that is no emotion
VOICE = re.compile(r"<v(?:\.[^\s>]*)*\s+([^>]+)>(.*)")


def read_coded(path, tiers=(), words=()):
    """The annotations of a file, in order of person, then start.

    Args:
        path: .eaf, .csv or .vtt.
        tiers: the tiers (or persons) to take, all where none are named.
        words: pairs (word of the coders, one of our emotions or `LEFT_OUT`), beside the nouns and adjectives that are
            known, in any case.

    Returns:
        list of dicts: person, class (an emotion), start and end (s). Annotations without a word, or of `none`, are
        left out.

    Raises:
        InputError: no such file or tier, an unknown word, times that are none, or annotations of one person that
            overlap; it names the file, the tier or line, and what was expected.
    """
    path, known = Path(path), {"none": LEFT_OUT} | {word: EMOTIONS[emotion] for word, emotion in FRIENDS.items()}
    readers = dict(zip(SUFFIXES, (_read_eaf, _read_csv, _read_vtt)))
    known |= {word.strip().lower(): emotion for word, emotion in words}
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected coded annotations as .eaf, .csv or .vtt")
    if not path.is_file():
        raise InputError(f"{path}: no such file of coded annotations")
    rows = list(readers[path.suffix.lower()](path))
    people = list(dict.fromkeys(person for _, person, *_ in rows))
    absent = [tier for tier in tiers if tier not in people]
    if absent:
        raise InputError(f"{path}: no tier {absent[0]!r} with annotations; it has {', '.join(people) or 'none'}")
    spans = [_as_span(*row, known=known) for row in rows if (not tiers or row[1] in tiers) and row[2].strip()]
    spans = sorted((span for span in spans if span[1]["class"] != LEFT_OUT),
                   key=lambda span: (span[1]["person"], span[1]["start"]))
    for (_, one), (where, other) in zip(spans, spans[1:]):
        if one["person"] == other["person"] and other["start"] < one["end"] - 1e-3:
            raise InputError(f"{where}: overlaps the annotation before it, which ends at {one['end']:g} s")
    if not spans:
        raise InputError(f"{path}: holds no coded emotion")
    return [span for _, span in spans]


def _as_span(where, person, word, *times, known):
    start, end = map(_seconds, times)
    if not 0 <= start < end < math.inf:
        raise InputError(f"{where}: expected a start before its end, in seconds, found {times[0]} to {times[1]}")
    emotion = known.get(word.strip().lower())
    if emotion is None:
        raise InputError(f"{where}: unknown emotion {word.strip()!r}; --words {word.strip()!r} happy maps it, "
                         f"{LEFT_OUT} leaves it out, and --tiers names the tiers that are read alone")
    return where, {"person": person, "class": emotion, "start": start, "end": end}


def _seconds(time):
    """Seconds of a number, or of text such as 62.5, 62,5 or 1:02.5; NaN where it is none."""
    try:
        return sum(float(part) * 60 ** place for place, part in
                   enumerate(reversed(str(time).replace(",", ".").split(":"))))
    except ValueError:
        return math.nan


def _read_eaf(path):
    from pympi import Eaf

    try:
        document = Eaf(str(path), suppress_version_warning=True)
        for tier in document.get_tier_names():
            for *times, word in (note[:3] for note in document.get_annotation_data_for_tier(tier)):
                start, end = ("no time" if time is None else time / 1000 for time in times)      # ELAN gives some none
                yield f"{path}: tier {tier!r} at {start} s", tier, word or "", start, end
    except InputError:
        raise
    except Exception:                            # pympi's own for a damaged file share no class
        raise InputError(f"{path}: not an annotation file of ELAN, or a damaged one") from None


def _read_csv(path):
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
            columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
            word = columns.get("emotion", columns.get("class"))
            if word is None or not {"start", "end"} <= set(columns) or not {"person", "name"} & set(columns):
                raise InputError(f"{path}: expected the columns person, emotion, start and end, found "
                                 f"{', '.join(rows.fieldnames or ()) or 'none'}")
            for row in rows:
                person = row[columns.get("person", columns.get("name"))]
                if not person and "id" in columns:
                    person = f"face {row[columns['id']]}"
                start, end = (row[columns[key]] or "nothing" for key in ("start", "end"))
                yield f"{path} line {rows.line_num}", person or "", row[word] or "", start, end
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a table of comma-separated values in UTF-8 ({error})") from None


def _read_vtt(path):
    import webvtt
    from webvtt.errors import MalformedCaptionError, MalformedFileError

    try:
        cues = webvtt.read(str(path))
    except (MalformedFileError, MalformedCaptionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not WebVTT ({error})") from None
    for cue in cues:
        for raw, line in zip(cue.lines, cue.text.split("\n")):
            voice = VOICE.fullmatch(raw.strip())
            person, colon, word = (voice[1], ":", voice[2]) if voice else line.rpartition(":")
            if not colon:
                raise InputError(f"{path}: cue at {cue.start}: expected a person and an emotion, as in "
                                 f"\"rachel: happy\", found {line!r}")
            yield (f"{path}: cue at {cue.start}", html.unescape(person.strip()), word.replace("</v>", ""),
                   cue.start_time.in_milliseconds() / 1000, cue.end_time.in_milliseconds() / 1000)
