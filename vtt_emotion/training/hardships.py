"""What makes a face hard to read: few pixels, compression, movement, shadow, a turn.

Faces are RGB uint8 (H, W, 3), crops square; what is returned is of the same kind.
"""
from collections.abc import Sequence

import cv2
import numpy as np

from vtt_emotion.core.crop import Box, crop_face

DARK, SOFT = 0.35, 0.1                           # what a shadow leaves of a pixel's value; its edge, of the side


def shrink(face: np.ndarray, side: int, quality: int | None = None) -> np.ndarray:
    """A face as one of `side` px looks when it is enlarged again; with `quality` it was a JPEG of that, 1 to 100."""
    size, whole = face.shape[0], (0, 0, *face.shape[:2])
    if side < size:
        face = crop_face(face, whole, side)
    if quality is not None:
        _, data = cv2.imencode(".jpg", face, (cv2.IMWRITE_JPEG_QUALITY, quality))
        face = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return crop_face(face, (0, 0, *face.shape[:2]), size) if side < size else face


def smear(face: np.ndarray, length: float, angle: float) -> np.ndarray:
    """A face that moved while it was taken, `length` px in the direction of `angle`, radians.

    The mean of 2, 4, 8 or more pictures on the way, not 2 px apart: of two, of two such means, and so on.
    """
    doublings = max(1, int(np.ceil(np.log2(length / 2 + 1))))
    step = length / (2 ** doublings - 1)

    def moved(picture, far):
        way = np.float32([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
        return cv2.warpAffine(picture, way, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)

    face = moved(face, -length / 2)
    for doubling in range(doublings):
        face = cv2.addWeighted(face, 0.5, moved(face, step * 2 ** doubling), 0.5, 0)
    return face


def shade(face: np.ndarray, angle: float, offset: float = 0.0, soft: float = SOFT, dark: float = DARK) -> np.ndarray:
    """A face with the part beyond a straight line in shadow.

    Args:
        angle: radians, from the middle to the dark part: 0 is the right of the picture, pi / 2 its top.
        offset: the line's distance from the middle that way, as a share of the side; at 0 half of the face is dark.
        soft: width of the shadow's edge, a share of the side.
        dark: what is left of a pixel's value in it.
    """
    size = face.shape[0]
    across = ((np.arange(size) + 0.5) / size - 0.5) / soft
    beyond = np.add.outer(-np.sin(angle) * across, np.cos(angle) * across - offset / soft + 0.5)
    light = np.round(255 - 255 * (1 - dark) * np.minimum(np.maximum(beyond, 0), 1)).astype(np.uint8)
    return cv2.multiply(face, cv2.merge([light] * 3), scale=1 / 255)


def half_in_shadow(faces: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Crops of one clip with half of the face in shadow: left, right, top or aslant, never the lower half."""
    angle = rng.uniform(0, np.pi)
    return [shade(face, angle) for face in faces]


def crop_turned(image: np.ndarray, box_xywh: Box, size: int, degrees: float) -> np.ndarray:
    """`crop_face` of a square box, of the picture turned about its middle, anticlockwise.

    What turns into the crop is what surrounds it in the image; beyond the image it repeats the image's edge.
    """
    x, y, side, _ = box_xywh
    wide = int(np.ceil(size * np.abs([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]).sum()))
    around = side * wide / size
    face = crop_face(image, (x + (side - around) / 2, y + (side - around) / 2, around, around), wide)
    turn = cv2.getRotationMatrix2D(((wide - 1) / 2, (wide - 1) / 2), degrees, 1)
    turn[:, 2] -= (wide - size) / 2
    return cv2.warpAffine(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
