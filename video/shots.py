"""Cuts: which frames begin a shot."""
from collections import deque

import numpy as np

LOOK_AHEAD = 2                                   # frames on each side that a cut is compared with


def with_cuts(frames, ratio, least, sure):
    """Yield each of `frames` with whether it begins a shot, by two of PySceneDetect's detectors, as a stream.

    A frame begins a shot where the picture changes by `least` (mean HSV difference, 0 to 255) and by `ratio`
    times as much as around it, so a moving camera makes no cuts; or where it changes by `sure`, so that two
    cuts in a row are both found. It looks two frames ahead, so three are held.
    """
    from scenedetect import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector, ContentDetector

    detectors = (AdaptiveDetector(ratio, min_scene_len=1, window_width=LOOK_AHEAD, min_content_val=least),
                 ContentDetector(sure, min_scene_len=1))
    waiting, cuts, place, image = deque(), set(), 0, None

    def look(image):
        nonlocal place
        for detector in detectors:
            found = detector.process_frame(FrameTimecode(place, fps=24.0), image)
            cuts.update(timecode.frame_num for timecode in found)
        place += 1

    def next_waiting():
        number, frame = waiting.popleft()
        begins = number in cuts
        cuts.discard(number)
        return frame, begins

    for frame in frames:
        image = np.ascontiguousarray(frame.small()[..., ::-1])
        for _ in range(0 if place else LOOK_AHEAD):          # the window's share before the first frame
            look(image)
        waiting.append((place, frame))
        look(image)
        if len(waiting) > LOOK_AHEAD:
            yield next_waiting()
    for _ in range(LOOK_AHEAD if waiting else 0):
        look(image)
    while waiting:
        yield next_waiting()
