"""Drawn AffectNet, RAF-DB, FER2013/FER+ and CK+ datasets, in their exact layouts with their known defects."""
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from vtt_emotion.core.labels import AFFECTNET, CK, EMOTIONS, FERPLUS, NEUTRAL, RAF, RAF_COMPOUND, RAF_MULTI
from vtt_emotion.drawn.faces import Look, actions, background, draw_head, face_box, paste, random_look, random_pose

AFFECTNET_COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height",
                     "facial_landmarks", "expression", "valence", "arousal")
FERPLUS_COLUMNS = ("Usage", "Image name", "neutral", "happiness", "surprise", "sadness", "anger", "disgust",
                   "fear", "contempt", "unknown", "NF")
# Valence and arousal of each emotion, after Russell's circumplex (1980), in the order of `EMOTIONS`.
VALENCE = (-0.6, -0.65, -0.55, 0.8, -0.7, 0.15, 0.0)
AROUSAL = (0.65, 0.35, 0.7, 0.4, -0.35, 0.75, 0.0)


def draw_still(rng: np.random.Generator, emotion: Any, side: int, look: Look | None = None, head: float = 1.42,
               act: dict[str, float] | None = None, rise: float = 0.0) -> tuple[np.ndarray, list[int]]:
    """One face in a square picture of `side` px: RGB uint8 (side, side, 3) and its `[x, y, w, h]` box.

    `head` is the drawing's size and `rise` how far it is moved up, as shares of the side.
    """
    size = int(head * side / 2) * 2
    image = background(rng, side, side)
    centre = side * (0.5 + rng.uniform(-0.04, 0.04, 2) - (0, rise))
    if act is None:
        act = actions(emotion, rng.uniform(0.6, 1), rng)
    paste(image, draw_head(look or random_look(rng), act, random_pose(rng), size), centre)
    return image, [round(value) for value in face_box(centre, size)]


