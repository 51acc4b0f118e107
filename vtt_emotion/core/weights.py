"""Checkpoints found by path or name, and made a network; torch is imported only where that or CUDA is asked for."""
import ctypes
import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS

if TYPE_CHECKING:
    from torch import nn

SHIPPED = Path(__file__).resolve().parents[2] / "weights"
LARGE = 512                                      # px: a network of larger faces is slow, which is said


def find_weights(weights: str | Path, root: Path = Path(".")) -> Path:
    """The file of a checkpoint: a path from `root` or from here, or a name shipped in weights/.

    Raises:
        InputError: no such file, or a start for training that knows no emotion ("none", "imagenet").
    """
    if weights in ("none", "imagenet"):
        raise InputError(f"--weights {weights}: knows no emotion; expected a trained checkpoint")
    for path in (Path(root) / weights, Path(weights), SHIPPED / f"{weights}.pt"):
        if path.is_file():
            return path
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.pt"))) or "none"
    raise InputError(f"{weights}: no such checkpoint; shipped by name: {names}")


def load_network(weights: str | Path, root: Path = Path("."), trained: bool = False, img_sz: int | None = None,
                 make: Callable | None = None) -> "nn.Module":
    """`resnet18` with `weights`: "none", "imagenet", or what `find_weights` finds.

    With `trained` the first two, and a file of ImageNet's, are refused: their last layer is random. It works at
    `img_sz` px, where None is given at what it was trained at (224 where the file does not say, as another project's
    does not: then the network's `plain` is True, and its order of emotions is said to be a guess). make: called in
    place of `resnet18`.
    """
    from resnet_tsm import resnet18

    start = {"none": None, "imagenet": "imagenet"}
    try:
        net = (make or resnet18)(start[weights] if weights in start and not trained else find_weights(weights, root),
                                 start=not trained)
        net.plain = trained and net.img_sz is None
        if net.plain:
            say_plain(weights)
        net.img_sz = img_sz or net.img_sz or 224
        if net.img_sz > LARGE and not img_sz:
            print(f"warning: {weights}: works at {net.img_sz} px, so that a face takes {(net.img_sz / 224) ** 2:.0f} "
                  "times the work of one of 224 px", file=sys.stderr)
        return net
    except InputError:
        raise
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    except (OSError, RuntimeError) as error:
        raise InputError(f"{weights}: could not be fetched ({error}); --weights takes a file, or none") from None


@cache
def say_plain(weights: str | Path) -> None:
    """Say once of parameters alone, with no options of this project, which emotions they are thought to know."""
    logging.getLogger(__name__).warning("%s: of another project, or without its options; its seven classes are thought "
                                        "to be in this project's order: %s", weights, ", ".join(EMOTIONS))


def checked_logits(logits: np.ndarray, weights: str | Path, labels: Sequence[str] = EMOTIONS) -> np.ndarray:
    """Logits (N, K) as they are; InputError, naming the weights, where they are not one a label, or not finite."""
    if logits.ndim != 2 or logits.shape[1] != len(labels) or not np.isfinite(np.asarray(logits)).all():
        found = "some that are not finite" if logits.shape[1:] == (len(labels),) else tuple(logits.shape[1:])
        what = "seven emotions" if labels == EMOTIONS else f"{len(labels)} labels"
        raise InputError(f"{weights}: expected finite logits of {what}; these weights give {found}")
    return logits


def name_device(device: str) -> str:
    """"cpu", "cuda" or "cuda:N" of what ops calls a device; "auto" is CUDA where there is one that torch can use."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected auto, cpu, cuda or cuda:N")
    if device == "cpu":
        return device
    if _has_driver() and importlib.util.find_spec("torch"):
        import torch
        if torch.cuda.is_available():
            return "cuda" if device == "auto" else device
    if device != "auto":
        raise InputError(f"--device {device}: no CUDA device is present")
    return "cpu"


def _has_driver():
    """Whether NVIDIA's driver is there; asking torch takes seconds."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            pass
    return False
