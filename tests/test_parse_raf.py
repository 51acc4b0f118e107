import shutil

import numpy as np
import pytest

import parse_raf
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import DISGUST, HAPPY, NEUTRAL, SURPRISE
from vtt_emotion.datasets.npy import read_index


@pytest.fixture
def copy(sample, tmp_path):
    shutil.copytree(sample / "datasets/RAF-DB", tmp_path / "datasets/RAF-DB")
    return tmp_path


def parse(root, *more):
    parse_raf.main(["--root", str(root), *more])
    return read_index(root / "dicts/raf_parsed.npy")


def find(index, subset, name):
    return next((entry for entry in index.values() if entry["subset"] == subset and name in entry["img"]), None)


def test_basic_and_its_known_defects(copy, capsys):
    index = parse(copy, "--verify", "--strict")
    out = capsys.readouterr().out
    assert list(index) == list(range(len(index)))
    first = find(index, "basic", "train_00001")
    assert first["img"] == "basic/Image/original/train_00001.jpg" and first["split"] == "train"
    box_file = copy / "datasets/RAF-DB/basic/Annotation/boundingbox/train_00001_boundingbox.txt"
    x0, y0, x1, y1 = map(float, box_file.read_text().split())
    assert first["gt"] == pytest.approx([x0, y0, x1 - x0, y1 - y0])
    np.testing.assert_array_equal(first["em"], np.eye(7)[SURPRISE])          # RAF's 1
    for name in ("train_00002", "train_00004"):                              # no box; no original
        entry = find(index, "basic", name)
        assert entry["img"] == f"basic/Image/aligned/{name}_aligned.jpg" and entry["gt"] == [0, 0, 100, 100]
    assert find(index, "basic", "train_00005")["gt"] == [-12.5, -9.0, 412.5, 429.0]      # leaves the image, is kept
    assert find(index, "basic", "train_00006") is None and "dropped 1: basic: image missing" in out
    np.testing.assert_array_equal(find(index, "basic", "train_00003")["em"], np.eye(7)[DISGUST])    # third column
    assert find(index, "basic", "test_0001")["split"] == "test"
    whole = {entry["img"].endswith("_aligned.jpg") for entry in index.values() if entry.get("whole")}
    assert whole == {True} and not first.get("whole")


def test_compound_halves(copy):
    index = parse(copy)
    em = find(index, "compound", "train_00001")["em"]                        # code 1: happily surprised
    assert em[HAPPY] == em[SURPRISE] == 0.5 and em.sum() == 1


def write_list(folder, codes):
    """A subset's list and grey aligned pictures, 40 px a side, one a code."""
    (folder / "EmoLabel").mkdir(parents=True)
    names = [f"train_{number:05d}" for number in range(1, len(codes) + 1)]
    lines = [f"{name}.jpg {code}" for name, code in zip(names, codes)]
    (folder / "EmoLabel/list_patition_label.txt").write_text("\n".join(lines))
    for name in names:
        write_image(folder / f"Image/aligned/{name}_aligned.jpg", np.full((40, 40, 3), 99, np.uint8))


@pytest.mark.parametrize("folder", ["", "basic", "RAF"])
def test_a_compound_list_is_never_read_as_basic(tmp_path, run_main, capsys, folder):
    """Its codes tell, wherever it lies; one wrong code among many is a defect of basic's."""
    data = tmp_path / "datasets/RAF-DB"
    write_list(data / folder, [1, 2, 8, 9, 10, 11, 3, 7])
    index = parse(tmp_path)
    assert "RAF-DB: compound (" in capsys.readouterr().out and len(index) == 8
    assert {entry["subset"] for entry in index.values()} == {"compound"}
    assert all(np.sort(entry["em"])[-2:].tolist() == [0.5, 0.5] for entry in index.values())
    said, _ = run_main(parse_raf.main, ["--root", tmp_path, "--subsets", "basic"], capsys)
    assert said.endswith("list_patition_label.txt is of compound")
    shutil.rmtree(data)
    write_list(data / folder, [*range(1, 8)] * 3 + [9])
    assert {entry["subset"] for entry in parse(tmp_path).values()} == {"basic"}
    assert "dropped 1: not as the format" in capsys.readouterr().out


@pytest.mark.parametrize("folder,subset", [
    ("RAF basic and compound/basic", "basic"), ("RAF basic and compound/compound", "compound"),
    ("RAF basic and compound", "basic"), ("compound/basic", "basic"), ("compound", "compound"),
    ("basic/compound", "compound")])
def test_the_nearest_folder_tells_the_subset(tmp_path, folder, subset):
    """Codes of 1 to 7 are both's; what is called by both tells nothing."""
    write_list(tmp_path / folder, range(1, 8))
    parse_raf.main(["--root", str(tmp_path), "--raf-path", folder.split("/")[0]])
    index = read_index(tmp_path / "dicts/raf_parsed.npy")
    assert len(index) == 7 and {entry["subset"] for entry in index.values()} == {subset}