def save(path: Path, image: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def landmarks(box: Sequence[float]) -> np.ndarray:
    """68 points (68, 2) on an oval in the box: of the right form, though not of a face's true marks."""
    x, y, w, h = box
    turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    return np.stack([x + w / 2 * (1 + np.cos(turn)), y + h / 2 * (1 + np.sin(turn))], 1)


def _affectnet_rows(rng, folder, count, start):
    codes = {emotion: code for code, emotion in AFFECTNET.items()}
    rows = []
    for number in range(count * len(EMOTIONS)):
        emotion = number % len(EMOTIONS)
        suffix = {11: ".JPG", 23: ".tif", 37: ".bmp", 41: ".TIFF"}.get(number, ".jpg")
        name = f"{(start + number) // 50 + 1}/{start + number:032x}{suffix}"
        image, box = draw_still(rng, EMOTIONS[emotion], int(rng.integers(150, 230)))
        path = folder / "Manually_Annotated_Images" / name
        save(path, image, **({"quality": 92} if suffix.lower() == ".jpg" else {}))
        marks = ";".join(f"{value:.2f}" for value in landmarks(box).ravel())
        rows.append([name, *box, marks, codes[emotion], VALENCE[emotion], AROUSAL[emotion]])
    return rows


def write_affectnet(folder: Path, stills: int, rng: np.random.Generator) -> None:
    """The 2017 manual release; validation.csv comes without its header."""
    train = _affectnet_rows(rng, folder, stills, 1000)
    valid = _affectnet_rows(rng, folder, max(4, stills // 8), 500000)
    images = folder / "Manually_Annotated_Images"
    train[5][1:5] = ["NULL"] * 4                                     # no box
    train[6][3] = -40                                                # a box of negative width
    (images / train[7][0]).unlink()                                  # listed, but not there
    (images / train[8][0]).write_bytes((images / train[8][0]).read_bytes()[:700])    # corrupt
    train[9][1:5] = [-25, -30, 200, 240]                             # a box that leaves the image
    for offset, code in enumerate((7, 8, 9, 10)):                    # contempt, none, uncertain, no face
        train[12 + offset][6] = code
    train[16][7:] = [-2, -2]                                         # valence and arousal not given
    for name, rows, header in (("training.csv", train, True), ("validation.csv", valid, False)):
        with open(folder / name, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows(([AFFECTNET_COLUMNS] if header else []) + rows)


def write_affectnet_2021(folder: Path, stills: int, rng: np.random.Generator) -> None:
    """The 2021 release: cropped 224 px images, annotations as .npy holding strings or 0-d arrays."""
    codes = {emotion: code for code, emotion in AFFECTNET.items()}
    for split, count in (("train_set", max(3, stills // 10)), ("val_set", 3)):
        notes = folder / split / "annotations"
        notes.mkdir(parents=True)
        for number in range(count * len(EMOTIONS)):                  # numbers collide between the splits
            emotion = number % len(EMOTIONS)
            image, box = draw_still(rng, EMOTIONS[emotion], 224, head=1.9)
            save(folder / split / "images" / f"{number}.jpg", image, quality=92)
            code = 7 if number == 9 else codes[emotion]
            np.save(notes / f"{number}_exp.npy", str(code) if number % 2 else np.array(code))
            np.save(notes / f"{number}_val.npy", str(VALENCE[emotion]))
            np.save(notes / f"{number}_aro.npy", np.array(AROUSAL[emotion]))
            np.save(notes / f"{number}_lnd.npy", landmarks(box).ravel())
        (notes / f"{count}_aro.npy").unlink()                        # an annotation that is missing
    (folder / "train_set" / "images" / "2.jpg").unlink()             # an image that is missing


def _raf_image(folder, name, rng, emotion, act=None):
    """An original with its box file and the aligned copy; returns the box."""
    stem = Path(name).stem
    image, box = draw_still(rng, emotion, int(rng.integers(170, 240)), act=act)
    save(folder / "Image" / "original" / name, image, quality=92)
    x, y, w, h = box
    face = image[max(y, 0):y + h, max(x, 0):x + w]
    save(folder / "Image" / "aligned" / f"{stem}_aligned.jpg", cv2.resize(face, (100, 100)), quality=92)
    path = folder / "Annotation" / "boundingbox" / f"{stem}_boundingbox.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{x:.6f} {y:.6f} {x + w:.6f} {y + h:.6f}\n")
    return box


def _blend(pair, rng):
    first, second = (actions(EMOTIONS[emotion], 0.8, rng) for emotion in pair)
    return {name: (first[name] + second[name]) / 2 * 1.25 for name in first}


def _raf_listed(folder, codes, counts, rng, spelling):
    """The basic or compound layout: list file, originals, aligned copies and boxes."""
    lines = []
    for split, count in counts.items():
        for number in range(1, count * len(codes) + 1):
            code = list(codes)[(number - 1) % len(codes)]
            name = f"{split}_{number:0{5 if split == 'train' else 4}d}.jpg"
            emotions = codes[code]
            if isinstance(emotions, tuple):
                _raf_image(folder, name, rng, None, _blend(emotions, rng))
            else:
                _raf_image(folder, name, rng, EMOTIONS[emotions])
            lines.append(f"{name} {code}" + (" 1" if number % 10 == 3 else ""))      # a third column
    (folder / "EmoLabel").mkdir(parents=True)
    (folder / "EmoLabel" / spelling).write_text("\n".join(lines) + "\n")
    boxes = folder / "Annotation" / "boundingbox"
    (boxes / "train_00002_boundingbox.txt").unlink()                 # no box: the aligned copy serves
    (folder / "Image" / "original" / "train_00004.jpg").unlink()     # no original: likewise
    (boxes / "train_00005_boundingbox.txt").write_text("-12.5 -9.0 400.0 420.0\n")     # leaves the image
    for kind, ending in (("original", ""), ("aligned", "_aligned")):
        (folder / "Image" / kind / f"train_00006{ending}.jpg").unlink()                # nothing at all


def _raf_multi(folder, count, rng):
    """RAF-ML: six numbers an image, landmarks in two forms, no boxes."""
    distribution, partition = [], []
    marks_folder = folder / "Annotation" / "manual"
    marks_folder.mkdir(parents=True)
    for number in range(1, count + 1):
        name = f"{'train' if number % 4 else 'test'}_{number:04d}.jpg"
        pair = rng.choice(6, 2, replace=False)
        box = _raf_image(folder, name, rng, None, _blend(pair, rng))
        share = rng.uniform(0.3, 0.6)
        em = {pair[0]: share, pair[1]: 0.9 - share}
        distribution.append(f"{name} " + " ".join(f"{em.get(emotion, 0):.4f}" for emotion in RAF_MULTI))
        partition.append(f"{name} {int(number % 4 == 0)}")
        x, y, w, h = box
        marks = landmarks([x + w / 4, y + h / 4, w / 2, h / 2])[::2]
        gap = "\t" if number % 2 else " "
        text = "".join(f"{px:.2f}{gap}{py:.2f}\n" for px, py in marks)
        (marks_folder / f"{name[:-4]}_manu_ldmk.txt").write_text(text + ("" if number % 2 else "0\n1\n2\n"))
    (folder / "EmoLabel").mkdir()
    (folder / "EmoLabel" / "distribution.txt").write_text("\n".join(distribution) + "\n")
    (folder / "EmoLabel" / "partition_label.txt").write_text("\n".join(partition) + "\n")
    (marks_folder / "train_0003_manu_ldmk.txt").unlink()             # no landmarks
    for path in (folder / "Annotation" / "boundingbox").iterdir():
        path.unlink()
    (folder / "Annotation" / "boundingbox").rmdir()


def write_raf(folder: Path, stills: int, rng: np.random.Generator) -> None:
    """All three subsets of RAF-DB; the compound list has the other spelling."""
    share = max(3, stills // 4)
    _raf_listed(folder / "basic", RAF, {"train": share, "test": max(2, share // 4)}, rng,
                "list_patition_label.txt")
    _raf_listed(folder / "compound", RAF_COMPOUND, {"train": 2, "test": 1}, rng, "list_partition_label.txt")
    _raf_multi(folder / "multi", 2 * share, rng)


def write_fer(folder: Path, stills: int, rng: np.random.Generator) -> None:
    """FER2013 as CSV and as image folders, and the FER+ votes that go with both."""
    columns = {emotion: name for name, emotion in FERPLUS.items()}
    pixels: list[list[Any]] = []
    votes, number = [], 0
    for usage, part, count in (("Training", "Train", max(4, stills // 4)), ("PublicTest", "Valid", 3),
                               ("PrivateTest", "Test", 3)):
        for _ in range(count * len(EMOTIONS)):
            emotion = number % len(EMOTIONS)
            image, _ = draw_still(rng, EMOTIONS[emotion], 48, head=1.84, rise=0.05)
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            ballot = dict.fromkeys(FERPLUS_COLUMNS[2:], 0)
            ballot[columns[emotion]] = int(rng.integers(6, 10))
            ballot[FERPLUS_COLUMNS[2 + rng.integers(7)]] += 1        # a single vote: noise
            ballot["unknown"] = 10 - sum(ballot.values()) if sum(ballot.values()) < 10 else 0
            if number in (3, 4, 5):                                  # majorities that drop the row
                ballot = dict.fromkeys(ballot, 0) | {("contempt", "unknown", "NF")[number - 3]: 10}
            name = "" if number == 5 else f"fer{number:07d}.png"     # NF rows carry no name
            if name:
                save(folder / f"FER2013{part}" / name, grey)
            pixels.append([emotion, " ".join(map(str, grey.ravel())), usage])
            votes.append([usage, name, *ballot.values()])
            number += 1
    pixels[8][1] = pixels[8][1].rsplit(" ", 5)[0]                    # a picture cut short
    for name, header, rows in (("fer2013.csv", ("emotion", "pixels", "Usage"), pixels),
                               ("fer2013new.csv", FERPLUS_COLUMNS, votes)):
        with open(folder / name, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_ck(folder: Path, stills: int, rng: np.random.Generator) -> None:
    """CK+ sequences from neutral to the peak; some without a label, one of contempt, one image missing."""
    kinds = [(code, EMOTIONS[emotion]) for code, emotion in CK.items() if emotion != NEUTRAL] + [(2, "disgust")]
    for number in range(max(10, stills // 3)):
        code, emotion = kinds[number % len(kinds)]
        subject, sequence = f"S{5 + number // 4:03d}", f"{number % 4 + 1:03d}"
        look, peak, length = random_look(rng), actions(emotion, 1.0, rng), int(rng.integers(7, 14))
        for frame in range(length):
            act = {name: value * frame / (length - 1) for name, value in peak.items()}
            image, box = draw_still(rng, None, 240, look, 1.2, act)
            stem = f"{subject}_{sequence}_{frame + 1:08d}"
            save(folder / "cohn-kanade-images" / subject / sequence / f"{stem}.png",
                 cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
            path = folder / "Landmarks" / subject / sequence / f"{stem}_landmarks.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            x, y, w, h = box
            marks = landmarks((x - 0.02 * w, y + 0.22 * h, 1.04 * w, 0.8 * h))   # brows to chin, ear to ear
            path.write_text("".join(f"  {x:.7e}  {y:.7e}\n" for x, y in marks))
        notes = folder / "Emotion" / subject / sequence
        notes.mkdir(parents=True, exist_ok=True)
        if number % 5 != 4:                                          # not every sequence has a label
            (notes / f"{stem}_emotion.txt").write_text(f"   {code:.7e}\n")
