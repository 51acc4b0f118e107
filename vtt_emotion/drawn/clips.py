"""Drawn DFEW, FERV39k and MAFW: clips as folders of faces from neutral to an emotion, and lists, in their layouts."""
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vtt_emotion.core.labels import ANGRY, DISGUST, EMOTIONS, FEAR, HAPPY, NEUTRAL, SAD, SURPRISE
from vtt_emotion.drawn.faces import actions, random_look
from vtt_emotion.drawn.stills import draw_still, save

FRAMES, SIDE = 6, 96                             # of a clip; px of a face's picture
FOLDS = range(1, 6)
DFEW = (HAPPY, SAD, NEUTRAL, ANGRY, SURPRISE, DISGUST, FEAR)       # its labels 1 to 7
NOUNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")        # MAFW's
SCENES = ("Action", "Crime")


def draw_clip(rng: np.random.Generator, emotion: str) -> Iterator[np.ndarray]:
    """The frames of one person's clip, RGB uint8 (SIDE, SIDE, 3), from neutral to an emotion, which then stays."""
    look, peak = random_look(rng), actions(emotion, 1.0, rng)
    for frame in range(FRAMES):
        act = {name: value * min(1, 2 * frame / (FRAMES - 1)) for name, value in peak.items()}
        yield draw_still(rng, None, SIDE, look, 1.84, act, 0.05)[0]


def write_frames(folder: Path, name: str, rng: np.random.Generator, emotion: int) -> None:
    """Write a clip's frames into its folder; `name` of a frame by its number, from 1."""
    for number, image in enumerate(draw_clip(rng, EMOTIONS[emotion]), 1):
        save(folder / name.format(number), image)


def write_text(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_dfew(folder: Path, clips: int, rng: np.random.Generator) -> None:
    """Faces of `clips` clips of each emotion in each of five folds, and the folds' lists; one clip has no frames."""
    rows, clip = {}, 0
    for fold in FOLDS:
        for code, emotion in list(enumerate(DFEW, 1)) * clips:
            clip += 1
            write_frames(folder / f"data_affine/single_label/data/{clip:05d}", f"{clip:05d}_{{:05d}}.jpg", rng, emotion)
            rows.setdefault(fold, []).append(f"{clip},{code}")
    rows[1].append(f"{clip + 1},1")
    for fold in FOLDS:
        rest = [row for other in FOLDS if other != fold for row in rows[other]]
        for split, mine in (("test", rows[fold]), ("train", rest)):
            path = folder / f"EmoLabel_DataSplit/{split}(single-labeled)/set_{fold}.csv"
            write_text(path, ["video_name,label", *mine])


def write_ferv39k(folder: Path, clips: int, rng: np.random.Generator) -> None:
    """Clips of each emotion by scene, `clips` to train on and one to test, and the lists of all scenes."""
    for split, count in (("train", clips), ("test", 1)):
        rows = []
        for number in range(count):
            for emotion, name in enumerate(EMOTIONS):
                clip = f"{SCENES[number % 2]}/{name.capitalize()}/{number + (1000 if split == 'test' else 0):04d}"
                write_frames(folder / "2_ClipsforFaceCrop" / clip, "{:04d}.jpg", rng, emotion)
                rows.append(f"{clip} {name.capitalize()}")
        write_text(folder / f"4_setups/All_scenes/{split}_All.csv", rows)


def write_mafw(folder: Path, clips: int, rng: np.random.Generator) -> None:
    """Faces of `clips` clips of each of seven emotions, and one of anxiety, in each of five folds, and the lists."""
    rows, clip = {}, 0
    for fold in FOLDS:
        for emotion, name in [*enumerate(NOUNS)] * clips + [(FEAR, "anxiety")]:
            clip += 1
            write_frames(folder / f"data/faces/{clip:05d}", "{:05d}.png", rng, emotion)
            rows.setdefault(fold, []).append(f"{clip:05d}.mp4 {name}")
    for fold in FOLDS:
        rest = [row for other in FOLDS if other != fold for row in rows[other]]
        for split, mine in (("test", rows[fold]), ("train", rest)):
            write_text(folder / f"Train & Test Set/single/no_caption/set_{fold}/{split}.txt", mine)
