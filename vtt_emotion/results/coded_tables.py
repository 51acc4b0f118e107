"""Coded tables: our own, and those that ELAN (tab-delimited), BORIS and Datavyu export, told by their columns."""
import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vtt_emotion.core.errors import InputError

Cells = Sequence[tuple[str, dict[str, str]]]      # (where, {column in small letters: cell}) of each row
PERSON = ("person", "name", "subject", "tier", "participant", "speaker", "column")
WORD = ("emotion", "class", "behavior", "behaviour", "annotation", "value", "label", "text", "code")
START = ("start", "start (s)", "begin", "onset")
END = ("end", "stop (s)", "end (s)", "stop", "offset")
VIDEO = ("observation id", "file")               # columns of the tables of several videos
ELAN = re.compile(r".* - (hh:mm:ss\.ms|ss\.msec|msec)")      # in any of ELAN's languages
TIMED = re.compile(ELAN.pattern[:-1] + "|hh:mm:ss:ff.*)")     # a time of frames stands beside others
HEADS = 40                                       # rows within which a head is looked for: BORIS tells of itself first
CLOCK, SECONDS, MILLISECONDS = re.compile(r"\d+:\d\d:\d\d[.,]\d+"), re.compile(r"\d+[.,]\d+"), re.compile(r"\d+")


def read_table(path: Path, text: str) -> Iterable[tuple]:
    """Yield (where, person, word, start, end) of a table's rows; times as they are given, of milliseconds s.

    Raises:
        InputError: no such columns, or of several videos; it says what was found.
    """
    first = next((line for line in text.splitlines() if line.strip('" ') and not line.startswith(("#", '"#'))), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(f"{path} line {reader.line_num}", [" ".join(cell.split()) for cell in row])
                for row in reader if any(row)]
    except csv.Error as error:
        raise InputError(f"{path}: not a table of comma-separated values ({error})") from None
    rows = [row for row in rows if not row[1][0].startswith("#")]            # ELAN's, of its media
    for place, (_, head) in enumerate(rows[:HEADS]):
        columns = {}
        for name in head:
            columns.setdefault(name.lower(), name)
        reading = next((reader for reader in READERS if reader(columns, None) is not None), None)
        if reading:
            return _of_one_video(path, head, columns, rows[place + 1:], reading)
    unnamed = _unnamed(rows[0][1]) if rows else None
    if unnamed:
        return _read_unnamed(unnamed, rows)
    found = ", ".join(name for name in (rows[0][1] if rows else ()) if name) or "none"
    raise InputError(f"{path}: expected the columns person, emotion, start and end, found {found[:300]}")


def _of_one_video(path, head, columns, rows, reading):
    positions = {name: head.index(shown) for name, shown in columns.items()}
    cells = [(where, {name: row[at] if at < len(row) else "" for name, at in positions.items()})
             for where, row in rows]
    for name in VIDEO:
        videos = {row[name]: None for _, row in cells if row.get(name)}
        if len(videos) > 1:
            raise InputError(f"{path}: expected a table of one video, found {', '.join(videos)[:300]} as {name}")
    return reading(columns, cells)


def _first(columns, names):
    return next((name for name in names if name in columns), None)


def _person(row, name):
    return row.get(name) or (f"face {row['id']}" if row.get("id") else "")


def read_spans(columns: dict[str, str], cells: Cells | None) -> Iterable[tuple] | None:
    """A row an annotation: ours, BORIS' aggregated events, Datavyu's by datavyu2csv.rb. None of other columns.

    columns: {column in small letters: as it is written}; cells: the rows, None where it is
    only asked whether the columns are read.
    """
    person, word, start, end = (_first(columns, names) for names in (PERSON, WORD, START, END))
    if "ordinal" in columns and not word:        # its codes have names of their own
        word = next((name for name in columns if name not in (person, start, end, "file", "ordinal", "")), None)
    if None in (person, word, start, end):
        return None
    unit = _milliseconds if "ordinal" in columns else str
    return ((where, _person(row, person), row[word], unit(row[start] or "nothing"), unit(row[end] or "nothing"))
            for where, row in cells or ())


