"""The faces of a shot, followed from look to look: a row a face and frame.

On 150 made-up shots of two to four people who walk, turn, cross, hide and leave (13,698 faces) an id goes over to
somebody else 37 times (tests/video/test_tracks.py), at 0.3 ms a look.
"""
from dataclasses import dataclass, field

import numpy as np

from vtt_emotion.video.faces import FACE

SLOWING = 0.95                                   # of its speed a face is taken to keep from frame to frame, unseen
EDGE = 0.3                                       # of its side a face is from the frame's edge that it leaves by
JUMP, OTHER_SIZE = 0.5, 0.2                      # distance of a jump; logarithm by which its size may differ then
SPEED_OVER = 3                                   # looks that its speed is measured over


@dataclass
class _Face:
    """A face being followed: what the looks that found it saw."""
    id: int = 0                                  # given when its first frame is handed on
    found: list = field(default_factory=list)    # rows: frame, box (4), landmarks (10)
    scores: list = field(default_factory=list)   # (frame, score) of every look since the first, 0 where it was missed
    count: int = 0                               # looks that found it, since its first

    @property
    def last(self):
        return self.found[-1][0]

    def expected(self, number):
        """Its box (4,) on a frame to come: moved on at its speed of late, which fades."""
        rows = np.array(self.found[-SPEED_OVER:])
        box, passed = rows[-1, 1:5], rows[-1, 0] - rows[0, 0]
        if passed == 0:
            return box
        speed = (middle(box) - middle(rows[0, 1:5])) / passed
        return box + np.tile(speed * (1 - SLOWING ** (number - self.last)) / (1 - SLOWING), 2)

    def left(self, number, size):
        """Whether it has left a frame of `size` (width, height): it was on its way out, or is expected beyond."""
        x, y = middle(expected := self.expected(number))
        if not (0 <= x < size[0] and 0 <= y < size[1]):
            return True
        box, moved = self.found[-1][1:5], expected - self.found[-1][1:5]
        edge = EDGE * sides(box)
        return bool((box[0] <= edge and moved[0] < -edge) or (box[2] >= size[0] - edge and moved[2] > edge))


def middle(boxes_xyxy: np.ndarray) -> np.ndarray:
    return (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2


def sides(boxes_xyxy: np.ndarray) -> np.ndarray:
    """The geometric mean of width and height of boxes (..., 4), px, at least 1."""
    boxes_xyxy = np.asarray(boxes_xyxy, float)
    return np.sqrt(np.prod(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], -1)).clip(1)


