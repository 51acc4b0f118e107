"""A video as frames, one in memory at a time. A source is a video file or a folder of numbered frames."""
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES, read_image
from vtt_emotion.datasets.layouts import left_over

SHOT_WIDTH = 256                                 # px; cuts are as plain on a small picture
NARROWEST = 0.25                                 # a pixel's width by its height, or the other way: beyond, not believed
BACK, AHEAD = 1.0, 10.0                          # s that a time must leap by to be another recording's
STUCK = 20                                       # failures to read on, one after the other, that end a video


class Frame:
    """One frame: its number from 0, its time in seconds, and its pixels when asked for.

    picture: an av.VideoFrame, or the path of an image. aspect: a pixel's width by its height in the video; the pixels
    here are square, as a player shows them, with the side that was squeezed enlarged.
    """

    def __init__(self, number, seconds, picture, aspect=1):
        self.number, self.seconds, self._picture, self._aspect = number, seconds, picture, aspect

    @cached_property
    def rgb(self):
        """uint8 (H, W, 3)."""
        if isinstance(self._picture, Path):
            return read_image(self._picture)
        if self._aspect == 1:
            return self._turned(self._picture.to_ndarray(format="rgb24"))
        width, height = self._lying()
        return self._turned(self._picture.to_ndarray(format="rgb24", width=width, height=height,
                                                     interpolation="BICUBIC"))

    @property
    def size(self):
        """(width, height) in px, as a player shows it."""
        if isinstance(self._picture, Path):
            return self.rgb.shape[1::-1]
        size = self._lying()
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

    def _lying(self):
        """(width, height) in square px, before it is turned."""
        width, height, aspect = self._picture.width, self._picture.height, self._aspect
        return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))

    def _as_array(self, format, width):
        scale = width / self.size[0]
        wide, high = (max(2, round(side * scale)) for side in self._lying())
        return self._picture.to_ndarray(width=wide, height=high, interpolation="AREA", format=format)

    def _scaled(self, width):
        return width, max(2, round(width * self.size[1] / self.size[0]))

    def _turned(self, pixels):
        """Pixels as a player shows them: phones store films lying on their side."""
        return np.ascontiguousarray(np.rot90(pixels, round(self._picture.rotation / 90) % 4))


def _open(path):
    try:
        container = av.open(f"file:{path}")      # without it "10:30.mp4" asks for the protocol 10
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a readable video ({getattr(error, 'strerror', error)})") from None
    streams = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    if not streams:
        container.close()
        raise InputError(f"{path}: holds no video, only sound or other data")
    streams[0].thread_type = "AUTO"
    return container, streams[0]


def _pixel_aspect(stream):
    """A pixel's width by its height in a stream; 1 where it does not say, or says what no camera makes."""
    aspect = stream.sample_aspect_ratio or 1
    return aspect if NARROWEST <= aspect <= 1 / NARROWEST else 1


def count_frames(source):
    """How many frames a source says it has; a container may be wrong, or silent (None)."""
    source = Path(source)
    if source.is_dir():
        return len(frame_files(source))
    container, stream = _open(source)
    with container:
        return _promised(container, stream)


def film_length(source):
    """How long a video is, s, as its container says; 0 where it is silent, or a folder."""
    if source.is_dir():
        return 0.0
    container, _ = _open(source)
    with container:
        return (container.duration or 0) / av.time_base


def _promised(container, stream):
    """The frames that an open container says it has, or None."""
    if stream.frames:
        return stream.frames
    seconds = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
    return round(seconds * stream.average_rate) if seconds and stream.average_rate else None


