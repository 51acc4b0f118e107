"""The forms in which datasets lie on people's disks: every parser makes of each what it makes of the plain layout."""
import os
import shutil

import numpy as np
import pytest

import parse_affectnet
import parse_ck
import parse_fer
import parse_raf
from tests import forms
from vtt_emotion.core.images import read_image
from vtt_emotion.datasets.npy import FILES, read_index

PARSERS = {"affectnet": (parse_affectnet, "AffectNet", "--affectnet-path"), "raf": (parse_raf, "RAF-DB", "--raf-path"),
           "affectnet_2021": (parse_affectnet, "AffectNet2021", "--affectnet-path"),
           "fer": (parse_fer, "FER2013", "--fer-path"), "ck": (parse_ck, "CK+", "--ck-path")}


@pytest.fixture
def copied(sample, tmp_path):
    """A function that copies a drawn dataset, its pictures as links; returns its folder."""
    def copy_file(source, target):
        (shutil.copy if source.endswith((".csv", ".txt")) else os.link)(source, target)

    def copy(dataset):
        folder = PARSERS[dataset][1]
        return shutil.copytree(sample / "datasets" / folder, tmp_path / folder, copy_function=copy_file)
    return copy


@pytest.fixture
def parsed_from(tmp_path, capsys):
    """A function that parses a folder: its entries, ordered by their images' names, and what was printed."""
    def parse(dataset, root, *more):
        parser, _, option = PARSERS[dataset]
        parser.main([option, str(root), "--dicts-path", str(tmp_path / "dicts"), *more])
        index = read_index(tmp_path / "dicts" / FILES[dataset.split("_")[0]])
        entries = list(index.values()) if dataset in ("raf", "fer") else \
            [entry for examples in index.values() for entry in examples.values()]
        assert all((root / name).is_file() for entry in entries for name in np.ravel(entry["img"]))
        return sorted(map(plain, entries), key=str), capsys.readouterr().out
    return parse


def plain(entry):
    """An entry with its images' names alone, as plain data."""
    entry = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in entry.items()}
    return {**entry, "img": [os.path.basename(name) for name in np.ravel(entry["img"])]}


@pytest.mark.parametrize("dataset,form", [(dataset, form) for dataset in forms.FORMS for form in forms.FORMS[dataset]])
def test_each_form_is_read_as_the_plain_layout_is(copied, parsed_from, dataset, form):
    root = copied(dataset)
    expected, _ = parsed_from(dataset, root)
    form(root)
    found, out = parsed_from(dataset, root)
    if form is forms.raf_flat:
        expected = [entry for entry in expected if entry["subset"] == "basic"]
    if form in (forms.fer_clone, forms.fer_kaggle):          # one picture of the CSV is cut short
        assert "expected 2304 pixels" in out
        expected = [entry for entry in expected if entry["img"] != ["fer0000008.png"]]
    assert found == expected and len(found) > 6


@pytest.mark.parametrize("dataset,form,line", [
    ("affectnet", forms.affectnet_file_lists,
     "AffectNet, 2017 release: Manually_Annotated/Manually_Annotated_file_lists/Validation.csv of "
     "Manually_Annotated/Manually_Annotated_Images/, Manually_Annotated/Manually_Annotated_file_lists/training.csv of "
     "Manually_Annotated/Manually_Annotated_Images/"),
    ("affectnet_2021", forms.unpack_deeper,
     "AffectNet, 2021 release: AffectNet2021/train_set/, AffectNet2021/val_set/"),
    ("raf", forms.raf_unpacked,
     "RAF-DB: basic (basic/EmoLabel/list_patition_label.txt of basic/Image/original/original/), "
     "compound (compound/EmoLabel/list_partition_label.txt of compound/Image/original/), "
     "multi (RAF-ML/EmoLabel/distribution.txt of RAF-ML/Image/original/)"),
    ("fer", forms.fer_clone,
     "FER2013 with the votes of FER+: fer2013new.csv, pictures in data/FER2013Train/ (written from fer2013.csv), "
     "data/FER2013Valid/ (written from fer2013.csv), data/FER2013Test/ (written from fer2013.csv)"),
    ("fer", forms.fer_votes_apart, "FER2013 with the votes of FER+: fer2013new.csv, pictures in data/FER2013Train/, "
     "data/FER2013Valid/, data/FER2013Test/"),
    ("ck", forms.ck_unpacked, "CK+: labels in Emotion_labels/Emotion/, images in "
     "extended-cohn-kanade-images/cohn-kanade-images/, landmarks in Landmarks/Landmarks/")])
def test_the_first_line_says_what_was_recognised(copied, parsed_from, dataset, form, line):
    root = copied(dataset)
    form(root)
    assert parsed_from(dataset, root)[1].split("\n")[0] == line


