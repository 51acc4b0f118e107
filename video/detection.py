"""Faces found in a picture."""
import threading
import warnings
from functools import cache

import dlib
import numpy as np
from PIL import ImageFile

_OWN = threading.local()


@cache
def _face_recognition():
    """The face_recognition package. It takes a second to import, and only the results need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")          # its models package imports pkg_resources, loudly
        import face_recognition
    ImageFile.LOAD_TRUNCATED_IMAGES = False      # it sets this to True for the whole process
    return face_recognition


def detect_faces(image, scale=1.0, model="hog"):
    """Find faces of at least 80 px with dlib's detectors.

    Args:
        image: grey (H, W) or RGB (H, W, 3), uint8.
        scale: what the boxes are multiplied by: pixels of the frame a pixel of the image.
        model: "hog" (Dalal and Triggs, CVPR 2005, over five poses) or "cnn" (King, 2015), which wants CUDA.

    Returns:
        float array (K, 4), `box_xyxy`, from left to right.
    """
    image = np.ascontiguousarray(image)          # of a slice dlib finds nothing
    if model == "cnn":
        found = _face_recognition().face_locations(np.stack([image] * 3, 2) if image.ndim == 2 else image, 0, "cnn")
        boxes = [(left, top, right, bottom) for top, right, bottom, left in found]
    else:
        if not hasattr(_OWN, "hog"):             # each thread has its own: a detector keeps its last picture
            _OWN.hog = dlib.get_frontal_face_detector()
        boxes = [(face.left(), face.top(), face.right() + 1, face.bottom() + 1) for face in _OWN.hog(image, 0)]
    height, width = image.shape[:2]
    boxes = np.clip(np.asarray(sorted(boxes), float).reshape(-1, 4), 0, (width, height, width, height))
    return boxes * scale
