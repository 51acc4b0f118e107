"""A training from its options, read from top to bottom: what it is made of, then the one loop."""
import signal
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from ops import SOURCES
from resnet_tsm import fill
from vtt_emotion.core.command_line import Stopped
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import locked
from vtt_emotion.core.labels import CONTEMPT, emotions_of
from vtt_emotion.core.weights import name_device
from vtt_emotion.datasets.npy import kind_of
from vtt_emotion.training.augmentation import mix_pairs
from vtt_emotion.training.batches import BalancedBatches, EveryOnce, make_loader, sampling_weights
from vtt_emotion.training.clips import FaceClips, some_faces
from vtt_emotion.training.engine import Average, compiled, evaluate, train_step
from vtt_emotion.training.face_cache import FaceCache
from vtt_emotion.training.networks import load, network_for, set_labels
from vtt_emotion.training.optimization import log_shares, lr_factor, make_loss, make_optimizer, with_affect
from vtt_emotion.training.protocols import hold_to
from vtt_emotion.training.ranks import Ranks
from vtt_emotion.training.runs import Progress, Run, run_folder, set_random_states
from vtt_emotion.training.samples import (
    check_episodes,
    check_folds,
    check_subsets,
    held_out_names,
    read_held_out,
    read_mixture,
)
from vtt_emotion.training.teachers import ask, mix, read_said, write_said
from vtt_emotion.training.watch import Meter, Unreadable, stop_at_a_step

TYPICAL = 512                                    # faces whose statistics dlib's network begins with


@dataclass
class Training:
    """What a training is made of.

    `average` (an `Average`) of `net` is validated and kept as best.pt; `shared` is `net` with the gradients of all
    processes, compiled by option; `losses` are those of training and of validation.
    """
    run: Run
    ranks: Ranks
    net: torch.nn.Module
    shared: torch.nn.Module
    average: Average
    optimizer: torch.optim.Optimizer
    loaders: tuple[DataLoader, DataLoader]       # of training and of validation
    losses: tuple

    def save(self) -> None:
        """Write last.pt."""
        self.run.save("last.pt", self.net, self.run.progress, self.optimizer, self.average.state())


def train(ops: Any, frames: int) -> dict | None:
    """The body of both trainers.

    ops is an ops.StaticTrainOps; frames is T, 1 or 4.

    Returns:
        the figures of the best validation (see `evaluate`) and its `step`; None before the first, and in all processes
        but the first.
    """
    check_episodes(ops.split.train_episodes, ops.split.valid_episodes)
    check_folds(ops.split.folds, *_mixed(ops), ops.data.valid_on)
    check_subsets(ops.split.subsets, *_mixed(ops))
    if ops.loss.adjust() and ops.loss.loss != "soft_ce":
        raise InputError(f"--logit-adjust {ops.loss.logit_adjust}: goes with --loss soft_ce alone")
    ranks = Ranks(torch.device(name_device(ops.run.device)), ops.loader.batch_size)
    if ranks.device.type == "cuda":              # faces are of one size, so cuDNN times its algorithms once; a resumed
        torch.backends.cudnn.benchmark = True    # run may choose others, which differ in rounding, as any two runs do
    with ranks.together():
        faces, unreadable = _faces(ops, frames), Unreadable(ops.loader.max_unreadable)
        folder = run_folder(ops.run.runs_path, ops.run.name)
        with locked(folder, "trained") if ranks.first else nullcontext():
            training = _prepare(ops, folder, ranks, *faces)
            _loop(ops, training, unreadable)
            at = training.run.progress
            if ranks.first and at.step < ops.run.max_steps:
                print(f"ended at step {at.step:,}: no better mean recall in {ops.run.patience} validations")
    return training.run.progress.best if ranks.first else None


def _loop(ops, training, unreadable):
    """Train from the run's step to --max-steps; log, validate, and save on the way."""
    options, run, ranks, at = ops.run, training.run, training.ranks, training.run.progress
    (loader, _), (loss, _), meter = training.loaders, training.losses, Meter(ranks)
    with stop_at_a_step() as asked, _kept(training, unreadable), tqdm(
            loader, "train", options.max_steps, initial=at.step, unit="step", disable=ranks.silent) as steps:
        if at.owed:                              # the validation that the last run failed in
            run.log(step=at.step, **_validate(training, options.precision))
            training.save()
        for clips, target, reasons in takewhile(lambda _: not _in_vain(options, at), steps):
            clips, target = (part.to(ranks.device, non_blocking=True) for part in (clips, target))
            if ops.augment.mixup:
                rng = np.random.default_rng((options.seed, at.step, 0, 1))     # neither sampler's nor loader's
                clips, target = mix_pairs(clips, target, ops.augment.mixup, rng)
            lr = ops.optim.lr * lr_factor(ops.optim.schedule, at.step, options.max_steps)
            for group in training.optimizer.param_groups:
                group["lr"] = lr
            with ranks.whole_step(training.net):
                error, hits = train_step(training.shared, training.optimizer, loss, clips, target, options.precision,
                                         options.batch_norm == "running")
            meter.add(error, hits, clips, lr)
            training.average.update(training.net, at.step)
            at.step += 1
            at.owed = at.step % options.valid_every == 0 or at.step == options.max_steps
            asks, left_out, drawn = ranks.total(len(asked), unreadable.name(reasons), len(clips))
            unreadable.add(left_out, drawn)
            due = asks or at.owed or at.step % options.save_every == 0
            if asks or at.owed or at.step % options.log_every == 0:
                meter.check_finite(training.net, at.step)
                row = meter.figures()
                steps.set_postfix(error=f"{row['train_error']:.3f}", accuracy=f"{row['train_accuracy']:.3f}")
                run.log(step=at.step, **row, **(_validate(training, options.precision) if at.owed else {}))
                meter = Meter(ranks)             # a validation is not training's time
            if due:
                training.save()
            if asks and at.step < options.max_steps:
                raise Stopped(asked[0] if asked else signal.SIGTERM)


