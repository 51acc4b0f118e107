"""What a training loop watches: figures since the last row, unreadable samples, divergence, and signals."""
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from tqdm import tqdm

from vtt_emotion.core.command_line import stop
from vtt_emotion.core.errors import InputError
from vtt_emotion.training.ranks import Ranks
from vtt_emotion.training.runs import is_finite


class Meter:
    """Training error and accuracy of all processes since the last row of the log."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.errors, self.rates = [], []
        self.hits: Any = 0
        self.seen, self.images, self.since = 0, 0, time.perf_counter()

    def add(self, error: torch.Tensor, hits: torch.Tensor, clips: torch.Tensor, rate: float) -> None:
        """Take in a step: its error and hits (tensors), clips (N, T, 3, H, W), and learning rate."""
        self.errors.append(error)
        self.rates.append(rate)
        self.hits, self.seen = self.hits + hits, self.seen + len(clips)
        self.images += clips.shape[0] * clips.shape[1]

    def figures(self) -> dict[str, float]:
        """The row's columns of training, by name."""
        error, hits, seen, images = self.ranks.total(torch.stack(self.errors).mean().item(), self.hits.item(),
                                                     self.seen, self.images)
        return {"train_error": error / self.ranks.count, "train_accuracy": hits / seen,
                "learning_rate": self.rates[-1], "images_per_second": images / (time.perf_counter() - self.since)}

    def check_finite(self, net: torch.nn.Module, step: int) -> None:
        """Refuse to go on from step `step` where an error since the last row, or the network, is not finite."""
        broken = (~torch.stack(self.errors).isfinite()).nonzero()
        if self.ranks.total(len(broken) + (not is_finite(net)))[0]:
            place = int(broken[0]) if len(broken) else len(self.errors) - 1
            raise InputError(f"training diverged at step {step - len(self.errors) + 1 + place:,}, at a learning rate "
                             f"of {self.rates[place]:g}: its error or its weights are not finite; last.pt, where "
                             "there is one, is of a step before: --resume with a lower --lr continues")


class Unreadable:
    """The samples met in training that could not be read: named once each, counted, and too many end the run.

    share: of the samples drawn, or of 1,000 where fewer were, by all processes together.
    """

    def __init__(self, share: float) -> None:
        self.share, self.named, self.count, self.drawn = share, set(), 0, 0

    def name(self, reasons: Sequence[str]) -> int:
        """Say the `reasons` ("" where there is none) not yet said, and return how many there are."""
        reasons = [reason for reason in reasons if reason]
        for reason in set(reasons) - self.named:
            tqdm.write(f"warning: left out: {reason}", file=sys.stderr)
        self.named.update(reasons)
        return len(reasons)

    def add(self, count: int, drawn: int) -> None:
        """Count those of a step, of all processes. InputError where they are too many."""
        self.count, self.drawn = self.count + int(count), self.drawn + int(drawn)
        if self.count > self.share * max(self.drawn, 1000):
            raise InputError(f"{self.count:,} of {self.drawn:,} samples drawn could not be read, more than "
                             f"--max-unreadable {self.share:g}; they are named above")

    def tell(self) -> None:
        """Print how many there were, where there were any."""
        if self.count:
            tqdm.write(f"{self.count:,} of {self.drawn:,} samples drawn could not be read; others of their emotion "
                       "stood in")


@contextmanager
def stop_at_a_step() -> Iterator[list]:
    """Yield a list that gets the signal by which the run is asked to stop; one a second later stops at once.

    (Ctrl-C under torchrun comes twice: from the terminal, and from torchrun.)
    """
    asked, first = [], 0.0

    def ask(number, frame):
        nonlocal first
        if not asked:
            first = time.monotonic()
        elif time.monotonic() > first + 1:
            stop(number, frame)
        asked.append(number)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
