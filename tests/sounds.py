"""Sound for tests: made speech, which Silero VAD takes for speech, and films that have it."""
from fractions import Fraction

import av
import numpy as np

RATE = 16000                                     # samples a second
VOWELS = np.array(((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480)))     # formants, Hz
WIDTHS = 80, 100, 140                            # Hz, of the formants
SYLLABLES, PITCH = 4.5, 120                      # a second; Hz


def spoken(seconds, seed=0):
    """(sound, how loud it is, 0 to 1), each (N,): a buzz in which vowels ring, up and down, and breath."""
    rng, time = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    vowels = VOWELS[rng.integers(0, len(VOWELS), round(seconds * SYLLABLES) + 2)]
    loud = np.sin(np.pi * SYLLABLES * time) ** 2
    buzz = np.diff(np.floor(np.cumsum(PITCH * (1 + 0.12 * np.sin(4 * time))) / RATE), prepend=0)
    sound = np.convolve(buzz * loud, np.exp(-np.arange(80) / 16))[:len(time)]
    for formant, width in zip(vowels.T, WIDTHS):
        decay = np.exp(-np.pi * width / RATE)
        turns = 2 * decay * np.cos(2 * np.pi * np.interp(SYLLABLES * time, np.arange(len(vowels)), formant) / RATE)
        rung, before = [0.0], 0.0
        for sample, turn in zip(sound.tolist(), turns.tolist()):
            rung.append(sample + turn * rung[-1] - decay ** 2 * before)
            before = rung[-2]
        sound = np.array(rung[1:]) / np.abs(rung).max()
    sound = sound + 0.05 * (1 - loud) * rng.normal(size=len(time))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32), loud


def silent(seconds):
    """(N,) of silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def add_film(container, images, sound, rate=24, begins=0.0, codec="aac", layout="mono"):
    """Write RGB images (N, H, W, 3) and a mono sound (K,), which begins `begins` s later, into an open container."""
    stream, heard = container.add_stream("libx264", rate=rate), container.add_stream(codec, rate=RATE, layout=layout)
    stream.height, stream.width = images[0].shape[:2]
    stream.pix_fmt, stream.options = "yuv420p", {"crf": "18", "preset": "ultrafast"}
    for image in images:
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
    channels = 1 if layout == "mono" else 2
    for place in range(0, len(sound), 1000):
        part = np.tile(sound[None, place:place + 1000], (channels, 1))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, place + round(begins * RATE), Fraction(1, RATE)
        container.mux(heard.encode(frame))
    container.mux([*stream.encode(None), *heard.encode(None)])


def write_film(path, images, sound, rate=24, **more):
    """Write a film of images and sound; returns its path. more: of `add_film`."""
    with av.open(str(path), "w") as container:
        add_film(container, images, sound, rate, **more)
    return path
