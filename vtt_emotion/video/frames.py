"""A video as frames, one in memory at a time. A source is a video file or a folder of numbered frames."""
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES, read_image
from vtt_emotion.datasets.layouts import left_over
from vtt_emotion.video.decoding import Film, decode, decode_strictly, falls_short, say_once

SHOT_WIDTH = 256                                 # px of a small picture
MARKER = "source.json"                           # in a folder of extracted frames: the video they are of
BACK, AHEAD = 1.0, 10.0                          # s that a time must leap by to be another recording's
STRAIGHT = False, False, False
LUMA_FIRST = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray"}    # 8 bits a pixel
RATES = (5, 240)                                 # frames a second, between which a container is believed


class Frame:
    """One frame: its number from 0, its time in seconds, and its pixels when asked for.

    picture: an av.VideoFrame, or the path of an image. aspect: a pixel's width by its height in the video; the pixels
    here are square, as a player shows them, with the side that was squeezed enlarged. lies: of `_oriented`.
    """

    def __init__(self, number: int, seconds: float, picture: Any, aspect: float = 1,
                 lies: tuple[bool, bool, bool] = STRAIGHT) -> None:
        self.number, self.seconds, self._picture, self._aspect, self._lies = number, seconds, picture, aspect, lies

    @cached_property
    def rgb(self) -> np.ndarray:
        """uint8 (H, W, 3)."""
        if isinstance(self._picture, Path):
            return read_image(self._picture)
        if self._aspect == 1:
            return self._upright(self._picture.to_ndarray(format="rgb24"))
        width, height = self._lying()
        return self._upright(self._picture.to_ndarray(format="rgb24", width=width, height=height,
                                                      interpolation="BICUBIC"))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in px, as a player shows it."""
        if isinstance(self._picture, Path):
            return self.rgb.shape[1::-1]
        size = self._lying()
        return size[::-1] if self._lies[0] else size

    def scaled(self, width: int) -> np.ndarray:
        """RGB uint8 (H, W, 3) scaled to `width` px."""
        if isinstance(self._picture, Path):
            return self.small(width)
        return self._upright(self._as_array("rgb24", width))

    def grey(self, width: int) -> np.ndarray:
        """uint8 (H, W) scaled to `width` px, all that HOG needs: the luma, without a look at the colours."""
        if isinstance(self._picture, Path):
            grey = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
            return cv2.resize(grey, self._scaled(width), interpolation=cv2.INTER_AREA)
        return self._upright(self._as_array("gray", width))

    def luma(self) -> np.ndarray:
        """The brightness, uint8 (H, W), as the video stores it where it does: not turned, its pixels not square."""
        picture = self._picture
        if isinstance(picture, Path) or picture.format.name not in LUMA_FIRST or picture.planes[0].line_size < 0:
            return self.grey(SHOT_WIDTH)
        rows = np.frombuffer(picture.planes[0], np.uint8).reshape(-1, picture.planes[0].line_size)
        return rows[:picture.height, :picture.width]

    def small(self, width: int = SHOT_WIDTH) -> np.ndarray:
        """RGB scaled to `width` px; not turned."""
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

    def _upright(self, pixels):
        """Pixels as a player shows them: phones store films lying on their side, or mirrored."""
        swapped, up_down, left_right = self._lies
        pixels = pixels.swapaxes(0, 1) if swapped else pixels
        return np.ascontiguousarray(pixels[::-1 if up_down else 1, ::-1 if left_right else 1])


def _oriented(pictures):
    """Yield (picture, how it lies: rows and columns swapped, then flipped up-down, left-right).

    Side data is asked for once: a picture and its side data hold each other, so that memory would fill up.
    """
    rotation, lies = None, STRAIGHT
    for picture in pictures:
        if picture.rotation != rotation:
            rotation, lies = picture.rotation, _read_matrix(picture)
        yield picture, lies


def _read_matrix(picture):
    """How a picture lies by its display matrix (a b u, c d v, x y w): (p, q) is shown at (ap + cq + x, bp + dq + y)."""
    try:
        matrix = np.frombuffer(picture.side_data["DISPLAYMATRIX"], np.int32)
    except KeyError:
        return STRAIGHT
    except ValueError:                           # beside it lies what PyAV does not know, as EXIF notes
        turn = np.deg2rad(picture.rotation)
        matrix = np.array([np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn)])
    a, b, _, c, d = matrix[:5].astype(float)
    if a * d == b * c:                           # of no picture
        return STRAIGHT
    return (True, b < 0, c < 0) if abs(a) + abs(d) < abs(b) + abs(c) else (False, d < 0, a < 0)


@dataclass
class Facts:
    """What a source says of itself: its frames (None: nothing), how many a second, its length, s, and its start.

    The length is 0 where it is silent, or a folder. start: where a video's own times start, s: 0 of a player's clock,
    and of the frames' `seconds`.
    """
    frames: int | None
    rate: float
    length: float = 0.0
    start: float = 0.0


def facts_of(source: str | Path, fps: float = 24000 / 1001) -> Facts:
    """The `Facts` of a source, opened once; a container may be wrong. fps: of a folder."""
    source = Path(source)
    if source.is_dir():
        return Facts(len(frame_files(source)), fps)
    with Film(source) as film:
        rate = float(np.clip(float(film.stream.average_rate or 24), *RATES))
        return Facts(film.promised, rate, film.length, film.start or 0.0)


def count_frames(source: str | Path) -> int | None:
    """How many frames a source says it has, or None."""
    return facts_of(source).frames


def read_marker(folder: Path) -> tuple[str, int, int, list[float]] | None:
    """What a folder's frames were extracted from, (video, its bytes, frames, s of each); None where it is not told."""
    try:
        video, size, frames, seconds = json.loads((folder / MARKER).read_text())
        return (video, size, frames, seconds) if len(seconds) == frames else None
    except (OSError, ValueError, TypeError):
        return None