def distance(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """How far boxes (A, 4) are from others (B, 4), as (A, B): between their middles, in sides, and by their sizes.

    A face as large again is as far as one 0.7 of its side away.
    """
    a, b = np.asarray(boxes_xyxy, float)[:, None], np.asarray(others_xyxy, float)[None]
    side_a, side_b = sides(a), sides(b)
    return np.linalg.norm(middle(a) - middle(b), axis=-1) / np.sqrt(side_a * side_b) + np.abs(np.log(side_a / side_b))


class Tracker:
    """Joins the faces found on looks, `every` frames apart, to faces that keep their id through a shot.

    A face found is the one that is nearest to where it was expected, within `max_move` sides. One that was missed for
    up to `max_gap` frames has its boxes bridged; one that was out of sight for up to `max_hidden` has its id again, and
    no boxes between. It counts once `min_seen` looks have found it, or all of a shot that has fewer. One that is found
    only within `delay` frames before a dissolve or a wipe, or only within a look more after it, is of the shot on the
    other side, and is none.

    Rows are handed on as soon as they are certain, when `delay` frames after them have been looked at, so that frames
    need not wait for their shot's end. What is handed on depends on the looks alone.
    """

    def __init__(self, every: int, max_move: float, max_gap: int, max_hidden: int, min_seen: int) -> None:
        self.every, self.max_move, self.min_seen = every, max_move, min_seen
        self.max_gap, self.max_hidden = max(max_gap, every), max(max_hidden, max_gap, every)
        self.delay = self.max_gap * max(1, min_seen - 1) + every     # the gap may close, and a look more smooths
        self.reach = every // 2                  # frames that a face is there before its first and after its last look
        self.faces, self.looks, self.ids, self.due, self.last_look = [], 0, 0, 0, 0
        self.clear = 0                           # frame until which faces of the shot before may be seen, or 0

    def look(self, number: int, found: np.ndarray, size: tuple[int, int]) -> None:
        """Add the faces found on frame `number`, dtype FACE, of `size` (width, height); the next look is `every` later,
        or begins another shot."""
        former = self.last_look
        self.looks, self.last_look = self.looks + 1, number
        active = [face for face in self.faces if self._may_be_seen(face, number, former, size)]
        for face in active:
            face.scores.append((number, 0.0))
        for face, column in self._matches(number, active, found["box_xyxy"], former):
            self._add(face, number, found, column)

    def _may_be_seen(self, face, number, former, size):
        """Whether a face may be on a look: it is not out of sight for too long, nor has it left the
        frame since look `former`."""
        patience = self.max_hidden if face.count >= self.min_seen else self.max_gap
        return number - face.last <= patience and (face.last == former or not face.left(number, size))

    def _matches(self, number, active, boxes, former):
        """(face, column of boxes) pairs, the nearest first; a box that is no known face's begins one.

        One that was not seen on look `former` and that jumped is to be of the same size.
        """
        free, taken = set(range(len(boxes))), set()
        if active and free:
            expected = np.array([face.expected(number) for face in active])
            hidden = np.array([face.last < former for face in active])
            far, other = distance(expected, boxes), np.abs(np.log(sides(expected)[:, None] / sides(boxes)))
            far[(far > JUMP) & (other > OTHER_SIZE) & hidden[:, None]] = np.inf
            for cell in np.argsort(far, axis=None, kind="stable"):
                row, column = divmod(int(cell), len(boxes))
                if far[row, column] > self.max_move:
                    break
                if column in free and row not in taken:
                    free.remove(column)
                    taken.add(row)
                    yield active[row], column
        for column in sorted(free):
            self.faces.append(_Face(scores=[(number, 0.0)]))
            yield self.faces[-1], column

    def _add(self, face, number, found, column):
        face.found.append((number, *found["box_xyxy"][column], *found["landmarks"][column].ravel()))
        face.scores[-1] = (number, float(found["score"][column]))
        face.count += 1

    def certain(self) -> np.ndarray:
        """Rows, of dtype FACE by frame, then id, of the frames that have become certain: all before `due` are."""
        if self.clear and self.last_look < self.clear + self.max_gap:      # who was missed since may be there
            return np.zeros(0, FACE)
        return self._hand_on(self.last_look - self.delay + 1, False)

    def end_shot(self, stop: int, gradual: bool = False) -> np.ndarray:
        """The same of the rest of a shot, up to frame `stop`, where the next begins; a face on its last look stays.

        gradual: whether the next comes by a dissolve or a wipe.
        """
        if gradual:
            self.faces = [face for face in self.faces if face.id or face.found[0][0] < stop - self.delay]
        rows = self._hand_on(stop, True)
        self.faces, self.looks, self.clear = [], 0, stop + self.delay + self.every if gradual else 0
        return rows

    def _hand_on(self, stop, ended):
        if self.clear:
            gone = min(self.clear, self.last_look - self.max_gap)
            self.faces, self.clear = [face for face in self.faces if face.last > gone], 0
        numbers = np.arange(self.due, max(stop, self.due))
        self.due = max(stop, self.due)
        least = min(self.min_seen, self.looks) if ended else self.min_seen
        parts = [(face, self._rows(face, numbers, ended)) for face in self.faces if face.count >= least]
        parts = [(face, rows) for face, rows in parts if len(rows)]
        for face, rows in sorted(parts, key=lambda part: (part[1]["frame"][0], tuple(part[1]["box_xyxy"][0]))):
            if not face.id:
                self.ids += 1
                face.id = self.ids
            rows["id"] = face.id
        self._forget()
        rows = np.concatenate([np.zeros(0, FACE), *(rows for _, rows in parts)])
        return rows[np.lexsort((rows["id"], rows["frame"]))]

    def _rows(self, face, numbers, ended):
        """A face's rows on those of `numbers` that it is there on: smoothed boxes, and straight lines between looks."""
        found, scores = np.array(face.found), np.array(face.scores)
        looks = found[:, 0]
        before = np.searchsorted(looks, numbers, "right") - 1
        former, later = looks[before.clip(0)], looks[(before + 1).clip(0, len(looks) - 1)]
        between = (before >= 0) & (later >= numbers) & (later - former <= self.max_gap)
        after = (before >= 0) & (numbers - former <= self.reach)
        if ended and face.last == self.last_look:
            after |= numbers >= face.last
        ahead = (later >= numbers) & (later - numbers <= self.reach)
        there = between | after | ahead
        at = np.where(between, numbers, np.where(after, former, later))[there]   # outside, as on the nearest look
        rows = np.zeros(len(at), FACE)
        values = between_looks(at, looks, smoothed(found[:, 1:], looks, self.every))
        rows["frame"], rows["box_xyxy"] = numbers[there], values[:, :4]
        rows["landmarks"] = values[:, 4:].reshape(-1, 5, 2)
        rows["score"] = np.interp(at, scores[:, 0], scores[:, 1])
        return rows

    def _forget(self):
        """Drop what no frame to come needs: of an hour-long shot all but the last looks."""
        self.faces = [face for face in self.faces if self.last_look - face.last <= self.max_hidden
                      or face.last + self.reach >= self.due]
        for face in self.faces:
            while len(face.found) > SPEED_OVER and face.found[2][0] < self.due:
                face.found.pop(0)
            while len(face.scores) > 2 and face.scores[1][0] < face.found[0][0]:
                face.scores.pop(0)


def smoothed(values: np.ndarray, looks: np.ndarray, every: int) -> np.ndarray:
    """Values (K, D) of looks (K,), each averaged with those of the looks right before and after it, 1-2-1."""
    if len(looks) < 3:
        return values
    amid = ((looks[2:] - looks[:-2]) == 2 * every)[:, None]  # one alone would pull a moving face back
    smooth = (values[:-2] + 2 * values[1:-1] + values[2:]) / 4
    return np.concatenate([values[:1], np.where(amid, smooth, values[1:-1]), values[-1:]])


def between_looks(numbers: np.ndarray, looks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (N, D) on frames `numbers` (N,), on straight lines between those (K, D) of `looks` (K,)."""
    first = (np.searchsorted(looks, numbers, "right") - 1).clip(0)
    second = (first + 1).clip(0, len(looks) - 1)
    share = ((numbers - looks[first]) / (looks[second] - looks[first]).clip(1))[:, None]
    return (1 - share) * values[first] + share * values[second]
