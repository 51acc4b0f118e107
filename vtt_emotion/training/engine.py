"""One training step, one evaluate and one average of weights, for the static and the sequence trainer."""
import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from vtt_emotion.core.errors import InputError
from vtt_emotion.results.agreement import count_pairs, figures, or_none
from vtt_emotion.training.measures import measure_affect
from vtt_emotion.training.optimization import split_affect
from vtt_emotion.training.ranks import Ranks


@cache
def _cpu_has_bfloat16():
    """Whether the CPU has instructions for bfloat16; without them it is slower than float32."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def autocast(device: torch.device, precision: str = "auto") -> AbstractContextManager:
    """bfloat16 autocast or full precision, by its name in ops.Run; "auto" is bfloat16 where the device has it."""
    if precision == "bfloat16" or (precision == "auto" and (device.type == "cuda" or _cpu_has_bfloat16())):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def compiled(net: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """torch.compile of a network, which stays as it is and has the same weights. InputError where nothing compiles."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(2, device=device))    # a network's would fail in its first step
    except Exception as error:                   # of many kinds, by what is missing
        reason = str(error).strip().partition("\n")[0]
        raise InputError("--compile: torch.compile does not work here; it wants a C++ compiler, on CUDA Triton "
                         f"({reason})") from None
    return torch.compile(net)


def last_logits(net: torch.nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """clips uint8 (N, T, 3, H, W) to logits (N, 7) of each clip's last frame."""
    return net(clips.float().div_(255), last=True).float()


class Average:
    """An exponential moving average of a network's weights and statistics, in `net`.

    Early on it forgets faster, so that it is of use after few steps; decay 0 makes it the network itself.
    """

    def __init__(self, net: torch.nn.Module, decay: float, state: dict | None = None) -> None:
        self.decay = decay
        self.net = copy.deepcopy(net).requires_grad_(False) if decay else net
        if decay and state:
            self.net.load_state_dict(state)

    def state(self) -> dict | None:
        """The average's parameters, None where there is none."""
        return self.net.state_dict() if self.decay else None

    @torch.no_grad()
    def update(self, net: torch.nn.Module, step: int) -> None:
        """Take in the network after step `step` (from 0)."""
        if not self.decay:
            return
        pairs = [*zip(self.net.state_dict().values(), net.state_dict().values())]
        blend = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        blend(*zip(*(pair for pair in pairs if pair[0].is_floating_point())), None)            # all at once
        for mean, now in pairs:
            if not mean.is_floating_point():
                mean.copy_(now)


def train_step(net: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: Callable, clips: torch.Tensor,
               target: torch.Tensor, precision: str = "auto",
               running_norm: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """One step on a batch. clips uint8 (N, T, 3, H, W), target (N, 7 to 10). Returns error and hits as tensors.

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
    return error.detach(), (split_affect(logits)[0].argmax(1) == split_affect(target)[0].argmax(1)).sum()


@torch.inference_mode()
def predict(net: torch.nn.Module, loader: DataLoader, device: torch.device, flip: bool = False,
            precision: str = "float32", silent: bool | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs (N, 7 to 10) of a network over all of a loader, and the loader's targets, both on the CPU.

    With `flip` the logits are the mean of those of the face and of its mirror image; with `silent` no progress is
    shown, None shows it on a terminal.
    """
    net.eval()
    logits, targets = [], []
    for clips, target in tqdm(loader, "validate", unit="batch", leave=False, disable=silent):
        clips = clips.to(device, non_blocking=True)
        with autocast(device, precision):
            said = last_logits(net, clips)
            if flip:
                said = (said + last_logits(net, clips.flip(-1))) / 2
        logits.append(said.cpu())
        targets.append(target)
    if not logits:                               # a process that is left none
        return torch.zeros(0, net.fc.out_features), torch.zeros(0, net.fc.out_features)
    return torch.cat(logits), torch.cat(targets)


def evaluate(net: torch.nn.Module, loader: DataLoader, loss: Callable, device: torch.device, precision: str = "float32",
             ranks: Ranks | None = None) -> dict:
    """Error, accuracy and mean recall of a network over all of a loader; with `ranks`, over all processes' loaders.

    Returns:
        dict of floats: error (the loss), accuracy, mean_recall over the classes present; and `recalls`, a list of one a
        class, None where it is absent; `confusion`, counts, a list a true class; `affect`, as of `measure_affect`. A
        sample's class is the largest of its soft label.
    """
    logits, target = predict(net, loader, device, precision=precision, silent=ranks.silent if ranks else None)
    if ranks:
        logits, target = ranks.gather(logits), ranks.gather(target)
    error = loss(logits, target).item()
    (logits, affect), (target, truth) = split_affect(logits), split_affect(target)
    confusion = count_pairs(target.argmax(1), logits.argmax(1), target.shape[1])
    found = figures(confusion)
    return {"error": error, "affect": measure_affect(affect, truth), "confusion": confusion.tolist(),
            "accuracy": float(found["agreement"]), "mean_recall": float(found["mean_recall"]),
            "recalls": [or_none(recall) for recall in found["recall"]]}
