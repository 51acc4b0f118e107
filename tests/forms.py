"""The forms in which copies of the datasets lie on people's disks: each a function that turns a drawn dataset into it.

`sample_data.py` draws every dataset in its plain layout; RAF-DB is also left as macOS leaves it.
"""
import csv
import shutil

from sample_data import leave_by_macos
from vtt_emotion.drawn.stills import AFFECTNET_COLUMNS

PARTS = ("FER2013Train", "FER2013Valid", "FER2013Test")


def move(root, *pairs):
    """Move files and folders of `root`, ("from", "to") each; a name like `a/a` puts a folder into one of its name."""
    for source, target in pairs:
        aside = (root / source).rename(root / "moved")
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        aside.rename(root / target)


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def unpack_deeper(root):
    """The dataset a folder deeper than the one given."""
    aside = root.rename(root.with_name("moved"))
    root.mkdir()
    aside.rename(root / aside.with_name(root.name).name)


def affectnet_file_lists(root):
    """Lists and images each in the folders that their archives make."""
    move(root, ("training.csv", "Manually_Annotated/Manually_Annotated_file_lists/training.csv"),
         ("validation.csv", "Manually_Annotated/Manually_Annotated_file_lists/Validation.csv"),
         ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images"))


def affectnet_pandas(root):
    """Lists read and saved again by pandas: a column of row numbers, 0.0 for 0, nothing for NULL."""
    for name in ("training.csv", "validation.csv"):
        rows = [row for row in read_csv(root / name) if row[0] != AFFECTNET_COLUMNS[0]]
        rows = [[number, path, *("" if value == "NULL" else float(value) for value in box), marks, *map(float, values)]
                for number, (path, *box, marks, code, valence, arousal) in enumerate(rows)
                for values in [(code, valence, arousal)]]
        write_csv(root / name, [["", *AFFECTNET_COLUMNS], *rows])


def affectnet_automatic(root, folder="Automatically_Annotated_file_lists"):
    """The automatic part, here the training images again, its list in `folder`."""
    shutil.copytree(root / "Manually_Annotated_Images", root / "Automatically_Annotated/Automatically_Annotated_Images")
    write_csv(root / folder / "automatically_annotated.csv", read_csv(root / "training.csv"))


def raf_unpacked(root):
    """Folders within folders of their name, and RAF-ML under its own."""
    move(root, ("multi", "RAF-ML"), *((f"basic/Image/{kind}", f"basic/Image/{kind}/{kind}")
                                      for kind in ("aligned", "original")))


def raf_flat(root):
    """The basic subset without a folder `basic`; no other."""
    shutil.rmtree(root / "multi")
    shutil.rmtree(root / "compound")
    move(root, *((f"basic/{folder}", folder) for folder in ("EmoLabel", "Image", "Annotation")))


def fer_clone(root):
    """A clone of FER+'s own repository with fer2013.csv beside: folders in data/ with lists and no pictures."""
    for part in PARTS:
        shutil.rmtree(root / part)
        write_csv(root / "data" / part / "label.csv", [["fer0000000.png", "(0, 0, 48, 48)", *[1] * 10]])


def fer_votes_apart(root):
    """The votes in the folder itself, the pictures in data/."""
    move(root, *((part, f"data/{part}") for part in PARTS))
    (root / "fer2013.csv").unlink()


def fer_kaggle(root):
    """Kaggle's icml_face_data.csv, with spaces in its header and another order of columns."""
    for part in PARTS:
        shutil.rmtree(root / part)
    rows = [(emotion, usage, pixels) for emotion, pixels, usage in read_csv(root / "fer2013.csv")[1:]]
    write_csv(root / "icml_face_data.csv", [["emotion", " Usage", " pixels"], *rows])
    (root / "fer2013.csv").unlink()


def fer_twice(root):
    """Votes for one picture twice, and for another, of the test, the second time as no face."""
    votes = read_csv(root / "fer2013new.csv")
    last = votes[-1]
    write_csv(root / "fer2013new.csv", [*votes[:8], votes[7], *votes[8:], [*last[:2], *[0] * 9, 10]])
    (root / "fer2013.csv").unlink()


def ck_unpacked(root):
    """As the archives of CK+ unpack."""
    move(root, ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images"),
         ("Emotion", "Emotion_labels/Emotion"), ("Landmarks", "Landmarks/Landmarks"))


FORMS = {
    "affectnet": (leave_by_macos, unpack_deeper, affectnet_file_lists, affectnet_pandas),
    "affectnet_2021": (leave_by_macos, unpack_deeper),
    "raf": (unpack_deeper, raf_unpacked, raf_flat),
    "fer": (leave_by_macos, unpack_deeper, fer_clone, fer_votes_apart, fer_kaggle, fer_twice),
    "ck": (leave_by_macos, unpack_deeper, ck_unpacked),
}
