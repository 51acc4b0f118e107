"""Cuts of drawn films, of which it is known where they are."""
import cv2
import numpy as np
import pytest

from vtt_emotion.video.shots import CUT, GRADUAL, Pace, frames_at, pace_of, with_cuts

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


def shot(rng, seconds=LENGTH / 24, far=1.0, rate=24):
    """Its frames: somebody moves before a place, so `far`; the camera shakes and sways."""
    wide, phase, bright = np.tile(place(rng), (1, 2)), rng.uniform(0, 6), rng.uniform(30, 220)
    for number in range(round(seconds * rate)):
        now = number * 24 / rate
        sway = int(20 + 12 * far * np.sin(phase + now / 9) + far * rng.integers(2))
        picture = wide[:, sway:sway + 192].copy()
        cv2.ellipse(picture, (int(96 + 40 * far * np.sin(phase + now / 6)), 70), (18, 30), 0, 0, 360, bright, -1)
        yield picture + rng.normal(0, 2, picture.shape)


def film(rng, kind, count=8, rate=24, seconds=16 / 24):
    """(pictures, first frames of shots but the first) of a drawn film whose shots meet as `kind` says.

    seconds: of a dissolve; a shot is as much longer as it is longer than by default.
    """
    apart = LENGTH / 24 + max(0, seconds - 16 / 24)
    parts = [np.stack(list(shot(rng, apart, 0.25 if kind == "dissolves" else 1, rate))) for _ in range(count)]
    length = len(parts[0])
    truth = [length * number for number in range(1, count)]
    blend = {"dissolves": round(seconds * rate), "fades": frames_at(8, rate)}.get(kind, 0)
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
        truth = np.cumsum([length] + [length - blend] * (count - 2)) - blend // 2
    pictures = np.concatenate(pictures)
    if kind == "flashes":
        for number in range(frames_at(1, rate)):
            pictures[frames_at(20, rate) + number::length] = 250
            pictures[frames_at(31, rate) + number::length] += 120
    if kind == "letterbox":
        pictures[:, :14] = pictures[:, -14:] = 16
    if kind == "dark":
        pictures *= 0.3
    if kind == "jerks":
        pictures[frames_at(15, rate)::length] = np.roll(pictures[frames_at(15, rate)::length], 50, 2)
        for first in range(frames_at(25, rate), len(pictures), length):
            pictures[first:first + frames_at(15, rate)] = np.roll(pictures[first:first + frames_at(15, rate)], 9, 1)
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


@pytest.mark.parametrize("rate", [30, 60])
@pytest.mark.parametrize("kind, least", [("cuts", 1), ("flashes", 0.85), ("letterbox", 1), ("dark", 1), ("jerks", 1),
                                         ("dissolves", 0.85), ("fades", 1)])
def test_cuts_are_found_at_high_rates(kind, least, rate):
    pictures, truth = film(np.random.default_rng(1), kind, 5, rate)
    near = {"dissolves": frames_at(8, rate), "fades": frames_at(4, rate)}.get(kind, 0)
    assert f1(found := starts(pictures, rate), truth, near) >= least, (found, truth)


@pytest.mark.parametrize("rate", [24, 30, 50, 60, 120])
def test_a_dissolve_and_a_flash_take_a_time_not_frames(rate):
    rng = np.random.default_rng(4)
    one, other = place(rng), place(rng)
    for seconds in (0.5, 1.0):
        share = ((np.arange(round(seconds * rate)) + 0.5) / round(seconds * rate))[:, None, None]
        pictures = np.concatenate([[one] * 2 * rate, one * (1 - share) + other * share, [other] * 2 * rate])
        found = starts(pictures, rate)
        assert len(found) == 1 and abs(found[0] - len(pictures) / 2) <= seconds / 2 * rate, (seconds, found)
    flash = round(0.08 * rate)                   # 80 ms
    assert starts([one] * rate + [other] * flash + [one] * rate, rate) == []
    assert starts([one] * rate + [other] * round(0.3 * rate) + [one] * rate, rate) == [rate, rate + round(0.3 * rate)]


@pytest.mark.parametrize("by, seconds, least", [
    ("dissolve", 0.5, 10), ("dissolve", 1, 10), ("dissolve", 1.5, 9), ("dissolve", 2, 8), ("black", 1.5, 10),
    ("black", 3, 10), ("white", 0.5, 7), ("white", 0.75, 10), ("white", 1.5, 10), ("white", 3, 10), ("wipe", 0.5, 10),
    ("wipe", 1, 10)])