def _in_vain(options, at):
    """Whether the last `--patience` validations have brought no better mean recall."""
    return bool(options.patience and at.best) and at.step - at.best["step"] >= options.patience * options.valid_every


def _validate(training, precision):
    """Measure the average; where its mean recall is the best, it is kept as best.pt. Returns the log's columns."""
    run, net, at = training.run, training.average.net, training.run.progress
    training.ranks.agree(net)
    figures = evaluate(net, training.loaders[1], training.losses[1], training.ranks.device, precision, training.ranks)
    if run.writes:
        tqdm.write(f"step {at.step}: validation error {figures['error']:.4f}, accuracy {figures['accuracy']:.3f}, "
                   f"mean recall {figures['mean_recall']:.3f}")
    if at.best is None or figures["mean_recall"] > at.best["mean_recall"]:
        best = figures | {"step": at.step}
        run.save("best.pt", net, Progress(at.step, best))
        at.best = best                           # not before it is kept: what fails is owed
    run.log_confusion(at.step, figures["confusion"])
    at.owed = False
    return {f"valid_{name}": figures[name] for name in ("error", "accuracy", "mean_recall")} | {
        f"recall_{emotion}": recall for emotion, recall in zip(net.labels, figures["recalls"])} | {
        f"ccc_{name}": row.get("ccc") for name, row in figures["affect"].items()}


@contextmanager
def _kept(training, unreadable):
    """Lose no step that is done where an unreadable image, say, or the loss of another process, ends the run."""
    begun, ranks = training.run.progress.step, training.ranks
    try:
        yield
    except Exception as error:
        if training.run.progress.step > begun and (isinstance(error, InputError | OSError) or ranks.lost(error)):
            training.save()
        raise
    finally:
        if ranks.first:
            unreadable.tell()


