"""One training, or several of the same options but for their seeds and the folds that they hold out."""
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.training.train import train


def variants(ops: Any) -> Iterator:
    """The options of each training: one for each of `--seeds`, and, without `--fold`, for each of `--folds`."""
    run, split = ops.run, ops.split
    if split.fold and not split.folds:
        raise InputError(f"--fold {split.fold}: expected --folds with it, how many there are")
    each_fold = range(1, split.folds + 1) if split.folds and not split.fold else [split.fold]
    for seed in range(run.seed, run.seed + run.seeds):
        for fold in each_fold:
            name = run.name + f"_seed{seed}" * (run.seeds > 1) + f"_fold{fold}" * (len(each_fold) > 1)
            begun = name == run.name or (run.runs_path / name / "last.pt").is_file()     # of several some may not be
            yield replace(ops, split=replace(split, fold=fold),
                          run=replace(run, name=name, seed=seed, seeds=1, resume=run.resume and begun))


def train_all(ops: Any, frames: int) -> None:
    """The body of both trainers: train, and print each training's best figures, and of several mean and deviation.

    ops is an ops.StaticTrainOps; frames is T, 1 or 4.
    """
    found = []
    for one in variants(ops):
        best = train(one, frames)
        if best:
            found.append([best["accuracy"], best["mean_recall"]])
            print(f"best at step {best['step']}: accuracy {found[-1][0]:.3f}, mean recall {found[-1][1]:.3f}")
    if len(found) > 1:
        told = ", ".join(f"{name} {mean:.3f} (standard deviation {deviation:.3f})" for name, mean, deviation in zip(
            ("accuracy", "mean recall"), np.mean(found, 0), np.std(found, 0, ddof=1)))
        print(f"mean of {len(found)} trainings: {told}")
