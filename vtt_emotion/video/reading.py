"""A video read once: its frames, each with the faces on it, while the looks for them run in threads of their own."""
import ctypes
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.faces import FACE

M_MMAP_THRESHOLD, LARGE = -3, 2 << 20            # glibc's name, and bytes from which memory is given back at once


def follow_faces(frames, detector, tracker, threads=0):
    """Look for faces on frames as they come, and yield each frame when its faces are certain.

    Frames wait until then in a queue, of `tracker.delay` frames and those that are being looked at. The faces are the
    same whatever the number of threads.

    Args:
        frames: iterable of (`Frame`, whether it begins a shot), read once.
        detector: of `make_detector`; tracker: a new `Tracker`, by which a shot's frames are looked at.
        threads: that look; 0 is one per core.

    Yields:
        (frame, whether it begins a shot, its faces: array of dtype FACE, by id).
    """
    threads = threads or os.cpu_count()
    waiting, looks = deque(), deque()            # frames; (frame's number and size, whether it begins a shot, what is found on it)

    def hand_on(rows):
        while waiting and waiting[0][0].number < tracker.due:
            frame, begins = waiting.popleft()
            first, last = np.searchsorted(rows["frame"], (frame.number, frame.number + 1))
            yield frame, begins, rows[first:last]

    def settle():
        number, size, begins, found = looks.popleft()
        if begins:
            yield from hand_on(tracker.end_shot(number))
        tracker.look(number, found.result(), size)
        yield from hand_on(tracker.certain())

    with ThreadPoolExecutor(threads) as pool:
        start, size, frame = 0, None, None
        for frame, begins in frames:
            begins = begins or frame.size != size                     # the first frame, or one of another size
            start, size = frame.number if begins else start, frame.size
            waiting.append((frame, begins))
            if (frame.number - start) % tracker.every == 0:
                looks.append((frame.number, size, begins, pool.submit(look_at, frame, detector)))
            while len(looks) > threads + 1:
                yield from settle()
        while looks:
            yield from settle()
        if frame is not None:
            yield from hand_on(tracker.end_shot(frame.number + 1))


def look_at(frame, detector):
    """The faces (dtype FACE) that a detector finds on a frame, px of the frame."""
    picture = detector.prepare(frame)
    faces = detector.find(picture, frame.size[0] / picture.shape[1])
    if getattr(faces, "dtype", None) != FACE:
        raise InputError(f"{type(detector).__name__}.find: expected faces as of make_faces, got {type(faces).__name__}")
    return faces


def look_nearer(frame, detectors):
    """The same, of the first of some detectors that finds anything."""
    for detector in detectors:
        found = look_at(frame, detector)
        if len(found):
            break
    return found


def known_faces(frames, rows, shots):
    """`follow_faces` where the faces (rows, dtype FACE, by frame) and the shots are known already."""
    starts = set(shots[:-1])
    for frame in frames:
        first, last = np.searchsorted(rows["frame"], (frame.number, frame.number + 1))
        yield frame, frame.number in starts, rows[first:last]


@cache
def give_memory_back():
    """Let glibc give back the memory of a picture at once: kept, it falls into pieces, and grows with the video."""
    with suppress(OSError, AttributeError):      # another C library
        ctypes.CDLL("libc.so.6").mallopt(M_MMAP_THRESHOLD, LARGE)


def read_through(followed, consumers):
    """Read a video to its end: (faces, of dtype FACE by frame, then id; first frames of shots and their end; seconds).

    followed: of `follow_faces` or `known_faces`. consumers: each frame and its faces are shown to them, by `see`.
    """
    give_memory_back()
    shots, parts, seconds = [], [np.zeros(0, FACE)], []
    for frame, begins, faces in followed:
        if begins:
            shots.append(frame.number)
        if len(faces):
            parts.append(faces)
        seconds.append(frame.seconds)
        for consumer in consumers:
            consumer.see(frame, faces)
    return np.concatenate(parts), [*shots, len(seconds)], seconds
