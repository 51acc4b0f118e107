"""Which network a checkpoint is of: the project's ResNet18, or a teacher, which is made of dlib's face recognition."""
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from resnet_tsm import ResNetTSM, fill, load_checkpoint, outputs_of, parameters_of, resnet18
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import load_network
from vtt_emotion.training.face_network import SMALLEST, FaceNetwork, face_network
from vtt_emotion.training.starts import as_start, load_start


def network_for(checkpoint: dict) -> nn.Module:
    """A network, with random weights, of the kind that a checkpoint's parameters are of."""
    state = parameters_of(checkpoint)
    of_dlib = isinstance(state, dict) and "blocks.0.conv1.weight" in state
    return (FaceNetwork if of_dlib else ResNetTSM)(len(outputs_of(checkpoint)))


def set_labels(net: nn.Module, labels: tuple[str, ...]) -> None:
    """Give a network the outputs `labels`: of its last layer the rows of these that it has are kept, others random."""
    if net.labels != labels:
        former, rows = net.fc, {name: row for row, name in enumerate(net.labels)}
        net.fc = nn.Linear(former.in_features, len(labels))
        with torch.no_grad():
            for row, name in enumerate(labels):
                if name in rows:
                    net.fc.weight[row], net.fc.bias[row] = former.weight[rows[name]], former.bias[rows[name]]


def load(weights: str | Path, root: Path = Path("."), trained: bool = False, img_sz: int | None = None,
         faces: Callable[[], torch.Tensor] | None = None) -> nn.Module:
    """The network of a checkpoint, or what training starts from; as `load_network`, but it takes a teacher as well.

    Args:
        weights: as of `load_network`, or "dlib", with an `img_sz`, to make a teacher of dlib's face recognition.
        trained: refuse what knows no emotion yet.
        faces: a function that returns faces to be trained on, float (N, 3, H, W), for "dlib".

    Raises:
        InputError: no such checkpoint, a damaged one, one of another network, or too small an `img_sz`.
    """
    if weights == "dlib" and faces and not trained:
        _check(img_sz)
        net = face_network(faces())
        net.img_sz = img_sz
        return net
    net = load_network(weights, root, trained, img_sz, _make)
    if isinstance(net, FaceNetwork):
        _check(net.img_sz)
    return net


def _make(weights, start):
    """`resnet18`, or of a teacher's checkpoint the teacher; to `start` from also other projects' (`as_start`)."""
    if weights in (None, "imagenet"):
        return resnet18(weights, start=start)
    checkpoint = load_start(weights) if start else load_checkpoint(weights)
    net = network_for(checkpoint)
    if start and isinstance(net, ResNetTSM):
        checkpoint = as_start(net, checkpoint, weights)
    fill(net, checkpoint, weights, start)
    return net


def _check(img_sz):
    if img_sz < SMALLEST:
        raise InputError(f"--img-sz {img_sz}: dlib's network needs {SMALLEST} px at least")
