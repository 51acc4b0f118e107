"""Images read and written: RGB uint8 (H, W, 3)."""
import io
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import check_regular, whole_file

REDUCED = {divisor: getattr(cv2, f"IMREAD_REDUCED_COLOR_{divisor}") | cv2.IMREAD_IGNORE_ORIENTATION
           for divisor in (2, 4, 8)} | {1: cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION}
FEW_PIXELS, DENSEST = 1 << 24, 1000              # headers may claim 16 Mpx, or 1,000 pixels a byte of file
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif",
                  ".heic", ".heif")
# Of those that Pillow knows: no scripts (EPS), no films (MPEG), nothing that it names and cannot decode (GRIB, HDF5).
# Those after PPM are looked for where it is none of the first, which come without a wait.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "HEIF", "JPEG2000", "DDS", "ICNS", "ICO",
           "PCX", "PSD", "QOI", "SGI", "TGA", "XBM")
DEPTHS = 255, 1023, 4095, 16383, 65535           # what whole numbers of 8 to 16 bits go up to


@cache
def _know_heif():
    """Let Pillow read the photos of phones."""
    from pillow_heif import register_heif_opener

    register_heif_opener()


def _open(file):
    _know_heif()
    return Image.open(file, formats=FORMATS)


def is_image(path: str | Path) -> bool:
    """Whether a file is an image, by its header."""
    try:
        with _open(path):
            return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _as_rgb(image):
    """A Pillow image as RGB uint8 (H, W, 3). Grey of more than 8 bits is scaled by its range, where Pillow cuts it off.

    The range of whole numbers is that of the fewest bits that hold them, since cameras store 12 bits in 16.
    """
    if image.mode[0] not in "IF":
        return np.asarray(image.convert("RGB"))
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise ValueError("it holds numbers that are not finite")
    if image.mode != "F" and low >= 0:
        low, high = 0, next((depth for depth in DEPTHS if high <= depth), high)
    grey = np.round((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _check_claim(image, size):
    """Refuse an image (opened, not decoded) whose header claims more pixels than a file of `size` bytes can hold."""
    pixels = image.size[0] * image.size[1]
    if pixels > max(FEW_PIXELS, DENSEST * size):
        raise ValueError(f"claims {image.size[0]}x{image.size[1]} pixels, in {size:,} bytes")


def read_image(path: str | Path, upright: bool = False) -> np.ndarray:
    """An image file as RGB uint8 (H, W, 3), with `upright` turned as its EXIF note says.

    InputError where it is missing, cut short or no image.
    """
    check_regular(path)
    try:
        with _open(path) as image:
            _check_claim(image, Path(path).stat().st_size)
            return _as_rgb(ImageOps.exif_transpose(image) if upright else image)
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        why = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(f"{path}: not a readable image ({why}); the parsers' --verify finds such files") from None


def read_reduced(path: str | Path, side: float, least: float) -> tuple[np.ndarray, int]:
    """An image file decoded at a half, a quarter or an eighth of its size where less will do; JPEG alone.

    The decoder then leaves out what a smaller picture does not need, which is faster than scaling, and looks like it.

    Args:
        side: of the square wanted of it, px; 0 for the whole image's longer side.
        least: px that this side must still have.

    Returns:
        (RGB uint8 (H, W, 3), what its sides were divided by: 1, 2, 4 or 8). InputError as `read_image`.
    """
    check_regular(path)
    try:
        data = Path(path).read_bytes()
        with _open(io.BytesIO(data)) as image:
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


def image_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of an image file, from its header alone. InputError as `read_image`."""
    check_regular(path)
    try:
        with _open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error})") from None


def write_image(path: str | Path, image: np.ndarray, quality: int = 95) -> None:
    """Write an RGB uint8 (H, W, 3) image as a whole JPEG or PNG file, by the path's ending."""
    encoded = io.BytesIO()                       # to a full disk Pillow would write half a JPEG and not say so
    if str(path).lower().endswith(".png"):
        Image.fromarray(image).save(encoded, "PNG")
    else:
        Image.fromarray(image).save(encoded, "JPEG", quality=quality, subsampling=0 if quality >= 95 else 2)
    with whole_file(path, flush=False) as temporary:
        temporary.write_bytes(encoded.getbuffer())