def test_the_lists_of_the_fer_clone_stay(copied, parsed_from):
    root = copied("fer")
    forms.fer_clone(root)
    parsed_from("fer", root)
    assert sorted(os.listdir(root / "data/FER2013Test"))[-1] == "label.csv"
    assert len(os.listdir(root / "data/FER2013Test")) == 22 and not (root / "FER2013Test").exists()
    before = (root / "data/FER2013Test/fer0000060.png").stat().st_mtime_ns
    assert "written" not in parsed_from("fer", root)[1]                      # once is enough
    assert (root / "data/FER2013Test/fer0000060.png").stat().st_mtime_ns == before


def test_a_folder_without_pictures_beside_others_with_them_is_filled(copied, parsed_from):
    root = copied("fer")
    expected = parsed_from("fer", root)[0]
    for path in (root / "FER2013Valid").iterdir():
        path.unlink()
    found, out = parsed_from("fer", root)
    assert found == expected and "FER2013Valid/ (written from fer2013.csv), FER2013Test/\n" in out


def test_pictures_voted_on_twice_are_kept_once(copied, parsed_from):
    root = copied("fer")
    forms.fer_twice(root)
    _, out = parsed_from("fer", root)
    assert "dropped 1: the same picture again" in out and "dropped 2: majority NF" in out


def test_of_two_rows_of_one_name_the_first_picture_is_written(copied, parsed_from):
    """FER+ calls a face and, later, a picture of none by one name."""
    root = copied("fer")
    votes, pixels = (forms.read_csv(root / name) for name in ("fer2013new.csv", "fer2013.csv"))
    expected = read_image(root / "FER2013Test" / votes[-1][1])
    for part in forms.PARTS:
        shutil.rmtree(root / part)
    forms.write_csv(root / "fer2013new.csv", [*votes, [*votes[-1][:2], *[0] * 9, 10]])
    forms.write_csv(root / "fer2013.csv", [*pixels, [0, " ".join(["7"] * 2304), "PrivateTest"]])
    parsed_from("fer", root)
    np.testing.assert_array_equal(read_image(root / "FER2013Test" / votes[-1][1]), expected)


@pytest.mark.parametrize("folder", ["Automatically_annotated_file_list", "Automatically_Annotated_file_lists",
                                    "Automatically_Annotated", "Automatically_Annotated/file_lists", "."])
def test_affectnets_automatic_list(copied, parsed_from, folder):
    root = copied("affectnet")
    manual, _ = parsed_from("affectnet", root)
    forms.affectnet_automatic(root, folder)
    assert parsed_from("affectnet", root)[0] == manual
    both, out = parsed_from("affectnet", root, "--automatic")
    assert len(both) - len(manual) == sum(entry["split"] == "train" for entry in manual)
    path = os.path.normpath(f"{folder}/automatically_annotated.csv")
    assert f", {path} of Automatically_Annotated/Automatically_Annotated_Images/\n" in out.split("kept")[0]


@pytest.mark.parametrize("dataset,first,second", [
    ("affectnet", "training.csv", "lists/Training.csv"),
    ("affectnet", "Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images"),
    ("affectnet_2021", "train_set", "again/train_set"), ("ck", "Emotion", "Emotion_labels/Emotion"),
    ("ck", "Landmarks", "more/landmarks"), ("raf", "basic/EmoLabel", "RAF-DB/basic/EmoLabel"),
    ("raf", "basic/Image/aligned", "basic/Image/more/aligned"), ("fer", "fer2013new.csv", "data/fer2013new.csv"),
    ("fer", "FER2013Train", "data/FER2013Train")])
def test_where_several_fit_both_are_named(copied, run_main, capsys, dataset, first, second):
    root = copied(dataset)
    (root / second).parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if (root / first).is_dir() else shutil.copy)(root / first, root / second)
    parser, _, option = PARSERS[dataset]
    said, _ = run_main(parser.main, [option, root, "--dicts-path", root / "dicts"], capsys)
    names = said.removeprefix("error: ").split(": expected one ")[0].split(" and ")
    assert sorted(names)[0].startswith(str(root)) and len(names) == 2, said
    for name, place in zip(sorted(names), sorted([f"{root / first}", f"{root / second}"])):
        assert name.startswith(place)
    assert "; move or rename the other" in said and not (root / "dicts").exists()


def test_a_header_without_a_column_is_refused(copied, run_main, capsys):
    root = copied("affectnet")
    rows = forms.read_csv(root / "training.csv")
    forms.write_csv(root / "training.csv", [[name for name in rows[0] if name != "expression"], *rows[1:]])
    said, _ = run_main(parse_affectnet.main, ["--affectnet-path", root], capsys)
    assert said.startswith(f"error: {root / 'training.csv'} row 1: expected a column expression, found subDirectory")
