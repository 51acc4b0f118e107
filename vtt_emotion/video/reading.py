"""A video read once: its frames, each with the faces on it, while the looks for them run in threads of their own."""
import ctypes
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.detection import NEARLY, Detector, is_wider, least_side
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.shots import GRADUAL
from vtt_emotion.video.tracks import Tracker, sides

WIDE_EVERY = 6                                   # looks, about a second: crowds do not come sooner
TRIM_EVERY = 24                                  # frames after which memory that is free is given back


def follow_faces(frames: Iterable[tuple], detector: Detector, tracker: Tracker, threads: int = 0,
                 wider: tuple[Detector, Detector] | None = None) -> Iterator[tuple]:
    """Look for faces on frames as they come, and yield each frame when its faces are certain.

    Frames wait until then in a queue, of `tracker.delay` frames and those that are being looked at. The faces are the
    same whatever the number of threads.

    Args:
        frames: iterable of (`Frame`, whether it begins a shot, as of `with_cuts`), read once.
        detector: of `make_detector`; tracker: a new `Tracker`, by which a shot's frames are looked at.
        threads: that look; 0 is one per core.
        wider: of `make_wide`: the first look of a shot, and each `WIDE_EVERY`th after it, is one for signs of faces so
            small that `detector` would miss them; where there are such, the looks up to the next such are wide, too.

    Yields:
        (frame, whether it begins a shot, its faces: array of dtype FACE, by id).
    """
    threads = threads or os.cpu_count() or 1
    waiting, looks = deque(), deque()            # frames; (number, size, whether it begins a shot, what is found)

    def hand_on(rows):
        while waiting and waiting[0][0].number < tracker.due:
            frame, begins = waiting.popleft()
            first, last = (np.searchsorted(rows["frame"], number) for number in (frame.number, frame.number + 1))
            yield frame, begins, rows[first:last]

    def settle():
        number, size, begins, found = looks.popleft()
        if begins:
            yield from hand_on(tracker.end_shot(number, begins == GRADUAL))
        tracker.look(number, found.result()[0], size)
        yield from hand_on(tracker.certain())

    with ThreadPoolExecutor(threads) as pool:
        start, size, frame, probe = 0, None, None, None
        for frame, begins in frames:
            begins = begins or frame.size != size                     # the first frame, or one of another size
            probe = None if begins else probe
            start, size = frame.number if begins else start, frame.size
            waiting.append((frame, begins))
            place, beside = divmod(frame.number - start, tracker.every)
            if not beside:
                if wider and place % WIDE_EVERY == 0 and is_wider(size, wider[1], detector):
                    probe = found = pool.submit(look_wide, frame, detector, *wider)
                else:                            # the probe began before, so waiting for it ends
                    found = pool.submit(look_again, frame, detector, wider, probe)
                looks.append((frame.number, size, begins, found))
            while len(looks) > threads + 1:
                yield from settle()
        while looks:
            yield from settle()
        if frame is not None:
            yield from hand_on(tracker.end_shot(frame.number + 1))


def look_at(frame: Frame, detector: Detector) -> np.ndarray:
    """The faces (dtype FACE) that a detector finds on a frame, px of the frame."""
    picture = detector.prepare(frame)
    faces = detector.find(picture, frame.size[0] / picture.shape[1])
    if getattr(faces, "dtype", None) != FACE:
        raise InputError(f"{type(detector).__name__}.find: expected faces as of make_faces, got {type(faces).__name__}")
    return faces


def look_wide(frame: Frame, detector: Any, glancing: Detector, wide: Detector) -> tuple[np.ndarray, bool]:
    """(what is found on a frame, whether there are faces so small that `detector` would miss them).

    The look of `wide` costs three times that of `detector`, and is spared where `glancing` sees no sign of such faces.
    """
    glanced, least = look_at(frame, glancing), least_side(frame.size, detector)
    if (sides(glanced["box_xyxy"]) < NEARLY * least).any():
        found = look_at(frame, wide)
        if (sides(found["box_xyxy"]) < least).any():
            return found, True
    return glanced[glanced["score"] > detector.min_score], False       # as `detector` finds them


def look_again(frame: Frame, detector: Detector, wider: tuple[Detector, Detector] | None,
               probe: Future | None) -> tuple[np.ndarray, bool]:
    """The same, by the detector that a probe, a future of `look_wide` or None, found to be needed."""
    wanted = probe is not None and probe.result()[1]
    return look_at(frame, wider[1] if wider and wanted else detector), wanted


def look_nearer(frame: Frame, detectors: Sequence[Detector]) -> np.ndarray:
    """The same, of the first of some detectors that finds anything."""
    for detector in detectors:
        found = look_at(frame, detector)
        if len(found):
            break
    return found


def known_faces(frames: Iterable[Frame], rows: np.ndarray, shots: list[int]) -> Iterator[tuple]:
    """`follow_faces` where the faces (rows, dtype FACE, by frame) and the shots are known already."""
    starts, numbers = set(shots[:-1]), rows["frame"].astype(int)
    for frame in frames:
        first, last = (np.searchsorted(numbers, number) for number in (frame.number, frame.number + 1))
        yield frame, frame.number in starts, rows[first:last]


def give_memory_back() -> None:
    """Let glibc give back what is free: pictures leave it in pieces, which grow with the video."""
    with suppress(OSError, AttributeError):      # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def read_through(followed: Iterable[tuple], consumers: Sequence) -> tuple[np.ndarray, list, list, list]:
    """Read a video to its end: (faces, shots, seconds, heights).

    faces: of dtype FACE, by frame, then id; shots: their first frames and their end; seconds: of every frame; heights:
    of each shot's frames, px. followed: of `follow_faces` or `known_faces`. consumers: each frame and its faces are
    given to them, by `take`.
    """
    shots, parts, seconds, heights = [], [np.zeros(0, FACE)], [], []
    for frame, begins, faces in followed:
        if begins:
            shots.append(frame.number)
            heights.append(frame.size[1])        # a frame of another size begins a shot
        if len(faces):
            parts.append(faces)
        seconds.append(frame.seconds)
        if len(seconds) % TRIM_EVERY == 0:
            give_memory_back()
        for consumer in consumers:
            consumer.take(frame, faces)
    return np.concatenate(parts), [*shots, len(seconds)], seconds, heights
