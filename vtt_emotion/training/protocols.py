"""Which faces of a split are counted, and which answers to them are right: protocols, by their name in ops.Evaluate.

    majority   one emotion has more than half: of FER+, of the votes for the seven that are left without single ones,
               as of its own measure (Barsoum et al., ICMI 2016), which counts those for contempt and unknown as well
    ties-out   one emotion has the largest share; where several have it, nobody knows which is right
    soft       all faces; where several emotions have the largest share, each of them is right

RAF-DB's compound faces are half of each of two emotions, and of 11 classes: `as_compound`.
"""
from typing import TYPE_CHECKING

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS, RAF_COMPOUND
from vtt_emotion.training.samples import Samples

PAIRS = list(RAF_COMPOUND.values())
COMPOUND = tuple(f"{EMOTIONS[first]}-{EMOTIONS[second]}" for first, second in PAIRS)

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
    return samples.take(counted)


def credit_ties(logits: "Tensor", target: "Tensor") -> "Tensor":
    """Targets (N, 7) in which what logits (N, 7) name is the largest where it is one of several largest."""
    said, credited = logits.argmax(1, keepdim=True), target.clone()
    tied = target.gather(1, said) == target.max(1, keepdim=True).values
    return credited.scatter_add_(1, said, tied.float())


def as_compound(logits: "dict[str, Tensor]", target: "Tensor") -> "tuple[dict[str, Tensor], Tensor]":
    """{network: logits (N, 7)} and targets (N, 7) as those (N, 11) of RAF-DB's compound classes, `COMPOUND`.

    A class has the sum of its two emotions' logits: its softmax is what both together get, and where the two likeliest
    emotions make a class it is the one named (Li and Deng, "Reliable Crowdsourcing and Deep Locality-Preserving
    Learning", TIP 2019, whose measure is the mean recall of the 11).
    """
    import torch

    both = torch.zeros(target.shape[1], len(PAIRS))
    for place, pair in enumerate(PAIRS):
        both[list(pair), place] = 1
    return {name: said @ both for name, said in logits.items()}, torch.eye(len(PAIRS))[(target @ both).argmax(1)]
