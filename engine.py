"""One training step, one evaluate, one fit loop, for the static and the sequence trainer."""
import copy
import math
import signal
import sys
import time
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from tqdm import tqdm

from data_loader import (
    BalancedBatches,
    EveryOnce,
    FaceClips,
    check_episodes,
    make_loader,
    read_held_out,
    read_mixture,
    sampling_weights,
)
from labels import EMOTIONS, NEUTRAL
from ops import InputError, Stopped, stop
from parallel import Ranks
from runs import Run, load_network, set_random_states


def split_bce(logits, target, neutral_lambda=0.5):
    """Binary cross-entropy on neutral/non-neutral and on the emotions, weighted lambda and 1 - lambda.

    logits (N, 7); target (N, 7) soft labels that sum to 1. The emotions' term is their mean over the six.
    """
    emotions = [label for label in range(len(EMOTIONS)) if label != NEUTRAL]
    neutral = binary_cross_entropy_with_logits(logits[:, NEUTRAL], target[:, NEUTRAL])
    others = binary_cross_entropy_with_logits(logits[:, emotions], target[:, emotions])
    return neutral_lambda * neutral + (1 - neutral_lambda) * others


def make_loss(loss, neutral_lambda, adjust=0.0):
    """The loss of (logits (N, 7), soft target (N, 7)) by its name in ops.Loss.

    `adjust`, a number or (7,), is added to soft_ce's logits: Menon et al., "Long-tail Learning via Logit
    Adjustment", ICLR 2021.
    """
    if loss == "soft_ce":
        return lambda logits, target: cross_entropy(logits + adjust, target)
    return lambda logits, target: split_bce(logits, target, neutral_lambda)


def make_optimizer(net, optimizer, lr, weight_decay):
    """The optimiser by its name in ops.Optim."""
    if optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr, weight_decay=weight_decay, amsgrad=True)
    if optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), lr, weight_decay=weight_decay)
    return torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=weight_decay, nesterov=True)


def set_lr(optimizer, lr):
    for group in optimizer.param_groups:
        group["lr"] = lr


def lr_factor(schedule, step, max_steps):
    """Share of the learning rate that step `step` (from 0) of `max_steps` uses."""
    done = step / max(max_steps, 1)
    if schedule == "one_cycle":                  # Smith, "Super-Convergence", 2018; cosine both ways
        rise = 0.3
        if done < rise:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * done / rise)) / 2
        return (1 + math.cos(math.pi * (done - rise) / (1 - rise))) / 2
    return (1 + math.cos(math.pi * done)) / 2 if schedule == "cosine" else 1.0


def pick_device(device):
    """A torch.device; "auto" is CUDA when present."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        picked = None
    if picked is None or picked.type not in ("cpu", "cuda"):
        raise InputError(f"--device {device}: expected auto, cpu, cuda or cuda:N")
    if picked.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {device}: no CUDA device is present")
    return picked


def autocast(device, precision="auto"):
    """bfloat16 autocast or full precision, by its name in ops.Run; "auto" is bfloat16 on CUDA alone."""
    if precision == "bfloat16" or (precision == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def last_logits(net, clips):
    """clips uint8 (N, T, 3, H, W) to logits (N, 7) of each clip's last frame."""
    return net(clips.float().div_(255))[:, -1].float()


def mix_pairs(clips, target, alpha, rng):
    """A batch whose samples are each mixed with their neighbour, by one share drawn from Beta(alpha, alpha).

    clips uint8 (N, T, 3, H, W), target (N, 7); returns the same kinds. Zhang et al., "mixup", ICLR 2018.
    """
    share = float(rng.beta(alpha, alpha))
    mixed = [torch.lerp(part.roll(1, 0).float(), part.float(), share) for part in (clips, target)]
    return mixed[0].round_().to(torch.uint8), mixed[1]


