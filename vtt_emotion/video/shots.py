"""Cuts, dissolves, wipes, fades: which frames begin a shot, by brightness alone, so that a grey film has the same."""
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np

from vtt_emotion.video.frames import Frame

CUT, GRADUAL = 1, 2                              # how a frame begins a shot; 0 where it does not
RATE = 24                                        # frames a second of a film that counts of frames are meant of
SIZE = (64, 36)                                  # px of the pictures that are compared
SAME = 0.55                                      # phase correlation from which two pictures are of one scene, moved
OTHER, APART = 0.4, 0.5                          # of a dissolve's two ends: the same, at most; change by contrast
BLENDED = 0.42                                   # of the ends' contrast, what a blend of them leaves over at most
FLATTER = 0.87                                   # of the ends' mean variance, what a blend of two scenes has at most
NEAR = 0.3                                       # of the ends' contrast, within which a pixel is one of an end
TOLD, COVERED = 0.4, 0.85                        # of a wipe's pixels: that tell its ends apart; of those, that do
UNCHANGED = 0.15                                 # share of pixels that are as before in another scene, at most
FLAT, DARK, LIGHT = 3.0, 40, 215                 # spread and mean of brightness of which a picture is black or white
FAINT = 4 * FLAT                                 # spread at which one that is fading last has shown, at most
EDGES = cv2.createHanningWindow(SIZE, cv2.CV_32F)


@dataclass(frozen=True)
class Pace:
    """How many frames of a film take the times by which its shots are told; the defaults are those of 24 a second."""
    still: int = 1                               # between two pictures that tell how much a scene moves
    near: int = 4                                # on each side of a cut; what is over sooner is a flash
    step: int = 3                                # between two of five pictures of a short dissolve; twice it, of a long

    @property
    def ahead(self) -> int:
        """Frames on each side that are asked whether a frame begins a shot."""
        return 4 * self.step

    @property
    def warm_up(self) -> int:
        """Frames after which it hardly matters which came before."""
        return 2 * self.ahead


def frames_at(count: int, rate: float) -> int:
    """How many frames of a film of `rate` a second, one at least, take the time of `count` at `RATE`."""
    return max(1, round(count * rate / RATE))


def pace_of(rate: float) -> Pace:
    """The `Pace` of a film of `rate` frames a second; fewer frames than four, and two, would take motion for more."""
    return Pace(frames_at(Pace.still, rate), max(4, frames_at(Pace.near, rate)), max(2, frames_at(Pace.step, rate)))


def with_cuts(frames: Iterable[Frame], pace: Pace, ratio: float, least: float,
              sure: float) -> Iterator[tuple[Frame, int]]:
    """Yield each of `frames` with how it begins a shot (`CUT`, `GRADUAL`, or 0), holding `pace.ahead` + 1 of them.

    A frame begins a shot where the brightness changes by `least` (mean difference, 0 to 255) and by `ratio` times as
    much as around it (PySceneDetect's AdaptiveDetector; Castellano, scenedetect.com), or by `sure`; but not where the
    picture is the former one, moved or lit otherwise, or is again a moment later. A frame also begins one in the middle
    of a dissolve or a wipe, and where another picture comes out of black or white. No shot is shorter than `pace.near`
    frames.
    """
    waiting, window, last, shown = deque(), deque(maxlen=2 * pace.ahead + 1), None, None
    for frame in _and_some(frames, pace.ahead):
        if frame is None:                        # after the last: nothing changes
            window.append((window[-1][0], np.nan))
        else:
            picture = seen(frame)
            if not window:
                window.extend(repeat((picture, np.nan), pace.ahead + 1))
                last = frame.number
            else:
                window.append((picture, change(picture, window[-1][0])))
            waiting.append(frame)
        if len(window) <= 2 * pace.ahead:
            continue
        frame, (picture, _) = waiting.popleft(), window[pace.ahead]
        blank, passed = picture.std() < FLAT and not DARK <= picture.mean() <= LIGHT, frame.number - last
        faded = (not blank and shown is not None and shown[0] < frame.number - 1 and shown[1].std() < FAINT
                 and alike(centred(shown[1]), centred(picture)) < SAME)
        pictures, changes = zip(*window)
        slow = passed > pace.warm_up and frame.number % pace.still == 0          # asked 24 times a second
        begins = 0
        if passed >= pace.near and (faded or is_cut(pictures, changes, pace, ratio, least, sure)):
            begins = CUT
        elif slow and is_gradual(pictures, changes, pace, least):
            begins = GRADUAL
        last = frame.number if begins else last
        shown = shown if blank else (frame.number, picture)
        yield frame, begins


