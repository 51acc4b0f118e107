"""Faces found in a picture: where, how surely, and their eyes, noses and mouths.

A detector is made once, by its name in ops.Tracking. `prepare` takes from a frame what it looks at, `find` looks at it;
several threads may look at once, and what is found does not depend on them.
"""
import pkgutil
import threading
from collections.abc import Sequence
from copy import copy
from typing import Any

import cv2
import numpy as np

from ops import DETECTORS, Margins
from vtt_emotion.core.crop import Boxes
from vtt_emotion.core.dlib_models import load_model
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.video.faces import make_faces
from vtt_emotion.video.frames import Frame

GRAPH = SHIPPED / "centerface.onnx"              # by tools.ship_detector
INPUT, OUTPUTS = "picture", ("heat", "size", "offset", "landmarks")
STRIDE, SIDES = 4, 32                            # px of the picture a cell of the outputs; its sides are multiples of
OVERLAP = 0.3                                    # of two boxes from which they are of one face
ENLARGED = 4                                     # times, at most, is a frame enlarged for small faces
WIDE = 800                                       # px of a look for small faces
SIGN, NEARLY = 0.05, 1.5                         # score, and least sides, up to which there may be smaller faces, too


class Detector:
    """Where faces are in a picture. One of one's own extends this, says what is other, and is given in place of a name.

    margin, lift: how its boxes are framed, see ops.Margins; options: whose options of it set them. threads: how many
    may look at once, None as many as there are.
    """
    margin, lift, options = 0.0, 0.0, ""
    threads: int | None = None

    def prepare(self, frame: Frame) -> np.ndarray:
        """What it looks at of a frame, (H, W, ...): `frame.rgb`, or `frame.scaled(width)`, `frame.grey(width)`."""
        return frame.rgb

    def find(self, picture: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """The faces in what `prepare` gave, dtype FACE, as of `make_faces`; scale: px of the frame a px of that."""
        raise NotImplementedError

    @staticmethod
    def hog_box(box_xyxy: np.ndarray) -> np.ndarray:
        """The box, float (4,), that HOG would draw where this one has drawn a box; by it people are named."""
        return box_xyxy

    @staticmethod
    def found(picture: np.ndarray, scale: float, boxes_xyxy: Boxes) -> np.ndarray:
        """What `find` gives of boxes in a picture, px of it, where there are no scores and no landmarks."""
        boxes = np.array(boxes_xyxy, np.float32).reshape(-1, 4)
        return _ordered(boxes, np.ones(len(boxes), np.float32), np.full((len(boxes), 5, 2), np.nan, np.float32),
                        picture, scale)


class NamedDetector(Detector):
    """A row of ops.DETECTORS: has all that `Detector` has, and says of itself:

    width: the longer side of what it looks at, px, where no other is asked for; least: the side of the least face that
    it finds there, px.
    """

    def __init_subclass__(cls) -> None:
        said = {name for kind in cls.__mro__[:cls.__mro__.index(NamedDetector)] for name in vars(kind)}
        missing = [part for part in ("width", "least", "margin", "lift", "threads", "hog_box", "prepare", "find")
                   if part not in said]
        if missing:
            raise TypeError(f"{cls.__module__}.{cls.__name__}: a detector without {', '.join(missing)}; "
                            "CONTRIBUTING.md tells what they are")


class CenterFace(NamedDetector):
    """Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019, in ONNX Runtime.

    ops.Tracking describes the arguments.
    """
    width, least = 480, 16
    threads: int | None = None
    margin, lift, options = Margins.centerface_margin, 0.0, "centerface"

    def __init__(self, detect_width: int | None = None, min_face: int = 0, min_score: float = 0.5) -> None:
        self.detect_width, self.min_face, self.min_score = detect_width, min_face, min_score
        self.session = open_graph(GRAPH)

    def prepare(self, frame: Frame) -> np.ndarray:
        """What it looks at of a `Frame`: RGB uint8 (H, W, 3)."""
        return frame.scaled(scaled_width(frame.size, self))

    def find(self, picture: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Faces (dtype FACE) in a picture as of `prepare`, from left to right, their boxes clipped to it.

        scale: px of the frame a px of the picture.
        """
        height, width = picture.shape[:2]
        padded = cv2.copyMakeBorder(picture, 0, -height % SIDES, 0, -width % SIDES, cv2.BORDER_CONSTANT)
        outputs = self.session.run(OUTPUTS, {INPUT: cv2.dnn.blobFromImage(padded)})      # float32 (1, 3, H, W)
        heat, size, offset, landmarks = outputs
        return _ordered(*decode(heat, size, offset, landmarks, self.min_score), picture, scale)

    @staticmethod
    def hog_box(box_xyxy: np.ndarray) -> np.ndarray:
        """The square (4,) that HOG would draw where CenterFace has drawn a box: what the encoding was trained on.

        Fitted on 333 photos; on 110 of them encodings from it are 0.031 from those from HOG's box, as near as from
        HOG's box moved by a twentieth; those from the box as it is 0.056.
        """
        box = np.asarray(box_xyxy, float)
        side = 0.97 * np.sqrt(np.prod(box[2:] - box[:2]))
        middle = (box[:2] + box[2:]) / 2 + (0, 0.047 * side)
        return np.concatenate([middle - side / 2, middle + side / 2])


class Hog(NamedDetector):
    """dlib's HOG detector (Dalal and Triggs, CVPR 2005, over five poses); as `CenterFace`, but of no score."""
    width, least = 1280, 80
    threads: int | None = None
    margin, lift, options = Margins.hog_margin, Margins.hog_lift, "hog"

    def __init__(self, detect_width: int | None = None, min_face: int = 0, min_score: float | None = None) -> None:
        self.detect_width, self.min_face, self.own = detect_width, min_face, threading.local()

    def prepare(self, frame: Frame) -> np.ndarray:
        """What it looks at of a `Frame`: grey uint8 (H, W)."""
        return frame.grey(scaled_width(frame.size, self))

    def find(self, picture: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """As `CenterFace.find`, in a grey or an RGB picture."""
        picture = np.ascontiguousarray(picture)  # of a slice dlib finds nothing
        return self.found(picture, scale, self._boxes(picture))

    @staticmethod
    def hog_box(box_xyxy: np.ndarray) -> np.ndarray:
        return box_xyxy

    def _boxes(self, picture):
        import dlib

        if not hasattr(self.own, "detector"):    # each thread has its own: a detector keeps its last picture
            self.own.detector = dlib.get_frontal_face_detector()
        return [(face.left(), face.top(), face.right() + 1, face.bottom() + 1)
                for face in self.own.detector(picture, 0)]


class Cnn(Hog):
    """dlib's network (King, 2015), which wants CUDA, and one thread at a time."""
    threads = 1

    def _boxes(self, picture):
        picture = np.stack([picture] * 3, 2) if picture.ndim == 2 else picture
        found = load_model("cnn_face_detection_model_v1")(picture, 0)
        return [(face.rect.left(), face.rect.top(), face.rect.right(), face.rect.bottom()) for face in found]


def find_detector(name: str | Detector) -> Any:
    """The class of a detector, by its row in ops.DETECTORS; a `Detector` is given back as it is."""
    return pkgutil.resolve_name(DETECTORS[name]) if isinstance(name, str) else name


def make_detector(name: str | Detector, detect_width: int | None = None, min_face: int = 0,
                  min_score: float = 0.5) -> Any:
    """The detector of a name, with arguments as in ops.Tracking; a `Detector` is given back as it is."""
    return find_detector(name)(detect_width, min_face, min_score) if isinstance(name, str) else name


def framing_of(name: str | Detector, margins: Margins) -> tuple[float, float]:
    """(margin, lift) of a detector's boxes: of the options `margins` (ops.Margins), else its own."""
    kind = find_detector(name)
    margin = getattr(margins, f"{kind.options}_margin", kind.margin)
    return margin, getattr(margins, f"{kind.options}_lift", kind.lift)


def scaled_width(size: tuple[int, int], detector: Any) -> int:
    """The width that a frame of `size` (width, height) is scaled to for a detector, px."""
    longer = max(size)
    wanted = detector.detect_width or detector.width
    if detector.min_face:                        # never less than without it
        wanted = max(min(longer * detector.least / detector.min_face, ENLARGED * longer), min(wanted, longer))
    return max(1, round(size[0] * wanted / longer))


def least_side(size: tuple[int, int], detector: Any) -> float:
    """The side of the least face that a detector finds in a frame of `size` (width, height), px of the frame."""
    return detector.least * size[0] / scaled_width(size, detector)


def make_wide(detector: Detector) -> tuple[CenterFace, CenterFace] | None:
    """(a CenterFace that is sure of less, one that finds smaller faces) beside a CenterFace; both share its graph.

    None beside another detector, one's own too, and beside one whose width was asked for.
    """
    if type(detector) is not CenterFace or detector.detect_width:
        return None
    glancing, wide = copy(detector), copy(detector)
    glancing.min_score = min(SIGN, detector.min_score)
    wide.detect_width, wide.min_face = WIDE, 0
    return glancing, wide


def is_wider(size: tuple[int, int], wide: Detector, detector: Detector) -> bool:
    """Whether the wide one of `make_wide` sees more of a frame of `size` than `detector`."""
    return max(size) >= WIDE and scaled_width(size, wide) > scaled_width(size, detector)


def open_graph(graph: Any, names: Sequence[str] = (INPUT, *OUTPUTS), what: str = "face detector",
               made: str = "tools.ship_detector makes it") -> Any:
    """The ONNX Runtime session of a graph: its path, or its bytes.

    names: of its inputs and its outputs; what it is, and how it is made: for errors. One thread runs it, so that
    several may at once, and sums come out the same.

    Raises:
        InputError: there is none, or another.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), options,
                                               providers=["CPUExecutionProvider"])
        if [part.name for part in (*session.get_inputs(), *session.get_outputs())] != list(names):
            raise ValueError("its inputs or outputs are others")
    except Exception as error:                   # ONNX Runtime's own errors share no class
        raise InputError(f"{graph!s}: not the {what}'s graph, or a damaged one ({str(error).splitlines()[0]}); "
                         f"{made}") from None
    return session


def decode(heat: np.ndarray, size: np.ndarray, offset: np.ndarray, landmarks: np.ndarray,
           min_score: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The faces in CenterFace's outputs, of those that overlap the surest, in px of its picture.

    Args:
        heat: float32 (1, 1, h, w), how surely a cell is a face's middle, 0 to 1.
        size: (1, 2, h, w), the logarithm of the face's height and width in cells.
        offset: (1, 2, h, w), from the cell's middle to the face's, down and right, in cells.
        landmarks: (1, 10, h, w), five times down and right from the box's corner, as shares of its height and width.

    Returns:
        (boxes (K, 4), scores (K,), landmarks (K, 5, 2)), float32, the surest first.
    """
    rows, columns = np.nonzero(heat[0, 0] > min_score)
    scores, sides = heat[0, 0, rows, columns], STRIDE * np.exp(size[0, ::-1, rows, columns])      # (N,), (N, 2): x, y
    middles = STRIDE * (np.stack([columns, rows], 1) + offset[0, ::-1, rows, columns] + 0.5)
    corners = middles - sides / 2
    kept = np.array(cv2.dnn.NMSBoxes(np.concatenate([corners, sides], 1), scores, min_score, OVERLAP), int)
    corners, sides = corners[kept], sides[kept]
    shares = landmarks[0, :, rows[kept], columns[kept]].reshape(-1, 5, 2)[..., ::-1]
    points = corners[:, None] + shares * sides[:, None]
    return np.concatenate([corners, corners + sides], 1).astype(np.float32), scores[kept], points.astype(np.float32)


def frontal(landmarks: np.ndarray) -> np.ndarray:
    """How frontal faces are, from 0 to 1, by their landmarks (K, 5, 2), as of FACE; float32 (K,).

    The distance from the nose's tip to the nearer side of the face over that to the farther one: 1 where it lies
    midway, 0 where it lies on a side or beyond, as from a turn of about 45 degrees. A side lies midway between an eye
    and a corner of the mouth, and distances are measured across the line from between the eyes to the mouth's middle,
    so that a tilted head is as frontal as an upright one. It is 1 where there are no landmarks (NaN): HOG sees hardly
    any other.
    """
    points = np.asarray(landmarks, np.float32).reshape(-1, 5, 2)
    nose, left, right = points[:, 2], points[:, [0, 3]].mean(1), points[:, [1, 4]].mean(1)
    down = points[:, 3:].mean(1) - points[:, :2].mean(1)
    across = np.stack([down[:, 1], -down[:, 0]], 1)
    near, far = np.sort([((nose - left) * across).sum(1), ((right - nose) * across).sum(1)], 0)
    share = np.clip(near / np.maximum(far, 1e-6), 0, 1)
    return np.where(np.isnan(share), np.float32(1), share)


def _ordered(boxes_xyxy, scores, landmarks, picture, scale):
    """Faces of what was found in a picture, in px of it."""
    height, width = picture.shape[:2]
    boxes_xyxy = np.clip(boxes_xyxy, 0, np.float32([width, height, width, height]))
    order = np.lexsort(boxes_xyxy.T[::-1])
    return make_faces(boxes_xyxy[order] * np.float32(scale), scores[order], landmarks[order] * np.float32(scale))