def frame_files(folder: Path) -> list[Path]:
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


def read_frames(source: str | Path, fps: float = 24000 / 1001) -> Iterator[Frame]:
    """Yield each `Frame` of a source, in order, one in memory at a time.

    Args:
        source: video file, or folder of frames named by their number.
        fps: frames per second of a folder whose names give the times; one that extract_friends.py wrote, and a video,
            tell theirs: presentation time less the file's start, as a player's clock shows it.

    Raises:
        InputError: no video, or no frame in it. What is damaged or missing in a video is left out, and said on stderr.
    """
    source = Path(source)
    yield from _read_folder(source, fps) if source.is_dir() else _read_video(source)


def _read_folder(folder, fps):
    files = frame_files(folder)
    if int(files[-1].stem) - int(files[0].stem) >= len(files):
        say_once(f"{folder}: frames are missing between {files[0].name} and {files[-1].name}; those that "
                 "are there are taken for one after the other")
    marker = read_marker(folder)
    seconds = dict(enumerate(marker[3])) if marker else {}
    for number, path in enumerate(files):
        yield Frame(number, seconds.get(int(path.stem), int(path.stem) / fps), path)


def _read_video(path):
    number, met = 0, Counter()
    with Film(path) as film:
        clock = Clock(path, float(film.stream.average_rate or 24), film.leaps, film.start)
        for picture, lies in _oriented(decode(film, met)):
            yield Frame(number, clock.seconds(picture), picture, film.aspect, lies)
            number += 1
    damage = f"{met['damaged']:,} of its packets could not be"
    if number == 0:
        raise InputError(f"{path}: no frame could be decoded{'; ' + damage if met['damaged'] else ''}")
    if met["damaged"]:
        say_once(f"{path}: damaged; {number:,} frames were read, {damage}")
    # Few frames may be all: an edit list hides some, and a screen's recording has none while nothing moves.
    if falls_short(number + met["damaged"], film.promised) and met["end"] < 0.98 * film.length - 0.25:
        say_once(f"{path}: breaks off after {number:,} frames of about {film.promised:,}; is it cut short?")


