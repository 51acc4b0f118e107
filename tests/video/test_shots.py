"""Cuts of drawn films, of which it is known where they are."""
import cv2
import numpy as np
import pytest

from vtt_emotion.video.shots import Pace, pace_of, with_cuts

LENGTH = 40                                      # frames of a shot, at 24 a second
LIMITS = (3.0, 8.0, 45.0)


class _Frame:
    def __init__(self, number, picture):
        self.number, self.picture = number, picture

    def luma(self):
        return self.picture.clip(0, 255).astype(np.uint8)


def starts(pictures, rate=24):
    frames = [_Frame(number, picture) for number, picture in enumerate(pictures)]
    said = list(with_cuts(frames, pace_of(rate), *LIMITS))
    assert [frame for frame, _ in said] == frames            # none lost, in order
    return [frame.number for frame, begins in said if begins]


def place(rng):
    """A still picture of a place, with light and shade of all sizes; float32 (108, 192)."""
    layers = [cv2.resize(rng.normal(0, 1, (rows, 2 * rows)), (192, 108), interpolation=cv2.INTER_CUBIC)
              for rows in (3, 8, 27)]
    return (rng.uniform(90, 150) + 35 * layers[0] + 20 * layers[1] + 8 * layers[2]).clip(10, 245)


def shot(rng, length=LENGTH, far=1.0):
    """Its frames: somebody moves before a place, so `far`; the camera shakes and sways."""
    wide, phase, bright = np.tile(place(rng), (1, 2)), rng.uniform(0, 6), rng.uniform(30, 220)
    for number in range(length):
        sway = int(20 + 12 * far * np.sin(phase + number / 9) + far * rng.integers(2))
        picture = wide[:, sway:sway + 192].copy()
        cv2.ellipse(picture, (int(96 + 40 * far * np.sin(phase + number / 6)), 70), (18, 30), 0, 0, 360, bright, -1)
        yield picture + rng.normal(0, 2, picture.shape)


def film(rng, kind, count=8):
    """(pictures, first frames of shots but the first) of a drawn film whose shots meet as `kind` says."""
    parts = [np.stack(list(shot(rng, far=0.25 if kind == "dissolves" else 1))) for _ in range(count)]
    truth = [LENGTH * number for number in range(1, count)]
    blend = {"dissolves": 16, "fades": 8}.get(kind, 0)
    share = ((np.arange(blend) + 0.5) / max(blend, 1))[:, None, None]
    pictures = [parts[0]]
    for part in parts[1:]:
        former = pictures.pop()
        if kind == "dissolves":                  # the two halves of it lie on either side of the middle
            former, mixed, part = former[:-blend], former[-blend:] * (1 - share) + part[:blend] * share, part[blend:]
            pictures += [former, mixed[:blend // 2]]
            part = np.concatenate([mixed[blend // 2:], part])
        elif kind == "fades":
            former[-blend:] *= 1 - share
            part[:blend] *= share
            pictures.append(former)
        else:
            pictures.append(former)
        pictures.append(part)
    if kind == "dissolves":
        truth = np.cumsum([LENGTH] + [LENGTH - blend] * (count - 2)) - blend // 2
    pictures = np.concatenate(pictures)
    if kind == "flashes":
        pictures[20::LENGTH] = 250
        pictures[31::LENGTH] += 120
    if kind == "letterbox":
        pictures[:, :14] = pictures[:, -14:] = 16
    if kind == "dark":
        pictures *= 0.3
    if kind == "jerks":
        pictures[15::LENGTH] = np.roll(pictures[15::LENGTH], 50, 2)
        for first in range(25, len(pictures), LENGTH):
            pictures[first:first + 15] = np.roll(pictures[first:first + 15], 9, 1)
    return pictures, list(truth)


def f1(found, truth, near):
    hits = sum(any(abs(one - other) <= near for other in truth) for one in found)
    return 2 * hits / (len(found) + len(truth))


@pytest.mark.parametrize("kind, least", [("cuts", 1), ("flashes", 1), ("letterbox", 0.97), ("dark", 1), ("jerks", 1),
                                         ("dissolves", 0.85), ("fades", 0.95)])
def test_the_cuts_found_are_the_cuts_drawn(kind, least):
    said = []
    for seed in range(3):
        pictures, truth = film(np.random.default_rng(seed), kind)
        found = starts(pictures)
        said.append(f1(found, truth, {"dissolves": 8, "fades": 4}.get(kind, 0)))
    assert np.mean(said) >= least, said


def test_no_cut_is_invented_at_the_ends_of_a_stretch():
    pictures = np.stack(list(shot(np.random.default_rng(3), 120)))
    pictures = np.stack([np.roll(picture, 6 * number, 1) for number, picture in enumerate(pictures)])    # by hand
    assert all(starts(pictures[first:first + length]) == [] for first in range(0, 60, 2) for length in (1, 2, 7, 40))


def test_a_black_film_and_a_short_one_have_no_cuts():
    rng = np.random.default_rng(0)
    assert starts(np.abs(rng.normal(0, 3, (60, 36, 64)))) == [] and starts([]) == []
    a, b = place(rng), place(rng)
    assert starts([a] * 6 + [b] * 6 + [a] * 6) == [6, 12]
    assert starts([a] * 6 + [b] * 3 + [a] * 6) == [] and starts([a, b]) == []    # sooner over than a shot


def test_as_many_frames_are_held_as_it_looks_ahead():
    taken = []
    frames = with_cuts((taken.append(number) or _Frame(number, np.zeros((36, 64))) for number in range(50)), *LIMITS)
    assert next(frames)[0].number == 0 and len(taken) == LOOK_AHEAD + 1
