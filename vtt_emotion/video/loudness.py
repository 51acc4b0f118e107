"""How loud a video's sound is over time."""
from pathlib import Path

import av
import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.frames import facts_of

RATE = 8000                                      # samples a second that it is measured on
A_SECOND = 10                                    # values
FLOOR = 60                                       # dB below full scale that count as silence


def loudness(video: Path) -> np.ndarray:
    """(K,) uint8, `A_SECOND` values a second of the frames' `seconds`: the root mean square of the samples, 0 at -60 dB
    and 255 at full scale. Empty where the source has no sound, or none that is decoded."""
    if video.is_dir():
        return np.zeros(0, np.uint8)
    try:
        with av.open(f"file:{video}", metadata_errors="replace") as container:
            if not container.streams.audio:
                return np.zeros(0, np.uint8)
            sums, counts = _energy(container, facts_of(video).start)
    except (av.error.FFmpegError, InputError, OSError):
        return np.zeros(0, np.uint8)
    decibels = 10 * np.log10(np.maximum(sums / np.maximum(counts, 1), 1e-12))
    return np.round(255 * np.clip(1 + decibels / FLOOR, 0, 1)).astype(np.uint8)


def _energy(container, start):
    """(sums of the squares, numbers of samples) of each tenth of a second, of a container's first sound."""
    resampler, parts = av.AudioResampler("flt", "mono", RATE), []
    for frame in container.decode(container.streams.audio[0]):
        if frame.time is None:
            continue
        for piece in resampler.resample(frame):
            samples = piece.to_ndarray()[0].astype(float)
            place = int(max(0.0, frame.time - start) * A_SECOND)
            parts.append((place, float((samples ** 2).sum()), len(samples)))
    places, sums, counts = np.array(parts or [(0, 0.0, 0)]).T
    return np.bincount(places.astype(int), sums), np.bincount(places.astype(int), counts)