class Average:
    """An exponential moving average of a network's weights and statistics, in `net`.

    Early on it forgets faster, so that it is of use after few steps; decay 0 makes it the network itself.
    """

    def __init__(self, net, decay, state=None):
        self.decay = decay
        self.net = copy.deepcopy(net).requires_grad_(False) if decay else net
        if decay and state:
            self.net.load_state_dict(state)

    def state(self):
        """The average's parameters, None where there is none."""
        return self.net.state_dict() if self.decay else None

    @torch.no_grad()
    def update(self, net, step):
        """Take in the network after step `step` (from 0)."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, now in zip(self.net.state_dict().values(), net.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


def train_step(net, optimizer, loss, clips, target, precision="auto", running_norm=False):
    """One step on a batch. clips uint8 (N, T, 3, H, W), target (N, 7). Returns error and hits as tensors.

    With `running_norm` batch normalisation goes by its running statistics, and leaves them as they are.
    """
    net.train()
    if running_norm:
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.eval()
    with autocast(clips.device, precision):
        logits = last_logits(net, clips)
    error = loss(logits, target)
    optimizer.zero_grad(set_to_none=True)
    error.backward()
    optimizer.step()
    return error.detach(), (logits.argmax(1) == target.argmax(1)).sum()


@torch.inference_mode()
def predict(net, loader, device, flip=False, precision="auto", silent=None):
    """Logits (N, 7) of a network over all of a loader, and the soft targets (N, 7), both on the CPU.

    With `flip` the logits are the mean of those of the face and of its mirror image; with `silent` no progress is
    shown, None shows it on a terminal.
    """
    net.eval()
    logits, targets = [torch.zeros(0, len(EMOTIONS))], [torch.zeros(0, len(EMOTIONS))]
    for clips, target in tqdm(loader, "validate", unit="batch", leave=False, disable=silent):
        clips = clips.to(device, non_blocking=True)
        with autocast(device, precision):
            said = last_logits(net, clips)
            if flip:
                said = (said + last_logits(net, clips.flip(-1))) / 2
        logits.append(said.cpu())
        targets.append(target)
    return torch.cat(logits), torch.cat(targets)


def evaluate(net, loader, loss, device, precision="auto", ranks=None):
    """Error, accuracy and mean recall of a network over all of a loader; with `ranks`, over all processes' loaders.

    Returns:
        dict of floats: error (the loss), accuracy, mean_recall over the classes present, and `recalls`, a
        list of 7, None where a class is absent. A sample's class is the largest of its soft label.
    """
    logits, target = predict(net, loader, device, precision=precision, silent=ranks.silent if ranks else None)
    if ranks:
        logits, target = ranks.gather(logits), ranks.gather(target)
    hits, truth = logits.argmax(1) == target.argmax(1), target.argmax(1)
    recalls = [hits[truth == label].float().mean().item() if (truth == label).any() else None
               for label in range(len(EMOTIONS))]
    present = [recall for recall in recalls if recall is not None]
    return {"error": loss(logits, target).item(), "accuracy": hits.float().mean().item(),
            "mean_recall": sum(present) / len(present), "recalls": recalls}


class Meter:
    """Training error and accuracy of all processes since the last row of the log."""

    def __init__(self, ranks):
        self.ranks = ranks
        self.errors, self.hits, self.seen, self.images, self.since = [], 0, 0, 0, time.perf_counter()

    def add(self, error, hits, clips):
        self.errors.append(error)
        self.hits, self.seen = self.hits + hits, self.seen + len(clips)
        self.images += clips.shape[0] * clips.shape[1]

    def figures(self):
        error, hits, seen, images = self.ranks.total(torch.stack(self.errors).mean().item(), self.hits.item(),
                                                     self.seen, self.images)
        return {"train_error": error / self.ranks.count, "train_accuracy": hits / seen,
                "images_per_second": images / (time.perf_counter() - self.since)}


class Unreadable:
    """The samples met in training that could not be read: named once each, counted, and too many end the run.

    share: of the samples drawn, or of 1,000 where fewer were, by all processes together.
    """

    def __init__(self, share):
        self.share, self.named, self.count, self.drawn = share, set(), 0, 0

    def name(self, reasons):
        """Say the `reasons` ("" where there is none) not yet said, and return how many there are."""
        reasons = [reason for reason in reasons if reason]
        for reason in set(reasons) - self.named:
            tqdm.write(f"warning: left out: {reason}", file=sys.stderr)
        self.named.update(reasons)
        return len(reasons)

    def add(self, count, drawn):
        self.count, self.drawn = self.count + int(count), self.drawn + int(drawn)
        if self.count > self.share * max(self.drawn, 1000):
            raise InputError(f"{self.count:,} of {self.drawn:,} samples drawn could not be read, more than "
                             f"--max-unreadable {self.share:g}; they are named above")

    def tell(self):
        """Print how many there were, where there were any."""
        if self.count:
            tqdm.write(f"{self.count:,} of {self.drawn:,} samples drawn could not be read; others of their emotion "
                       "stood in")


@contextmanager
def stop_at_a_step():
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


def validate(check, net, run, step, best):
    """`check` at `step`; where its mean recall is above `best`'s, net is kept as best.pt. Returns (figures, best)."""
    figures = check()
    if run.writes:
        tqdm.write(f"step {step}: validation error {figures['error']:.4f}, accuracy {figures['accuracy']:.3f}, "
                   f"mean recall {figures['mean_recall']:.3f}")
    if best is None or figures["mean_recall"] > best["mean_recall"]:
        best = figures | {"step": step}
        run.save("best.pt", net, None, step, best)
    return {f"valid_{name}": figures[name] for name in ("error", "accuracy", "mean_recall")}, best


