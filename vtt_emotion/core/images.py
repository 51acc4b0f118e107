"""Images read and written: RGB uint8 (H, W, 3)."""
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file

REDUCED = {divisor: getattr(cv2, f"IMREAD_REDUCED_COLOR_{divisor}") | cv2.IMREAD_IGNORE_ORIENTATION
           for divisor in (2, 4, 8)} | {1: cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION}
FEW_PIXELS, DENSEST = 1 << 24, 1000              # headers may claim 16 Mpx, or 1,000 pixels a byte of file
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def _check_claim(image, size):
    """Refuse an image (opened, not decoded) whose header claims more pixels than a file of `size` bytes can hold."""
    pixels = image.size[0] * image.size[1]
    if pixels > max(FEW_PIXELS, DENSEST * size):
        raise ValueError(f"claims {image.size[0]}x{image.size[1]} pixels, in {size:,} bytes")


def read_image(path, upright=False):
    """An image file as RGB uint8 (H, W, 3), with `upright` turned as its EXIF note says.

    InputError where it is missing, cut short or no image.
    """
    try:
        with Image.open(path) as image:
            _check_claim(image, Path(path).stat().st_size)
            return np.asarray((ImageOps.exif_transpose(image) if upright else image).convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
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
            _check_claim(image, len(data))
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
