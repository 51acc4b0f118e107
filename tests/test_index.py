import json
import os
import pickle

import numpy as np
import pytest

from index import Report, by_emotion, inside, read_index, read_results, whole_file, write_index
from ops import InputError


def test_round_trip_and_numpy_can_read_it(tmp_path):
    index = {0: {0: {"img": "a.jpg", "gt": [1, 2, 3, 4], "em": np.eye(7)[2], "aro": -0.5}}, 1: {}}
    write_index(tmp_path / "i.npy", index)
    for read in (read_index(tmp_path / "i.npy"), np.load(tmp_path / "i.npy", allow_pickle=True).item()):
        assert read[0][0]["gt"] == [1, 2, 3, 4] and read[1] == {}
        np.testing.assert_array_equal(read[0][0]["em"], np.eye(7)[2])


class _Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_an_index_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    holder = np.empty((), object)
    holder[()] = {0: _Harm()}
    np.save(tmp_path / "i.npy", holder)
    with pytest.raises(InputError, match=r"i\.npy: not an index.*system"):
        read_index(tmp_path / "i.npy")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({}), None])
def test_what_is_no_index_is_refused(tmp_path, content):
    path = tmp_path / "raf_parsed.npy"
    if content is None:
        np.save(path, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="not an index"):
        read_index(path)


def test_a_cut_short_index_is_refused(tmp_path):
    write_index(tmp_path / "i.npy", {i: "some text" * 20 for i in range(50)})
    data = (tmp_path / "i.npy").read_bytes()
    (tmp_path / "i.npy").write_bytes(data[:len(data) // 2])
    with pytest.raises(InputError, match="not an index"):
        read_index(tmp_path / "i.npy")


def test_missing_index_names_its_parser(tmp_path):
    with pytest.raises(InputError, match="parse_raf.py writes it"):
        read_index(tmp_path / "raf_parsed.npy")


def test_an_index_holds_a_dict(tmp_path):
    write_index(tmp_path / "i.npy", [1, 2])
    with pytest.raises(InputError, match="expected a dict"):
        read_index(tmp_path / "i.npy")


def test_whole_file_leaves_what_was_there_when_writing_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name,expected", [
    ("1/a.jpg", "1/a.jpg"), ("1\\a.jpg", "1/a.jpg"), ("./1/../2/a.jpg", "2/a.jpg"), ("..a/b.jpg", "..a/b.jpg"),
    ("../a.jpg", None), ("1/../../a.jpg", None), ("/etc/passwd", None), ("C:\\a.jpg", None), ("..", None)])
def test_inside(name, expected):
    assert inside(name) == expected


def test_by_emotion_counts_from_zero():
    index = by_emotion([{"emo": 3, "n": 1}, {"emo": 0, "n": 2}, {"emo": 3, "n": 3}])
    assert [entry["n"] for entry in index[3].values()] == [1, 3] and list(index[3]) == [0, 1]
    assert list(index) == list(range(7))


def test_report_counts_and_strictness(capsys):
    report = Report()
    report.keep("train", 3)
    report.drop("box NULL")
    report.defect("list.csv row 7", "no number")
    report.defect("list.csv row 9", "no number")
    report.print("there.npy")
    out = capsys.readouterr().out
    assert "train: kept 1 (angry 0" in out and "dropped 1: box NULL" in out
    assert "dropped 2: not as the format is described; the first: list.csv row 7: no number" in out
    with pytest.raises(InputError, match="list.csv row 7: no number"):
        Report(strict=True).defect("list.csv row 7", "no number")


@pytest.mark.parametrize("text", ["{", "{}", "[" * 100000, json.dumps([{"class": "sad"}]),
                                  json.dumps([{"class": "sad", "seconds": 0, "object": {}}]),
                                  json.dumps([{"class": "joy", "seconds": 0, "object": {"id": 1, "name": None,
                                                                                       "box": [0, 0, 1, 1]}}])])
def test_results_of_another_form_are_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match="r.json"):
        read_results(tmp_path / "r.json")
    with pytest.raises(InputError, match="no such results"):
        read_results(tmp_path / "other.json")
