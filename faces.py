"""Face pictures: reading and writing images, box geometry, the one face crop, and face detection.

Images are RGB uint8 (H, W, 3). Boxes are `box_xywh` (left, top, width, height) or `box_xyxy` (left, top,
right, bottom), in pixels, as lists or float arrays; they may reach outside the image.
"""
import errno
import io
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import dlib
import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from index import whole_file
from ops import InputError

# Crops are small, and work is shared out by process. A pool of OpenCV's own would not survive a worker's fork.
cv2.setNumThreads(1)

_OWN = threading.local()
REDUCED = {divisor: getattr(cv2, f"IMREAD_REDUCED_COLOR_{divisor}") | cv2.IMREAD_IGNORE_ORIENTATION
           for divisor in (2, 4, 8)} | {1: cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION}
LARGEST = 8                                      # times its image's longer side: a box beyond it is no face's
FARTHEST = 1e6                                   # px
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def read_image(path, upright=False):
    """An image file as RGB uint8 (H, W, 3), with `upright` turned as its EXIF note says.

    InputError where it is missing, cut short or no image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray((ImageOps.exif_transpose(image) if upright else image).convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        why = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(f"{path}: not a readable image ({why}); the parsers' --verify finds such files") from None


def read_reduced(path, side, least):
    """An image file decoded at a half, a quarter or an eighth of its size where less will do; JPEG alone.

    The decoder then leaves out what a smaller picture does not need, which is faster than scaling, and looks like it.

    Args:
        side: of the square wanted of it, px; 0 for the whole image's longer side.
        least: px that this side must still have.

    Returns:
        (RGB uint8 (H, W, 3), what its sides were divided by: 1, 2, 4 or 8). InputError as `read_image`.
    """
    try:
        data = Path(path).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            side = side or max(image.size)
            divisor = max(2 ** power for power in range(4) if power == 0 or side >= least * 2 ** power)
            if image.format == "JPEG" and image.mode in ("L", "RGB"):
                whole = b"\xff\xd9" in data[-64:]         # OpenCV would make grey of what is missing, and not say so
                pixels = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[divisor]) if whole else None
                if pixels is not None:
                    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, pixels), divisor
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, cv2.error):
        pass                                     # read_image says what is wrong
    return read_image(path), 1


def image_size(path):
    """(width, height) of an image file, from its header alone. InputError as `read_image`."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error})") from None


def write_image(path, image, quality=95):
    """Write an RGB uint8 (H, W, 3) image as a whole JPEG or PNG file, by the path's ending."""
    encoded = io.BytesIO()                       # to a full disk Pillow would write half a JPEG and not say so
    if str(path).lower().endswith(".png"):
        Image.fromarray(image).save(encoded, "PNG")
    else:
        Image.fromarray(image).save(encoded, "JPEG", quality=quality, subsampling=0 if quality >= 95 else 2)
    with whole_file(path, flush=False) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def read_numbers(path, columns):
    """A box or landmark file as float (K, columns), to the first row of another width; None where it is missing.

    ValueError where it holds something else.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise
    rows = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) != columns:
            if fields:
                break
            continue
        rows.append([float(field) for field in fields])
    if not rows:
        raise ValueError(f"{path.name}: expected rows of {columns} numbers")
    check_pixels(rows, f"{path.name}: ")
    return np.array(rows)


def check_pixels(numbers, where=""):
    """Refuse, by a ValueError, coordinates that are no picture's: not finite, or beyond `FARTHEST`."""
    if not (np.abs(np.asarray(numbers, float)) <= FARTHEST).all():
        raise ValueError(f"{where}expected pixels, found {np.asarray(numbers).tolist()}"[:200])


def in_threads(function, items, workers, description, chunk=64):
    """`function` of each of `items`, in order, in `workers` threads (0: one per core), with progress."""
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        chunks = [items[start:start + chunk] for start in range(0, len(items), chunk)]
        results = []
        with tqdm(total=len(items), desc=description, unit="file", disable=None) as progress:
            for part in pool.map(lambda part: [function(item) for item in part], chunks):
                results += part
                progress.update(len(part))
        return results


def keep_readable(entries, root, workers, report):
    """The index entries whose images (`img`, under `root`) decode in full and hold their box (`gt`).

    The rest go to the parser's report.
    """
    def defect(entry):
        try:
            for name in [entry["img"]] if isinstance(entry["img"], str) else entry["img"]:
                image = read_image(root / name)
        except InputError:
            return "image unreadable"
        try:
            crop_face(image, entry.get("gt", (0, 0, *image.shape[1::-1])), 16)
        except InputError:
            return "box outside its image"
        return None

    reasons = in_threads(defect, entries, workers, "verify")
    for reason in filter(None, reasons):
        report.drop(reason)
    return [entry for entry, reason in zip(entries, reasons) if reason is None]


def square_around(box_xywh, margin=0.0, lift=0.0):
    """The square (x, y, side) about a box's middle: its longer side, grown by `margin` of it on each side.

    `lift` moves it up by that share of the square's side.
    """
    x, y, w, h = (float(value) for value in box_xywh)
    side = max(w, h) * (1 + 2 * margin)
    return x + w / 2 - side / 2, y + h / 2 - side / 2 - lift * side, side


def crop_face(image, box_xywh, size, margin=0.0, lift=0.0):
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


def touches(box_xywh, width, height):
    """Whether a box has any pixel of an image of `width` x `height`."""
    x, y, w, h = box_xywh
    return x < width and y < height and x + w > 0 and y + h > 0


def xyxy_to_xywh(box_xyxy):
    x0, y0, x1, y1 = box_xyxy
    return [x0, y0, x1 - x0, y1 - y0]


def iou(boxes_xyxy, others_xyxy):
    """Intersection over union of (A, 4) with (B, 4) boxes, as (A, B)."""
    a, b = np.asarray(boxes_xyxy, float)[:, None], np.asarray(others_xyxy, float)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    area_a, area_b = (np.prod(boxes[..., 2:] - boxes[..., :2], -1) for boxes in (a, b))
    return shared / np.maximum(area_a + area_b - shared, 1e-9)


@cache
def _face_recognition():
    """The face_recognition package. It takes a second to import, and only the results need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")          # its models package imports pkg_resources, loudly
        import face_recognition
    ImageFile.LOAD_TRUNCATED_IMAGES = False      # it sets this to True for the whole process
    return face_recognition


def encode_face(image, box_xyxy):
    """face_recognition's 128 numbers of the face in a box of an RGB uint8 image; float (128,)."""
    left, top, right, bottom = (round(float(value)) for value in box_xyxy)
    return _face_recognition().face_encodings(image, [(top, right, bottom, left)])[0]


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
