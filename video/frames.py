"""A video as frames, one in memory at a time. A source is a video file or a folder of numbered frames."""
import sys
from functools import cache, cached_property
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from indexes.command_line import InputError
from indexes.images import IMAGE_SUFFIXES, read_image

SHOT_WIDTH = 256                                 # px; cuts are as plain on a small picture


class Frame:
    """One frame: its number from 0, its presentation time in seconds, and its pixels when asked for."""

    def __init__(self, number, seconds, picture):
        self.number, self.seconds, self._picture = number, seconds, picture

    @cached_property
    def rgb(self):
        """uint8 (H, W, 3)."""
        if isinstance(self._picture, Path):
            return read_image(self._picture)
        return self._turned(self._picture.to_ndarray(format="rgb24"))

    @property
    def size(self):
        """(width, height) in px, as a player shows it."""
        if isinstance(self._picture, Path):
            return self.rgb.shape[1::-1]
        size = self._picture.width, self._picture.height
        return size[::-1] if round(self._picture.rotation / 90) % 2 else size

    def scaled(self, width):
        """RGB uint8 (H, W, 3) scaled to `width` px."""
        if isinstance(self._picture, Path):
            return self.small(width)
        return self._turned(self._as_array("rgb24", width))

    def grey(self, width):
        """uint8 (H, W) scaled to `width` px, all that HOG needs: the luma, without a look at the colours."""
        if isinstance(self._picture, Path):
            grey = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
            return cv2.resize(grey, self._scaled(width), interpolation=cv2.INTER_AREA)
        return self._turned(self._as_array("gray", width))

    def small(self, width=SHOT_WIDTH):
        """RGB scaled to `width` px, for the shot detector; not turned."""
        if isinstance(self._picture, Path):
            return cv2.resize(self.rgb, self._scaled(width), interpolation=cv2.INTER_AREA)
        return self._as_array("rgb24", width)

    def _as_array(self, format, width):
        scale = width / self.size[0]
        return self._picture.to_ndarray(width=max(2, round(self._picture.width * scale)), interpolation="AREA",
                                        height=max(2, round(self._picture.height * scale)), format=format)

    def _scaled(self, width):
        return width, max(2, round(width * self.size[1] / self.size[0]))

    def _turned(self, pixels):
        """Pixels as a player shows them: phones store films lying on their side."""
        return np.ascontiguousarray(np.rot90(pixels, round(self._picture.rotation / 90) % 4))


def _open(path):
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a readable video ({getattr(error, 'strerror', error)})") from None
    streams = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    if not streams:
        container.close()
        raise InputError(f"{path}: holds no video, only sound or other data")
    streams[0].thread_type = "AUTO"
    return container, streams[0]


def count_frames(source):
    """How many frames a source says it has; a container may be wrong, or silent (None)."""
    source = Path(source)
    if source.is_dir():
        return len(frame_files(source))
    container, stream = _open(source)
    with container:
        return _promised(container, stream)


def _promised(container, stream):
    """The frames that an open container says it has, or None."""
    if stream.frames:
        return stream.frames
    seconds = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
    return round(seconds * stream.average_rate) if seconds and stream.average_rate else None


def frame_files(folder):
    """The images of a folder of frames, by the number that is their name."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    odd = [path.name for path in files if not path.stem.isdigit()]
    if odd or not files:
        raise InputError(f"{folder}: expected frames named 00000.jpg, 00001.jpg ..., found {odd[0] if odd else 'none'}")
    files = sorted(files, key=lambda path: int(path.stem))
    twice = next((b.name for a, b in zip(files, files[1:]) if int(a.stem) == int(b.stem)), None)
    if twice:
        raise InputError(f"{folder}: two files for one frame, {twice} and another")
    return files


def read_frames(source, fps=24000 / 1001):
    """Yield each `Frame` of a source, in order, one in memory at a time.

    Args:
        source: video file, or folder of frames named by their number.
        fps: frames per second of a folder, whose names give the times; a video tells its own.

    Raises:
        InputError: no video, or no frame in it. A video that breaks off is read up to there, and said on stderr.
    """
    source = Path(source)
    if source.is_dir():
        files = frame_files(source)
        if int(files[-1].stem) - int(files[0].stem) >= len(files):
            _warn(f"warning: {source}: frames are missing between {files[0].name} and {files[-1].name}; those that "
                  "are there are taken for one after the other")
        for number, path in enumerate(files):
            yield Frame(number, int(path.stem) / fps, path)
        return
    container, stream = _open(source)
    number, promised = 0, _promised(container, stream)
    with container:
        try:
            for picture in container.decode(stream):
                seconds = picture.time if picture.time is not None else number / float(stream.average_rate or fps)
                yield Frame(number, seconds, picture)
                number += 1
        except av.error.FFmpegError as error:
            _warn(f"warning: {source}: damaged after {number:,} frames ({error.strerror}); read up to there")
    if number == 0:
        raise InputError(f"{source}: no frame could be decoded")
    if falls_short(number, promised):
        _warn(f"warning: {source}: breaks off after {number:,} frames of about {promised:,}; is it cut short?")


def falls_short(frames, promised):
    """Whether `frames` are fewer than a container promises (None: nothing), beyond the few that it may hide."""
    return promised is not None and frames < 0.98 * promised - 5


@cache
def _warn(message):
    """Say it once, however often the video is read."""
    tqdm.write(message, file=sys.stderr)
