"""Boxes, and the one face crop.

Images are RGB uint8 (H, W, 3). Boxes are `box_xywh` (left, top, width, height) or `box_xyxy` (left, top, right,
bottom), in pixels, as lists or float arrays; they may reach outside the image.
"""
from collections.abc import Sequence

import cv2
import numpy as np

from vtt_emotion.core.errors import InputError

LARGEST = 8                                      # times its image's longer side: a box beyond it is no face's
FARTHEST = 1e6                                   # px
Box = Sequence[float] | np.ndarray
Boxes = Sequence[Sequence[float]] | np.ndarray   # (N, 4)


def check_pixels(numbers: Sequence[float], where: str = "") -> None:
    """Refuse, by a ValueError, coordinates that are no picture's: not finite, or beyond `FARTHEST`."""
    if not all(-FARTHEST <= number <= FARTHEST for number in numbers):
        raise ValueError(f"{where}expected pixels, found {list(numbers)}"[:200])


def square_around(box_xywh: Box, margin: float = 0.0, lift: float = 0.0) -> tuple[float, float, float]:
    """The square (x, y, side) about a box's middle: its longer side, grown by `margin` of it on each side.

    `lift` moves it up by that share of the square's side.
    """
    x, y, w, h = (float(value) for value in box_xywh)
    side = max(w, h) * (1 + 2 * margin)
    return x + w / 2 - side / 2, y + h / 2 - side / 2 - lift * side, side


def crop_face(image: np.ndarray, box_xywh: Box, size: int, margin: float = 0.0, lift: float = 0.0) -> np.ndarray:
    """The one face crop, used by the parsers, the training and the results.

    The square of `square_around`, rounded to whole pixels, scaled to `size`. What leaves the image repeats
    the image's edge.

    Args:
        image: RGB uint8 (H, W, 3).
        box_xywh: the face, px of the image.
        size: side of the crop, px.
        margin, lift: see `square_around`.

    Returns:
        RGB uint8 (size, size, 3).
    """
    height, width = image.shape[:2]
    left, top, side = square_around(box_xywh, margin, lift)
    if not (touches((left, top, side, side), width, height) and 1 <= side <= LARGEST * max(width, height)):
        box = [round(float(value), 1) for value in box_xywh]
        raise InputError(f"box {box} lies outside its image of {width}x{height}")
    side, left, top = round(side), round(left), round(top)
    right, bottom = left + side, top + side
    face = image[max(min(top, height - 1), 0):max(bottom, 1), max(min(left, width - 1), 0):max(right, 1)]
    outside = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if any(outside):
        face = cv2.copyMakeBorder(face, *outside, cv2.BORDER_REPLICATE)
    return cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)


def touches(box_xywh: Box, width: int, height: int) -> bool:
    """Whether a box has any pixel of an image of `width` x `height`."""
    x, y, w, h = box_xywh
    return x < width and y < height and x + w > 0 and y + h > 0


def xyxy_to_xywh(box_xyxy: Box) -> list[float]:
    x0, y0, x1, y1 = box_xyxy
    return [x0, y0, x1 - x0, y1 - y0]


def iou(boxes_xyxy: Boxes, others_xyxy: Boxes) -> np.ndarray:
    """Intersection over union of (A, 4) with (B, 4) boxes, as (A, B)."""
    a, b = np.asarray(boxes_xyxy, float)[:, None], np.asarray(others_xyxy, float)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    area_a, area_b = (np.prod(boxes[..., 2:] - boxes[..., :2], -1) for boxes in (a, b))
    return shared / np.maximum(area_a + area_b - shared, 1e-9)
