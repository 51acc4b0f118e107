"""Checkpoints of other projects as a start for training: a ResNet18's parameters, under whatever names they lie."""
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from resnet_tsm import ResNetTSM, load_checkpoint
from vtt_emotion.core.command_line import torchrun_places

LAST = "layer4.1.conv2.weight"
# nn.Sequential(*resnet.children()) numbers them; 2 and 3 have no parameters.
NUMBERED = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4", "9": "fc"}
NUMBERED_LAST = LAST.replace("layer4", "7")


class _LeftOut:
    """Stands for an object of any other class in a checkpoint; nothing of it is kept."""
    def __init__(self, *_: object) -> None: ...
    def __setstate__(self, _: object) -> None: ...


def load_start(path: str | Path) -> Any:
    """As `load_checkpoint`, but of what a checkpoint holds beside tensors and plain data, such as NumPy's numbers,
    options (argparse.Namespace) or meters, an empty object is loaded: none of its code is run, or even imported."""
    try:
        others = get_unsafe_globals_in_checkpoint(path)
    except Exception:                            # damaged, or of PyTorch before 1.6; what is wrong is said below
        others = []
    with safe_globals([(_LeftOut, name) for name in others]):
        return load_checkpoint(path)


def as_start(net: ResNetTSM, checkpoint: object, source: str) -> object:
    """What `fill` takes of a checkpoint that training starts from; one of this project, or of none, is left as it is.

    Parameters may be wrapped ({"state_dict": ...}), of several the first are taken, be prefixed (`module.`), or be
    numbered (`features.0.weight`), as DAN's are; there may be none of the last layer, or one of other classes: then the
    network's own, random, stays. It is printed what was taken.

    Raises:
        ValueError: parameters of a deeper ResNet, or not all of a ResNet18's.
    """
    if isinstance(checkpoint, dict) and {"options", "net"} <= set(checkpoint):
        return checkpoint
    state, wrap = next(((state, wrap) for state, wrap in _dicts(checkpoint) if unprefixed(state)[0]), ({}, ""))
    if not state:
        return checkpoint
    found, prefix = unprefixed(state)
    prefix = wrap + prefix
    own, taken = net.state_dict(), {}
    for name, value in own.items():
        if name in found and (not name.startswith("fc.") or found[name].shape == value.shape):
            taken[name] = found[name]
        elif not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
            raise ValueError(f"{source}: expected the parameters of a ResNet18, found none called {prefix}{name}")
    deeper = [name for name in found if name.startswith("layer") and name not in own]
    if deeper:
        raise ValueError(f"{source}: of another network than ResNet18, which has no {deeper[0]}")
    if torchrun_places()[0] == 0:
        classes = f" (the checkpoint's is of {len(found['fc.bias']):,} classes)" if "fc.bias" in found else ""
        print(f"{source}: a start of another project; taken {len(taken)} of a ResNet18's {len(own)} parameters"
              + (f", {prefix}*" if prefix else "") + f"; its {len(state) - len(taken)} others left; last layer "
              + ("taken: its classes are thought to be in this project's order" if "fc.bias" in taken
                 else f"new{classes}"))
    return own | taken


def _dicts(value: object, wrap: str = "") -> Iterator[tuple[dict, str]]:
    """A dict and all dicts in it, each after those that it is in, with their names, "a.b."."""
    if isinstance(value, dict):
        yield value, wrap
        for name, inner in value.items():
            yield from _dicts(inner, f"{wrap}{name}.")


def unprefixed(state: dict) -> tuple[dict[str, Tensor], str]:
    """({torchvision's name: parameter}, what stood before the names) of a ResNet in a state dict; {} where is none."""
    state = {str(name): value for name, value in state.items()}
    for last in (LAST, NUMBERED_LAST):
        prefix = next((name.removesuffix(last) for name in state if name.endswith(last)), None)
        if prefix is not None:
            plain = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            if last == NUMBERED_LAST:
                plain = {".".join([NUMBERED.get(number, number), *rest]): value
                         for (number, *rest), value in ((name.split("."), value) for name, value in plain.items())}
            return {name: value for name, value in plain.items() if isinstance(value, Tensor)}, prefix
    return {}, ""
