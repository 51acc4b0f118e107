"""dlib's trained models (King; CC0), of the package face_recognition_models, loaded when they are asked for."""
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

FILES = {"shape_predictor": "shape_predictor_5_face_landmarks.dat",
         "face_recognition_model_v1": "dlib_face_recognition_resnet_model_v1.dat",
         "cnn_face_detection_model_v1": "mmod_human_face_detector.dat"}


def find_model(kind: str) -> Path:
    """The file of dlib's `shape_predictor`, `face_recognition_model_v1` or `cnn_face_detection_model_v1`."""
    package = importlib.util.find_spec("face_recognition_models")        # importing it asks for an old setuptools
    if package is None or package.origin is None:
        raise ModuleNotFoundError("no face_recognition_models", name="face_recognition_models")
    return Path(package.origin).parent / "models" / FILES[kind]


@cache
def load_model(kind: str) -> Any:
    """The model of `find_model`, loaded."""
    import dlib

    return getattr(dlib, kind)(str(find_model(kind)))
