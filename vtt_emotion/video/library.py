"""Reading from a program or a notebook: a picture or a video in, a pandas DataFrame out.

A picture is a path, or RGB uint8 (H, W, 3). A DataFrame has a row a face, and of a video a row a face and frame. Its
columns: seconds (presentation time, s), id, name (or missing), class (category of the labels), confidence (0 to 1), a
score (0 to 1) for each label, valence and arousal (-1 to 1) of a network that knows them, and the face's xmin, ymin,
xmax, ymax (px); of a picture without seconds and name.

Every function takes as keywords the options of create_results.py on faces, names and the network (`min_face=40`,
`every=4`, `link=True`, `scores=False`, `device="cpu"`), and checks them as the command line does, by an InputError.
Nothing is written but graphs exported once, into `graphs_path`, by default the user's cache. Messages go to `logging`.
"""
import copy
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from ops import ResultsOps
from vtt_emotion.core import images
from vtt_emotion.core.command_line import fitting, settle
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import emotions_of
from vtt_emotion.core.weights import name_device
from vtt_emotion.results.parquet import as_frame
from vtt_emotion.results.tables import BOX, MESH_COLUMNS, record_rows
from vtt_emotion.video.backends import make_step
from vtt_emotion.video.batch import photo_detectors, picture_records
from vtt_emotion.video.create import find_gallery, load_step, read_source
from vtt_emotion.video.detection import Detector, find_detector, framing_of
from vtt_emotion.video.emotions import labels_of
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.mesh import Mesher
from vtt_emotion.video.reading import look_nearer

if TYPE_CHECKING:
    from pandas import DataFrame

Picture = str | Path | np.ndarray
UNUSED = {"results_path", "resume", "overlay"}   # of ops.Results: here nothing is written


