"""Some hundred files of strangers, each mutated: they are read, or refused in one sentence, and none hangs."""
import json

import numpy as np
import pytest

import export_results
from tests.results.test_coded_tables import FILES, eaf
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.segments import find_segments, segments_path
from vtt_emotion.video.faces_file import VERSION, read_faces, write_faces
from vtt_emotion.video.tracks import FACE

VALUES = [None, True, -1, 0.5, 1e308, 10 ** 400, 2 ** 31, 2 ** 63, "", "\ud800", "a\0\n", [], {}, [1], float("nan")]
PIECES = [b"", b"9", b"-", b"\n", b'"', b"<", b":", b",", b"\t", b".", b"\0", b"\xff", b"1e999", b"9" * 30, b"nan"]


def edited(data, rng):
    """Bytes with one or two of them replaced by a piece, a line put in another's place, or the rest cut off."""
    for _ in range(rng.integers(1, 3)):
        at = int(rng.integers(len(data) + 1))
        data = data[:at] + PIECES[rng.integers(len(PIECES))] + data[at + int(rng.integers(2)):]
    lines = data.split(b"\n")
    lines[rng.integers(len(lines))] = lines[rng.integers(len(lines))]
    return b"\n".join(lines) if rng.random() < 0.8 else data[:int(rng.integers(len(data) + 1))]


def strange(value, rng):
    """A JSON value with a part somewhere in it replaced, or taken away."""
    keys = list(value if isinstance(value, dict) else range(len(value)))
    key = keys[rng.integers(len(keys))]
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
        strange(value[key], rng)
    elif rng.random() < 0.8:
        value[key] = VALUES[rng.integers(len(VALUES))]
    else:
        del value[key]
    return value


def said(read):
    """What a reader says of a file, None where it takes it."""
    try:
        read()
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500
        return str(error)


@pytest.mark.parametrize("what", ["results", "segments", "names"])
def test_json(tmp_path, what, capsys):
    rng, path, refused = np.random.default_rng(len(what)), tmp_path / "a.json", 0
    records = [{"type": "emotion", "class": EMOTIONS[place // 6], "seconds": place / 10, "object": {
        "id": place % 2, "name": "Anna", "box": [1, 2, 3, 4], "confidence": 0.9}} for place in range(24)]
    whole = {path: records, segments_path(path): find_segments(records, least=0.1),
             tmp_path / "n.json": {"names": [{"id": 0, "name": "Ben", "from": 0.1, "to": 0.5}, {"id": 1, "name": "a"}]}}
    broken = list(whole)[("results", "segments", "names").index(what)]
    names = ["--names", str(tmp_path / "n.json")] if what == "names" else []
    for case in range(20):
        for file, content in whole.items():
            write = json.dumps(content)
            if file == broken:
                write = json.dumps(strange(json.loads(write), rng)) if case % 2 else edited(write.encode(), rng)
            file.write_bytes(write if isinstance(write, bytes) else write.encode())
        refused += bool(said(lambda: export_results.main(
            ["--results", str(path), "--to", "csv", "elan", "vtt", *names])))
    assert 5 < refused < 20


def test_faces(tmp_path):
    rng, path, refused = np.random.default_rng(1), tmp_path / "a.faces.npz", 0
    for case in range(60):
        faces = np.ones(2, FACE)
        faces["id"] = 1, 2
        about, shots = {"version": VERSION, "source": "a", "options": {}}, [0, 4]
        if case % 3 == 0:
            faces[("frame", "id", "score", "box_xyxy", "landmarks")[rng.integers(5)]] = rng.choice([-5, 1e9, 1.5])
        elif case % 3 == 1:
            about = strange(about, rng)
        write_faces(path, about, faces, shots if case % 5 else [])
        if case % 3 == 2:
            path.write_bytes(edited(path.read_bytes(), rng))
        refused += bool(said(lambda: read_faces(path)))
    assert 20 < refused < 60


@pytest.mark.parametrize("name", [*FILES, "a.eaf"])
def test_coded(tmp_path, name):
    rng, path, refused = np.random.default_rng(len(name)), tmp_path / name, 0
    if name.endswith(".eaf"):
        eaf(path, [0, None, 900, 2000], {"a": [(0, 1, "sad"), (1, 2, "happy")], "b": [("a0", "", "sad"), ("a0", "a2",
                                                                                                       "fear")]})
        whole = path.read_bytes()
    else:
        whole = FILES[name].encode()
    for _ in range(15):
        path.write_bytes(edited(whole, rng))
        refused += bool(said(lambda: read_coded(path, fps=50)))
    assert refused > 0
