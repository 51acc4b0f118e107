"""A temperature, so that a network is as sure as it is right: Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017."""
import numpy as np
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

from vtt_emotion.training.measures import measure

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(logits, target):
    """What logits (N, 7) are to be divided by, so that they say best how often they name the largest share of target
    (N, 7): the negative log-likelihood of it is least."""
    truth, logits = target.argmax(1), logits.double()
    return float(np.exp(minimize_scalar(lambda power: cross_entropy(logits / np.exp(power), truth).item(),
                                        bounds=np.log((COLDEST, HOTTEST)), method="bounded").x))


def calibrate(logits, target):
    """A temperature fitted on all of N faces, and the calibration errors with it.

    Returns:
        dict: temperature; before, after, on the faces that it is fitted on; held_out, where every other face has the
        temperature that is fitted on the rest of them, so that it is measured on no face that it was fitted on.
    """
    def error(scaled):
        return measure(scaled, target)["calibration_error"]

    temperature, halves = fit_temperature(logits, target), logits.clone()
    for half in (0, 1):
        halves[half::2] /= fit_temperature(logits[1 - half::2], target[1 - half::2])
    return {"temperature": temperature, "before": error(logits), "after": error(logits / temperature),
            "held_out": error(halves)}
