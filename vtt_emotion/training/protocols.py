"""Which faces of a split are counted, and which answers to them are right: protocols, by their name in ops.Evaluate.

    majority   one emotion has more than half: of FER+, of the votes for the seven that are left without single ones,
               as of its own measure (Barsoum et al., ICMI 2016), which counts those for contempt and unknown as well
    ties-out   one emotion has the largest share; where several have it, nobody knows which is right
    soft       all faces; where several emotions have the largest share, each of them is right
"""
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.training.samples import Samples

if TYPE_CHECKING:
    from torch import Tensor


def hold_to(samples: Samples, protocol: str) -> Samples:
    """The `Samples` that a protocol counts. InputError where there are none."""
    counted = np.ones(len(samples), bool)
    if protocol == "majority":
        counted = samples.targets.max(1) > 0.5
    elif protocol == "ties-out":
        counted = (samples.targets == samples.targets.max(1, keepdims=True)).sum(1) == 1
    if not counted.any():
        raise InputError(f"of {len(samples):,} faces of {samples.name} the protocol {protocol} counts none")
    return replace(samples, paths=samples.paths[counted], boxes=samples.boxes[counted],
                   targets=samples.targets[counted])


def credit_ties(logits: "Tensor", target: "Tensor") -> "Tensor":
    """Targets (N, 7) in which what logits (N, 7) name is the largest where it is one of several largest."""
    said, credited = logits.argmax(1, keepdim=True), target.clone()
    tied = target.gather(1, said) == target.max(1, keepdim=True).values
    return credited.scatter_add_(1, said, tied.float())