def _and_some(frames, ahead):
    """Yield all frames, and None as often as the last of them is to be looked beyond."""
    frame = None
    for frame in frames:
        yield frame
    yield from repeat(None, ahead if frame is not None else 0)


def seen(frame: Frame) -> np.ndarray:
    """The brightness of a frame, float32 (36, 64), 0 to 255."""
    return cv2.resize(frame.luma(), SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)


def change(picture: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures' brightness."""
    return cv2.norm(picture, other, cv2.NORM_L1) / picture.size


def centred(picture: np.ndarray) -> np.ndarray:
    """A picture less its mean, by which two pale ones would be alike."""
    return picture - picture.mean()


def alike(picture: np.ndarray, other: np.ndarray) -> float:
    """How surely two pictures are one, however much it is moved and brightened: about 1; of two scenes about 0.

    Kuglin and Hines, "The Phase Correlation Image Alignment Method", 1975.
    """
    return cv2.phaseCorrelate(picture.copy(), other.copy(), EDGES)[1]    # it writes into what it is given


def is_cut(pictures: Sequence[np.ndarray], changes: Sequence[float], pace: Pace, ratio: float, least: float,
           sure: float) -> bool:
    """Whether the one amid some pictures is the first of a shot; changes: of each from the one before, NaN outside."""
    now, near, still = pace.ahead, pace.near, pace.still
    if changes[now] < least or np.isnan(changes[now - near + 1:now + near]).any():
        return False
    before, after = pictures[now - near:now], pictures[now:now + near]
    around = [change(one, other) for side in (before, after) for one, other in zip(side, side[still:])]
    wanted = max(least, min(sure, ratio * float(np.median(around))))
    if changes[now] < wanted or max(alike(before[-1], after[0]), alike(before[-1 - still], after[still])) >= SAME:
        return False                             # the camera moved, or the light changed
    least = min(change(one, other) for one in before for other in after)
    return least >= max(wanted, changes[now] / 4)            # less of a flash: the picture is there again


def is_gradual(pictures: Sequence[np.ndarray], changes: Sequence[float], pace: Pace, least: float) -> bool:
    """Whether the one amid some pictures is that of a dissolve or a wipe, from what was to what will be."""
    return any(_turns(pictures[pace.ahead - 2 * step:pace.ahead + 2 * step + 1:step], least)
               for step in (pace.step, 2 * pace.step)
               if not np.isnan(changes[pace.ahead - 2 * step + 1:pace.ahead + 2 * step + 1]).any())


def _turns(pictures, least):
    """Whether five pictures turn from one scene, the first's, to the last's, of which those amid show ever more."""
    first, last = pictures[0], pictures[-1]
    if change(first, last) < least or min(contrasts := (first.std(), last.std())) < FLAT:
        return False
    one, other = centred(first), centred(last)
    if change(one, other) < APART * np.mean(contrasts) or alike(one, other) > OTHER:
        return False                             # the same, or in another light
    small = np.stack([cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for picture in pictures])
    return any(len(shares) and shares[0] < shares[1] < shares[2] and 0.25 < shares[1] < 0.75
               for shares in (_blended(small, least), _wiped(small, NEAR * np.mean(contrasts))))


def _blended(pictures, least):
    """The shares of the last of five pictures in those amid, as blends of it and the first; () if they are none."""
    (first, *_, last), amid = pictures, pictures[2]
    dark, light = sorted((first.mean(), last.mean()))
    if amid.var() > FLATTER * (first.var() + last.var()) / 2 or not dark - least <= amid.mean() <= light + least:
        return ()                                # one scene, zoomed, or a flash: a blend of two is flatter, as bright
    one, *blends, other = (centred(picture).ravel() for picture in pictures)
    ends, blends = np.stack([one, other], 1), np.stack(blends, 1)
    parts = np.linalg.lstsq(ends, blends, rcond=None)[0]                 # (2, 3): of either end in each
    left = np.sqrt(((blends - ends @ parts) ** 2).mean(0)).max() / min(first.std(), last.std())
    return parts[1] / (parts.sum(0) + 1e-6) if left < BLENDED and parts[0].min() > -0.1 else ()


def _wiped(pictures, near):
    """The same of those amid as put together of parts of the first and the last."""
    first, amid, last = pictures[0], pictures[1:-1], pictures[-1]
    apart = np.abs(first - last)
    told = apart > 2 * near                      # where the two are not the same anyway
    if (apart < near / 3).mean() > UNCHANGED or told.mean() <= TOLD:
        return ()                                # somebody passes before one scene
    gaps = np.abs(np.stack([amid - first, amid - last]))[..., told]      # (2, 3, K)
    return (gaps[1] < gaps[0]).mean(1) if (gaps.min(0) < near).mean(1).min() > COVERED else ()
