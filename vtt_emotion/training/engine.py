"""One training step, one evaluate, one fit loop, for the static and the sequence trainer."""
import copy
import signal
import sys
import time
from contextlib import contextmanager, nullcontext

import torch
from tqdm import tqdm

from vtt_emotion.core.command_line import Stopped, stop
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.training.optimization import set_lr
from vtt_emotion.training.runs import is_finite


def autocast(device, precision="auto"):
    """bfloat16 autocast or full precision, by its name in ops.Run; "auto" is bfloat16 on CUDA alone."""
    if precision == "bfloat16" or (precision == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def last_logits(net, clips):
    """clips uint8 (N, T, 3, H, W) to logits (N, 7) of each clip's last frame."""
    return net(clips.float().div_(255))[:, -1].float()


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


def check_finite(net, errors, ranks, step, lr_at):
    """Refuse to go on from step `step` where the `errors` of the last steps, or the network, are not finite."""
    broken = (~torch.stack(errors).isfinite()).nonzero()
    if ranks.total(len(broken) + (not is_finite(net)))[0]:
        first = step - len(errors) + 1 + int(broken[0]) if len(broken) else step
        raise InputError(f"training diverged at step {first:,}, at a learning rate of {lr_at(first - 1):g}: its error "
                         "or its weights are not finite; last.pt, where there is one, is of a step before: --resume "
                         "with a lower --lr continues")


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
                    check_finite(net, meter.errors, ranks, step, lr_at)
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
