"""Losses, optimisers and the schedule of the learning rate."""
import math
from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from vtt_emotion.core.labels import NEUTRAL


def split_bce(logits: torch.Tensor, target: torch.Tensor, neutral_lambda: float = 0.5) -> torch.Tensor:
    """Binary cross-entropy on neutral/non-neutral and on the emotions, weighted lambda and 1 - lambda.

    logits (N, 7); target (N, 7) soft labels that sum to 1. The emotions' term is their mean over the six.
    """
    emotions = [label for label in range(logits.shape[1]) if label != NEUTRAL]
    neutral = binary_cross_entropy_with_logits(logits[:, NEUTRAL], target[:, NEUTRAL])
    others = binary_cross_entropy_with_logits(logits[:, emotions], target[:, emotions])
    return neutral_lambda * neutral + (1 - neutral_lambda) * others


def pair_bce(logits: torch.Tensor, target: torch.Tensor, neutral_lambda: float = 0.5) -> torch.Tensor:
    """Binary cross-entropy on (neutral, the greatest of the six others), and on all seven: the ancestor's loss.

    logits (N, 7); target (N, 7) soft labels that sum to 1; weighted lambda and 1 - lambda, each a mean.
    """
    emotions = [label for label in range(logits.shape[1]) if label != NEUTRAL]
    pairs = (torch.stack([part[:, NEUTRAL], part[:, emotions].max(1).values], 1) for part in (logits, target))
    return (neutral_lambda * binary_cross_entropy_with_logits(*pairs)
            + (1 - neutral_lambda) * binary_cross_entropy_with_logits(logits, target))


def make_loss(loss: str, neutral_lambda: float, adjust: float | torch.Tensor = 0.0) -> Callable:
    """The loss of (logits (N, 7), soft target (N, 7)) by its name in ops.Loss.

    `adjust`, a number or (7,), is added to soft_ce's logits: Menon et al., "Long-tail Learning via Logit
    Adjustment", ICLR 2021.
    """
    if loss == "soft_ce":
        return lambda logits, target: cross_entropy(logits + adjust, target)
    binary = pair_bce if loss == "pair_bce" else split_bce
    return lambda logits, target: binary(logits, target, neutral_lambda)


def make_optimizer(net: torch.nn.Module, optimizer: str, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimiser by its name in ops.Optim, fused: one pass over all parameters a step."""
    options = {"lr": lr, "weight_decay": weight_decay, "fused": True}
    if optimizer == "adam":
        return torch.optim.Adam(net.parameters(), amsgrad=True, **options)
    if optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), **options)
    return torch.optim.SGD(net.parameters(), momentum=0.9, nesterov=True, **options)


def lr_factor(schedule: str, step: int, max_steps: int) -> float:
    """Share of the learning rate that step `step` (from 0) of `max_steps` uses."""
    done = step / max(max_steps, 1)
    if schedule == "one_cycle":                  # Smith, "Super-Convergence", 2018; cosine both ways
        rise = 0.3
        if done < rise:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * done / rise)) / 2
        return (1 + math.cos(math.pi * (done - rise) / (1 - rise))) / 2
    return (1 + math.cos(math.pi * done)) / 2 if schedule == "cosine" else 1.0