def _prepare(ops, folder, ranks, train_faces, weights, valid_faces):
    """The `Training` of the options on what `_faces` gives, from the checkpoint in the run's folder on if resumed."""
    device, options = ranks.device, ops.run
    run = Run(folder, ops, options.resume, writes=ranks.first)
    run.hold_out(*_held_out(ops))
    net, average, optimizer = _network(ops, run, device, train_faces)
    ranks.total(0)                               # all have looked at the folder before the first writes to it
    run.start()
    _take_lessons(ops, train_faces, run, ranks)
    part, batch_size = (ranks.rank, ranks.count), ops.loader.batch_size
    batches = BalancedBatches(weights, batch_size, options.seed, run.progress.step, options.max_steps, part)
    valid_batches = EveryOnce(len(valid_faces), batch_size // ranks.count, part)
    loaders = tuple(make_loader(faces, order, ops.loader.num_workers, device.type == "cuda")
                    for faces, order in ((train_faces, batches), (valid_faces, valid_batches)))
    shares = torch.from_numpy(weights @ train_faces.targets).to(device, torch.float32)
    losses = tuple(make_loss(ops.loss.loss, ops.loss.neutral_lambda, adjust)
                   for adjust in (ops.loss.adjust() * log_shares(shares), 0.0))
    if ops.loss.affect:
        losses = tuple(with_affect(loss, ops.loss.affect) for loss in losses)
    if ranks.first:
        processes = f" x {ranks.count}" if ranks.count > 1 else ""
        print(f"{len(train_faces):,} samples to train on, {len(valid_faces):,} to validate on; {device}{processes}; "
              f"{run.folder}")
    shared = ranks.share(net)
    if options.compile:
        shared = compiled(shared, device)
    return Training(run, ranks, net, shared, average, optimizer, loaders, losses)


def _faces(ops, frames):
    """(faces to train on, the chance of each to be drawn, faces to validate on)."""
    roots, margins, dicts = ops.datasets.roots(), ops.margins.by_source(), ops.place.dicts_path
    split, fold = ops.split, (ops.split.fold, ops.split.folds)
    sources, shares = read_mixture(dict(ops.data.mixture), dicts, roots, margins, split.train_episodes, split.subsets,
                                   fold)
    sources = [samples.of_classes(ops.data.classes) for samples in sources]
    valid = read_held_out(ops.data.valid_on, dicts, roots, margins, split.valid_episodes, fold)
    valid, affect = hold_to(valid.of_classes(ops.data.classes), "ties-out"), bool(ops.loss.affect)
    those = [*sources, valid] if split.folds else sources        # all of it may be in one fold
    if ops.data.classes > CONTEMPT and not any(samples.targets[:, CONTEMPT].any() for samples in those):
        raise InputError("--classes 8: no index of --mixture has contempt; --contempt of the parsers keeps it")
    if affect and all(np.isnan(samples.affect).all() for samples in sources):
        raise InputError("--affect: no index of --mixture has valence and arousal; AffectNet's has")
    augment = {name: value for name, value in vars(ops.augment).items() if name != "mixup"}
    motion = getattr(ops.data, "camera_motion", 0.0)
    reach = augment["shift"] + motion
    cache = FaceCache(ops.loader.cache, ops.loader.img_sz, reach, reach) if ops.loader.cache else None
    return (FaceClips(sources, ops.loader.img_sz, frames, augment, motion, affect=affect, cache=cache),
            sampling_weights(sources, shares, ops.loader.neutral_ratio, ops.loader.balance),
            FaceClips([valid], ops.loader.img_sz, frames, affect=affect))


def _mixed(ops):
    """The sources of the mixture that have a share in it."""
    return [source for source, share in ops.data.mixture if share > 0]


def _held_out(ops):
    """({source that goes by folds: the names that it holds out}, (fold, how many))."""
    fold = ops.split.fold, ops.split.folds
    sources = sorted({*_mixed(ops), ops.data.valid_on})
    return {source: held_out_names(source, ops.place.dicts_path, fold) for source in sources
            if SOURCES[kind_of(source)].folds}, fold


def _take_lessons(ops, faces, run, ranks):
    """Mix what the teachers say into the targets of the faces to train on; a resumed run need not ask them again."""
    if not ops.teach.teachers or not ops.teach.taught:
        return
    path = run.folder / "teachers.npy"
    if run.checkpoint and path.is_file():
        said = read_said(path, faces.targets.shape)
    else:
        teachers = [load(weights, ops.place.root, trained=True) for weights in ops.teach.teachers]
        others = [name for name, net in zip(ops.teach.teachers, teachers)
                  if len(emotions_of(net.labels)) != ops.data.classes]
        if others:
            raise InputError(f"--teachers {others[0]}: knows other emotions than the {ops.data.classes} of --classes")
        said = ask(teachers, faces.sources, faces.frames, ops.loader.batch_size // ranks.count,
                   ops.loader.num_workers, ranks, ops.run.precision)
        if ranks.first:
            write_said(path, said)
    faces.targets = mix(faces.targets, said, ops.teach.taught)


def _network(ops, run, device, train_faces):
    """The network, its average and its optimiser on the device: of the run's checkpoint, or new as the options say."""
    torch.manual_seed(ops.run.seed)
    checkpoint = run.checkpoint
    former = checkpoint["options"]["optim"]["optimizer"] if checkpoint else ops.optim.optimizer
    if former != ops.optim.optimizer:
        raise InputError(f"--optimizer {ops.optim.optimizer}: the run to resume goes on with its own, {former}; a run "
                         "of the ancestor's defaults wants --recipe ancestor")
    if checkpoint:
        net = network_for(checkpoint)
        if net.labels != run.labels:
            raise InputError("--classes, --affect: the run to resume has a network of " + ", ".join(net.labels))
        try:
            fill(net, checkpoint["net"], f"{ops.run.name}/last.pt")
        except ValueError as error:
            raise InputError(str(error)) from None
        net.img_sz = ops.loader.img_sz
    else:
        net = load(ops.run.weights, ops.place.root, img_sz=ops.loader.img_sz,
                   faces=lambda: torch.from_numpy(some_faces(train_faces, TYPICAL)[0]).float() / 255)
        set_labels(net, run.labels)
    if ops.run.batch_norm == "sync":
        if device.type != "cuda":
            raise InputError("--batch-norm sync: goes with CUDA alone; on the CPU there are batch and running")
        net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    net.to(device, memory_format=torch.channels_last)
    average = Average(net, ops.optim.average, checkpoint["average"] if checkpoint else None)
    optimizer = make_optimizer(net, ops.optim.optimizer, ops.optim.lr, ops.optim.weight_decay)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        for group in optimizer.param_groups:
            group["weight_decay"] = ops.optim.weight_decay
        set_random_states(checkpoint["random"])
    return net, average, optimizer
