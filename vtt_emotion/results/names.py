"""Names that a person gave to the faces of results, as the page's reader saves them: people joined, split and named.

    {"names": [
    {"id": 1, "name": "Anna"},
    {"id": 3, "name": "Anna"},
    {"id": 7, "name": "Ben", "from": 12.5, "to": 20.0}
    ]}

Beside "names" may stand "notes": [{"from": 12.5, "to": 20.0, "text": "..."}]; without `to` a note is of a moment.

Each entry names the face of an id: always, or from a second on and before another. Where several fit a record the last
counts; `null` takes a name away. Two ids of one name are one person, so a name joins, and a time splits.
"""
from collections.abc import Iterable
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import read_json
from vtt_emotion.results.checks import ENTRY, ENTRY_SAYS, NOTE, NOTE_SAYS, check_all


def read_all_names(paths: Iterable[str | Path]) -> tuple[list[dict], list[dict]]:
    """(entries, notes) of several people's names files, the last named counting; notes in order of time, each once."""
    entries, notes = [], []
    for path in paths:
        entries += read_names(path)
        notes += [note for note in read_notes(path) if note not in notes]
    return entries, sorted(notes, key=lambda note: note["from"])


def read_notes(path: str | Path) -> list[dict]:
    """The notes (list of dicts: from, to, text) of a names file; `to` may be None."""
    notes = check_all(path, "note", _read(path).get("notes", []), NOTE, NOTE_SAYS)
    return [{"from": note["from"], "to": note.get("to"), "text": note["text"]} for note in notes]


def _read(path):
    read = read_json(path, "no such names; the page of report.py saves them")
    return read if isinstance(read, dict) else {}


def read_names(path: str | Path) -> list[dict]:
    """The entries (list of dicts: id, name, from, to) of a names file; `from` and `to` may be None.

    Raises:
        InputError: where it is none; names the file, the entry and what was expected.
    """
    entries = _read(path).get("names")
    if not isinstance(entries, list):
        raise InputError(f'{path}: expected {{"names": [...]}}, as the page of report.py saves it')
    entries = [{"from": None, "to": None, **entry} for entry in check_all(path, "entry", entries, ENTRY, ENTRY_SAYS)]
    for place, entry in enumerate(entries):
        if None not in (entry["from"], entry["to"]) and entry["from"] >= entry["to"]:
            raise InputError(f"{path}: entry {place}: expected {ENTRY_SAYS}; found to before from")
    return entries


def apply_names(records: list[dict], entries: list[dict]) -> tuple[list[dict], dict[int, dict]]:
    """(the records with the names of `entries`, {new id: its entry}); the given records stay as they are.

    What is named for a time only is another face than the rest of its id: it gets an id of its own, above all.
    InputError for an id that no record has.
    """
    if not entries or not records:
        return records, {}
    ids = {record["object"]["id"] for record in records}
    above = 1 + max(ids)
    of_id, parts = {}, {}
    for place, given in enumerate(entries):
        if given["id"] not in ids:
            raise InputError(f"--names: entry {place}: names id {given['id']}, which these results do not have; they "
                             f"have {', '.join(map(str, sorted(ids)[:20]))}")
        of_id.setdefault(given["id"], []).append(given)
    named = []
    for record in records:
        face, seconds = record["object"], record["seconds"]
        entry = next((entry for entry in reversed(of_id.get(face["id"], ())) if _covers(entry, seconds)), None)
        if entry is not None:
            id, bounded = face["id"], entry["from"] is not None or entry["to"] is not None
            if bounded:
                id = above + entries.index(entry)
                parts[id] = entry
            record = {**record, "object": {**face, "id": id, "name": entry["name"]}}
        named.append(record)
    return named, parts


def _covers(entry, seconds):
    return (entry["from"] is None or seconds >= entry["from"]) and (entry["to"] is None or seconds < entry["to"])