def test_gradual_transitions(by, seconds, least):
    """Of ten each, between still places: those of the table in docs/reading.md."""
    said, length = [], round(seconds * 24)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        one, other, colour = place(rng), place(rng), {"black": 0, "white": 255}.get(by)
        shares = (np.arange(length) + 0.5) / length
        if by == "wipe":
            mixed = [np.where(np.arange(192) < 192 * share, other, one) for share in shares]
        elif by == "dissolve":
            mixed = [one * (1 - share) + other * share for share in shares]
        else:
            mixed = [colour + ((one if share < 0.5 else other) - colour) * abs(1 - 2 * share) for share in shares]
        said.append(starts([picture + rng.normal(0, 2, one.shape) for picture in [one] * 48 + mixed + [other] * 48]))
    assert max(map(len, said)) == 1 and sum(map(len, said)) >= least, said
    assert all(abs(first - 48 - length / 2) <= length / 2 for found in said for first in found)


@pytest.mark.parametrize("rate", [24, 60])
def test_a_scene_that_moves_or_is_zoomed_is_one_shot(rate):
    for seed in range(3):
        assert starts(shot(np.random.default_rng(seed), 20, rate=rate), rate) == []
        picture, zooms = place(np.random.default_rng(seed)), np.exp(0.3 * np.arange(4 * rate) / rate)
        around = [np.array([[zoom, 0, 96 - 96 * zoom], [0, zoom, 54 - 54 * zoom]]) for zoom in zooms]
        assert starts([cv2.warpAffine(picture, by, (192, 108)) for by in around], rate) == []


def test_somebody_who_passes_begins_no_shot():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        pictures = np.stack([place(rng)] * 96) + rng.normal(0, 2, (96, 108, 192))
        for number in range(25):
            left = -90 + 12 * number
            pictures[36 + number, :, max(left, 0):max(left + 90, 0)] = 35
        assert starts(pictures) == []


def test_a_film_of_24_shown_at_60_has_its_cuts():
    """Each of its pictures is shown two or three times, so that most frames do not change."""
    pictures, truth = film(np.random.default_rng(1), "cuts", 5)
    times = 2 + np.arange(len(pictures)) % 2
    assert starts(np.repeat(pictures, times, 0), 60) == np.cumsum(times)[np.array(truth) - 1].tolist()


@pytest.mark.parametrize("rate", [10, 12, 15])
def test_no_cut_is_invented_at_low_rates(rate):
    for kind in ("cuts", "flashes"):
        pictures, truth = film(np.random.default_rng(1), kind, rate=rate)
        found = starts(pictures, rate)
        assert set(found) <= set(truth) and len(found) >= 0.7 * len(truth), (kind, found, truth)


def test_rates_near_24_have_its_counts():
    assert all(pace_of(rate) == Pace() for rate in (24000 / 1001, 24, 25, 25.1))
    assert pace_of(60) == Pace(2, 10, 8) and pace_of(240) == Pace(10, 40, 30) and pace_of(5) == Pace(1, 4, 2)


@pytest.mark.parametrize("rate", [5, 10, 24, 60])
def test_no_cut_is_invented_at_the_ends_of_a_stretch(rate):
    pictures = np.stack(list(shot(np.random.default_rng(3), 120 / 24, rate=rate)))
    pictures = np.stack([np.roll(picture, 6 * 24 * number // rate, 1) for number, picture in enumerate(pictures)])
    firsts, lengths = range(0, len(pictures) // 2, max(1, rate // 12)), (1, 2, 7, frames_at(40, rate))   # by hand
    assert all(starts(pictures[first:first + length], rate) == [] for first in firsts for length in lengths)


@pytest.mark.parametrize("rate", [24, 60])
def test_a_black_film_and_a_short_one_have_no_cuts(rate):
    rng, few, more = np.random.default_rng(0), frames_at(3, rate), frames_at(6, rate)
    assert starts(np.abs(rng.normal(0, 3, (60, 36, 64))), rate) == [] and starts([], rate) == []
    a, b = place(rng), place(rng)
    assert starts([a] * more + [b] * more + [a] * more, rate) == [more, 2 * more]
    assert starts([a] * more + [b] * few + [a] * more, rate) == [] and starts([a, b], rate) == []    # sooner over


@pytest.mark.parametrize("kind, how", [("cuts", CUT), ("fades", CUT), ("dissolves", GRADUAL)])
def test_it_is_told_how_a_shot_begins(kind, how):
    frames = [_Frame(*one) for one in enumerate(film(np.random.default_rng(0), kind)[0])]
    said = [begins for _, begins in with_cuts(frames, Pace(), *LIMITS) if begins]
    assert len(said) > 4 and set(said) == {how}


@pytest.mark.parametrize("pace", [pace_of(24), pace_of(60)])
def test_as_many_frames_are_held_as_it_looks_ahead(pace):
    taken = []
    frames = with_cuts((taken.append(number) or _Frame(number, np.zeros((36, 64))) for number in range(50)), pace,
                       *LIMITS)
    assert next(frames)[0].number == 0 and len(taken) == pace.ahead + 1