def fit(net, average, optimizer, take_step, loader, check, run, ranks, unreadable, lr_at, max_steps, valid_every,
        save_every, log_every):
    """Train on `loader` to `max_steps`, log and validate on the way, and keep last.pt and best.pt in `run`.

    Args:
        average: the `Average` of net, which is validated and kept as best.pt.
        take_step: trains net on (clips uint8 (N, T, 3, H, W), target (N, 7), step), returns error and hits.
        loader: yields clips, target and why samples could not be read, from the step after the run's checkpoint.
        check: evaluates the average (see `evaluate`).
        ranks: the processes that train together, each on its part of the batch.
        unreadable: an `Unreadable`.
        lr_at: the learning rate of a step, counted from 0.

    Returns:
        the figures of the best validation (see `evaluate`) and its `step`; None before the first.
    """
    former = run.checkpoint or {"step": 0, "best": None, "owed": False}
    begun, step, best, owed, meter = former["step"], former["step"], former["best"], former["owed"], Meter(ranks)

    def save(owed=False):
        run.save("last.pt", net, optimizer, step, best, owed, average.state())

    held = None                                  # the statistics before a step that is not finished
    with stop_at_a_step() as asked, \
            tqdm(loader, "train", max_steps, initial=step, unit="step", disable=ranks.silent) as steps:
        try:
            if owed:                             # the validation that the last run failed in
                figures, best = validate(check, average.net, run, step, best)
                run.log(step=step, **figures)
                save()
            for clips, target, reasons in steps:
                set_lr(optimizer, lr_at(step))
                held = ranks.hold(net)
                meter.add(*take_step(clips, target, step), clips)
                average.update(net, step)
                step, held = step + 1, None
                owed = step % valid_every == 0 or step == max_steps
                asks, left_out, drawn = ranks.total(len(asked), unreadable.name(reasons), len(clips))
                unreadable.add(left_out, drawn)
                due = asks or owed or step % save_every == 0
                if asks or owed or step % log_every == 0:
                    row = meter.figures() | {"step": step, "learning_rate": lr_at(step - 1)}
                    steps.set_postfix(error=f"{row['train_error']:.3f}", accuracy=f"{row['train_accuracy']:.3f}")
                    if owed:
                        figures, best = validate(check, average.net, run, step, best)
                        row, owed = row | figures, False
                    run.log(**row)
                    meter = Meter(ranks)
                if due:
                    save()
                if asks and step < max_steps:
                    raise Stopped(asked[0] if asked else signal.SIGTERM)
        except Exception as error:               # an unreadable image, say, costs no step that is done
            if step > begun and (isinstance(error, InputError | OSError) or ranks.lost(error)):
                ranks.put_back(net, held)
                save(owed)
            raise
        finally:
            if ranks.first:
                unreadable.tell()
    return best


