"""The mesh of a face: how its head is turned, and how far its mouth and eyes are open.

The mesh is MediaPipe's, 468 points (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
GPUs", 2019), laid on a crop that is upright by the detector's landmarks. The head's turn is that of a face in
centimetres which lies on the points best (Procrustes; Umeyama, 1991), by the weights that MediaPipe gives them: little
where a face moves. Its depths count too: of drawn heads solvePnP, which leaves them out, errs twice as far in pitch.
"""
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from ops import Margins
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.results.poses import angle_to_camera
from vtt_emotion.results.tables import MESH_COLUMNS, POSE_COLUMNS
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.faces import make_faces
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.tracks import sides

GRAPH, METRIC = SHIPPED / "face_mesh.onnx", SHIPPED / "face_mesh.npy"            # by tools.ship_mesh
MADE = "tools.ship_mesh makes it"
CROPS, OUTPUTS = "crops", ("points", "sure")     # the graph's input and outputs
SIDE, POINTS = 192, 468                          # px of a crop; points of a mesh
WIDER = 1.6                                      # sides of HOG's box is a crop's: 1.5 of the mesh, as MediaPipe's own
TOP, CHIN = 10, 152                              # points of a face's height
LIPS = np.array([(13, 14), (82, 87), (312, 317)])                                # inner edges, upper and lower
LIDS = np.array([(159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)])
HOLDS = 0.5                                      # of a mesh's confidence from which it is taken to lie on the face
SIDEWAYS = 45                                    # degrees of a turn from which a face is not frontal at all
AHEAD = 8                                        # frames that wait for their meshes while the video is read on
# yaw, pitch, roll: degrees; mouth, eyes: how far they are open, as shares of the face's height; mesh: how surely it
# lies on a face, 0 to 1. NaN where no mesh was wanted.
MESH = np.dtype([(name, np.float32) for name in MESH_COLUMNS])
SPEAKING = np.dtype([*MESH.descr, ("speaking", np.float32)])           # 1 of a face that speaks, 0 of another, or NaN


