"""Faces kept small: of each picture that is trained on, once, the face and what augmentation may show around it.

A face's square is grown by how far it may be moved and zoomed out of, scaled to the size at which the nearest view
still has a pixel of it for each of its own, and written as a JPEG into a folder. To read that takes a fraction of the
time that a large picture takes. What leaves the picture repeats its edge there, as in every crop.
"""
import hashlib
import math
import os
from pathlib import Path

import numpy as np

from vtt_emotion.core.crop import crop_face, square_around
from vtt_emotion.core.images import read_reduced, write_image

Square = tuple[float, float, float]               # x, y, side
NEAREST = 0.5                                    # of a zoom in, beyond which faces are kept no larger
WORTH = 1.25                                     # times as large as wanted a face must be in its picture to be kept


def square_in(image: np.ndarray, divisor: float, square: Square | None, margin: float) -> Square:
    """A face's square in an image (H, W, 3) that `read_reduced` made smaller by `divisor`; None: all, and a margin."""
    if square:
        x, y, side = square
        return x / divisor, y / divisor, side / divisor
    height, width = image.shape[:2]
    return square_around((0, 0, width, height), margin)


class FaceCache:
    """Faces in `folder`, for training at `size` px with moves up to `move`, and zoom up to `zoom`, shares of a side."""

    def __init__(self, folder: Path, size: int, move: float, zoom: float) -> None:
        self.folder, self.reach = folder, 1 + zoom + 2 * move
        self.face = math.ceil(size / (1 - min(zoom, NEAREST)))
        self.side = math.ceil(self.face * self.reach)

    def find(self, path: Path, square: Square | None, margin: float = 0.0) -> tuple[Path, Square] | None:
        """(the picture kept of a face, the face's square x, y, side in it); None where it is not worth keeping.

        Args:
            path: its picture; square: (x, y, side) of the face in it, None for the whole picture with a margin.

        Raises:
            InputError: the picture cannot be read, or the square lies outside it.
            OSError: there is no such picture, or what is kept of it cannot be written.
        """
        if square and square[2] < WORTH * self.face:
            return None
        parts = (os.fspath(path), path.stat().st_mtime_ns, square, margin, self.face, round(self.reach, 6))
        name = hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()
        kept = self.folder / name[:2] / f"{name[2:32]}.jpg"
        if not kept.is_file() and not self._keep(kept, path, square, margin):
            return None
        side = self.side / self.reach
        return kept, ((self.side - side) / 2, (self.side - side) / 2, side)

    def _keep(self, kept, path, square, margin):
        """Whether a face is large enough to be kept; then it is written."""
        image, divisor = read_reduced(path, square[2] if square else 0, self.face)
        x, y, side = square_in(image, divisor, square, margin)
        if side * divisor < WORTH * self.face:
            return False
        grown = side * self.reach
        around = (x - (grown - side) / 2, y - (grown - side) / 2, grown, grown)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_image(kept, crop_face(image, around, self.side))
        return True
