"""ResNet18 with a causal temporal shift: one logit vector for each frame of a face sequence, or of a stream.

    from resnet_tsm import resnet18 as resnet
    net = resnet()
    logits = net(input_img)              # input_img (4, 3, 224, 224), RGB in [0, 1]; logits (4, 7)

Needs torch and torchvision alone.

Sources: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; Lin, Gan and Han, "TSM:
Temporal Shift Module for Efficient Video Understanding", ICCV 2019 (the residual, online form).
"""
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import BasicBlock, ResNet

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
AFFECT = ("valence", "arousal")                  # two more outputs of a network that is trained on them
NUM_CLASSES = 7                                  # of LABELS; or all, each with AFFECT or without
FRAMES = 4                                       # that a frame's logits depend on: itself, and one for each shift
SHIFT_DIVISOR = 4                                # a quarter of the channels comes from the previous frame
SMALLEST = 64                                    # px; below it the last maps shrink to a single pixel
LARGEST = 2048                                   # px, of the input that a checkpoint may ask for
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WEIGHTS_FOLDER = Path(__file__).resolve().parent / "weights"


State = tuple[torch.Tensor, ...]                 # of N streams, see `ResNetTSM.step`


def shift(x: torch.Tensor, frames: int) -> torch.Tensor:
    """Take a quarter of each frame's channels from the frame before it; the first frame repeats itself.

        channels   frame 0   frame 1   frame 2   frame 3
        first 1/4     0         0         1         2        (of the previous frame)
        other 3/4     0         1         2         3        (of the frame itself)

    x (T * N, C, H, W), of N sequences of `frames` = T, all first frames first; returns the same shape, and the same
    memory format.
    """
    if frames == 1:
        return x
    sequences, quarter = len(x) // frames, x.shape[1] // SHIFT_DIVISOR
    previous = torch.cat([x[:sequences, :quarter], x[:-sequences, :quarter]])  # (T * N, C / 4, H, W)
    return torch.cat([previous, x[:, quarter:]], 1)


def shifted_block(block: nn.Module, x: torch.Tensor, shifted: torch.Tensor) -> torch.Tensor:
    """A torchvision BasicBlock whose residual branch sees `shifted` and whose identity path sees `x`."""
    out = block.relu(block.bn1(block.conv1(shifted)))
    out = block.bn2(block.conv2(out))
    return block.relu(out + (x if block.downsample is None else block.downsample(x)))


