"""Cuts: which frames begin a shot."""
from collections import deque

import cv2
import numpy as np

LOOK_AHEAD = 2                                   # frames on each side that a cut is compared with
STILL = 1e-5                                     # a change as small is none


def with_cuts(frames, ratio, least, sure):
    """Yield each of `frames` with whether it begins a shot, as a stream, by two of PySceneDetect's rules.

    A frame begins a shot where the picture changes by `least` (mean HSV difference, 0 to 255) and by `ratio` times as
    much as around it, so a moving camera makes no cuts (AdaptiveDetector); or where it changes by `sure`, so that two
    cuts in a row are both found (ContentDetector). It looks two frames ahead, so three are held. (Castellano,
    scenedetect.com; used together, its detectors would measure each change twice.)
    """
    waiting, changes, former = deque(), deque(maxlen=2 * LOOK_AHEAD + 1), None

    def next_waiting():
        change = changes[LOOK_AHEAD]
        around = (sum(changes) - change) / (2 * LOOK_AHEAD)
        stands_out = change >= ratio * around if around > STILL else True
        return waiting.popleft(), change >= sure or (change >= least and stands_out)

    for frame in frames:
        image = cv2.cvtColor(np.ascontiguousarray(frame.small()), cv2.COLOR_RGB2HSV)
        if former is None:
            changes.extend([0.0] * LOOK_AHEAD)   # the window's share before the first frame
            former = image
        changes.append(cv2.norm(image, former, cv2.NORM_L1) / image.size if image.shape == former.shape else 0.0)
        waiting.append(frame)
        former = image
        if len(waiting) > LOOK_AHEAD:
            yield next_waiting()
    for _ in range(len(waiting)):
        changes.append(0.0)
        yield next_waiting()
