"""The pictures of a page: thumbnails of faces and of frames, as many as fit."""
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from vtt_emotion.core.crop import crop_face, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.page.readings import NEAR, Readings

FACE, FACES, FACE_EVERY = 64, 1600, 250          # px of a thumbnail, how many at most, ms between two at least
PICTURE, PICTURES, PICTURE_EVERY = 320, 300, 250     # the same of whole frames; px of the longer side


@dataclass
class Seen:
    """What one pass over the source gave."""
    times: list = field(default_factory=list)    # ms of every frame
    faces: dict = field(default_factory=dict)    # {place of a reading: JPEG}
    pictures: dict = field(default_factory=dict)     # {ms of a frame: JPEG}
    size: tuple | None = None                    # px (W, H) of a frame


def spread_faces(faces: np.ndarray, most: int = FACES) -> tuple[list[int], int]:
    """(places of the `faces` to show a thumbnail of, ms between two): each person evenly in time, `most` in all.

    faces: dtype READING. Of the readings between two, the most frontal one is shown.
    """
    every, best = float(FACE_EVERY), np.argsort(-faces["frontal"], kind="stable")
    while True:
        _, first = np.unique(np.stack([faces["label"], faces["time"] // every])[:, best], axis=1, return_index=True)
        if len(first) <= max(most, len(set(faces["label"].tolist()))):
            return np.sort(best[first]).tolist(), int(every)
        every *= 1.3


def as_jpeg(image: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()


def shrink(image: np.ndarray, longest: int = PICTURE) -> np.ndarray:
    """An RGB image (H, W, 3) scaled so that its longer side is at most `longest` px."""
    scale = min(1, longest / max(image.shape[:2]))
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def look(frames: Iterable, readings: Readings, wanted: list[int], kept: Collection[int], every: int,
         framing: tuple[float, float]) -> Seen:
    """One pass over the source's `frames`: the times of all, and the pictures the page is to have.

    Args:
        wanted: places of readings to cut a thumbnail of; kept: those whose whole frame is wanted too.
        every: ms between two pictures of whole frames; framing: (margin, lift) of a thumbnail.
    """
    seen, due, place, at = Seen(), 0, 0, {}
    for reading in wanted:
        at.setdefault(int(readings.faces["time"][reading]), []).append(reading)
    times, kept = sorted(at), {int(readings.faces["time"][reading]) for reading in kept}
    for frame in frames:
        now = round(1000 * frame.seconds)
        seen.times.append(now)
        while place < len(times) and times[place] < now - NEAR:
            place += 1
        here = times[place] if place < len(times) and times[place] <= now + NEAR else None
        for reading in at.get(here, ()):
            try:
                face = crop_face(frame.rgb, xyxy_to_xywh(readings.faces["box_xyxy"][reading]), FACE, *framing)
            except InputError:                   # a box outside the picture, of another video's results
                continue
            seen.faces[reading] = as_jpeg(face, 72)
        if now >= due or here in kept:
            seen.size = seen.size or frame.rgb.shape[1::-1]
            seen.pictures[now] = as_jpeg(shrink(frame.rgb), 62)
            due = now + every if now >= due else due
    return seen


def base64_bytes(pictures: Iterable[bytes]) -> int:
    return sum((len(picture) + 2) // 3 * 4 + 3 for picture in pictures)


def within(pictures: dict[int, bytes], kept: set[int], budget: int) -> dict[int, bytes]:
    """`pictures` ({key: bytes}), in order, so many that they take `budget` bytes in base64; those `kept` stay.

    The others are thinned evenly.
    """
    pictures = dict(sorted(pictures.items()))
    spare = [key for key in pictures if key not in kept]
    while spare and (size := base64_bytes(pictures.values())) > budget:
        fewer = min(len(spare) - 1, int(len(spare) * budget / size))
        places = {round(place) for place in np.linspace(0, len(spare) - 1, fewer)}
        spare = [key for place, key in enumerate(spare) if place in places]
        stays = kept | set(spare)
        pictures = {key: picture for key, picture in pictures.items() if key in stays}
    return pictures


def picture_every(seconds: float) -> int:
    """ms between two pictures of whole frames, of an episode of so many seconds."""
    return max(PICTURE_EVERY, int(1000 * seconds / PICTURES) + 1)
