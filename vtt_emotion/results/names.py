"""Names that a person gave to the faces of results, as the page's reader saves them: people joined, split and named.

    {"names": [
    {"id": 1, "name": "Anna"},
    {"id": 3, "name": "Anna"},
    {"id": 7, "name": "Ben", "from": 12.5, "to": 20.0}
    ]}

Each entry names the face of an id: always, or from a second on and before another. Where several fit a record the last
counts; `null` takes a name away. Two ids of one name are one person, so a name joins, and a time splits.
"""
import math

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import read_json


def read_names(path):
    """The entries (list of dicts: id, name, from, to) of a names file; `from` and `to` may be None.

    Raises:
        InputError: where it is none; names the file, the entry and what was expected.
    """
    try:
        entries = read_json(path, "no such names; the page of report.py saves them")["names"]
    except (KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise InputError(f'{path}: expected {{"names": [...]}}, as the page of report.py saves it')
    for place, entry in enumerate(entries):
        if not _is_entry(entry):
            raise InputError(f"{path}: entry {place}: expected a whole number as id, a name or null, and from and "
                             "to in seconds, from before to, or neither")
    return [{"from": None, "to": None, **entry} for entry in entries]


def _is_entry(entry):
    try:
        times = [entry.get(key) for key in ("from", "to")]
        good = isinstance(entry["id"], int) and not isinstance(entry["id"], bool) \
            and (entry["name"] is None or isinstance(entry["name"], str) and entry["name"].strip() != "") \
            and all(time is None or math.isfinite(time) and time >= 0 for time in times)
        return good and (None in times or times[0] < times[1])
    except (AttributeError, KeyError, TypeError):
        return False


def apply_names(records, entries):
    """(the records with the names of `entries`, {new id: its entry}); the given records stay as they are.

    What is named for a time only is another face than the rest of its id: it gets an id of its own, above all.
    """
    if not entries:
        return records, {}
    ids = [record["object"]["id"] for record in records]
    above = 1 + max([id for id in ids if isinstance(id, int)], default=0)
    of_id, parts = {}, {}
    for entry in entries:
        of_id.setdefault(entry["id"], []).append(entry)
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
