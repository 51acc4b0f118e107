"""Soft labels that a network is trained on, mixed of the dataset's and of what other networks, its teachers, say.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015; Furlanello et al., "Born-Again Neural
Networks", ICML 2018. The teachers see each face as it is and the student sees it augmented, as in Xie et al.,
"Self-training with Noisy Student", CVPR 2020.
"""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.training.batches import EveryOnce, make_loader
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.engine import predict
from vtt_emotion.training.optimization import split_affect
from vtt_emotion.training.ranks import Ranks
from vtt_emotion.training.samples import Samples


class Readable(Dataset):
    """`FaceClips` without augmentation, as (clip, a one for each class); where it cannot be read, as (black, NaN)."""

    def __init__(self, clips: FaceClips) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: tuple) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            return self.clips[key][0], torch.ones(self.clips.targets.shape[1])
        except InputError:                       # reported when it is trained on
            size = self.clips.img_sz
            return (torch.zeros(self.clips.frames, 3, size, size, dtype=torch.uint8),
                    torch.full((self.clips.targets.shape[1],), torch.nan))


def ask(teachers: Sequence[torch.nn.Module], sources: Sequence[Samples], frames: int, batch_size: int, num_workers: int,
        ranks: Ranks, precision: str = "auto") -> np.ndarray:
    """What teachers say of all samples: float32 (N, 7), the mean of their softmax over each face and its mirror image.

    Where a sample cannot be read the row is NaN.

    teachers: networks; sources: list of `Samples`; frames: T. The processes `ranks` share the work.
    """
    said: Any = 0
    part = (ranks.rank, ranks.count)
    for teacher in teachers:
        clips = FaceClips(sources, teacher.img_sz, frames)
        order = EveryOnce(len(clips), batch_size, part)
        loader = make_loader(Readable(clips), order, num_workers, ranks.device.type == "cuda")
        logits, readable = predict(teacher.to(ranks.device), loader, ranks.device, flip=True, precision=precision,
                                   silent=ranks.silent)
        said = said + ranks.gather(split_affect(logits)[0].softmax(1) * readable)
    return (said / len(teachers)).numpy()


def mix(targets: np.ndarray, said: np.ndarray, share: float) -> np.ndarray:
    """Targets (N, 7) with a `share` of what the teachers say (N, 7) in them; where they say nothing, as they are."""
    return np.where(np.isnan(said), targets, (1 - share) * targets + share * said)


def read_said(path: Path, shape: tuple) -> np.ndarray:
    """What `write_said` kept of samples with targets of that shape. InputError where it is of others, or damaged."""
    try:
        said = np.load(path)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: damaged ({error}); it is made again when it is removed") from None
    if said.shape != shape:
        raise InputError(f"{path}: of {len(said):,} samples, where there are {shape[0]:,} now; the indexes or "
                         "--mixture have changed since the run began")
    return said


def write_said(path: Path, said: np.ndarray) -> None:
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, said)