def find_faces(picture: Picture, detector: str | Detector = "centerface", **options: Any) -> np.ndarray:
    """The faces in a picture, from left to right, with ids from 1: an array of dtype FACE (video/faces.py).

    detector: a name, or a `Detector` of one's own (video/detection.py).

    >>> faces = find_faces("photo.jpg")
    >>> faces[faces["score"] > 0.8]["box_xyxy"]
    """
    ops = _settled(detector, None, options)
    frame = Frame(0, 0.0, Path())
    frame.rgb = _pixels(picture)
    tracking = ops.tracking
    detectors = [tracking.detector] if not isinstance(tracking.detector, str) else _detectors(
        tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    faces = look_nearer(frame, detectors).copy()
    faces["id"] = np.arange(1, len(faces) + 1)
    return faces


def read_emotions(picture: Picture, faces: np.ndarray, network: Any = "fer", detector: str | Detector = "centerface",
                  **options: Any) -> "DataFrame":
    """The emotions of the `faces` in a picture as a DataFrame, a row a face.

    Args:
        faces: of `find_faces`, or of `make_faces` (video/faces.py), in px of the picture.
        network: a name shipped in weights/, a checkpoint's path, or a network of one's own, as `ResNetTSM`: a torch
            module with `step`, `img_sz` and `labels`.
        detector: what found the faces: by it their boxes are framed.
    """
    ops, image = _settled(detector, network, options), _pixels(picture)
    if getattr(faces, "dtype", None) != FACE:
        raise InputError("read_emotions: expected faces as of find_faces or make_faces")
    step, scores, framing = _step(network, ops), ops.results.scores == "true", framing_of(detector, ops.margins)
    mesher = _mesher(find_detector(detector).hog_box) if ops.results.mesh else None
    return _frame(("id",), picture_records(image, faces, step, framing, scores, mesher), labels_of(step), ops)


def read_image(picture: Picture, network: Any = "fer", detector: str | Detector = "centerface",
               **options: Any) -> "DataFrame":
    """The emotions of the faces in a picture as a DataFrame, a row a face, from left to right; see `read_emotions`."""
    faces = find_faces(picture, detector, **options)
    return read_emotions(picture, faces, network, detector, **options)


def read_video(video: str | Path, network: Any = "fer", detector: str | Detector = "centerface",
               **options: Any) -> "DataFrame":
    """The emotions of the faces in a video (file, or folder of frames) as a DataFrame, a row a face and frame.

    network, detector: as of `read_emotions`.

    Raises:
        InputError: no such video, or a wrong option.
    """
    ops, path = _settled(detector, network, options), Path(_fitted("video", video, str))
    if not path.exists():
        raise InputError(f"{path}: no such video")
    step = _step(network, ops)
    records, _ = read_source(path, ops, step, find_gallery(ops.names.gallery, False, ops.place.dicts_path))
    return _frame(("seconds", "id", "name"), records, labels_of(step), ops)


def _frame(first, records, labels, ops):
    """Records as a DataFrame: the columns `first`, the class and its score, all scores if wanted, valence and arousal
    if the network tells them, the box, the mesh if wanted, and of a video, with it and --speech, who speaks."""
    emotions, mesh = emotions_of(labels), MESH_COLUMNS if ops.results.mesh else ()
    scores = *(emotions if ops.results.scores == "true" else ()), *labels[len(emotions):]
    speaking = ("speaking",) if mesh and ops.results.speech and "seconds" in first else ()
    return as_frame((*first, "class", "confidence", *scores, *BOX, *mesh, *speaking), record_rows(records), emotions)


def _settled(detector, network, given):
    """The options with those that a function was given, each checked."""
    ops = ResultsOps()
    known = {name: concern for concern in (ops.tracking, ops.margins, ops.names, ops.results)
             for name in vars(concern) if name not in UNUSED} | {"fps": ops.source}
    named = {"detector": detector, "weights": network}
    given = {name: value for name, value in named.items() if isinstance(value, str | Path)} | given
    for name, value in given.items():
        if name not in known:
            raise InputError(f"no option {name!r} here; create_results.py --help lists those on faces, names and the "
                             "network")
        kinds = get_type_hints(type(known[name]))
        setattr(known[name], name, _fitted(name, value, kinds[name]))
    settle(ops)
    if not isinstance(detector, str):
        if not isinstance(detector, Detector):
            raise InputError(f"detector={detector!r}: expected a name, or a Detector of one's own")
        ops.tracking.detector = detector
    return ops


def _fitted(name, value, kind):
    try:
        return fitting(value, kind)
    except ValueError as error:
        raise InputError(f"{name}={value!r}: expected {error}") from None


def _pixels(picture):
    """A picture's RGB uint8 (H, W, 3)."""
    if isinstance(picture, str | Path):
        return images.read_image(picture, upright=True)
    shape = getattr(picture, "shape", ())
    if getattr(picture, "dtype", None) != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise InputError("a picture: expected a path, or RGB uint8 (H, W, 3)")
    return np.ascontiguousarray(picture)


_mesher, _detectors = lru_cache(2)(Mesher), lru_cache(2)(photo_detectors)        # kept for the next picture


@lru_cache(2)
def _kept_step(_, *arguments):
    """`make_step`, kept for the next picture; the first argument tells a file from what it was before."""
    return make_step(*arguments)


def _step(network, ops):
    """The network's step (backends.py) of a name, a file, or a network of one's own."""
    if network is None or isinstance(network, str | Path):
        return load_step(ops, os.cpu_count(), lambda backend, device, weights, *more: _kept_step(
            weights.stat().st_mtime_ns, backend, device, weights, *more))
    if not (callable(getattr(network, "step", None)) and getattr(network, "labels", None)):
        raise InputError(f"network={type(network).__name__}: expected a name, a checkpoint's path, or a network with "
                         "step, img_sz and labels, as ResNetTSM has")
    from vtt_emotion.video.torch_backend import TorchStep
    return TorchStep(copy.deepcopy(network), name_device(ops.results.device))