def test_multi_distribution_and_landmark_boxes(copy):
    index = parse(copy)
    folder = copy / "datasets/RAF-DB/multi"
    for name, gap in (("train_0001", "\t"), ("train_0002", " ")):            # both forms of the file
        text = (folder / f"Annotation/manual/{name}_manu_ldmk.txt").read_text()
        points = np.array([line.split() for line in text.splitlines() if gap in line], float)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        entry = find(index, "multi", name)
        assert entry["gt"] == pytest.approx([x0 - (x1 - x0) / 2, y0 - (y1 - y0) / 2, 2 * (x1 - x0), 2 * (y1 - y0)])
    line = (folder / "EmoLabel/distribution.txt").read_text().splitlines()[0].split()
    em = find(index, "multi", line[0][:-4])["em"]
    assert em[[SURPRISE, 2, 1, HAPPY, 4, 0]] == pytest.approx([float(v) for v in line[1:]])
    assert em[NEUTRAL] == pytest.approx(0.1) and em.sum() == pytest.approx(1)
    assert find(index, "multi", "test_0004")["split"] == "test"
    assert find(index, "multi", "train_0003")["img"].endswith("_aligned.jpg")            # no landmarks


def test_partition_file_rules_the_split(copy):
    path = copy / "datasets/RAF-DB/multi/EmoLabel/partition_label.txt"
    path.write_text(path.read_text().replace("train_0001.jpg 0", "train_0001.jpg 1"))
    assert find(parse(copy), "multi", "train_0001")["split"] == "test"
    path.unlink()
    assert find(parse(copy), "multi", "train_0001")["split"] == "train"


def test_subsets_are_chosen_and_absent_ones_left_out(copy):
    assert {entry["subset"] for entry in parse(copy).values()} == {"basic", "compound", "multi"}
    assert {entry["subset"] for entry in parse(copy, "--subsets", "compound").values()} == {"compound"}
    shutil.rmtree(copy / "datasets/RAF-DB/multi")
    assert {entry["subset"] for entry in parse(copy).values()} == {"basic", "compound"}


def test_a_corrupt_image_is_found_by_verify(copy, capsys):
    path = copy / "datasets/RAF-DB/basic/Image/original/train_00001.jpg"
    path.write_bytes(path.read_bytes()[:900])
    parse(copy, "--verify")
    assert "dropped 1: image unreadable" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["train_00001.jpg 9", "train_00001.jpg happy", "train_00001.jpg", "portrait.jpg 4"])
def test_unknown_defects(copy, run_main, capsys, line):
    path = copy / "datasets/RAF-DB/basic/EmoLabel/list_patition_label.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([line, *lines[1:]]) + "\n")
    parse(copy)
    assert f"dropped 1: not as the format is described; the first: {path} row 1" in capsys.readouterr().out
    said, _ = run_main(parse_raf.main, ["--root", copy, "--strict"], capsys)
    assert said.startswith(f"error: {path} row 1: ")


@pytest.mark.parametrize("numbers", ["0.5 0.5", "0.9 0.9 0.9 0 0 0", "a b c d e f", "-1 0 0 0 0 0"])
def test_no_distribution(copy, capsys, numbers):
    path = copy / "datasets/RAF-DB/multi/EmoLabel/distribution.txt"
    path.write_text(f"train_0001.jpg {numbers}\n" + path.read_text().split("\n", 1)[1])
    parse(copy)
    assert f"the first: {path} row 1" in capsys.readouterr().out


def test_a_broken_box_file(copy, capsys):
    path = copy / "datasets/RAF-DB/basic/Annotation/boundingbox/train_00001_boundingbox.txt"
    path.write_text("1 2 three 4\n")
    parse(copy)
    assert "dropped 1: not as the format is described" in capsys.readouterr().out
    path.write_text("90 90 10 10\n")
    parse(copy)
    assert "dropped 1: basic: empty or inverted box" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../train_00001.jpg", "/train_00001.jpg", "sub/../../train_00001.jpg"])
def test_a_path_that_leaves_the_folder_is_refused(copy, run_main, capsys, name):
    path = copy / "datasets/RAF-DB/basic/EmoLabel/list_patition_label.txt"
    path.write_text(path.read_text() + f"{name} 4\n")
    said, _ = run_main(parse_raf.main, ["--root", copy], capsys)
    assert f"the path '{name}' leaves the dataset's folder" in said and not (copy / "dicts").exists()


def test_missing_and_empty(tmp_path, run_main, capsys):
    root, data = ["--root", tmp_path], tmp_path / "datasets/RAF-DB"
    assert "no such folder" in run_main(parse_raf.main, root, capsys)[0]
    data.mkdir(parents=True)
    assert run_main(parse_raf.main, root, capsys)[0] == (
        f"error: {data}: expected in it, or in a folder below it, the list of one subset: basic/EmoLabel/"
        "list_patition_label.txt, compound/EmoLabel/list_patition_label.txt, multi/EmoLabel/distribution.txt; there is "
        "none")
    (data / "basic/EmoLabel").mkdir(parents=True)
    assert "list_patition_label.txt: no such list" in run_main(parse_raf.main, root, capsys)[0]
    (data / "basic/EmoLabel/list_patition_label.txt").write_text("")
    assert "no usable example; its lists are empty" in run_main(parse_raf.main, root, capsys)[0]
    assert not (tmp_path / "dicts").exists()
