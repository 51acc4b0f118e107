"""Drawn interviews with what was coded in them, in another style than the other samples: a comic's.

One person a video, before one backdrop, whose expressions come, stay and go; beside it a .csv of who showed which
emotion from when to when, as people code it.
"""
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from vtt_emotion.core.files import whole_file
from vtt_emotion.drawn.faces import Pose, actions, background, draw_head, paste, random_look
from vtt_emotion.drawn.friends import expressions

WIDTH, HEIGHT, FPS = 640, 480, Fraction(24)
LEVELS = 5                                       # of brightness in a comic


def as_comic(image: np.ndarray) -> np.ndarray:
    """RGB uint8 (H, W, 3) in few levels, its colours turned, with dark lines where it changes."""
    soft = cv2.GaussianBlur(image, (0, 0), 1)
    flat = np.round(soft / 255 * LEVELS) * (255 / LEVELS)
    grey = cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 7, 6)
    return np.minimum(flat[..., ::-1], lines[..., None]).astype(np.uint8)


def write_interview(folder: Path, number: int, seconds: float, seed: int) -> None:
    """Draw interview `number` into `folder`, as interviewN.mp4 and .csv."""
    rng = np.random.default_rng([seed, 8, number])
    frames, look, wanted = round(seconds * FPS), random_look(rng), []
    emotions, intensities = expressions(rng, frames, wanted)
    backdrop, size, phase = background(rng, HEIGHT, WIDTH), 2 * int(rng.uniform(180, 220)), rng.uniform(0, 6.28, 4)
    x, y, vary = WIDTH / 2 + rng.uniform(-60, 60), 0.45 * HEIGHT, int(rng.integers(1 << 31))
    with whole_file(folder / f"interview{number}.mp4") as temporary, \
            av.open(str(temporary), "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18"}
        for t in range(frames):
            image, swing = backdrop.copy(), np.sin(t / 13 + phase)
            pose = Pose(0.18 * swing[2], 0.06 * swing[3], 0.05 * swing[0], (-0.3, -0.4), 0.65, 2.0, t)
            act = actions(emotions[t], intensities[t], np.random.default_rng(vary))
            paste(image, draw_head(look, act, pose, size), (x + 8 * swing[0], y + 5 * swing[1]))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(as_comic(image), format="rgb24")))
        container.mux(stream.encode(None))
    shown = [emotion if intensity >= 0.5 else "neutral" for emotion, intensity in zip(emotions, intensities)]
    edges = [0, *(t for t in range(1, frames) if shown[t] != shown[t - 1]), frames]
    rows = [f"guest,{shown[first]},{float(first / FPS):.3f},{float(stop / FPS):.3f}"
            for first, stop in zip(edges, edges[1:])]
    with whole_file(folder / f"interview{number}.csv") as temporary:
        temporary.write_text("\n".join(["person,emotion,start,end", *rows]) + "\n")
