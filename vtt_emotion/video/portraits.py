"""The best crops of each face while a video is read, encoded, and what is worn below the face.

Both tell people apart (names.py).
"""
from collections.abc import Callable

import cv2
import numpy as np

from vtt_emotion.core.crop import crop_face, xyxy_to_xywh
from vtt_emotion.video.detection import frontal
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.names import encode_faces

SPACING, LOOKED_AT = 12, 2                       # frames between crops of a face, and between those that may be one
LARGE = 150                                      # px of a side that suffice
TURNED = 0.3                                     # of a frontal face's goodness has one from the side
SHARP_SIDE, BLURRED, SHARP = 64, 0.1, 0.2        # px; sharpness below which strangers look alike, and that suffices
DIM = 8                                          # contrast, of 255, below which they do, too
USABLE = 0.05                                    # goodness of a crop to be encoded
SPARE = 0.4                                      # of a face's side, around the crop that it is encoded from
BELOW, BESIDE = (0.2, 1.2), 0.3                  # sides of a face, within which clothes are looked at
SHOWN, SAMPLED = 0.3, (48, 30)                   # of that is to lie in the frame; px that it is scaled to
SHADES, COLOURS = 8, 32                          # of L, a and b (CIELAB); how far a and b may be from grey
GREY = 1.5                                       # spread of a and b below which a film has no colours


class Portraits:
    """Keeps the best crops of each face while a video is read, and encodes them when it is gone.

    The best are frontal, large, sharp and surely a face, up to `count`, each the best of another `SPACING` frames.
    """

    def __init__(self, count: int, hog_box: Callable[[np.ndarray], np.ndarray]) -> None:
        self.count, self.hog_box = count, hog_box                      # hog_box: of what found them
        self.held = {}                           # {id: [(goodness, -part, crop, box, what is below)]}
        self.encodings, self.colours = {}, {}

    def take(self, frame: Frame, faces: np.ndarray) -> None:
        """Take what is worth it of the `faces` (dtype FACE) of the next frame."""
        if frame.number % LOOKED_AT:             # a face hardly changes sooner
            return
        here = faces["id"].tolist()
        for id in [id for id in self.held if id not in here]:
            self._encode(id)
        for id, face, good in zip(here, faces, goodness(faces)):
            self._offer(id, frame, self.hog_box(face["box_xyxy"]), float(good))

    def _offer(self, id, frame, box, good):
        held, part = self.held.setdefault(id, []), -(frame.number // SPACING)
        former = next((place for place, kept in enumerate(held) if kept[1] == part), None)
        least = max(USABLE, held[former][0] if former is not None else held[-1][0] if len(held) == self.count else 0)
        if good <= least:
            return
        good *= sharpness_share(crop_face(frame.rgb, xyxy_to_xywh(box), SHARP_SIDE, 0, 0))
        if good <= least:
            return
        if former is not None:
            held.pop(former)
        if len(held) < self.count or (good, part) > held[-1][:2]:
            held.append((good, part, *cut_out(frame.rgb, box), below(frame.rgb, box)))
            held.sort(key=lambda kept: kept[:2], reverse=True)
            del held[self.count:]

    def _encode(self, id):
        if held := self.held.pop(id):
            self.encodings.setdefault(id, []).extend(encode_faces([kept[2:4] for kept in held]))
            colours = [colours_of(kept[4]) for kept in held if kept[4] is not None]
            self.colours.setdefault(id, []).extend(rows for rows in colours if rows is not None)

    def finish(self) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """({id: encodings (K, 128)}, K up to `count` each time it came, {id: colours (512,) below it, on average}).

        Of the faces that were seen clearly, and of those with colours as of `colours_of`.
        """
        for id in list(self.held):
            self._encode(id)
        return ({id: np.array(rows).reshape(-1, 128) for id, rows in self.encodings.items()},
                {id: np.mean(rows, 0) for id, rows in self.colours.items() if rows})


def goodness(faces: np.ndarray) -> np.ndarray:
    """How much each of some faces (dtype FACE) would say of who it is, 0 to 1: frontal, large, surely there.

    A face from the side says less, but it too can be told from others.
    """
    boxes = faces["box_xyxy"]
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], 1))
    return (TURNED + (1 - TURNED) * frontal(faces["landmarks"])) * faces["score"] * np.minimum(sides / LARGE, 1)


def sharpness_share(crop: np.ndarray) -> float:
    """How sharp a crop, RGB uint8 (64, 64, 3), is, 0 to 1: blurred strangers' encodings are as near as one person's.

    By the variance of its Laplacian, at a contrast of 1 (Pech-Pacheco et al., ICPR 2000): 0.04 at most of a blurred
    street, 0.2 and more of most faces of a talk show. In the dark, a contrast of 5 at most, noise looks sharp: 0.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    contrast = grey.std()
    if contrast < DIM:
        return 0.0
    sharpness = cv2.Laplacian((grey - grey.mean()) / contrast, cv2.CV_32F).var()
    return 0.0 if sharpness < BLURRED else min(float(sharpness) / SHARP, 1)


def cut_out(image: np.ndarray, box_xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(copy of an image's part about a box, `SPARE` sides wider all around; the box in it)."""
    box = np.asarray(box_xyxy, float)
    spare = SPARE * (box[2:] - box[:2]).max()
    left, top = np.maximum(np.floor(box[:2] - spare), 0).astype(int)
    right, bottom = np.ceil(box[2:] + spare).astype(int)
    return image[top:bottom, left:right].copy(), box - (left, top, left, top)


def below(image: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray | None:
    """What an image, RGB uint8, shows below a face, `SAMPLED` px: RGB uint8 (30, 48, 3); None: it is hardly in it."""
    side = box_xyxy[2] - box_xyxy[0]
    left, right = box_xyxy[0] - BESIDE * side, box_xyxy[2] + BESIDE * side
    top, bottom = box_xyxy[3] + np.array(BELOW) * side
    part = image[max(round(top), 0):max(round(bottom), 0), max(round(left), 0):max(round(right), 0)]
    if part.shape[0] * part.shape[1] < max(1, SHOWN * (right - left) * (bottom - top)):
        return None
    return cv2.resize(part, SAMPLED, interpolation=cv2.INTER_NEAREST)


def colours_of(part: np.ndarray) -> np.ndarray | None:
    """The shares (512,) of the colours of a part as of `below`, sum 1, float32; None: of a grey film."""
    lab = cv2.cvtColor(part, cv2.COLOR_RGB2LAB)
    lab[..., 1:] = lab[..., 1:].clip(128 - COLOURS, 127 + COLOURS)
    if lab[..., 1:].std((0, 1)).max() < GREY:
        return None
    near = [128 - COLOURS, 128 + COLOURS]
    return cv2.calcHist([lab], [0, 1, 2], None, [SHADES] * 3, [0, 256, *near, *near]).ravel() / lab[..., 0].size
