import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import parse_affectnet
from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.drawn.stills import AFFECTNET_COLUMNS
from vtt_emotion.training.samples import read_samples


def parse(root, *more):
    parse_affectnet.main(["--root", str(root), *more])
    index = read_index(root / "dicts/affectnet_parsed.npy")
    return index, [entry for examples in index.values() for entry in examples.values()]


@pytest.fixture
def copy(sample, tmp_path):
    shutil.copytree(sample / "datasets/AffectNet", tmp_path / "datasets/AffectNet")
    return tmp_path


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def write_rows(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def test_2017_release_and_its_known_defects(copy, capsys):
    index, entries = parse(copy, "--verify", "--strict")                     # known defects are no errors
    out = capsys.readouterr().out
    rows = rows_of(copy / "datasets/AffectNet/training.csv")[1:]
    for reason in ("box NULL", "box of negative size", "image missing", "image unreadable", "expression 7, contempt",
                   "expression 8, none", "expression 9, uncertain", "expression 10, no face"):
        assert f"dropped 1: {reason}" in out
    assert sum(entry["split"] == "train" for entry in entries) == len(rows) - 8
    assert sum(entry["split"] == "valid" for entry in entries) == 28         # the header-less list, whole
    assert list(index) == list(range(7))
    assert all(list(examples) == list(range(len(examples))) for examples in index.values())
    entry = next(entry for entry in entries if entry["img"].endswith(rows[0][0]))
    assert entry["img"] == f"Manually_Annotated_Images/{rows[0][0]}"
    assert entry["gt"] == [int(value) for value in rows[0][1:5]] and entry["emo"] == 0
    assert (entry["val"], entry["aro"]) == (-0.6, 0.65)
    assert any(entry["gt"][0] < 0 for entry in entries)                      # a box that leaves the image is kept
    assert any(entry["aro"] == -2 for entry in entries)                      # not given
    suffixes = {entry["img"].rsplit(".", 1)[1] for entry in entries}
    assert {"jpg", "JPG", "tif", "bmp", "TIFF"} <= suffixes


def test_without_verify_the_corrupt_image_stays(copy, capsys):
    parse(copy)
    assert "unreadable" not in capsys.readouterr().out


def test_2021_release(sample, tmp_path, capsys):
    (tmp_path / "datasets").mkdir()
    shutil.copytree(sample / "datasets/AffectNet2021", tmp_path / "datasets/AffectNet")
    _, entries = parse(tmp_path)
    out = capsys.readouterr().out
    assert "image missing" in out and "annotation missing" in out and "expression 7, contempt" in out
    names = [entry["img"] for entry in entries]
    assert "train_set/images/0.jpg" in names and "val_set/images/0.jpg" in names      # colliding numbers
    assert all(entry["gt"] == [0, 0, 224, 224] and entry["whole"] for entry in entries)
    first = next(entry for entry in entries if entry["img"] == "train_set/images/1.jpg")
    assert first["emo"] == 1 and first["val"] == pytest.approx(-0.65) and first["split"] == "train"


@pytest.mark.parametrize("release", ["AffectNet", "AffectNet2021"])
def test_validation_alone_is_read(sample, tmp_path, run_main, capsys, release):
    """A list, or a set, of the two is enough; the automatic list is missed where it is asked for."""
    (tmp_path / "datasets").mkdir()
    data = tmp_path / "datasets/AffectNet"
    shutil.copytree(sample / "datasets" / release, data)
    _, both = parse(tmp_path)
    if release == "AffectNet":
        (data / "training.csv").unlink()
        assert "no automatically_annotated.csv" in run_main(
            parse_affectnet.main, ["--root", tmp_path, "--automatic"], capsys)[0]
    else:
        shutil.rmtree(data / "train_set")
    _, entries = parse(tmp_path)
    assert entries == [entry for entry in both if entry["split"] == "valid"] and entries
    with pytest.raises(InputError, match="holds no split train"):
        read_samples("affectnet", tmp_path / "dicts", data, split="train")


def test_the_lists_may_lie_in_their_own_folder(copy):
    _, before = parse(copy)
    data = copy / "datasets/AffectNet"
    (data / "Manually_Annotated_file_lists").mkdir()
    for name in ("training.csv", "validation.csv"):
        (data / name).rename(data / "Manually_Annotated_file_lists" / name)
    (data / "Manually_Annotated").mkdir()
    (data / "Manually_Annotated_Images").rename(data / "Manually_Annotated/Manually_Annotated_Images")
    _, after = parse(copy)
    assert len(after) == len(before) and after[0]["img"].startswith("Manually_Annotated/Manually_Annotated_Images/")


def test_the_automatic_list_is_read_on_request(copy):
    data = copy / "datasets/AffectNet"
    shutil.copytree(data / "Manually_Annotated_Images", data / "Automatically_Annotated_Images")
    shutil.copy(data / "training.csv", data / "automatically_annotated.csv")
    manual = sum(entry["split"] == "train" for entry in parse(copy)[1])
    both = parse(copy, "--automatic")[1]
    assert sum(entry["split"] == "train" for entry in both) == 2 * manual


def test_an_image_in_both_splits_is_validated_on_alone(copy, capsys):
    data = copy / "datasets/AffectNet"
    write_rows(data / "validation.csv", rows_of(data / "validation.csv") + [rows_of(data / "training.csv")[1]])
    _, entries = parse(copy)
    assert "dropped 1: in both splits" in capsys.readouterr().out
    assert len({entry["img"] for entry in entries}) == len(entries)


@pytest.mark.parametrize("column,value", [(6, "12"), (6, "happy"), (1, "wide"), (7, "3"), (8, "nan")])
def test_unknown_defects_are_counted_and_errors_when_strict(copy, run_main, capsys, column, value):
    path = copy / "datasets/AffectNet/training.csv"
    rows = rows_of(path)
    rows[2][column] = value
    write_rows(path, rows)
    parse(copy)
    assert "dropped 1: not as the format is described; the first" in capsys.readouterr().out
    (copy / "dicts/affectnet_parsed.npy").unlink()
    said, _ = run_main(parse_affectnet.main, ["--root", copy, "--strict"], capsys)
    assert said.startswith(f"error: {path} row 3:") and not list((copy / "dicts").iterdir())


def test_a_path_that_leaves_the_folder_is_refused(copy, run_main, capsys):
    path = copy / "datasets/AffectNet/training.csv"
    rows = rows_of(path)
    rows[4][0] = "../../../secret.jpg"
    write_rows(path, rows)
    said, _ = run_main(parse_affectnet.main, ["--root", copy], capsys)
    assert said == f"error: {path} row 5: the path '../../../secret.jpg' leaves the dataset's folder"
    assert not (copy / "dicts").exists()


def test_quotes_huge_boxes_and_boxes_outside(copy, capsys):
    path = copy / "datasets/AffectNet/training.csv"
    lines = path.read_text().splitlines()
    lines[2] = '"' + lines[2]                                                # an unclosed quote is one bad row
    for row, start in ((3, 1), (4, 3)):
        fields = lines[row].split(",")
        fields[start] = "900000"
        lines[row] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")
    kept = len(parse(copy)[1])
    assert "dropped 2: image missing" in capsys.readouterr().out
    assert len(parse(copy, "--verify")[1]) == kept - 3                       # the corrupt image and the two boxes
    assert "dropped 2: box outside its image" in capsys.readouterr().out


def test_an_empty_list(copy, run_main, capsys):
    (copy / "datasets/AffectNet/training.csv").write_text("")
    assert "training.csv: the list is empty" in run_main(parse_affectnet.main, ["--root", copy], capsys)[0]


def test_missing_and_empty(tmp_path, run_main, capsys):
    root, data = ["--root", tmp_path], tmp_path / "datasets/AffectNet"
    assert "no such folder" in run_main(parse_affectnet.main, root, capsys)[0]
    data.mkdir(parents=True)
    assert "no validation.csv, training.csv, val_set or train_set" in run_main(parse_affectnet.main, root, capsys)[0]
    (data / "Manually_Annotated_Images").mkdir()
    for name in ("training.csv", "validation.csv"):
        write_rows(data / name, [AFFECTNET_COLUMNS])
    assert "no usable example; its lists are empty" in run_main(parse_affectnet.main, root, capsys)[0]
    (data / "Manually_Annotated_Images").rmdir()
    assert "no images; expected a folder" in run_main(parse_affectnet.main, root, capsys)[0]
    (data / "train_set").mkdir()
    assert "train_set: expected the folders" in run_main(parse_affectnet.main, root, capsys)[0]
    assert not (tmp_path / "dicts").exists()


def test_2021_annotations_that_are_no_numbers(sample, tmp_path, run_main, capsys):
    (tmp_path / "datasets").mkdir()
    data = tmp_path / "datasets/AffectNet"
    shutil.copytree(sample / "datasets/AffectNet2021", data)
    np.save(data / "train_set/annotations/0_exp.npy", np.array({"a": 1}), allow_pickle=True)
    np.save(data / "train_set/annotations/1_exp.npy", "often")
    (data / "train_set/annotations/4_exp.npy").write_bytes(b"PK\x03\x04 no archive")
    parse(tmp_path)
    assert "dropped 3: not as the format" in capsys.readouterr().out
    said, _ = run_main(parse_affectnet.main, ["--root", tmp_path, "--strict"], capsys)
    assert "0.jpg: annotation _exp.npy is not one number" in said


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory of a process is read from /proc")
def test_a_list_of_420000_rows_parses_in_time_and_memory(tmp_path):
    """Landmarks of full length; the images are empty files in folders like AffectNet's."""
    images = tmp_path / "datasets/AffectNet/Manually_Annotated_Images"
    marks = ";".join(f"{100 + i * 0.37:.2f}" for i in range(136))
    lines, names = [], []
    for number in range(420_000):
        if number % 1000 == 0:
            (images / str(number // 1000)).mkdir(parents=True)
        name = f"{number // 1000}/{number:056x}.jpg"
        names.append(name)
        lines.append(f"{name},31,31,205,205,{marks},{number % 11},-0.176846,-0.0776398\n")
    for name in names:
        (images / name).touch()
    (images.parent / "training.csv").write_text(",".join(AFFECTNET_COLUMNS) + "\n" + "".join(lines))
    (images.parent / "validation.csv").write_text(f"{names[0]},1,1,9,9,{marks},0,0,0\n")
    code = ("import sys, time; sys.argv = sys.argv[:1]; import parse_affectnet; since = time.process_time();"
            f"parse_affectnet.main(['--root', {str(tmp_path)!r}]); print(time.process_time() - since);"
            "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(parse_affectnet.__file__).parent, check=True,
                          capture_output=True, text=True)
    seconds, peak = done.stdout.strip().splitlines()[-2:]
    assert float(seconds) < 15
    assert int(peak.split()[1]) < 1.5e6                                      # kB
    index = read_index(tmp_path / "dicts/affectnet_parsed.npy")
    assert sum(map(len, index.values())) > 260_000