class Mesher:
    """Lays meshes on faces: the graph, and the face in centimetres; `hog_box` of what found them (detection.py)."""

    def __init__(self, hog_box: Callable[[np.ndarray], np.ndarray]) -> None:
        self.hog_box, self.session = hog_box, open_graph(GRAPH, (CROPS, *OUTPUTS), "face mesh", MADE)
        try:
            self.metric = np.load(METRIC, allow_pickle=False).astype(float).reshape(POINTS, 4)
        except (OSError, ValueError) as error:
            raise InputError(f"{METRIC}: not the face that heads are turned by, or a damaged one ({error}); "
                             f"{MADE}") from None

    def crop(self, image: np.ndarray, face: Any) -> tuple[np.ndarray, float]:
        """(upright crop, RGB uint8 (192, 192, 3), of a face, one of dtype FACE; what it is rolled by, radians)."""
        box = self.hog_box(face["box_xyxy"])
        roll, scale = rolled(face["landmarks"]), SIDE / (WIDER * sides(box))
        turn = scale * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        shift = SIDE / 2 - turn @ (box[:2] + box[2:]) / 2
        return cv2.warpAffine(image, np.column_stack([turn, shift]), (SIDE, SIDE), flags=cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_REPLICATE), roll

    def lay(self, crop: np.ndarray, roll: float) -> np.ndarray:
        """The mesh, one of dtype MESH, on a crop."""
        points, sure = self.session.run(OUTPUTS, {CROPS: crop[None]})
        return measure(points[0], float(sure[0]), roll, self.metric)

    def lay_on(self, image: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """The meshes (N,), dtype MESH, of the `faces` (N,), dtype FACE, of an image, RGB uint8 (H, W, 3)."""
        return np.array([self.lay(*self.crop(image, face)) for face in faces], MESH)


def rolled(landmarks: np.ndarray) -> float:
    """How far a face is rolled in the picture, radians, clockwise, by its landmarks (5, 2), as of FACE; 0 without any.

    By the line from eye to eye, and the one from between them to the mouth, whichever is longer the more: of a profile
    the first is short.
    """
    if np.isnan(landmarks).any():
        return 0.0
    eyes, down = landmarks[1] - landmarks[0], landmarks[3:].mean(0) - landmarks[:2].mean(0)
    return float(np.arctan2(eyes[1] - down[0], eyes[0] + down[1]))


def measure(points: np.ndarray, sure: float, roll: float, metric: np.ndarray) -> np.ndarray:
    """A mesh, one of dtype MESH, of its points (468, 3), px of a crop that was rolled back by `roll`, radians.

    metric: (468, 4), a face's points, x to the right of the picture, y up, z to the camera, cm, and their weights.
    """
    points = np.asarray(points, float) * (1, -1, -1)
    turn, scale = lie_on(points, metric)
    yaw, pitch = np.arcsin(np.clip(-turn[2, 0], -1, 1)), np.arctan2(-turn[2, 1], turn[2, 2])
    roll = (roll + np.arctan2(-turn[1, 0], turn[0, 0]) + np.pi) % (2 * np.pi) - np.pi
    height = scale * (metric[TOP, 1] - metric[CHIN, 1])
    mouth, eyes = (np.clip((points[pairs[:, 0]] - points[pairs[:, 1]]) @ turn[:, 1] / height, 0, 1).mean()
                   for pairs in (LIPS, LIDS))
    return np.array([(*np.degrees([yaw, pitch, roll]), mouth, eyes, sure)], MESH)[0]


def lie_on(points: np.ndarray, metric: np.ndarray) -> tuple[np.ndarray, float]:
    """(the rotation (3, 3), the scale) that lay a face `metric` (K, 4), points and weights, on points (K, 3) best."""
    weights = metric[:, 3:] / metric[:, 3].sum()
    face, points = (part - (weights * part).sum(0) for part in (metric[:, :3], points))
    left, spread, right = np.linalg.svd(points.T @ (weights * face))
    spread[2] *= (flip := np.sign(np.linalg.det(left @ right)))
    left[:, 2] *= flip
    return left @ right, float(spread.sum() / (weights * face ** 2).sum())


class MeshReader:
    """Lays meshes on the faces of every `every`th frame as they come, in a thread beside."""

    def __init__(self, mesher: Mesher, every: int) -> None:
        self.mesher, self.every, self.made, self.pool, self.pending = mesher, every, [], ThreadPoolExecutor(1), deque()

    def __enter__(self) -> "MeshReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def take(self, frame: Frame, faces: np.ndarray) -> None:
        """Crop the `faces` (dtype FACE) of the next frame."""
        crops = [self.mesher.crop(frame.rgb, face) for face in faces] if frame.number % self.every == 0 else []
        self.pending.append((len(faces), self.pool.submit(lambda: [self.mesher.lay(*crop) for crop in crops])))
        self._take(AHEAD)

    def _take(self, most):
        while len(self.pending) > most:
            count, found = self.pending.popleft()
            self.made.append(np.array(found.result() or [(np.nan,) * len(MESH)] * count, MESH))

    def finish(self) -> np.ndarray:
        """The meshes (N,), dtype MESH, of all faces seen, in order."""
        self._take(0)
        return np.concatenate([np.zeros(0, MESH), *self.made])


def mouths(meshes: np.ndarray) -> np.ndarray:
    """How far the mouths of meshes (N,), dtype MESH, are open, (N,), NaN where a mesh does not hold."""
    return np.where(meshes["mesh"] >= HOLDS, meshes["mouth"], np.nan)


def with_speaking(meshes: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """Meshes (N,), dtype MESH, with who is `speaking` (N,), as dtype SPEAKING."""
    both = np.empty(len(meshes), SPEAKING)
    both[list(MESH.names or ())], both["speaking"] = meshes, speaking
    return both


def turned(meshes: np.ndarray) -> np.ndarray:
    """How far faces (N,) are turned from the camera, degrees, by their meshes (dtype MESH); NaN where none holds."""
    return np.where(meshes["mesh"] >= HOLDS, angle_to_camera(meshes["yaw"], meshes["pitch"]), np.nan)


def frontal_by(meshes: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """How frontal faces (N,) are, 0 to 1, by their meshes (dtype MESH): 0 from a turn of 45 degrees on, whichever way.

    otherwise: (N,), of those whose mesh does not hold.
    """
    turn = turned(meshes)
    return np.where(np.isnan(turn), otherwise, np.clip(1 - turn / SIDEWAYS, 0, 1))


def turned_in(crops: Iterable[np.ndarray]) -> np.ndarray:
    """`turned` of the faces in crops, RGB uint8 (H, H, 3), that are framed as the network's are, from HOG's boxes."""
    mesher, found = Mesher(np.asarray), [np.zeros(0, MESH)]
    for crop in crops:
        side = len(crop) / (1 + 2 * Margins.hog_margin)
        middle = np.array([len(crop) / 2, len(crop) * (0.5 + Margins.hog_lift)])
        found.append(mesher.lay_on(crop, make_faces([[*middle - side / 2, *middle + side / 2]])))
    return turned(np.concatenate(found))


def record_part(mesh: Any) -> dict[str, Any]:
    """What a record's object tells of a mesh, one of dtype MESH or SPEAKING: of one that does not hold, its confidence
    alone."""
    said: dict[str, Any] = {"mesh": round(float(mesh["mesh"]), 2)}
    if mesh["mesh"] < HOLDS:
        return said
    if "speaking" in mesh.dtype.names and np.isfinite(mesh["speaking"]):
        said["speaking"] = bool(mesh["speaking"])
    pose = {name: round(float(mesh[name]), 1) for name in POSE_COLUMNS}
    return {"pose": pose, "mouth": round(float(mesh["mouth"]), 3), "eyes": round(float(mesh["eyes"]), 3)} | said
