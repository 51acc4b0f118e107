"""Losses, of emotions and of valence and arousal; optimisers and the schedule of the learning rate."""
import math
from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from vtt_emotion.core.labels import AFFECT, NEUTRAL, WITH_CONTEMPT


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


def log_shares(shares: torch.Tensor) -> torch.Tensor:
    """The logarithms of the classes' shares (7,) in training, as `make_loss` adjusts logits by.

    That of a class that is not trained on, less than one in a million, is 0: its logarithm would keep it from being
    learnt as a wrong answer, and the network would go on to name it.
    """
    return torch.where(shares > 1e-6, shares.log(), 0.0)


def split_affect(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs or targets (N, 7 to 10) as those of emotions (N, 7 or 8) and of valence and arousal, (N, 2) or (N, 0)."""
    count = values.shape[1]
    count -= len(AFFECT) * (count > len(WITH_CONTEMPT))
    return values[:, :count], values[:, count:]


def concordance(said: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Lin's concordance correlation coefficient of (N,) with (N,): "A concordance correlation coefficient to evaluate
    reproducibility", Biometrics 1989. 0 where nothing varies."""
    apart = said.mean() - truth.mean()
    both = ((said - said.mean()) * (truth - truth.mean())).mean()
    return 2 * both / (said.var(correction=0) + truth.var(correction=0) + apart ** 2).clamp_min(1e-8)


def with_affect(loss: Callable, weight: float) -> Callable:
    """A loss of emotions (logits, target), with `weight` times that of valence and arousal: 1 less the mean CCC.

    Faces whose targets are NaN count for nothing there; Kollias and Zafeiriou, "Expression, Affect, Action Unit
    Recognition", BMVC 2019, train by it.
    """
    def both(outputs, target):
        (logits, said), (soft, truth) = split_affect(outputs), split_affect(target)
        known = ~truth.isnan().any(1)
        if known.sum() < 2:
            return loss(logits, soft)
        pairs = zip(said[known].T, truth[known].T)
        return loss(logits, soft) + weight * (1 - torch.stack([concordance(*pair) for pair in pairs]).mean())
    return both


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
