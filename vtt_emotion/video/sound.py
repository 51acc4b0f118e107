"""The sound of a video, decoded on the clock of its frames, and how loud it is over time."""
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.decoding import Film, decode_strictly
from vtt_emotion.video.frames import Clock

RATE = 8000                                      # samples a second that loudness is measured on
A_SECOND = 10                                    # values of it
FLOOR = 60                                       # dB below full scale that count as silence


def read_sound(video: Path, rate: int, block: int) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, samples) of the sound that a player plays of a video, past what is damaged; without sound none.

    seconds: of the first sample, as the frames' `seconds`. samples: mono float32 (block,), `rate` a second, full scale
    from -1 to 1; fewer where the sound ends, or goes on in another format. InputError where it is no video.
    """
    if video.is_dir():
        return
    with Film(video) as film:
        stream = film.container.streams.best("audio")
        if stream is None or stream.codec_context is None:
            return
        clock, resampler, format = Clock(None, 1 / 0.02, film.leaps, film.start), None, None
        for frame in decode_strictly(film, Counter(), None, stream):
            now = frame.format.name, frame.layout.name, frame.sample_rate
            if now != format:                    # as where a broadcast goes from stereo to mono
                yield from _pieces(resampler, None)
                resampler, format = av.AudioResampler("flt", "mono", rate, block), now
            frame.pts, frame.time_base = round(clock.seconds(frame) * 1e6), Fraction(1, 10 ** 6)
            yield from _pieces(resampler, frame)
        yield from _pieces(resampler, None)


def _pieces(resampler, frame):
    """What comes out of a resampler, or None, for a frame, or, of None, at the end."""
    for piece in resampler.resample(frame) if resampler else ():
        yield float(piece.time), piece.to_ndarray()[0]


def loudness(video: Path) -> np.ndarray:
    """(K,) uint8, `A_SECOND` values a second of the frames' `seconds`: the root mean square of the samples, 0 at -60 dB
    and 255 at full scale. Empty where the source has no sound, or none that is decoded."""
    parts = []
    try:
        for seconds, samples in read_sound(video, RATE, RATE // A_SECOND // 8):
            parts.append((int(max(0.0, seconds) * A_SECOND), float((samples.astype(float) ** 2).sum()), len(samples)))
    except (av.error.FFmpegError, InputError, OSError):
        return np.zeros(0, np.uint8)
    if not parts:
        return np.zeros(0, np.uint8)
    places, sums, counts = np.array(parts).T
    energy = np.bincount(places.astype(int), sums) / np.maximum(np.bincount(places.astype(int), counts), 1)
    return np.round(255 * np.clip(1 + 10 * np.log10(np.maximum(energy, 1e-12)) / FLOOR, 0, 1)).astype(np.uint8)
