"""How the curves of two people go together: their lagged correlation, and how great it may be by chance.

Curves are put on one clock: means of steps of `STEP` s, or of the step between two records where that is longer. Of two
people the steps count in which both are seen, in stretches without a gap. At a lag of k steps the one's step i is set
beside the other's step i + k of the same stretch, and Pearson's r taken over all such pairs; a lag counts where they
are at least half of the steps shared. What is told is the lag of the greatest |r|.

By chance: the other's steps, all stretches joined, are shifted in a circle by each number of steps beyond the greatest
lag, which keeps how each curve goes and loses what is between the two. Of each shift the greatest |r| over all lags is
taken (a test of the maximum, so that many lags are one test: Nichols and Holmes, Human Brain Mapping 2002). 95 % of
those lie in the permutation interval, from -chance to chance; p is the share that is as great. All shifts are taken, so
nothing is drawn at random. Shifts that are less than all lags apart tell much the same, so two people must share
`WINDOWS` times all lags, and no p is told below what one of so many windows is of the steps.
"""
from collections.abc import Iterable
from itertools import combinations

import numpy as np

from vtt_emotion.results.curves import Curve, emotions_in

STEP = 0.2                                       # s
WINDOWS = 20                                     # times all lags that two must share: a p of 0.05 at the least
SYNCHRONY_COLUMNS = ("id", "name", "other", "other_name", "emotion", "seconds", "lag", "r", "chance", "p",
                     "r_without_lag")


def synchrony_rows(curves: Iterable[Curve], lag: float) -> list[dict]:
    """Rows of `SYNCHRONY_COLUMNS`, of each two people who share enough, and each emotion; lag: the greatest, s.

    seconds: shared; lag: by how many s `other` follows `id`, below 0 where `other` leads. It, r, chance and p are None
    where a curve is constant.
    """
    curves = list(curves)
    moments = np.unique(np.concatenate([np.zeros(0), *(curve.times for curve in curves)]))
    step = max(STEP, float(np.median(np.diff(moments)))) if len(moments) > 1 else STEP
    most, rows = max(1, round(lag / step)), []
    least = WINDOWS * (2 * most + 1)
    clocked = [(curve, *on_clock(curve, step)) for curve in curves]
    long = [one for one in clocked if len(one[1]) >= least]
    for (curve, steps, scores), (other, its_steps, its_scores) in combinations(long, 2):
        shared, mine, its = np.intersect1d(steps, its_steps, assume_unique=True, return_indices=True)
        if len(shared) < least:
            continue
        about = {"id": curve.id, "name": curve.name, "other": other.id, "other_name": other.name,
                 "seconds": round(len(shared) * step, 3)}
        stretches = np.cumsum(np.diff(shared, prepend=shared[0]) > 1)
        for place, emotion in enumerate(emotions_in(curves)):
            found = measure(scores[mine, place], its_scores[its, place], stretches, most, step)
            rows.append(about | {"emotion": emotion} | found)
    return rows


def on_clock(curve: Curve, step: float) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (K,) of the steps with readings, ascending; mean scores (K, 7 or 8) in each), step in s."""
    numbers, place = np.unique(np.round(curve.times / step).astype(int), return_inverse=True)
    sums = np.stack([np.bincount(place, column, len(numbers)) for column in curve.scores.T], 1)
    return numbers, sums / np.bincount(place)[:, None]


def measure(one: np.ndarray, other: np.ndarray, stretches: np.ndarray, most: int, step: float) -> dict:
    """lag, r, chance, p and r_without_lag of two curves (N,) in steps of `step` s, for lags up to `most` steps.

    stretches: (N,) the number of each step's.
    """
    lags, r = lagged(one, other, stretches, most)
    r = np.nan_to_num(r)                         # where a curve is constant nothing goes together
    null = np.abs(r[:, most + 1:len(one) - most]).max(0)
    best = int(np.abs(r[:, 0]).argmax())
    if not r[best, 0]:
        return dict.fromkeys(("lag", "r", "chance", "p", "r_without_lag"))
    p = (1 + int((null >= abs(r[best, 0]) - 1e-9).sum())) / (1 + len(null))
    return {"lag": round(float(lags[best]) * step, 3), "r": round(float(r[best, 0]), 4),
            "chance": round(float(np.quantile(null, 0.95)), 4), "p": round(max(p, (2 * most + 1) / len(one)), 4),
            "r_without_lag": round(float(r[lags == 0, 0][0]), 4)}


def lagged(one: np.ndarray, other: np.ndarray, stretches: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(lags (K,), in steps; r (K, N) at each, of `other` shifted around by 0 to N - 1 steps); NaN of a constant curve.

    All shifts at once: the sums that r is made of are circular correlations, taken by FFT.
    """
    count, lags = len(one), np.arange(-most, most + 1)
    places = np.arange(count) + lags[:, None]                                           # (K, N)
    pairs = (places >= 0) & (places < count) & (stretches[places.clip(0, count - 1)] == stretches)
    enough = 2 * pairs.sum(1) >= count
    lags, pairs = lags[enough], pairs[enough].astype(float)
    one, other = one - one.mean(), other - other.mean()
    shifts = (lags[:, None] - np.arange(count)) % count

    def slide(weights, values):
        """Sums (K, N) of weights (K, N) times the shifted values (N,) beside them at each lag."""
        turned = np.fft.irfft(np.conj(np.fft.rfft(weights)) * np.fft.rfft(values), count)
        return np.take_along_axis(turned, shifts, 1)

    number, sums = pairs.sum(1, keepdims=True), (pairs * one).sum(1, keepdims=True)
    spread = number * (pairs * one ** 2).sum(1, keepdims=True) - sums ** 2
    its_sums = slide(pairs, other)
    its_spread = number * slide(pairs, other ** 2) - its_sums ** 2
    both = number * slide(pairs * one, other) - sums * its_sums
    least = 1e-9 * count ** 2                    # of variances: scores have four decimals
    fit = (spread > least) & (its_spread > least)
    return lags, np.where(fit, both / np.sqrt(np.where(fit, spread * its_spread, 1)), np.nan)
