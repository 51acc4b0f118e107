"""Cuts, dissolves and fades: which frames begin a shot, by brightness alone, so that a grey film has the same."""
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import cv2
import numpy as np

from vtt_emotion.video.frames import Frame

LOOK_AHEAD = 12                                  # frames on each side that are asked whether a frame begins a shot
WARM_UP = 2 * LOOK_AHEAD                         # frames after which it hardly matters which came before
NEAR = 4                                         # frames on each side of a cut; what is over sooner is a flash
HALVES = (6, 12)                                 # frames, half a dissolve
SIZE = (64, 36)                                  # px of the pictures that are compared
SAME = 0.55                                     # phase correlation from which two pictures are of one scene, moved
OTHER, APART = 0.4, 0.5                          # of a dissolve's two ends: the same, at most; change by contrast
BLENDED = 0.38                                   # of the ends' contrast, what a blend of them leaves over at most
FLAT, DARK = 3.0, 40                             # spread and mean of brightness below which a picture is black
EDGES = cv2.createHanningWindow(SIZE, cv2.CV_32F)


def with_cuts(frames: Iterable[Frame], ratio: float, least: float, sure: float) -> Iterator[tuple[Frame, bool]]:
    """Yield each of `frames` with whether it begins a shot, as a stream that holds `LOOK_AHEAD` + 1 of them.

    A frame begins a shot where the brightness changes by `least` (mean difference, 0 to 255) and by `ratio` times as
    much as around it (PySceneDetect's AdaptiveDetector; Castellano, scenedetect.com), or by `sure`; but not where the
    picture is the former one, moved or lit otherwise, or is again a moment later. A frame also begins one in the middle
    of a dissolve, and where another picture comes out of black. No shot is shorter than `NEAR` frames.
    """
    waiting, window, last, shown = deque(), deque(maxlen=2 * LOOK_AHEAD + 1), None, None
    for frame in _and_some(frames):
        if frame is None:                        # after the last: nothing changes
            window.append((window[-1][0], np.nan))
        else:
            picture = seen(frame)
            if not window:
                window.extend(repeat((picture, np.nan), LOOK_AHEAD + 1))
                last = frame.number
            else:
                window.append((picture, change(picture, window[-1][0])))
            waiting.append(frame)
        if len(window) <= 2 * LOOK_AHEAD:
            continue
        frame, (picture, _) = waiting.popleft(), window[LOOK_AHEAD]
        black, passed = picture.std() < FLAT and picture.mean() < DARK, frame.number - last
        faded = not black and shown is not None and shown[0] < frame.number - 1 and alike(shown[1], picture) < SAME
        pictures, changes = zip(*window)
        begins = passed >= NEAR and (faded or is_cut(pictures, changes, ratio, least, sure)
                                     or passed > 2 * LOOK_AHEAD and is_dissolve(pictures, changes, least))
        last = frame.number if begins else last
        shown = shown if black else (frame.number, picture)
        yield frame, begins


def _and_some(frames):
    """Yield all frames, and None as often as the last of them is to be looked beyond."""
    frame = None
    for frame in frames:
        yield frame
    yield from repeat(None, LOOK_AHEAD if frame is not None else 0)


def seen(frame: Frame) -> np.ndarray:
    """The brightness of a frame, float32 (36, 64), 0 to 255."""
    return cv2.resize(frame.luma(), SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)


def change(picture: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures' brightness."""
    return cv2.norm(picture, other, cv2.NORM_L1) / picture.size


def alike(picture: np.ndarray, other: np.ndarray) -> float:
    """How surely two pictures are one, however much it is moved and brightened: about 1; of two scenes about 0.

    Kuglin and Hines, "The Phase Correlation Image Alignment Method", 1975.
    """
    return cv2.phaseCorrelate(picture.copy(), other.copy(), EDGES)[1]    # it writes into what it is given


def is_cut(pictures: Sequence[np.ndarray], changes: Sequence[float], ratio: float, least: float, sure: float) -> bool:
    """Whether the one amid some pictures is the first of a shot; changes: of each from the one before, NaN outside."""
    now = LOOK_AHEAD
    around = (*changes[now - NEAR + 1:now], *changes[now + 1:now + NEAR])
    if changes[now] < least or np.isnan(around).any():
        return False
    wanted = max(least, min(sure, ratio * float(np.median(around))))
    if changes[now] < wanted or max(alike(pictures[now - 1], pictures[now]),
                                    alike(pictures[now - 2], pictures[now + 1])) >= SAME:
        return False                             # the camera moved, or the light changed
    least = min(change(one, other) for one in pictures[now - NEAR:now] for other in pictures[now:now + NEAR])
    return least >= max(wanted, changes[now] / 4)            # less of a flash: the picture is there again


def is_dissolve(pictures: Sequence[np.ndarray], changes: Sequence[float], least: float) -> bool:
    """Whether the one amid some pictures is a blend of what was and what will be, that turns from one to the other."""
    return any(_blends(pictures[LOOK_AHEAD - half:LOOK_AHEAD + half + 1:half // 2], least) for half in HALVES
               if not np.isnan(changes[LOOK_AHEAD - half + 1:LOOK_AHEAD + half + 1]).any())


def _blends(pictures, least):
    """Whether of five pictures those amid are blends of the first and the last, ever more of the last."""
    first, last = pictures[0], pictures[-1]
    if change(first, last) < least or min(spreads := (first.std(), last.std())) < FLAT:
        return False
    if change(first - first.mean(), last - last.mean()) < APART * sum(spreads) / 2 or alike(first, last) > OTHER:
        return False                             # the same, or in another light
    small = (cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for picture in pictures)
    one, *blends, other = ((picture - picture.mean()).ravel() for picture in small)
    ends, blends = np.stack([one, other], 1), np.stack(blends, 1)
    parts = np.linalg.lstsq(ends, blends, rcond=None)[0]                 # (2, 3): of either end in each
    left = np.sqrt(((blends - ends @ parts) ** 2).mean(0)).max() / min(spreads)
    shares = parts[1] / (parts.sum(0) + 1e-6)
    return (left < BLENDED and parts[0].min() > -0.1 and shares[0] < shares[1] < shares[2]
            and 0.25 < shares[1] < 0.75)
