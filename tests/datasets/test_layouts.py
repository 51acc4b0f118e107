import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.layouts import find_files, find_folders, named, names_in, only


@pytest.fixture
def tree(tmp_path):
    for path in ("a.csv", "one/A.csv", "one/two/a.CSV", "one/two/three/a.csv", "one/two/three/four/a.csv",
                 "marks/Marks/x/y.txt", "._a.csv", "one/.DS_Store", "__MACOSX/a.csv", ".git/a.csv", "many/0/a.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for number in range(1, 250):
        (tmp_path / f"many/{number}").mkdir()
    return tmp_path


def test_files_by_name_in_any_case_down_to_a_depth(tree):
    assert find_files(tree, named("a.csv"), 0) == ["a.csv"]
    assert find_files(tree, named("A.CSV"), 2) == ["a.csv", "one/A.csv", "one/two/a.CSV"]    # and none among pictures
    assert find_files(tree, named("a.csv"))[-1] == "one/two/three/a.csv"


def test_of_folders_within_each_other_the_inner_one(tree):
    assert find_folders(tree, named("Marks")) == ["marks/Marks"]
    assert find_folders(tree, named("two", "three")) == ["one/two/three"]
    assert find_folders(tree, named("three"), 1) == [] and find_folders(tree, named("7")) == ["many/7"]


def test_one_or_both_are_named(tree):
    assert only(tree, [], "list") is None and only(tree, ["a.csv"], "list") == "a.csv"
    with pytest.raises(InputError) as error:
        only(tree, ["one/A.csv", "a.csv", "x"], "list a.csv")
    assert str(error.value) == (f"{tree / 'a.csv'} and {tree / 'one/A.csv'}: expected one list a.csv; "
                                "move or rename the other")


def test_what_macos_left_is_not_there(tree):
    assert names_in(tree) == [".git", "a.csv", "many", "marks", "one"] and names_in(tree / "one") == ["A.csv", "two"]
