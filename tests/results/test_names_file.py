import json

import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.results.names import apply_names, read_all_names, read_names
from vtt_emotion.results.tiers import NOTES, all_tiers


def record(seconds, id, name=None):
    return {"type": "emotion", "class": "happy", "seconds": seconds,
            "object": {"id": id, "name": name, "box": [0, 0, 9, 9], "confidence": 0.9, "frontal": 0.5}}


def entry(id, name, start=None, end=None):
    return {"id": id, "name": name, "from": start, "to": end}


def who(records):
    return [(made["object"]["id"], made["object"]["name"]) for made in records]


def test_names_join_and_split():
    records = [record(0, 1), record(1, 1), record(2, 3), record(3, 7, "joey"), record(4, 8)]
    named, parts = apply_names(records, [entry(1, "Anna"), entry(3, "Anna"), entry(7, None), entry(1, "Ben", 1, 2)])
    assert who(named) == [(1, "Anna"), (12, "Ben"), (3, "Anna"), (7, None), (8, None)]       # a part has its own id
    assert parts == {12: entry(1, "Ben", 1, 2)} and named[0]["object"]["frontal"] == 0.5
    assert who(records) == [(1, None), (1, None), (3, None), (7, "joey"), (8, None)]         # the given ones stay
    assert apply_names([], [entry(1, "Anna")]) == ([], {})


def test_the_last_entry_that_fits_counts_and_ends_are_open():
    records = [record(seconds, 1) for seconds in (0, 1, 2)]
    named, _ = apply_names(records, [entry(1, "a", 0, 2), entry(1, "b", 1)])
    assert [name for _, name in who(named)] == ["a", "b", "b"]
    named, _ = apply_names(records, [entry(1, "b", 1), entry(1, "a", 0, 2)])
    assert [name for _, name in who(named)] == ["a", "a", "b"]


def test_several_peoples_files_are_one(tmp_path):
    notes = [{"from": 3.0, "to": 4.0, "text": "b"}, {"from": 1.0, "to": None, "text": "a"}]
    for name, entries, mine in (("a", [entry(1, "Anna")], notes), ("b", [entry(1, "Ben")], notes[:1])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"names": entries, "notes": mine}))
    entries, both = read_all_names([tmp_path / "a.json", tmp_path / "b.json"])
    assert [each["name"] for each in entries] == ["Anna", "Ben"] and both == notes[::-1]
    assert read_all_names([]) == ([], [])
    (tmp_path / "a.json").write_text('{"names": [], "notes": [{"from": 3}]}')
    with pytest.raises(InputError, match="a.json: note 0: expected from and, if it is no moment, to in seconds"):
        read_all_names([tmp_path / "a.json"])


def test_notes_are_tiers():
    notes = [{"from": 1.0, "to": 3.0, "text": "a"}, {"from": 2.0, "to": None, "text": "b"}]
    assert all_tiers([], [], notes) == {NOTES: [(1000, 3000, "a")], f"{NOTES} (2)": [(2000, 3000, "b")]}


def test_a_file_is_read(tmp_path):
    path = tmp_path / "a.names.json"
    path.write_text('{"names": [{"id": 1, "name": "Änne"}, {"id": 2, "name": null, "from": 1.5, "to": 2}]}',
                    encoding="utf-8")
    assert read_names(path) == [entry(1, "Änne"), entry(2, None, 1.5, 2)]


@pytest.mark.parametrize("text, said", [
    ("{", "not JSON"), ("[" * 100000, "not JSON"), ("[]", 'expected {"names": '),
    ('{"names": 5}', 'expected {"names": '),
    ('{"names": [{"id": 1, "name": "a"}, {"id": "1", "name": "a"}]}', "entry 1: expected a whole number as id"),
    *((json.dumps({"names": [bad]}), "entry 0: expected a whole number as id") for bad in (
        5, {"id": 1}, {"id": True, "name": "a"}, {"id": 1, "name": " "}, {"id": 1, "name": 5},
        {"id": 1, "name": "a", "from": 2, "to": 1}, {"id": 1, "name": "a", "from": "x"},
        {"id": 1, "name": "a", "to": -1}, {"id": 1, "name": "a", "to": float("inf")}))])
def test_a_file_that_is_none_is_named(tmp_path, text, said):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError) as found:
        read_names(path)
    assert str(found.value).startswith(f"{path}: ") and said in str(found.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such names; the page of report.py saves them"):
        read_names(tmp_path / "b.json")
