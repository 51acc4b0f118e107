"""Faces that nobody labelled, in photos and in videos, and what networks say of them."""
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import emotions_of
from vtt_emotion.datasets.parsing import Report
from vtt_emotion.video.batch import look_at_photos
from vtt_emotion.video.detection import Detector
from vtt_emotion.video.emotions import labels_of, picture_logits, softmax
from vtt_emotion.video.faces_file import fingerprint, read_faces
from vtt_emotion.video.frames import count_frames, read_frames
from vtt_emotion.video.reading import known_faces


def photo_faces(folder: Path, detectors: Sequence[Detector],
                report: Report) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Yield (what an entry tells of it, image, boxes_xyxy (K, 4)) of each photo in a folder and the folders in it.

    detectors: of `photo_detectors`.
    """
    for path, image, found in look_at_photos(folder, detectors, lambda _: report.drop("photo unreadable"), inside=True):
        if not len(found):
            report.drop("photo without a face")
        yield {"file": path.relative_to(folder).as_posix()}, image, found["box_xyxy"]


def video_faces(video: Path, path: Path, apart: float) -> tuple[str, Iterator[tuple]]:
    """(detector's name, an iterator as `photo_faces`, of a video whose faces file is `path`).

    Of each face that was followed one every `apart` s.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; create_results.py --video {video} finds the faces first")
    about, faces, shots = read_faces(path)
    if faces is None or about["source"] != fingerprint(video):
        raise InputError(f"{path}: of another video than {video}, or of an earlier version; make its results again")

    def find():
        taken = {}
        frames = tqdm(read_frames(video), video.stem, count_frames(video), unit="frame", disable=None)
        for frame, _, rows in known_faces(frames, faces, shots):
            due = [row for row in rows if frame.seconds >= taken.get(int(row["id"]), -np.inf) + apart - 1e-6]
            taken |= {int(row["id"]): frame.seconds for row in due}
            if due:
                entry = {"file": video.name, "seconds": round(frame.seconds, 3)}
                yield entry, frame.rgb, np.array([row["box_xyxy"] for row in due])

    return about["options"]["detector"], find()


def soft_labels(steps: Sequence, image: np.ndarray, squares: Sequence[tuple]) -> np.ndarray:
    """Mean softmax float64 (K, 7) of the networks' `steps` for the faces in K squares (x, y, side) of an image."""
    chances = []
    for step in steps:
        logits = picture_logits(image, [(x, y, side, side) for x, y, side in squares], step)
        chances.append(softmax(logits[:, :len(emotions_of(labels_of(step)))].astype(np.float64)))
    return np.mean(chances, 0)
