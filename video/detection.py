"""Faces found in a picture."""
import threading

import dlib
import numpy as np

from video.dlib_models import load_model

_OWN = threading.local()


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
        found = load_model("cnn_face_detection_model_v1")(np.stack([image] * 3, 2) if image.ndim == 2 else image, 0)
        boxes = [(face.rect.left(), face.rect.top(), face.rect.right(), face.rect.bottom()) for face in found]
    else:
        if not hasattr(_OWN, "hog"):             # each thread has its own: a detector keeps its last picture
            _OWN.hog = dlib.get_frontal_face_detector()
        boxes = [(face.left(), face.top(), face.right() + 1, face.bottom() + 1) for face in _OWN.hog(image, 0)]
    height, width = image.shape[:2]
    boxes = np.clip(np.asarray(sorted(boxes), float).reshape(-1, 4), 0, (width, height, width, height))
    return boxes * scale
