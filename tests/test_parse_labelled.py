import cv2
import numpy as np
import pytest

import evaluate
import model_train
import parse_labelled
from vtt_emotion.core.labels import ANGRY, FEAR, HAPPY, NEUTRAL, SAD, SURPRISE
from vtt_emotion.datasets.npy import read_index

SIDE = 32                                        # px of the pictures


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(len(path.name)).integers(0, 255, (SIDE, SIDE, 3), np.uint8))


def write(root, text, count=9, name="faces.csv"):
    """A list of that text, and pictures 0.png ... beside it."""
    folder = root / "datasets/Labelled"
    for number in range(count):
        picture(folder / f"{number}.png")
    (folder / name).write_text(text)


def parse(root, *more, labels="faces.csv", file="labelled_parsed.npy"):
    parse_labelled.main(["--root", str(root), "--labels", labels, *more])
    return list(read_index(root / "dicts" / file).values())


def shares(**emotions):
    return pytest.approx([emotions.get(name, 0) for name in
                          ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")])


def test_a_list_with_an_emotion_each(tmp_path, capsys):
    """Words in any case and form, others mapped, a box of either kind, and what else a list gives."""
    write(tmp_path, "image,Label,x,y,w,h,split,person,valence,arousal\n0.png,Happiness,4,6,10,20,train,ann,0.8,\n"
                    "1.png,Joyful,,,,,val,bob,,\n2.png,bored,,,,,,,,\n3.png,contempt,,,,,,,,\n"
                    "missing.png,sad,,,,,,,,\n1.png,happy,0,0,32,32,val,,,\n4.png,puzzled,,,,,,,,\n5.png,sad,1,1,0,5,,,,\n"
                    "6.png\n")
    first, second = parse(tmp_path, "--words", "joyful", "happy", "bored", "left-out")
    assert first["em"] == shares(happy=1) and first["gt"] == [-1, 6, 20, 20] and first["person"] == "ann"
    assert (first["split"], first["val"], "aro" in first) == ("train", 0.8, False)
    assert second["em"] == shares(happy=1) and second["split"] == "valid" and second["gt"] == [0, 0, SIDE, SIDE]
    out = capsys.readouterr().out
    for line in ("boxes by x, y, w, h; also split, person, valence, arousal\n", "valid: kept 1 (",
                 "dropped 1: left-out", "1: contempt", "1: image missing", "1: the same face again",
                 "3: not as the format is described; the first: ", "row 8: expected an emotion (angry,"):
        assert line in out
    write(tmp_path, "path,emotion,xmin,ymin,xmax,ymax\n0.png,fear,2,2,12,12\n")
    assert parse(tmp_path, "--margin", "0.1", "--split", "test")[0] | {"em": 0} == {
        "img": "0.png", "em": 0, "split": "test", "gt": pytest.approx([1, 1, 12, 12])}


@pytest.mark.parametrize("names,numbers", [
    ("x,y,w,h", "4,6,10,20"), ("X,Y,Width,Height", "4,6,10,20"), ("xmin,ymin,xmax,ymax", "4,6,14,26"),
    ("x1,y1,x2,y2", "4,6,14,26"), ("left,top,right,bottom", "4,6,14,26"),
    ("width,height,top,bottom,left,right", "640,480,6,26,4,14")])          # the first two are the picture's
def test_boxes_by_any_of_their_names(tmp_path, capsys, names, numbers):
    empty = "," * names.count(",")
    half = numbers.rpartition(",")[0] + ","
    write(tmp_path, f"image,age,label,{names}\n0.png,7,sad,{numbers}\n1.png,7,sad,{empty}\n2.png,7,sad,{half}\n")
    assert [entry["gt"] for entry in parse(tmp_path)] == [[-1, 6, 20, 20], [0, 0, SIDE, SIDE]]
    out, folder = capsys.readouterr().out, tmp_path / "datasets/Labelled"
    assert f"faces.csv: pictures of {folder} by image; labels by label; boxes by " in out and "not read: age" in out
    assert "dropped 1: not as the format is described" in out and "row 4: expected a box's " in out


def test_a_picture_s_size_is_no_box(tmp_path, capsys):
    write(tmp_path, "image,label,width,height\n0.png,sad,32,32\n")
    assert parse(tmp_path)[0]["gt"] == [0, 0, SIDE, SIDE]
    assert "labels by label; no boxes; not read: width, height\n" in capsys.readouterr().out


def test_valence_and_arousal_from_minus_1_to_1(tmp_path):
    """-2 is AffectNet's for none, nan is pandas'."""
    write(tmp_path, "image,label,valence,arousal\n0.png,sad,-1,1\n1.png,sad,-2,\n2.png,sad,nan,0.5\n")
    assert [{name: value for name, value in entry.items() if name in ("val", "aro")} for entry in parse(tmp_path)] == [
        {"val": -1, "aro": 1}, {"val": -2}, {"aro": 0.5}]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_lists_as_spreadsheets_save_them(tmp_path, mark, encoding):
    """Commas, semicolons or tabs between, in UTF-8 or with a mark of UTF-16; a comma in a cell stays where it is."""
    rows = [["image", "label", "person"], ["0.png", "sad", '"Zoë, a"'], ["1.png", "happy", ""]]
    text = "\ufeff" * (encoding == "utf-16-be") + "\r\n".join(map(mark.join, rows))
    write(tmp_path, "")
    (tmp_path / "datasets/Labelled/faces.csv").write_bytes(text.encode(encoding))
    first, second = parse(tmp_path)
    assert (first["img"], first["person"], second["img"]) == ("0.png", "Zoë, a", "1.png")


def test_votes_by_emotion(tmp_path, capsys):
    write(tmp_path, "file,neutral,happiness,Contempt,clip\n0.png,6,2,2,7\n1.png,1,2,7,7\n2.png,0.25,.75,0,7\n"
                    "3.png,0,0,0,7\n4.png,-1,0,0,7\n")
    votes, chances = parse(tmp_path)
    assert votes["em"] == shares(neutral=0.75, happy=0.25) and votes["clip"] == "7"
    assert chances["em"] == shares(neutral=0.25, happy=0.75)
    out = capsys.readouterr().out
    assert "dropped 1: contempt" in out and "1: no label" in out and "row 6: expected votes or probabilities" in out


def test_a_row_for_each_reader_of_a_face(tmp_path, capsys):
    """Rows of one picture and box are votes, in any order; what is left out is a vote as well."""
    write(tmp_path, "file,x,y,w,h,rater,label,valence,person\n0.png,1,1,9,9,a,happy,0.5,\n1.png,1,1,9,9,a,fear,,\n"
                    "./0.png,1,1,9,9,b,happy,0.9,ann\n0.png,1,1,9,9.0,c,surprise,-2,bob\n0.png,2,1,9,9,a,sad,,\n"
                    "1.png,1,1,9,9,b,unreadable,,\n2.png,,,,,a,unreadable,,\n2.png,,,,,b,sad,,\n2.png,,,,,c,nf,,\n"
                    "2.png,,,,,d,nf,,\n3.png,,,,,a,sad,,\n3.png,,,,,a,sad,,\n")
    several, tied, other, again = parse(tmp_path)
    assert several["em"] == shares(happy=2 / 3, surprise=1 / 3)
    assert (several["val"], several["person"]) == (pytest.approx(0.7), "ann")
    assert tied["em"] == shares(fear=1) and other["em"] == shares(sad=1) and again["em"] == shares(sad=1)
    out = capsys.readouterr().out
    assert "4 of 5 faces have several rows, each read as another reader's\n" in out and "dropped 1: nf\n" in out
    assert [entry["img"] for entry in parse(tmp_path, "--agreed")] == ["0.png", "3.png"]
    assert "dropped 3: readers differ" in capsys.readouterr().out
    write(tmp_path, "file,happy,sad\n0.png,3,1\n0.png,1,0\n1.png,0,0\n1.png,0,0\n")
    assert parse(tmp_path, "--agreed")[0]["em"] == shares(happy=0.8, sad=0.2)
    assert "dropped 1: no label" in capsys.readouterr().out


def test_a_first_and_a_second_choice_of_one_or_two_readers(tmp_path, capsys):
    text = ("file,first,second,first_b,second_b\n0.png,neutral,,neutral,sad\n1.png,fear,surprise,surprise,\n"
            "2.png,unreadable,,unreadable,\n")
    write(tmp_path, text)
    one, two = parse(tmp_path)
    assert one["em"] == shares(neutral=2 / 2.4, sad=0.4 / 2.4)
    assert two["em"] == shares(fear=1 / 2.4, surprise=1.4 / 2.4)
    assert [entry["img"] for entry in parse(tmp_path, "--agreed")] == ["0.png"]
    out = capsys.readouterr().out
    assert "dropped 1: unreadable" in out and "1: readers differ" in out
    write(tmp_path, "file,first,second\n0.png,sad,angry\n")
    assert parse(tmp_path)[0]["em"] == shares(sad=1 / 1.4, angry=0.4 / 1.4)


@pytest.mark.parametrize("codes,emotions", [
    ("raf", {"1": SURPRISE, "7": NEUTRAL}), ("fer2013", {"0": ANGRY, "6": NEUTRAL}),
    ("affectnet", {"0": NEUTRAL, "4": FEAR, "7": None})])
def test_numbers_mean_what_the_named_table_says(tmp_path, run_main, capsys, codes, emotions):
    """Of Kaggle's RAF-DB and AffectNet, whose folders are numbers: never guessed."""
    for number in emotions:
        picture(tmp_path / f"datasets/Labelled/set/train/{number}/a.jpg")
    entries = parse(tmp_path, "--codes", codes, labels="set")
    found = {entry["img"].split("/")[2]: int(entry["em"].argmax()) for entry in entries}
    assert found == {number: emotion for number, emotion in emotions.items() if emotion is not None}
    said, _ = run_main(parse_labelled.main, ["--root", tmp_path, "--labels", "set"], capsys)
    assert "is a number; --codes raf, fer2013, affectnet says whose" in said and "set/train/" in said


def test_fer2013_s_names_of_its_splits(tmp_path):
    write(tmp_path, "image,emotion,Usage\n0.png,3,Training\n1.png,3,PublicTest\n2.png,3,PrivateTest\n")
    assert [entry["split"] for entry in parse(tmp_path, "--codes", "fer2013")] == ["train", "valid", "test"]


def test_numbers_and_lines_as_pandas_saves_them(tmp_path, capsys):
    write(tmp_path, ",pth,label\n0,0.png,sad\n")
    assert parse(tmp_path)[0]["img"] == "0.png"
    write(tmp_path, "file,label\n0.png,3.0\n1.png,5.0\n2.png,3.5\n3.png,\n")
    assert [int(entry["em"].argmax()) for entry in parse(tmp_path, "--codes", "fer2013")] == [HAPPY, SURPRISE]
    assert "dropped 2: not as the format is described; the first: " in capsys.readouterr().out
    assert int(parse(tmp_path, "--words", "3", "sad", "5", "left-out")[0]["em"].argmax()) == SAD


@pytest.mark.parametrize("labels,images", [
    ("ExpW/label.lst", "ExpW/origin"), ("ExpW/label.lst", "ExpW"), ("data/label/label.lst", "data/image/origin")])
def test_expw_as_it_is_given_out(tmp_path, capsys, labels, images):
    """Blanks between, no header, several faces a picture, box as top, left, right, bottom."""
    root = tmp_path / "datasets/Labelled"
    for name in ("angry_actor_104.jpg", "awe 2.jpg"):
        picture(root / images / name)
    (root / labels).parent.mkdir(parents=True, exist_ok=True)
    (root / labels).write_text("angry_actor_104.jpg 0 2 4 14 12 22.9 3\nangry_actor_104.jpg 1 3 16 26 13 59.1 0\n\n"
                               "awe 2.jpg 0 1 1 9 9 30 6\nawe 2.jpg 1 1 9 9 30\nawe 2.jpg 2 2 2 9 9 30 9\n")
    entries = parse(tmp_path, "--name", "expw", labels=labels, file="labelled_expw_parsed.npy")
    assert [(entry["img"], entry["gt"], int(entry["em"].argmax())) for entry in entries] == [
        (f"{images}/angry_actor_104.jpg", [4, 2, 10, 10], HAPPY),
        (f"{images}/angry_actor_104.jpg", [16, 3, 10, 10], ANGRY),
        (f"{images}/awe 2.jpg", [1, 1, 8, 8], NEUTRAL)]
    out = capsys.readouterr().out
    assert "boxes by left, top, right, bottom; not read: face, confidence" in out and (
        "dropped 2: not as the format is described; the first: " in out)
    assert "label.lst row 5: expected file, face, top, left, right, bottom, confidence, label, found a row cut" in out


def test_folders_named_by_emotion(tmp_path, capsys):
    for name in ("train/Happy/0.jpg", "train/contempt/1.jpg", "validation/sad/2.png", "test/angry/3.jpg",
                 "train/puzzled/4.jpg"):
        picture(tmp_path / "datasets/Labelled" / name)
    (tmp_path / "datasets/Labelled/validation/sad/notes.txt").write_text("")
    entries = parse(tmp_path, labels="")
    assert {entry["img"]: (entry["split"], int(entry["em"].argmax())) for entry in entries} == {
        "train/Happy/0.jpg": ("train", HAPPY), "validation/sad/2.png": ("valid", SAD),
        "test/angry/3.jpg": ("test", ANGRY)}
    out = capsys.readouterr().out
    assert "dropped 1: contempt" in out and "train/puzzled: expected an emotion" in out


@pytest.mark.parametrize("text,message", [
    ("file,age\n0.png,3\n", "row 2: expected a column label or emotion, first, or one an emotion, found file, age"),
    ("file,label\n../0.png,sad\n", "row 2: the path '../0.png' leaves the dataset's folder"),
    ("file,label\n0.png,3\n", "row 2: label 3 is a number; --codes raf, fer2013, affectnet says whose it is"),
    ("file,label,x,y,width\n0.png,sad,1,1,9\n", "row 2: expected a box's four columns, x, y, w, h or "),
    (",\n0.png,sad\n", "row 2: expected a column label or emotion, first, or one an emotion, found "),
    ("file|label\n0.png|sad\n", "first, or one an emotion, found file|label; between columns commas are expected"),
    ("file;label;arousal\n0.png;sad;0,5\n", "row 2: expected a number as arousal, found '0,5'; decimals want"),
    ("file;happy;sad\n0.png;0,5;0,5\n", "row 2: expected a number as happy, found '0,5'; decimals want"),
    ("file,label,arousal\n0.png,sad,1\n1.png,sad,7\n",
     "row 3: expected arousal from -1 to 1, or -2 for none, found 7; scale the column, or rename it to leave it out"),
    ("file,label,left,top\n0.png,sad,1,1\n", "or left, top, right, bottom, found left, top"),
    ("file,label,split\n0.png,sad,some\n", "no usable labelled picture; dropped 1: not as the format is described"),
    (None, "no such file or folder; --labels names a CSV, or a folder of folders, under --labelled-path")])
def test_what_is_refused(tmp_path, run_main, capsys, text, message):
    if text:
        write(tmp_path, text)
    said, _ = run_main(parse_labelled.main, ["--root", tmp_path, "--labels", "faces.csv"], capsys)
    assert said.startswith(f"error: {tmp_path / 'datasets/Labelled/faces.csv'}") and message in said
    assert not (tmp_path / "dicts").exists()


@pytest.mark.parametrize("image", ["DATASET/train/4/a.jpg", "DATASET/4/a.jpg"])
def test_kaggle_s_raf_db_is_read_by_its_folders(tmp_path, run_main, capsys, image):
    """Its lists name pictures that lie in folders below: the error says which --labels reads them."""
    root = tmp_path / "datasets/Labelled/RAF"
    picture(root / image)
    (root / "train_labels.csv").write_text("image,label\na.jpg,4\nb.jpg,5\n")
    argv = ["--root", tmp_path, "--codes", "raf", "--labels"]
    said, _ = run_main(parse_labelled.main, [*argv, "RAF/train_labels.csv"], capsys)
    assert said.startswith(f"error: {root / 'a.jpg'}: no such picture; none of the list's 2 is where it says")
    assert f"; RAF/{image} has its name" in said and said.endswith("--labels RAF/DATASET")
    assert [entry["img"] for entry in parse(tmp_path, "--codes", "raf", labels="RAF/DATASET")] == [f"RAF/{image}"]
    (root / "train_labels.csv").write_text("image,label\ngone/c.jpg,4\n")
    said, _ = run_main(parse_labelled.main, [*argv, "RAF/train_labels.csv"], capsys)
    assert said.endswith("is where it says")


def test_people_in_training_and_in_a_measure_are_told(tmp_path, capsys):
    write(tmp_path, "file,label,person,split\n0.png,sad,ann,train\n1.png,sad,ann,test\n2.png,sad,bob,train\n"
                    "3.png,sad,eve,valid\n4.png,sad,eve,test\n5.png,sad,,train\n6.png,sad,,test\n7.png,sad,joe,train\n"
                    "8.png,sad,joe,valid\n")
    parse(tmp_path)
    said = "people in training and in valid or test as well: {}; a measure on them flatters\n"
    assert said.format("2, the first ann") in capsys.readouterr().err
    write(tmp_path, "file,label,person,clip,split\n0.png,sad,1,a,train\n1.png,sad,1,b,test\n")
    parse(tmp_path)
    assert "warning" not in capsys.readouterr().err                        # numbers begin anew in each clip
    write(tmp_path, "file,label,person,clip,split\n0.png,sad,1,a,train\n1.png,sad,1,a,test\n2.png,sad,ann,a,train\n"
                    "3.png,sad,ann,b,test\n")
    parse(tmp_path)
    assert said.format("2, the first 1 of clip a") in capsys.readouterr().err


def test_several_lists_are_trained_and_measured_on_by_name(tmp_path, run_main, capsys):
    rows = "".join(f"{number}.png,{name}\n" for number, name in enumerate(("sad", "happy", "fear") * 3))
    write(tmp_path, "file,label\n" + rows)
    parse(tmp_path, "--name", "web", "--margin", "-0.2", file="labelled_web_parsed.npy")
    parse(tmp_path, "--name", "films", "--split", "valid", file="labelled_films_parsed.npy")
    small = ["--root", str(tmp_path), "--num-workers", "0", "--device", "cpu"]
    model_train.main([*small, "--mixture", "labelled:web", "1", "--valid-on", "labelled:films", "--weights", "none",
                      "--img-sz", "64", "--batch-size", "4", "--max-steps", "1", "--valid-every", "1"])
    assert "9 samples to train on, 9 to validate on" in capsys.readouterr().out
    evaluate.main([*small, "--index", "labelled:films", "--weights", "runs/static/best.pt", "--frames", "1"])
    assert (tmp_path / "results/evaluate_labelled_films_valid.json").is_file()
    said, _ = run_main(model_train.main, [*small, "--mixture", "labelled:films", "1", "--valid-on", "labelled:films"],
                       capsys)
    assert "labelled_films_parsed.npy: holds no split train" in said       # what measures is not trained on
    for name in ("lfw", "raf:mine"):
        said, _ = run_main(evaluate.main, [*small, "--index", name], capsys)
        assert said.startswith(f"error: {name}: no such source; expected affectnet, raf,")
