import csv

from vtt_emotion.results.tables import SEGMENT_COLUMNS, write_csv


def test_a_name_that_is_a_formula_is_kept_from_being_one(tmp_path):
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@a", "\tx", "anna =", None]
    rows = [{"id": id, "name": name, "class": "sad", "start": -1.5, "end": 2} for id, name in enumerate(names)]
    write_csv(tmp_path / "a.csv", SEGMENT_COLUMNS, rows)
    with open(tmp_path / "a.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["name"] for row in found] == [f"'{name}" for name in names[:5]] + ["anna =", ""]
    assert found[0]["start"] == "-1.5"           # a number is one
