"""Which samples make a batch, and the processes that read them.

Which samples make step s, and how they are augmented, follows from (seed, s) alone: a resumed run sees what an
uninterrupted one would have.
"""
import atexit
import multiprocessing
import shutil
import signal
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.data import DataLoader, Sampler

from vtt_emotion.core.command_line import STOPS
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import NEUTRAL
from vtt_emotion.training.samples import Samples

SHARED = 8_000_000                               # bytes of shared memory; a batch of 64 at 64 px is 0.8 MB


def sampling_weights(sources: Sequence[Samples], shares: Sequence[float], neutral_ratio: float,
                     balance: float = 1.0) -> np.ndarray:
    """Chance of each sample of each source, in order, as one float64 array that sums to 1.

    A source gets its share; within it neutral gets `neutral_ratio` and the emotions present split the rest
    evenly; an emotion's samples share evenly. A sample's emotion is the largest of its soft label. With `balance`
    below 1 an emotion's chance is drawn towards its count's share, by that power: at 0 all samples are alike.
    """
    weights = []
    for source, share in zip(sources, shares):
        labels = source.targets.argmax(1)
        counts = np.bincount(labels, minlength=source.targets.shape[1])
        emotions = [e for e in range(len(counts)) if e != NEUTRAL and counts[e]]
        chance = np.zeros(len(counts))
        chance[NEUTRAL] = neutral_ratio if counts[NEUTRAL] else 0
        chance[emotions] = (1 - neutral_ratio) / max(len(emotions), 1)
        if not chance.any():
            raise InputError(f"--neutral-ratio {neutral_ratio:g}: leaves nothing of {source.name}, which has "
                             f"{'no' if neutral_ratio else 'only'} neutral faces to train on")
        chance = chance ** balance * counts ** (1 - balance)
        chance /= chance.sum()
        weights.append(share * chance[labels] / counts[labels])
    weights = np.concatenate(weights)
    return weights / weights.sum()


class BalancedBatches(Sampler):
    """Batches for steps `start` to `stop`, drawn by `weights` from (seed, step) alone.

    Samples of one weight, those of an emotion of a source, are drawn by turns: each once, in an order that is shuffled
    anew, before one of them is drawn again.

    part: (rank, ranks); each process gets its part of every batch.
    """

    def __init__(self, weights: np.ndarray, batch_size: int, seed: int, start: int, stop: int,
                 part: tuple[int, int] = (0, 1)) -> None:
        values, groups, counts = np.unique(weights, return_inverse=True, return_counts=True)
        self.members = np.split(np.argsort(groups, kind="stable"), np.cumsum(counts)[:-1])
        self.cumulative, self.turns = np.cumsum(values * counts), {}           # turns: {group: (number, its order)}
        self.batch_size, self.seed, self.start, self.stop, self.part = batch_size, seed, start, stop, part

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list]:
        drawn = np.zeros(len(self.members), int)               # of each group, in all steps before
        for step in range(self.stop):
            draws = np.random.default_rng((self.seed, step)).random(self.batch_size) * self.cumulative[-1]
            groups = np.searchsorted(self.cumulative, draws, "right")
            if step >= self.start:
                samples = self._samples(groups, drawn.copy())
                yield [(samples[slot], (self.seed, step, slot)) for slot in part_of(self.batch_size, self.part)]
            drawn += np.bincount(groups, minlength=len(drawn))

    def _samples(self, groups, drawn):
        """The sample of each slot of a batch, whose groups are given, after `drawn` of each group."""
        samples = []
        for group in groups.tolist():
            turn, place = divmod(int(drawn[group]), len(self.members[group]))
            if self.turns.get(group, (None,))[0] != turn:
                rng = np.random.default_rng((self.seed, turn, group, 2))       # of no other's numbers
                self.turns[group] = turn, rng.permutation(self.members[group])
            samples.append(int(self.turns[group][1][place]))
            drawn[group] += 1
        return samples


class EveryOnce(Sampler):
    """All samples of a dataset in order, `batch_size` at a time, for validation; of `part` as in `BalancedBatches`."""

    def __init__(self, count: int, batch_size: int, part: tuple[int, int] = (0, 1)) -> None:
        self.samples, self.batch_size = part_of(count, part), batch_size

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    def __iter__(self) -> Iterator[list]:
        for start in range(0, len(self.samples), self.batch_size):
            yield [(sample, (0, sample)) for sample in self.samples[start:start + self.batch_size]]


def part_of(count: int, part: tuple[int, int]) -> range:
    """The range of `count` things that is process `rank`'s of `ranks`; part: (rank, ranks)."""
    rank, ranks = part
    return range(count * rank // ranks, count * (rank + 1) // ranks)


def _start_worker(_):
    for number in (signal.SIGINT, *STOPS):       # a stop is the training process's to handle
        signal.signal(number, signal.SIG_IGN)


@cache
def _end_workers_at_exit():
    """Kill, at this process's exit, the workers that an error has left: Python would wait for them for ever."""
    def end():
        workers = multiprocessing.active_children()
        if workers and hasattr(signal, "SIGCHLD"):               # PyTorch's handler makes an error of each that ends
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for worker in workers:
            worker.kill()

    atexit.register(end)                         # runs before multiprocessing's own, which was registered first


def check_shared(num_workers: int, folder: str = "/dev/shm") -> None:
    """InputError where the shared memory that workers hand batches over in is next to nothing, as in containers."""
    free = shutil.disk_usage(folder).free if Path(folder).is_dir() else SHARED
    if free < SHARED:
        raise InputError(f"--num-workers {num_workers}: {folder} has {free / 1e6:.1f} MB free, expected "
                         f"{SHARED / 1e6:.0f} MB or more for what workers hand over; --num-workers 0 needs none")


def make_loader(dataset: Any, batches: Sampler, num_workers: int, pin_memory: bool = False) -> DataLoader:
    """A DataLoader of `dataset` over `batches`. InputError as of `check_shared`."""
    _end_workers_at_exit()
    if num_workers:
        check_shared(num_workers)
        cv2.setNumThreads(1)                     # a pool of OpenCV's own would not survive the workers' fork
    return DataLoader(dataset, batch_sampler=batches, num_workers=num_workers, pin_memory=pin_memory,
                      persistent_workers=num_workers > 0, worker_init_fn=_start_worker)
