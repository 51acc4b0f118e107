import shutil

import numpy as np
import pytest

import parse_ck
from parse_ck import spread
from vtt_emotion.core.labels import ANGRY
from vtt_emotion.datasets.npy import read_index


@pytest.fixture
def copy(sample, tmp_path):
    shutil.copytree(sample / "datasets/CK+", tmp_path / "datasets/CK+")
    return tmp_path


def parse(root, *more):
    parse_ck.main(["--root", str(root), *more])
    return read_index(root / "dicts/ck_parsed.npy")


def entries(index):
    return [entry for examples in index.values() for entry in examples.values()]


def first_label(root):
    return sorted((root / "datasets/CK+/Emotion").rglob("*_emotion.txt"))[0]


def test_four_frames_from_onset_to_peak():
    assert spread(list(range(10))) == [0, 3, 6, 9] and spread(list(range(4))) == [0, 1, 2, 3]
    assert spread([0, 1]) == [0, 0, 1, 1] and spread([5]) == [5] * 4


def test_clips(copy, capsys):
    index = parse(copy, "--verify", "--strict")
    out = capsys.readouterr().out
    assert "8 of 10 sequences have a label" in out and "dropped 1: contempt" in out
    assert list(index) == list(range(7)) and len(entries(index)) == 7
    entry = index[ANGRY][0]
    assert entry["pos"] == ["S005", "001"] and entry["emo"] == ANGRY
    folder = copy / "datasets/CK+/cohn-kanade-images/S005/001"
    names = sorted(path.name for path in folder.iterdir())
    assert entry["img"][0].endswith(names[0]) and entry["img"][3].endswith(names[-1]) and len(entry["img"]) == 4
    marks = np.loadtxt(copy / f"datasets/CK+/Landmarks/S005/001/{names[-1][:-4]}_landmarks.txt")
    x, y, w, h = entry["gt"]
    np.testing.assert_allclose([x, y, x + w, y + h], [*marks.min(0), *marks.max(0)])


def test_without_landmarks_the_box_is_the_whole_image(copy):
    shutil.rmtree(copy / "datasets/CK+/Landmarks")
    assert not any("gt" in entry for entry in entries(parse(copy)))


def test_known_defects(copy, capsys):
    shutil.rmtree(copy / "datasets/CK+/cohn-kanade-images/S005/001")
    (copy / "datasets/CK+/cohn-kanade-images/S005/.DS_Store").touch()
    before = entries(parse(copy))
    assert "dropped 1: images missing" in capsys.readouterr().out
    image = copy / "datasets/CK+" / before[0]["img"][1]
    image.write_bytes(image.read_bytes()[:500])
    assert len(entries(parse(copy, "--verify"))) == len(before) - 1


@pytest.mark.parametrize("text", ["", "often", "9", "1.5", "1 2"])
def test_unknown_defects(copy, run_main, capsys, text):
    first_label(copy).write_text(text)
    parse(copy)
    assert f"the first: {first_label(copy)}: " in capsys.readouterr().out
    said, _ = run_main(parse_ck.main, ["--root", copy, "--strict"], capsys)
    assert said.startswith(f"error: {first_label(copy)}: ")


def test_errors(copy, tmp_path, run_main, capsys):
    assert "no such folder" in run_main(parse_ck.main, ["--root", tmp_path / "x"], capsys)[0]
    shutil.rmtree(copy / "datasets/CK+/Emotion")
    assert "Emotion: no such folder" in run_main(parse_ck.main, ["--root", copy], capsys)[0]
    (copy / "datasets/CK+/Emotion").mkdir()
    assert "no usable sequence; its lists are empty" in run_main(parse_ck.main, ["--root", copy], capsys)[0]
    assert not (copy / "dicts").exists()
