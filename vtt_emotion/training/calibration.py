"""What is fitted of a trained network's logits: how sure they are, and how readily they say neutral.

A temperature makes a network as sure as it is right: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
An offset of neutral's logit is the prior of faces that hold neutral more or less often than those trained on: Saerens,
Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities", 2002.
"""
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from vtt_emotion.core.labels import NEUTRAL
from vtt_emotion.results.agreement import count_pairs, figures
from vtt_emotion.training.measures import measure_logits

COLDEST, HOTTEST = 0.05, 20.0
OFFSETS = np.arange(-10, 16) / 10                # of neutral's logit, that are tried


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """The temperature that minimises the negative log-likelihood of the largest share of target (N, 7); logits (N, 7)
    are divided by it (Guo et al., "On Calibration of Modern Neural Networks", 2017)."""
    truth, logits = target.argmax(1), logits.double()
    return float(np.exp(minimize_scalar(lambda power: cross_entropy(logits / np.exp(power), truth).item(),
                                        bounds=np.log((COLDEST, HOTTEST)), method="bounded").x))


def calibrate(logits: Tensor, target: Tensor) -> dict[str, float]:
    """A temperature fitted on all of N faces, and the calibration errors with it.

    Returns:
        dict: temperature; kept, it, or 1 where it does not help on faces that it is not fitted on; before, after, on
        the faces that it is fitted on; held_out, where every other face has the temperature that is fitted on the rest
        of them, so that it is measured on no face that it was fitted on.
    """
    def error(scaled):
        return measure_logits(scaled, target)["calibration_error"]

    temperature, halves = fit_temperature(logits, target), logits.clone()
    for half in (0, 1):
        halves[half::2] /= fit_temperature(logits[1 - half::2], target[1 - half::2])
    before, held_out = error(logits), error(halves)
    return {"temperature": temperature, "kept": temperature if held_out < before else 1.0, "before": before,
            "after": error(logits / temperature), "held_out": held_out}


def neutral_curve(logits: Tensor, target: Tensor, offsets: Sequence[float] | np.ndarray = OFFSETS) -> np.ndarray:
    """Macro F1 of logits (N, 7), with each of some offsets added to neutral's, float (offsets,)."""
    truth = target.argmax(1)
    confusions = []
    for offset in offsets:
        shifted = logits.numpy().copy()
        shifted[:, NEUTRAL] += offset
        confusions.append(count_pairs(truth, shifted.argmax(1), shifted.shape[1]))
    return figures(np.stack(confusions))["macro_f1"]


def choose_offset(logits: Tensor, target: Tensor, offset: float | None = None) -> dict:
    """The offset of neutral's logit by which N faces are read best, by macro F1, or the one given.

    Returns:
        dict: offset; curve, of `neutral_curve`; before, after, the macro F1 of the faces without and with it; held_out,
        where every other face has the offset that is chosen on the rest of them.
    """
    curve, halves = neutral_curve(logits, target), logits.clone()
    for half in (0, 1):
        rest = neutral_curve(logits[1 - half::2], target[1 - half::2])
        halves[half::2, NEUTRAL] += OFFSETS[rest.argmax()]
    chosen = float(OFFSETS[curve.argmax()]) if offset is None else offset
    before, after = neutral_curve(logits, target, (0, chosen)).tolist()
    return {"offset": chosen, "curve": curve, "before": before, "after": after,
            "held_out": neutral_curve(halves, target, (0,)).item()}