class ResNetTSM(ResNet):
    """torchvision's ResNet18, shifted before the first block of layers 2, 3 and 4.

    The shift adds no parameters: parameter names are torchvision's, and a sequence of one frame is the plain
    ResNet18. Three shifts let the last frame see exactly four: itself and three before it.
    `img_sz` is the side of the frames it was trained on, px, where its checkpoint says so: frames of another size are
    scaled to it. None takes them as they are. `labels` names the logits.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
        self.img_sz = None
        # ImageNet's statistics, as torchvision's weights expect; not part of the checkpoint.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    @property
    def labels(self) -> tuple[str, ...]:
        return output_names(self.fc.out_features)

    def forward(self, frames: torch.Tensor, last: bool = False) -> torch.Tensor:
        """Logits for each frame of one or more face sequences.

        Args:
            frames: float RGB in [0, 1], (T, 3, H, W) or (N, T, 3, H, W), oldest frame first; H, W >= 64, best
                `img_sz`.
            last: give the last frame's alone, with the work that those need: layers 2, 3 and 4 of three, two and one
                frame.

        Returns:
            (T, 7) or (N, T, 7); with `last` (7,) or (N, 7). Frame t's logits depend on frames t - 3 to t.

        Raises:
            ValueError: another shape, or integers.
        """
        if frames.dim() not in (4, 5):
            raise ValueError(f"expected frames (T, 3, H, W) or (N, T, 3, H, W), got {tuple(frames.shape)}")
        self._check(frames)
        batch = frames if frames.dim() == 5 else frames[None]
        if last:
            batch = batch[:, -FRAMES:]
        sequences, length = batch.shape[:2]

        def shift_and_drop(x, site):
            """The maps entering a layer, and shifted, without the frames that the last frame's logits need no more."""
            shifted, drop = shift(x, len(x) // sequences), 0
            if last:
                drop = max(len(x) - sequences * (FRAMES - 1 - site), 0)
            return x[drop:], shifted[drop:]

        logits = self._logits(batch.transpose(0, 1).flatten(0, 1), shift_and_drop)               # (T * N, 7)
        logits = logits.unflatten(0, (-1, sequences)).transpose(0, 1)                            # (N, T, 7)
        logits = logits[:, -1] if last else logits
        return logits if frames.dim() == 5 else logits[0]

    def step(self, frames: torch.Tensor, state: State | None = None,
             fresh: torch.Tensor | None = None) -> tuple[torch.Tensor, State]:
        """Logits for the next frame of each of N streams, with the work of one frame a stream.

        Args:
            frames: float RGB in [0, 1], (N, 3, H, W), one frame of each stream.
            state: what the last step returned, rows in the same order (see `select_rows`); None at first.
            fresh: bool (N,), True where a stream begins with this frame, whatever its row of `state` holds.

        Returns:
            logits (N, 7) and the new state, a tuple of three tensors (N, C / 4, h, w). From a stream's fourth
            step on its logits are those of `forward` on its last four frames.
        """
        if frames.dim() != 4:
            raise ValueError(f"expected frames (N, 3, H, W), got {tuple(frames.shape)}")
        self._check(frames)
        if state is not None and len(state[0]) != len(frames):
            raise ValueError(f"state has {len(state[0])} rows for {len(frames)} frames; select_rows matches them")
        kept = []

        def shift_stream(x, site):
            current = x[:, :x.shape[1] // SHIFT_DIVISOR]
            kept.append(current)
            previous = current if state is None else state[site]
            if state is not None and fresh is not None:
                previous = torch.where(fresh.view(-1, 1, 1, 1), current, previous)
            return x, torch.cat([previous, x[:, current.shape[1]:]], 1)

        logits = self._logits(frames, shift_stream)
        return logits, tuple(part.clone() for part in kept)

    def _check(self, frames):
        if frames.shape[-3] != 3 or min(frames.shape[-2:]) < SMALLEST or frames.shape[0] == 0:
            raise ValueError(f"expected RGB frames of at least {SMALLEST}x{SMALLEST}, got {tuple(frames.shape)}")
        if not frames.is_floating_point():
            raise ValueError(f"expected float RGB in [0, 1], got {frames.dtype}; divide bytes by 255")

    def _logits(self, x, shift_at):
        """x (B, 3, H, W) to logits (B, 7); `shift_at(x, site)` gives the maps entering layer 2 + site, and shifted."""
        if self.img_sz and x.shape[-2:] != (self.img_sz, self.img_sz):
            x = interpolate(x, (self.img_sz, self.img_sz), mode="bilinear", antialias=True)
        x = (x - self.mean) / self.std
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer1(x)
        for site, layer in enumerate((self.layer2, self.layer3, self.layer4)):
            x = layer[1](shifted_block(layer[0], *shift_at(x, site)))
        return self.fc(self.avgpool(x).flatten(1))


def select_rows(state: State | None, rows: Sequence[int]) -> State | None:
    """The rows of a stream state, in the order given: dropped where left out, copied where repeated.

    A new stream may take any row (0, say) when its next `step` marks it `fresh`. state may be None.
    """
    return None if state is None else tuple(part[list(rows)] for part in state)


def load_checkpoint(path: str | Path) -> Any:
    """A checkpoint file as written by torch.save, on the CPU, loaded with `weights_only=True`.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is cut short, not a checkpoint, or holds more than tensors and plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:                   # a damaged file makes torch raise almost anything
        reason = (str(error).strip().splitlines() or [""])[0].split(". ")[0]
        if isinstance(error, pickle.UnpicklingError):            # torch's own words advise to run what it asks for
            asked = re.search(r"GLOBAL ([\w.]{1,99})", str(error))
            reason = (f"it holds {asked[1] if asked else 'something else'}, or asks for code to be run; expected what "
                      "torch.save(net.state_dict(), FILE) writes")
        raise ValueError(f"{path}: not a checkpoint of plain tensors, or a damaged one ({reason})") from None


def output_names(count: int) -> tuple[str, ...]:
    """The names of a network's outputs by their number: 7 or 8 emotions, or with two more valence and arousal."""
    return LABELS[:count] if count <= len(LABELS) else (*LABELS[:count - len(AFFECT)], *AFFECT)


def outputs_of(checkpoint: Any) -> tuple[str, ...]:
    """The names of the outputs of a checkpoint's network: of a training's 7 to 10, of others the seven emotions."""
    state = parameters_of(checkpoint) if isinstance(checkpoint, dict) and "options" in checkpoint else None
    bias: Any = state.get("fc.bias") if isinstance(state, dict) else None        # of others eight are in another order
    count = len(bias) if torch.is_tensor(bias) and bias.dim() == 1 else NUM_CLASSES
    return output_names(count if NUM_CLASSES <= count <= len(LABELS) + len(AFFECT) else NUM_CLASSES)


def resnet18(weights: str | Path | None = None, num_classes: int | None = None, start: bool = False) -> ResNetTSM:
    """The network.

    Args:
        weights: None for random ones; "imagenet" for torchvision's (downloaded once, the last layer stays
            random); a name shipped in weights/; or the path of a checkpoint (this project's, a plain state
            dict).
        num_classes: length of a logit vector; None for as many as the checkpoint has, of a new network 7.
        start: it is to be trained: take torchvision's own file of 1,000 classes too; its last layer stays random.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: a checkpoint that is damaged or of another network.
    """
    checkpoint: Any = None
    if weights == "imagenet":
        checkpoint, start = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True), True
    elif weights is not None:
        checkpoint = load_checkpoint(weights if Path(weights).is_file() else WEIGHTS_FOLDER / f"{weights}.pt")
    net = ResNetTSM(num_classes or len(outputs_of(checkpoint)))
    if weights is not None:
        fill(net, checkpoint, weights, start)
    return net


def parameters_of(checkpoint: Any) -> Any:
    """The parameters in a checkpoint: the averaged weights of a run that kept them, else its own, or a plain dict."""
    if not isinstance(checkpoint, dict):
        return checkpoint
    return checkpoint.get("average") or checkpoint.get("net", checkpoint)


def _is_plain(value, own):
    """Whether a checkpoint's value is a dense tensor on the CPU, of floating point where the network's `own` is."""
    kinds = FLOATS if own.is_floating_point() else (*FLOATS, own.dtype)
    return torch.is_tensor(value) and value.layout is torch.strided and value.is_cpu and value.dtype in kinds


def fill(net: nn.Module, checkpoint: dict, source: str | Path, start: bool = False) -> None:
    """Load a checkpoint or a plain state dict; with `start` ImageNet's too, whose last layer stays random.

    ValueError, which names `source`, where it is of another network or its numbers are not finite.
    """
    state, own = parameters_of(checkpoint), net.state_dict()
    if not isinstance(state, dict) or not set(own) <= set(state):
        raise ValueError(f"{source}: expected the parameters of a ResNet18, conv1.weight to fc.bias")
    others = [name for name in state if name not in own]
    if others:
        raise ValueError(f"{source}: of another network than ResNet18, which has no {others[0]}")
    odd = [name for name, value in state.items() if not _is_plain(value, own[name])]
    if odd:
        raise ValueError(f"{source}: {odd[0]} is not a tensor of finite numbers, {own[odd[0]].dtype} or alike")
    if state["fc.bias"].numel() == 1000 != own["fc.bias"].numel():
        if not start:
            raise ValueError(f"{source}: knows ImageNet's 1,000 classes, no emotion; it is a start for training alone")
        state = {**state, **{name: own[name] for name in ("fc.weight", "fc.bias")}}
    for name, value in state.items():            # before any value is looked at: a small file may claim a huge shape
        if value.shape != own[name].shape:
            raise ValueError(f"{source}: not the parameters of this ResNet18 ({name} is of shape "
                             f"{tuple(value.shape)}, expected {tuple(own[name].shape)})")
    broken = [name for name, value in state.items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f"{source}: {broken[0]} is not a tensor of finite numbers")
    net.load_state_dict(state)
    try:
        net.img_sz = int(checkpoint["options"]["loader"]["img_sz"])
    except (KeyError, TypeError, ValueError, OverflowError):     # torchvision's own, or a plain state dict
        net.img_sz = None
    if net.img_sz and not SMALLEST <= net.img_sz <= LARGEST:
        raise ValueError(f"{source}: trained at {net.img_sz} px, expected {SMALLEST} to {LARGEST}")
