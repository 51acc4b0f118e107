import codecs
import functools
import importlib
import json
import os
import pickle
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy._core.multiarray import _reconstruct
from numpy._core.numeric import _frombuffer

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import short_name, whole_file, whole_folder
from vtt_emotion.datasets.npy import by_emotion, read_index, write_index
from vtt_emotion.datasets.parsing import Report, inside
from vtt_emotion.datasets.pickles import PlainUnpickler
from vtt_emotion.results.records import read_results


def test_round_trip_and_numpy_can_read_it(tmp_path):
    index = {0: {0: {"img": "a.jpg", "gt": [1, 2, 3, 4], "em": np.eye(7)[2], "aro": -0.5}}, 1: {}}
    write_index(tmp_path / "i.npy", index)
    for read in (read_index(tmp_path / "i.npy"), np.load(tmp_path / "i.npy", allow_pickle=True).item()):
        assert read[0][0]["gt"] == [1, 2, 3, 4] and read[1] == {}
        np.testing.assert_array_equal(read[0][0]["em"], np.eye(7)[2])


class _Call:
    """Pickled, it asks for a call of `function` with `arguments`, and for `state` to be set."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


# Asks for an array whose objects are bytes of the file taken as addresses: NumPy follows them, and the process dies.
_OBJECTS = _Call(np.dtype, "O", False, True, state=(3, "|", None, None, None, -1, -1, 0))
HARM = {
    "a command": (_Call(os.system, "touch harmed"), "asks for .*system"),
    "a program": (_Call(subprocess.Popen, ["touch", "harmed"]), "asks for .*Popen"),
    "eval": (_Call(eval, "open('harmed', 'w')"), "asks for builtins.eval"),
    "getattr": (_Call(getattr, "a", "upper"), "asks for builtins.getattr"),
    "import": (_Call(importlib.import_module, "this"), "asks for importlib.import_module"),
    "a file of its own": (_Call(np.load, "other.npy"), "asks for numpy.load"),
    "a zip bomb": (_Call(codecs.encode, "text", "zlib"), "asks for zlib text"),
    "much memory": (_Call(bytes, 10 ** 15), "positional argument"),
    "addresses": (_Call(_reconstruct, np.ndarray, (0,), b"b", state=(1, (1,), _OBJECTS, False, b"A" * 8)), "8 objects"),
    "addresses at once": (_Call(np.ndarray, (1,), "O", b"A" * 8), "no attribute"),
    "addresses in a record": (_Call(np.dtype, [("a", "O")]), "array of type"),
    "too large an array": (_Call(_reconstruct, np.ndarray, (0,), b"b",
                                 state=(1, (10 ** 12,), np.dtype("f8"), False, b"")), "cannot reshape"),
    "zeros without end": (_Call(_frombuffer, 10 ** 12, np.dtype("u1"), (1,), "C"), "passes int"),
    "a long text": (_Call(np.dtype, functools.reduce(lambda part, _: (part, part), range(45), 1)), "of type tuple"),
    "a change of the program": (_Call(_reconstruct, np.ndarray, (0,), b"b", state={"x": 1}), "that is none"),
    "a class of ours": (Path("a"), "asks for pathlib"),
}


@pytest.mark.parametrize("name", HARM)
@pytest.mark.parametrize("protocol", (2, 4))
def test_an_index_that_would_run_code_is_refused(tmp_path, monkeypatch, name, protocol):
    """In a process of its own: what is refused here could end it."""
    harm, message = HARM[name]
    holder = np.empty((), object)
    holder[()] = {0: {0: harm}}
    with open(tmp_path / "i.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(holder, file, protocol=protocol)
    read = ("import sys; from pathlib import Path; from vtt_emotion.datasets.npy import read_index; "
            "from vtt_emotion.core.command_line import run_script; "
            "run_script(lambda: read_index(Path(sys.argv[1])))")
    done = subprocess.run([sys.executable, "-c", read, str(tmp_path / "i.npy")], capture_output=True, text=True,
                          cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(HERE)})
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert re.search(r"i\.npy: not an index.*" + message, done.stderr), done.stderr
    assert os.listdir(tmp_path) == ["i.npy"]


def test_a_pickle_cannot_change_what_it_may_call():
    with pytest.raises(pickle.UnpicklingError, match="would change the program"):
        PlainUnpickler(b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00xK\x01sb.").read()


def test_a_nested_index_is_refused(tmp_path):
    deep = np.eye(2)
    for _ in range(100):
        deep = [deep]
    write_index(tmp_path / "i.npy", {0: deep})
    with pytest.raises(InputError, match="nested too deeply"):
        read_index(tmp_path / "i.npy")


HOST = platform.node()[:30]
HERE = Path(__file__).resolve().parents[2]


def test_every_kind_of_plain_data_comes_back(tmp_path):
    plain = {"text": "ä", "bytes": b"\xff", "none": None, "tuple": (1, (2.5, True)), "set": {1}, "big": 10 ** 30,
             "f": np.asfortranarray(np.arange(6.).reshape(2, 3)), "u": np.array(["a", "bc"]), "s": np.array([b"a"]),
             "scalar": np.int32(7), "nothing": np.str_(""), "empty": np.zeros((0, 4)),
             "objects": np.array([{"a": np.eye(2)}, None], object)}
    plain["same"] = plain["f"]
    write_index(tmp_path / "i.npy", plain)
    read = read_index(tmp_path / "i.npy")
    assert list(read) == list(plain) and read["same"] is read["f"]
    for name in ("text", "bytes", "none", "tuple", "set", "big", "scalar", "nothing"):
        assert read[name] == plain[name] and type(read[name]) is type(plain[name])
    for name in ("f", "u", "s", "empty"):
        np.testing.assert_array_equal(read[name], plain[name])
        assert read[name].dtype == plain[name].dtype and read[name].flags.writeable
    np.testing.assert_array_equal(read["objects"][0]["a"], np.eye(2))


def test_an_index_of_affectnets_size_is_read_in_seconds(tmp_path):
    entries = ({"img": f"Manually_Annotated_Images/{row % 1000}/{row:056x}.jpg", "gt": [1, 2, 300, 400],
                "emo": row % 7, "aro": -0.5, "val": row / 420000, "split": "train"} for row in range(420000))
    write_index(tmp_path / "i.npy", by_emotion(entries))
    since = time.process_time()
    read = read_index(tmp_path / "i.npy")
    assert time.process_time() - since < 10
    assert sum(map(len, read.values())) == 420000 and read[6][59999]["val"] == pytest.approx(1, abs=1e-5)


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


def test_what_a_killed_process_left_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f".a.txt.{HOST}.{gone.pid}.tmp", f".a.txt.{HOST}.{os.getppid()}.tmp", f".b.txt.{HOST}.{gone.pid}.tmp",
                 f".a.txt.elsewhere.{gone.pid}.tmp"):
        (tmp_path / name).touch()
    with whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    left = {f".a.txt.{HOST}.{os.getppid()}.tmp", f".b.txt.{HOST}.{gone.pid}.tmp", f".a.txt.elsewhere.{gone.pid}.tmp"}
    assert set(os.listdir(tmp_path)) == left | {"a.txt"}     # of a living process, another file, another machine


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    folder = tmp_path / "a"
    for text in ("first", "second"):
        with whole_folder(folder) as partial:
            (partial / "x").write_text(text)
        assert os.listdir(tmp_path) == ["a"] and (folder / "x").read_text() == text
    with pytest.raises(OSError, match="could not be written .*a.partial"), whole_folder(folder) as partial:
        (partial / "x").write_text("third")
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == ["a"] and (folder / "x").read_text() == "second"
    folder.rename(tmp_path / "a.former")                     # killed between the two renames
    with pytest.raises(RuntimeError), whole_folder(folder):
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a"] and (folder / "x").read_text() == "second"


NAMES = ["a b", "ä" * 127, "x" * 255, "笑顔" * 42, "[a]*?", "a\nb", os.fsdecode(b"\xff" * 250)]


def test_short_names_are_whole_letters():
    for letters in ("李小龙" * 30, "x" + "李小龙" * 30, "xx" + "é笑" * 50):
        short = short_name(letters)
        assert short.startswith(letters[:50]) and len(short.encode()) <= 200


@pytest.mark.parametrize("name", NAMES)
def test_file_names_of_all_kinds(tmp_path, name):
    with whole_file(tmp_path / name) as temporary:
        temporary.write_text("whole")
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_text() == "whole"
    assert len(os.fsencode(short_name(name))) <= 200 and (short_name(name) == name) == (len(os.fsencode(name)) <= 200)


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


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(OSError) as error, whole_file(tmp_path / "results/a.json"):
        pass
    assert error.value.filename == str(tmp_path / "results")
