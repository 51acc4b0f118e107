"""The faces of an episode, followed through its shots: a box a face and frame.

`find_tracks` reads the frames once; whoever wants pixels reads them once more, with the boxes at hand.
"""
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from indexes.crop import iou
from video.detection import detect_faces
from video.shots import with_cuts

ENLARGED = 4                                     # times, at most, is a frame enlarged for small faces


@dataclass
class Track:
    """A face followed through one shot.

    first: number of its first frame; boxes_xyxy: float32 (K, 4), one a frame, px; seen: bool (K,), False where
    the detector missed the face and its box is bridged. person and name are what names.py finds; a person is a
    track of its own where nobody looks.
    """
    id: int
    first: int
    boxes_xyxy: np.ndarray
    seen: np.ndarray
    person: int | None = None
    name: str | None = None

    def __post_init__(self):
        self.person = self.id if self.person is None else self.person

    @property
    def last(self):
        return self.first + len(self.boxes_xyxy) - 1


@dataclass
class _Following:
    """A face being followed: the frames it was found on, and where."""
    frames: list = field(default_factory=list)
    boxes: list = field(default_factory=list)


class Tracker:
    """Joins the faces found on looks at a shot's frames to tracks, by overlap."""

    def __init__(self, min_iou, max_gap, min_seen):
        self.min_iou, self.max_gap, self.min_seen = min_iou, max_gap, min_seen
        self.active, self.ended, self.looks = [], [], []

    def look(self, number, boxes):
        """Add the boxes (K, 4) found on frame `number`, each to the face it overlaps most."""
        self.looks.append(number)
        self.ended += [face for face in self.active if number - face.frames[-1] > self.max_gap]
        self.active = [face for face in self.active if number - face.frames[-1] <= self.max_gap]
        free = list(range(len(boxes)))
        if self.active and free:
            overlap = iou([face.boxes[-1] for face in self.active], boxes)
            for cell in np.argsort(-overlap, axis=None, kind="stable"):
                row, column = divmod(int(cell), len(boxes))
                if overlap[row, column] < self.min_iou:
                    break
                if column in free and self.active[row].frames[-1] != number:
                    free.remove(column)
                    self.active[row].frames.append(number)
                    self.active[row].boxes.append(boxes[column])
        self.active += [_Following([number], [boxes[column]]) for column in free]

    def finish(self, start, stop, reach):
        """End the shot of frames `start` to `stop` (exclusive): (first frame, boxes (K, 4), seen (K,)) of each face.

        A face that comes or goes within the shot is taken to be there `reach` frames before its first and after its
        last look; one that is there on the shot's first or last look, from its start or to its end.
        """
        faces, least = self.ended + self.active, min(self.min_seen, len(self.looks))
        for face in sorted(faces, key=lambda face: (face.frames[0], tuple(face.boxes[0]))):
            if len(face.frames) >= least:
                first = start if face.frames[0] == self.looks[0] else max(start, face.frames[0] - reach)
                last = stop - 1 if face.frames[-1] == self.looks[-1] else min(stop - 1, face.frames[-1] + reach)
                numbers = np.arange(first, last + 1)
                yield first, _fill(face, numbers), self._seen(face, numbers)
        self.active, self.ended, self.looks = [], [], []

    def _seen(self, face, numbers):
        """Which of `numbers` do not lie between two looks of which one missed the face."""
        missed = np.setdiff1d([look for look in self.looks if face.frames[0] < look < face.frames[-1]], face.frames)
        seen, looks = np.ones(len(numbers), bool), np.array(self.looks)
        for look in missed:
            place = np.searchsorted(looks, look)
            seen[(numbers > looks[place - 1]) & (numbers < looks[place + 1])] = False
        return seen


def _fill(face, numbers):
    """Boxes (K, 4) on all `numbers`: those found, smoothed, and straight lines between them."""
    boxes = np.asarray(face.boxes, float)
    if len(boxes) > 2:                           # HOG's boxes jump between two sizes; 1-2-1 over the looks
        padded = np.concatenate([boxes[:1], boxes, boxes[-1:]])
        boxes = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return np.stack([np.interp(numbers, face.frames, boxes[:, side]) for side in range(4)], 1).astype(np.float32)


def find_tracks(frames, shot_ratio, shot_least, shot_sure, detect_every, detect_width, min_face, detector, min_iou,
                max_gap, min_seen, detect_threads):
    """Find the shots of a video and follow each face through its shot.

    Args:
        frames: iterable of `Frame`, read once, a few at a time.
        the rest: see ops.Tracking. The result is the same whatever the number of threads.

    Returns:
        (tracks, shots): list of `Track`, in order of their first frame, ids from 1, none across a cut; and the
        list of first frames of the shots, closed by the number of frames.
    """
    tracker, tracks, shots, number = Tracker(min_iou, max(max_gap, detect_every), min_seen), [], [], -1
    threads = 1 if detector == "cnn" else detect_threads or os.cpu_count()
    looks = deque()                              # (frame, whether it begins a shot, boxes to come)

    def end_shot(stop):
        for first, boxes, seen in tracker.finish(shots[-1], stop, detect_every // 2):
            tracks.append(Track(len(tracks) + 1, first, boxes, seen))

    def settle():
        look, begins, boxes = looks.popleft()
        if begins:
            if shots:
                end_shot(look)
            shots.append(look)
        tracker.look(look, boxes.result())

    with ThreadPoolExecutor(threads) as pool:
        start = width = height = 0
        for frame, begins in with_cuts(frames, shot_ratio, shot_least, shot_sure):
            begins = begins or frame.size != (width, height)          # the first frame, or one of another size
            number, (width, height) = frame.number, frame.size
            start = number if begins else start
            if (number - start) % detect_every == 0:
                wide = looking_width(width, detect_width, min_face)
                looks.append((number, begins, pool.submit(detect_faces, frame.grey(wide), width / wide, detector)))
            while len(looks) > threads + 1:
                settle()
        while looks:
            settle()
    if shots:
        end_shot(number + 1)
    return tracks, [*shots, number + 1]


def looking_width(width, detect_width, min_face):
    """Width a frame of `width` px is scaled to for HOG, whose least face is 80 px; see ops.Tracking."""
    return min(max(round(width * 80 / min_face), 80), ENLARGED * width) if min_face else detect_width