def frame_files(folder):
    """The images of a folder of frames, by the number that is their name."""
    files = [path for path in folder.iterdir()
             if path.suffix.lower() in IMAGE_SUFFIXES and not left_over(path.name)]
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
        fps: frames per second of a folder, whose names give the times; a video tells its own, counted from its first
            frame.

    Raises:
        InputError: no video, or no frame in it. What is damaged or missing in a video is left out, and said on stderr.
    """
    source = Path(source)
    if source.is_dir():
        files = frame_files(source)
        if int(files[-1].stem) - int(files[0].stem) >= len(files):
            say_once(f"warning: {source}: frames are missing between {files[0].name} and {files[-1].name}; those that "
                     "are there are taken for one after the other")
        for number, path in enumerate(files):
            yield Frame(number, int(path.stem) / fps, path)
        return
    container, stream = _open(source)
    number, met, parts = 0, Counter(), bool(container.format.flags & av.format.Flags.ts_discont.value)
    clock = _Clock(source, float(stream.average_rate or fps), parts)
    with container:
        promised, until, aspect = _promised(container, stream), container.duration or 0, _pixel_aspect(stream)
        for picture in _decode(container, stream, met):
            yield Frame(number, clock.seconds(picture), picture, aspect)
            number += 1
    if number == 0:
        raise InputError(f"{source}: no frame could be decoded")
    if met["damaged"]:
        say_once(f"warning: {source}: damaged; {number:,} frames were read, {met['damaged']:,} of its packets could "
                 "not be")
    # Few frames may be all: an edit list hides some, and a screen's recording has none while nothing moves.
    elif falls_short(number, promised) and met["end"] < 0.98 * until / av.time_base - 0.25:
        say_once(f"warning: {source}: breaks off after {number:,} frames of about {promised:,}; is it cut short?")


class Unfit(ValueError):
    """A video cannot be read from the middle as it is from the start."""


@dataclass
class Index:
    """Where a video's frames are: times (N,) int64, in ticks, in order; keys: numbers of those decoding can begin at.

    first: the time of the first, s, as its container tells it; second: ticks in one.
    """
    times: np.ndarray
    keys: np.ndarray
    first: float
    second: float


def index_frames(source):
    """The `Index` of a video, by its packets, without decoding them.

    Raises:
        Unfit: its frames cannot be told from its packets: some have no time, or one time; time may leap in it; it is
            damaged, breaks off, or is a folder.
    """
    if source.is_dir():
        raise Unfit(source)
    container, stream = _open(source)
    with container:
        promised, leaps = _promised(container, stream), container.format.flags & av.format.Flags.ts_discont.value
        try:
            packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream)
                       if packet.size and not packet.is_discard]
            container.seek(0)
            first = next(container.decode(stream))
        except (av.error.FFmpegError, StopIteration):
            raise Unfit(source) from None
        second = float(1 / stream.time_base)
    if leaps or any(time is None for time, _ in packets) or falls_short(len(packets), promised):
        raise Unfit(source)
    times, keys = np.array(packets, np.int64).reshape(-1, 2).T
    order = np.argsort(times)
    index = Index(times[order], np.flatnonzero(keys[order]), first.time, second)
    if (np.diff(index.times) <= 0).any() or first.pts != index.times[0]:
        raise Unfit(source)
    return index


def read_frames_from(source, index, number):
    """Yield each `Frame` of a video from a number on, the same as `read_frames` yields; `index`: `index_frames`' of it.

    Raises:
        Unfit: a frame is not where the index says.
    """
    container, stream = _open(source)
    with container:
        met, aspect, starts = Counter(), _pixel_aspect(stream), index.keys[index.keys <= number]
        if len(starts) > 1:                      # a key further back: of one in an open group, some before it are lost
            container.seek(int(index.times[starts[-2]]), stream=stream)
        for picture in _decode(container, stream, met):
            if picture.pts is not None and picture.pts < index.times[number]:
                continue
            if number == len(index.times) or picture.pts != index.times[number] or met["damaged"]:
                raise Unfit(source)
            yield Frame(number, picture.time - index.first, picture, aspect)
            number += 1
    if number < len(index.times) or met["damaged"]:
        raise Unfit(source)


def _decode(container, stream, met):
    """Yield a stream's pictures, past what is damaged.

    met: a Counter, of "damaged" packets, and of the seconds to the "end" of the last packet, of sound too.
    """
    packets, stuck = container.demux(), 0
    while stuck < STUCK:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            stuck = 0
            if packet.pts is not None:
                met["end"] = max(met["end"], float((packet.pts + (packet.duration or 0)) * packet.time_base))
            pictures = packet.decode() if packet.stream_index == stream.index else ()
        except av.error.FFmpegError:
            packets, stuck = container.demux(), stuck + 1            # an error ends a generator, not what it reads
            met["damaged"] += 1
            continue
        yield from pictures


class _Clock:
    """The times of a video's frames, from its first; they never go back.

    A container may start anywhere, and two recordings put together start again in the middle. parts: it is of a kind
    in which they may also leap ahead there; in others a leap is a pause.
    """

    def __init__(self, source, rate, parts):
        self.source, self.rate, self.parts, self.start, self.last = source, rate, parts, 0.0, None

    def seconds(self, picture):
        """The time of the next picture."""
        following = 0.0 if self.last is None else self.last + 1 / self.rate
        time = self.start + following if picture.time is None else picture.time
        leap = time - self.start - following
        if self.last is None:
            self.start = time
        elif leap < -BACK or (self.parts and leap > AHEAD):
            say_once(f"warning: {self.source}: its time leaps {'back' if leap < 0 else 'ahead'} at {following:.2f} s; "
                     "counted on from there")
            self.start = time - following
        now = time - self.start
        self.last = now if self.last is None or now > self.last else self.last + 0.001     # of one time, or disordered
        return self.last


def falls_short(frames, promised):
    """Whether `frames` are fewer than a container promises (None: nothing), beyond the few that it may hide."""
    return promised is not None and frames < 0.98 * promised - 5


@cache
def say_once(message):
    """Say it once, however often the video is read."""
    tqdm.write(message, file=sys.stderr)
