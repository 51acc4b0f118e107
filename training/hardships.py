"""What makes a face hard to read: few pixels, compression, movement, shadow, a turn.

Faces are RGB uint8 (H, W, 3), crops square; what is returned is of the same kind.
"""
import cv2
import numpy as np

from indexes.crop import crop_face

DARK, SOFT = 0.35, 0.1                           # what a shadow leaves of a pixel's value; its edge, of the side


def shrink(face, side, quality=None):
    """A face as one of `side` px looks when it is enlarged again; with `quality` it was a JPEG of that, 1 to 100."""
    size, whole = face.shape[0], (0, 0, *face.shape[:2])
    if side < size:
        face = crop_face(face, whole, side)
    if quality is not None:
        _, data = cv2.imencode(".jpg", face, (cv2.IMWRITE_JPEG_QUALITY, quality))
        face = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return crop_face(face, (0, 0, *face.shape[:2]), size) if side < size else face


def smear(face, length, angle):
    """A face that moved while it was taken, `length` px in the direction of `angle`, radians."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel, middle = np.zeros((side, side), np.uint8), (side - 1) / 2
    ends = np.array([[-1.0], [1.0]]) * length / 2 * [np.cos(angle), np.sin(angle)] + middle
    (x0, y0), (x1, y1) = np.round(ends * 16).astype(int).tolist()                # in sixteenths of a px
    cv2.line(kernel, (x0, y0), (x1, y1), 255, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(face, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def shade(face, angle, offset=0.0, soft=SOFT, dark=DARK):
    """A face with the part beyond a straight line in shadow.

    Args:
        angle: radians, from the middle to the dark part: 0 is the right of the picture, pi / 2 its top.
        offset: the line's distance from the middle that way, as a share of the side; at 0 half of the face is dark.
        soft: width of the shadow's edge, a share of the side.
        dark: what is left of a pixel's value in it.
    """
    size = face.shape[0]
    across = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    beyond = (np.cos(angle) * across - np.sin(angle) * across[:, None] - offset) / soft + 0.5
    light = 1 - (1 - dark) * np.clip(beyond, 0, 1)
    return cv2.multiply(face, np.repeat(light[..., None], 3, 2).astype(np.float32), dtype=cv2.CV_8U)


def half_in_shadow(faces, rng):
    """Crops of one clip with half of the face in shadow: left, right, top or aslant, never the lower half."""
    angle = rng.uniform(0, np.pi)
    return [shade(face, angle) for face in faces]


def crop_turned(image, box_xywh, size, degrees):
    """`crop_face` of a square box, of the picture turned about its middle, anticlockwise.

    What turns into the crop is what surrounds it in the image; beyond the image it repeats the image's edge.
    """
    x, y, side, _ = box_xywh
    wide = int(np.ceil(size * np.abs([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]).sum()))
    around = side * wide / size
    face = crop_face(image, (x + (side - around) / 2, y + (side - around) / 2, around, around), wide)
    turn = cv2.getRotationMatrix2D(((wide - 1) / 2, (wide - 1) / 2), degrees, 1)
    turn[:, 2] -= (wide - size) / 2
    return cv2.warpAffine(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