def train(ops, frames):
    """The body of both trainers: data, network, optimiser and run from the options, then `fit`.

    ops is an ops.StaticTrainOps; frames is T, 1 or 4. Returns as `fit`, of several processes in the first alone.
    """
    check_episodes(ops.split.train_episodes, ops.split.valid_episodes)
    if ops.loss.logit_adjust and ops.loss.loss != "soft_ce":
        raise InputError(f"--logit-adjust {ops.loss.logit_adjust}: goes with --loss soft_ce alone")
    ranks = Ranks(pick_device(ops.run.device), ops.loader.batch_size)
    with ranks.together():
        best = _train(ops, frames, ranks)
    return best if ranks.first else None


def _train(ops, frames, ranks):
    device, options = ranks.device, ops.run
    train_faces, weights, valid_faces = _faces(ops, frames)
    run = Run(options.runs_path / options.name, ops, options.resume, writes=ranks.first)
    net, average, optimizer = _network(ops, run.checkpoint, device)
    ranks.total(0)                               # all have looked at the folder before the first writes to it
    run.start()
    begun, part = run.checkpoint["step"] if run.checkpoint else 0, (ranks.rank, ranks.count)
    batches = BalancedBatches(weights, ops.loader.batch_size, options.seed, begun, options.max_steps, part)
    valid_batches = EveryOnce(len(valid_faces), ops.loader.batch_size // ranks.count, part)
    loader, valid_loader = (make_loader(faces, order, ops.loader.num_workers, device.type == "cuda")
                            for faces, order in ((train_faces, batches), (valid_faces, valid_batches)))
    shares = torch.from_numpy(weights @ train_faces.targets).clamp(1e-6).to(device, torch.float32)
    loss = make_loss(ops.loss.loss, ops.loss.neutral_lambda)
    train_loss = make_loss(ops.loss.loss, ops.loss.neutral_lambda, ops.loss.logit_adjust * shares.log())
    shared, running = ranks.share(net), options.batch_norm == "running"

    def take_step(clips, target, step):
        clips, target = clips.to(device, non_blocking=True), target.to(device, non_blocking=True)
        if ops.augment.mixup:
            rng = np.random.default_rng((options.seed, step, 0, 1))        # not one of the sampler's or the loader's
            clips, target = mix_pairs(clips, target, ops.augment.mixup, rng)
        return train_step(shared, optimizer, train_loss, clips, target, options.precision, running)

    def check():
        ranks.agree(average.net)
        return evaluate(average.net, valid_loader, loss, device, options.precision, ranks)

    if ranks.first:
        processes = f" x {ranks.count}" if ranks.count > 1 else ""
        print(f"{len(train_faces):,} samples to train on, {len(valid_faces):,} to validate on; {device}{processes}; "
              f"{run.folder}")
    return fit(net, average, optimizer, take_step, loader, check, run, ranks, Unreadable(ops.loader.max_unreadable),
               lambda step: ops.optim.lr * lr_factor(ops.optim.schedule, step, options.max_steps),
               options.max_steps, options.valid_every, options.save_every, options.log_every)


def _faces(ops, frames):
    """(faces to train on, the chance of each to be drawn, faces to validate on)."""
    roots, margins, dicts = ops.datasets.roots(), ops.margins.by_source(), ops.place.dicts_path
    sources, shares = read_mixture(dict(ops.data.mixture), dicts, roots, margins, ops.split.train_episodes)
    valid = read_held_out(ops.data.valid_on, dicts, roots, margins, ops.split.valid_episodes)
    augment = {name: value for name, value in vars(ops.augment).items() if name != "mixup"}
    return (FaceClips(sources, ops.loader.img_sz, frames, augment, getattr(ops.data, "camera_motion", 0.0)),
            sampling_weights(sources, shares, ops.loader.neutral_ratio, ops.loader.balance),
            FaceClips([valid], ops.loader.img_sz, frames))


def _network(ops, checkpoint, device):
    """The network, its average and its optimiser on the device: a checkpoint's, or new ones as the options say."""
    torch.manual_seed(ops.run.seed)
    former = checkpoint["options"]["optim"]["optimizer"] if checkpoint else ops.optim.optimizer
    if former != ops.optim.optimizer:
        raise InputError(f"--optimizer {ops.optim.optimizer}: the run to resume goes on with its own, {former}")
    net = load_network("none" if checkpoint else ops.run.weights, ops.place.root, img_sz=ops.loader.img_sz)
    if checkpoint:
        net.load_state_dict(checkpoint["net"])
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
