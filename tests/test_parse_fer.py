import csv
import shutil

import numpy as np
import pytest

import parse_fer
from parse_fer import soft_label
from vtt_emotion.core.images import read_image
from vtt_emotion.core.labels import HAPPY, NEUTRAL, SAD
from vtt_emotion.datasets.npy import read_index

COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")


@pytest.fixture
def copy(sample, tmp_path):
    shutil.copytree(sample / "datasets/FER2013", tmp_path / "datasets/FER2013")
    return tmp_path


def parse(root, *more):
    parse_fer.main(["--root", str(root), *more])
    return read_index(root / "dicts/fer_parsed.npy")


def only_csv(root):
    for folder in (root / "datasets/FER2013").glob("FER2013*/"):
        shutil.rmtree(folder)


def edit(path, row, column, value):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    rows[row - 1][column] = value
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.mark.parametrize("votes,em,reason", [
    ((0, 8, 0, 0, 0, 0, 0, 0, 0, 2), {HAPPY: 1}, None),
    ((6, 1, 0, 2, 0, 0, 0, 0, 1, 0), {NEUTRAL: 0.75, SAD: 0.25}, None),      # single votes are noise
    ((3, 0, 0, 3, 0, 0, 0, 4, 0, 0), None, "majority contempt"),
    ((0, 0, 0, 3, 0, 0, 0, 0, 7, 0), None, "majority unknown"),
    ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), None, "majority NF"),
    ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), None, "no two votes agree"),
    ((5, 0, 0, 0, 0, 0, 0, 5, 0, 0), {NEUTRAL: 1}, None)])
def test_votes(votes, em, reason):
    label, why = soft_label(dict(zip(COLUMNS, map(str, votes))))
    assert why == reason
    if em is not None:
        np.testing.assert_allclose(label, [em.get(emotion, 0) for emotion in range(7)])


def test_image_folders(copy, capsys):
    index = parse(copy, "--verify", "--strict")
    out = capsys.readouterr().out
    assert [f"dropped 1: majority {name}" in out for name in ("contempt", "unknown", "NF")] == [True] * 3
    assert list(index) == list(range(len(index))) and len(index) == 4 * 7 + 21 + 21 - 3
    assert {entry["split"] for entry in index.values()} == {"train", "valid", "test"}
    first = index[0]
    assert first["img"] == "FER2013Train/fer0000000.png" and first["gt"] == [0, 0, 48, 48]
    assert first["em"].sum() == pytest.approx(1) and first["em"].argmax() == 0
    assert next(e for e in index.values() if e["split"] == "valid")["img"].startswith("FER2013Valid/")


def test_the_csv_gives_the_same_pictures(copy, capsys):
    folders = parse(copy)
    pictures = {entry["img"]: read_image(copy / "datasets/FER2013" / entry["img"]) for entry in folders.values()}
    only_csv(copy)
    index = parse(copy)
    assert "expected 2304 pixels" in capsys.readouterr().out                 # the picture cut short
    assert len(index) == len(folders) - 1
    for entry in index.values():
        np.testing.assert_array_equal(read_image(copy / "datasets/FER2013" / entry["img"]), pictures[entry["img"]])


def test_an_interrupted_writing_is_not_taken_for_whole(copy, monkeypatch):
    only_csv(copy)
    real, count = parse_fer.write_image, [0]

    def stopped(*args):
        count[0] += 1
        if count[0] == 5:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(parse_fer, "write_image", stopped)
        with pytest.raises(KeyboardInterrupt):
            parse(copy)
    assert len(parse(copy)) == 4 * 7 + 21 + 21 - 4
    assert not (copy / "datasets/FER2013/fer2013.partial").exists()


def test_a_row_without_a_name_has_no_picture(copy):
    """A nameless row (NF) must not take the name, and so the label, of the face that is called by its number."""
    votes = copy / "datasets/FER2013/fer2013new.csv"
    edit(votes, 8, 1, "fer0000005.png")                      # row 7, number 5, is the nameless one
    only_csv(copy)
    pixels = (copy / "datasets/FER2013/fer2013.csv").read_text().splitlines()[7].split(",")[1]
    entry = next(entry for entry in parse(copy).values() if entry["img"].endswith("fer0000005.png"))
    picture = read_image(copy / "datasets/FER2013" / entry["img"])[..., 0]
    assert picture.ravel().tolist() == [int(value) for value in pixels.split()]


def test_missing_parts(copy, capsys):
    (copy / "datasets/FER2013/FER2013Train/fer0000000.png").unlink()
    shutil.rmtree(copy / "datasets/FER2013/FER2013Test")
    assert {entry["split"] for entry in parse(copy).values()} == {"train", "valid"}
    out = capsys.readouterr().out
    assert "dropped 1: image missing" in out and "dropped 21: FER2013Test: no such folder" in out


def test_errors(copy, tmp_path, run_main, capsys):
    def said(*argv):
        return run_main(parse_fer.main, ["--root", copy, *argv], capsys)[0]

    votes = copy / "datasets/FER2013/fer2013new.csv"
    text = votes.read_text()
    assert "no such folder" in said("--fer-path", "nowhere")
    for row, column, value, message in ((3, 0, "Sometimes", "expected a Usage"), (3, 2, "many", "row 3:"),
                                        (3, 2, "-4", "expected votes")):
        edit(votes, row, column, value)
        parse(copy)
        assert "dropped 1: not as the format is described" in capsys.readouterr().out
        assert message in said("--strict")
        votes.write_text(text)
    edit(votes, 3, 1, "../../x.png")
    assert "row 3: the path '../../x.png' leaves the dataset's folder" in said()
    votes.write_text(text.split("\n", 1)[0] + "\n")
    assert "no usable example; its lists are empty" in said()
    votes.write_text(text)
    only_csv(copy)
    edit(copy / "datasets/FER2013/fer2013.csv", 4, 2, "PublicTest")
    assert "row 4: Usage 'PublicTest' does not match" in said()
    votes.unlink()
    assert "fer2013new.csv: no such file" in said()
