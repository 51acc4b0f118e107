"""The container of faces, from the detector to the records: a NumPy array of dtype FACE, a row a face.

It is indexed, sliced, masked and joined as any array: `faces[faces["score"] > 0.8]`, `np.concatenate([one, other])`.
"""
import numpy as np
from numpy.typing import ArrayLike

# frame: its number from 0; id: who it is, from 1, within a shot. Both are 0 until they are known.
# box_xyxy: left, top, right, bottom, px of the frame. score: the detector's, 0 to 1.
# landmarks: x and y, px of the frame, of the eye on the left of the picture, the one on the right, the nose's tip, the
# mouth's corner on the left, the one on the right; NaN where the detector gives none.
FACE = np.dtype([("frame", np.int32), ("id", np.int32), ("box_xyxy", np.float32, 4), ("score", np.float32),
                 ("landmarks", np.float32, (5, 2))])


def make_faces(boxes_xyxy: ArrayLike, scores: ArrayLike = 1.0, landmarks: ArrayLike = np.nan) -> np.ndarray:
    """The K faces found in one picture, dtype FACE.

    Args:
        boxes_xyxy: (K, 4), px.
        scores: (K,) or one for all, 0 to 1.
        landmarks: (K, 5, 2), px, see FACE.

    >>> make_faces([[10, 20, 50, 60]], [0.9])["box_xyxy"]
    array([[10., 20., 50., 60.]], dtype=float32)
    """
    boxes_xyxy = np.asarray(boxes_xyxy, np.float32).reshape(-1, 4)
    faces = np.zeros(len(boxes_xyxy), FACE)
    faces["box_xyxy"], faces["score"], faces["landmarks"] = boxes_xyxy, scores, landmarks
    return faces
