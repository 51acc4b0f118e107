"""Speech in the sound of a video, by Silero VAD, and whose mouth moves with it."""
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.sound import read_sound

GRAPH = SHIPPED / "silero_vad.onnx"              # its card: weights/silero_vad.md
NAMES = "input", "h", "c", "speech_probs", "hn", "cn"
RATE, WINDOW, CONTEXT = 16000, 512, 64           # samples: a second, of one look, before them that it sees with them
AT_ONCE = 128                                    # windows, four seconds
SURE, UNSURE = 0.5, 0.35                         # speech begins at the first chance, and pauses below the second
LEAST, PAUSE, PAD = 0.25, 0.1, 0.03              # s: of speech, of a pause that ends it, that it gets at both ends
STEP = WINDOW / RATE                             # s

NEAR = 0.5                                       # s before and after a moment that a mouth is seen to move in
SLOW = 0.25                                      # s before and after: what changes no faster, as a smile, is no speech
MOVES = 0.003                                    # of the face's height: how far a mouth moves at least that speaks
FEWEST = 3                                       # openings within `SLOW` that this is measured of


def find_speech(video: Path) -> list[dict]:
    """From when to when speech is heard in a video: dicts of `start` and `end`, s, as the frames' `seconds`; none where
    it has no sound. InputError where it is no video.
    """
    return [{"start": round(start, 3), "end": round(end, 3)}
            for start, end in speech_spans(*speech_chances(read_sound(video, RATE, WINDOW)))]


def speech_chances(pieces: Iterable[tuple[float, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(seconds (K,) at which the windows begin, chances (K,) that they hold speech) of `read_sound`'s pieces."""
    session = open_graph(GRAPH, NAMES, "speech detector", "its card says where it is from")
    pieces, context = iter(pieces), np.zeros(CONTEXT, np.float32)
    memory = [np.zeros((1, 1, 128), np.float32)] * 2
    times, chances = [np.zeros(0)], [np.zeros(0, np.float32)]
    while block := list(islice(pieces, AT_ONCE)):
        windows = np.zeros((len(block), CONTEXT + WINDOW), np.float32)
        for row, (_, samples) in zip(windows, block):
            row[:CONTEXT], row[CONTEXT:CONTEXT + len(samples)] = context, samples
            context = row[-CONTEXT:]
        found, *memory = session.run(NAMES[3:], {"input": windows, "h": memory[0], "c": memory[1]})
        times.append(np.array([seconds for seconds, _ in block]))
        chances.append(found)
    return np.concatenate(times), np.concatenate(chances)


def speech_spans(times: np.ndarray, chances: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield (start, end), s, of speech, by the rule of the package of Silero VAD (get_speech_timestamps).

    It begins in a window of at least `SURE`, and ends where `PAUSE` s of windows below `UNSURE` begin, or the sound
    stops; what is not longer than `LEAST` is left out. times, chances: of `speech_chances`.
    """
    breaks = np.flatnonzero(np.diff(times) > STEP + PAUSE) + 1
    for starts, found in zip(np.split(times, breaks), np.split(chances, breaks)):
        if len(starts):
            stop = float(starts[-1]) + STEP
            for begin, end in _spans(starts.tolist(), found.tolist(), stop):
                if end - begin > LEAST:
                    yield max(0.0, begin - PAD), min(stop, end + PAD)


def _spans(starts, chances, stop):
    """(begin, end) of what is speech in windows that follow each other without a break, up to `stop` s."""
    begin = quiet = None
    for start, chance in zip(starts, chances):
        if chance >= SURE:
            begin, quiet = start if begin is None else begin, None
        elif chance < UNSURE and begin is not None:
            quiet = start if quiet is None else quiet
            if start - quiet >= PAUSE:
                yield begin, quiet
                begin = quiet = None
    if begin is not None:
        yield begin, stop


def find_speaking(times: np.ndarray, ids: np.ndarray, mouths: np.ndarray, speech: list[dict]) -> np.ndarray:
    """(N,) float32: 1 where a face speaks, 0 where it does not, NaN where that is not known.

    Where there is speech, the face speaks whose mouth moves most of those seen at that moment, and at least by `MOVES`:
    by the root mean square, over `NEAR` s before and after, of its opening less the opening's mean over `SLOW` s before
    and after. It is not known where the mouth is not, or where fewer than `FEWEST` openings are.

    Args:
        times: (N,) s; ids: (N,) of faces as they were followed, so that none is of two shots.
        mouths: (N,) how far they are open, shares of the face's height, NaN where that is not known.
        speech: of `find_speech`.
    """
    moving = np.full(len(times), np.nan)
    known = np.flatnonzero(np.isfinite(mouths))
    known = known[np.lexsort((times[known], ids[known]))]
    for rows in np.split(known, np.flatnonzero(np.diff(ids[known])) + 1):
        moving[rows] = _movement(times[rows], mouths[rows].astype(float))
    edges = np.array([(span["start"], span["end"]) for span in speech]).ravel()
    moments, places = np.unique(times, return_inverse=True)
    most = np.zeros(len(moments))
    np.fmax.at(most, places, moving)
    speaks = (np.searchsorted(edges, times, "right") % 2 == 1) & (moving >= np.maximum(MOVES, most[places]))
    return np.where(np.isfinite(moving), speaks, np.nan).astype(np.float32)


def _movement(times, mouths):
    """How far a mouth moves (K,) around each time, NaN where fewer than `FEWEST` openings are."""
    slow, counts = _means(times, mouths, SLOW)
    square, _ = _means(times, (mouths - slow) ** 2, NEAR)
    return np.where(counts >= FEWEST, np.sqrt(square.clip(0)), np.nan)


def _means(times, values, near):
    """(mean (K,) of the values up to `near` s before and after each time, of how many)."""
    low, high = (np.searchsorted(times, times + way * (near + 1e-6)) for way in (-1, 1))
    sums = np.append(0, np.cumsum(values))
    return (sums[high] - sums[low]) / (high - low), high - low