def read_events(columns: dict[str, str], cells: Cells | None) -> Iterable[tuple] | None:
    """A row a moment at which a behaviour starts or stops: BORIS' events."""
    person, word = _first(columns, PERSON), _first(columns, WORD)
    status = next((name for name in ("status", "behavior type") if name in columns), None)
    if None in (person, word, status) or "time" not in columns:
        return None
    return _paired(person, word, status, cells or ())


def _paired(person, word, status, cells):
    begun = {}
    for where, row in cells:
        key = row[person], row[word]
        if row[status].upper() == "STOP" and key in begun:
            yield *begun.pop(key), row["time"]
        elif row[status].upper() == "START" and key not in begun:
            begun[key] = where, *key, row["time"]
        else:
            yield where, *key, row["time"], "nothing"
    for row in begun.values():
        yield *row, "nothing"


def read_elan(columns: dict[str, str], cells: Cells | None) -> Iterable[tuple] | None:
    """ELAN's tab-delimited text with its columns' names: a row an annotation, or a column a tier."""
    forms = {name: match[1] for name in columns if (match := ELAN.fullmatch(name))}
    times = [name for name, form in forms.items() if form == next(iter(forms.values()))]
    if len(times) < 2:
        return None
    tier, word = _first(columns, ("tier", *PERSON)), _first(columns, WORD)
    unit = _milliseconds if times[0].endswith("- msec") else str
    others = [name for name in columns if not TIMED.fullmatch(name) and name and name not in PERSON]
    return ((where, row[tier] if tier and word else columns[name], row[name], unit(row[times[0]]), unit(row[times[1]]))
            for where, row in cells or () for name in ([word] if tier and word else others) if row[name])


def read_groups(columns: dict[str, str], cells: Cells | None) -> Iterable[tuple] | None:
    """Datavyu's own table: beside each other, each of its columns with onset and offset (ms) and its codes."""
    groups = {}
    for name in columns:
        group, dot, part = name.rpartition(".")
        if dot:
            groups.setdefault(group, []).append(part)
    groups = {group: parts for group, parts in groups.items() if {"onset", "offset"} <= set(parts)}
    return _grouped(columns, groups, cells or ()) if groups else None


def _grouped(columns, groups, cells):
    for where, row in cells:
        for group, parts in groups.items():
            codes = [part for part in parts if part not in ("ordinal", "onset", "offset")]
            person, word = _first(codes, PERSON), _first(codes, WORD)
            word = word or next((part for part in codes if part != person), None)
            if word and row[f"{group}.onset"]:
                who = row[f"{group}.{person}"] if person else columns[f"{group}.onset"][:len(group)]
                yield (where, who, row[f"{group}.{word}"], _milliseconds(row[f"{group}.onset"]),
                       _milliseconds(row[f"{group}.offset"]))


READERS = (read_spans, read_events, read_elan, read_groups)


def _milliseconds(time):
    """Seconds of a number of milliseconds; what is none stays as it is."""
    return int(time) / 1000 if MILLISECONDS.fullmatch(time) and len(time) < 16 else time


def _unnamed(row):
    """(columns of start and end, whether in ms) of a row of ELAN's text without names: tier, times, annotation."""
    forms = [next((form for form in (CLOCK, SECONDS, MILLISECONDS) if form.fullmatch(cell)), None) for cell in row]
    start = next((place for place in range(1, len(row) - 1) if forms[place]), None)
    end = next((place for place in range(start + 1, len(row) - 1) if forms[place] is forms[start]), None) \
        if start else None
    return (start, end, forms[start] is MILLISECONDS) if end else None


def _read_unnamed(columns, rows):
    start, end, whole = columns
    unit = _milliseconds if whole else str
    for where, row in rows:
        row = row + [""] * (end + 2 - len(row))
        yield where, row[0], row[-1], unit(row[start] or "nothing"), unit(row[end] or "nothing")