class Unfit(ValueError):
    """A video cannot be read from the middle as it is from the start."""


@dataclass
class Index:
    """Where a video's frames are: times (N,) int64, in ticks, in order; keys: numbers of those decoding can begin at.

    start: where a player's clock is 0, s; second: ticks in one.
    """
    times: np.ndarray
    keys: np.ndarray
    start: float
    second: float


def index_frames(source: Path) -> Index:
    """The `Index` of a video, by its packets, without decoding them.

    Raises:
        Unfit: its frames cannot be told from its packets: some have no time, or one time; time may leap in it; it is
            interlaced, damaged, breaks off, or is a folder.
    """
    if source.is_dir():
        raise Unfit(source)
    with Film(source) as film:
        try:
            packets = [(packet.pts, packet.is_keyframe) for packet in film.container.demux(film.stream)
                       if packet.size and not packet.is_discard]
            film.container.seek(0)
            first = next(film.container.decode(film.stream))
        except (av.error.FFmpegError, StopIteration):
            raise Unfit(source) from None
        second = float(1 / film.stream.time_base)
    if film.leaps or first.interlaced_frame or any(time is None for time, _ in packets) \
            or falls_short(len(packets), film.promised):
        raise Unfit(source)
    times, keys = np.array(packets, np.int64).reshape(-1, 2).T
    order = np.argsort(times)
    index = Index(times[order], np.flatnonzero(keys[order]), first.time if film.start is None else film.start, second)
    if (np.diff(index.times) <= 0).any() or first.pts != index.times[0] or first.time < index.start:
        raise Unfit(source)
    return index


def read_frames_from(source: Path, index: Index, number: int) -> Iterator[Frame]:
    """Yield each `Frame` of a video from a number on, the same as `read_frames` yields; `index`: `index_frames`' of it.

    Raises:
        Unfit: a frame is not where the index says, is interlaced, or damaged.
    """
    with Film(source) as film:
        met, starts = Counter(), index.keys[index.keys <= number]
        if len(starts) > 1:                      # a key further back: of one in an open group, some before it are lost
            film.container.seek(int(index.times[starts[-2]]), stream=film.stream)
        for picture, lies in _oriented(decode_strictly(film, met, damage=Unfit)):
            if picture.pts is not None and picture.pts < index.times[number]:
                continue
            if number == len(index.times) or picture.pts != index.times[number] or picture.interlaced_frame:
                raise Unfit(source)
            yield Frame(number, picture.time - index.start, picture, film.aspect, lies)
            number += 1
    if number < len(index.times) or met["damaged"]:
        raise Unfit(source)


class Clock:
    """The times of a video's frames on a player's clock, which is 0 at the file's start; they never go back.

    The picture may start after the sound. Two recordings put together start again in the middle. parts: the container
    is of a kind in which time may also leap ahead there; in others a leap is a pause. start: s; None: the first frame.
    source: named where a leap is said; None, it is not.
    """

    def __init__(self, source: Any, rate: float, parts: bool, start: float | None = None) -> None:
        self.source, self.rate, self.parts, self.start = source, rate, parts, start
        self.last: float | None = None

    def seconds(self, picture: Any) -> float:
        """The time of the next picture, or piece of sound."""
        following = 0.0 if self.last is None else self.last + 1 / self.rate
        if self.start is None:
            self.start = picture.time or 0.0
        time = self.start + following if picture.time is None else picture.time
        leap = time - self.start - following
        if self.last is not None and (leap < -BACK or (self.parts and leap > AHEAD)):
            if self.source:
                say_once(f"{self.source}: its time leaps {'back' if leap < 0 else 'ahead'} at "
                         f"{following:.2f} s; counted on from there")
            self.start = time - following
        now = time - self.start                  # before the file's start, of one time, or disordered: moved up
        if self.last is None:
            self.last = max(0.0, now)
        else:
            self.last = now if now > self.last else self.last + 0.001
        return self.last
