"""The network of dlib's face recognition, which has seen three million faces, to be trained on emotions as a teacher.

Its weights (King; CC0) are those of the package face_recognition_models, which reading uses to tell people apart. A
network that begins with them learns emotions from fewer faces than one that begins with nothing; ResNet18 cannot take
them up, but can be taught by it (training/teachers.py).

Source: King, "High Quality Face Recognition with Deep Metric Learning", 2017, and dlib's dnn_face_recognition_ex.cpp;
He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
"""
import re
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

from vtt_emotion.core.dlib_models import find_model
from vtt_emotion.core.labels import EMOTIONS, output_names

WIDTHS = [32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256]         # channels of the residual blocks
HALVED = (3, 7, 10, 13)                          # blocks that halve the maps
SMALLEST = 112                                   # px; below it the last maps are smaller than a kernel


class Block(nn.Module):
    """Two 3x3 convolutions beside an identity that, where it is smaller, is filled up with zeros, as dlib does."""

    def __init__(self, before: int, width: int, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.conv1 = nn.Conv2d(before, width, 3, *((2, 0) if halved else (1, 1)))
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        x = avg_pool2d(x, 2) if self.halved else x
        if x.shape[1:] == out.shape[1:]:
            return (x + out).relu()
        size = [max(sides) for sides in zip(x.shape[1:], out.shape[1:])]
        return sum(pad(part, [side for axis in (2, 1, 0) for side in (0, size[axis] - part.shape[axis + 1])])
                   for part in (x, out)).relu()


class FaceNetwork(nn.Module):
    """dlib's ResNet with 29 convolutions and a last layer for emotions, on each frame by itself.

    forward: float RGB in [0, 1], (N, T, 3, H, W), scaled to `img_sz` px where they are of another size; returns logits
    (N, T, 7), with `last` of the last frames alone, (N, 7).
    """

    def __init__(self, num_classes: int = len(EMOTIONS)) -> None:
        super().__init__()
        self.img_sz: int | None = None
        self.conv1, self.bn1 = nn.Conv2d(3, WIDTHS[0], 7, 2), nn.BatchNorm2d(WIDTHS[0])
        self.blocks = nn.Sequential(*(Block(before, width, number in HALVED) for number, (before, width)
                                      in enumerate(zip([WIDTHS[0], *WIDTHS], WIDTHS))))
        self.fc = nn.Linear(WIDTHS[-1], num_classes)
        # Of dlib's input layer, which also divides by 256; not part of the checkpoint.
        self.register_buffer("mean", torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1), persistent=False)

    @property
    def labels(self) -> tuple[str, ...]:
        return output_names(self.fc.out_features)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, 3, H, W) in [0, 1] to (B, 256)."""
        if self.img_sz and x.shape[-2:] != (self.img_sz, self.img_sz):
            x = interpolate(x, (self.img_sz, self.img_sz), mode="bilinear", antialias=True)
        x = self.bn1(self.conv1((x * 255 - self.mean) / 256)).relu()
        return self.blocks(max_pool2d(x, 3, 2)).mean((2, 3))

    def forward(self, frames: torch.Tensor, last: bool = False) -> torch.Tensor:
        if last:
            return self.fc(self.features(frames[:, -1]))
        return self.fc(self.features(frames.flatten(0, 1))).unflatten(0, frames.shape[:2])

    def norms(self) -> list[nn.Module]:
        """Its batch normalisations, from the first to the last; convolutions lie before them in the same order."""
        return [self.bn1, *(norm for block in self.blocks for norm in (block.bn1, block.bn2))]

    def convolutions(self) -> list[nn.Module]:
        return [self.conv1, *(layer for block in self.blocks for layer in (block.conv1, block.conv2))]


def read_parameters(data: bytes, layer: str) -> Iterator[torch.Tensor]:
    """The parameters of all layers of a kind ("con_4", "affine_") in a network's file by dlib, as flat float32 tensors.

    dlib writes an integer as a byte that tells how many follow, low byte first; a tensor as its version, four sides and
    float32 numbers.
    """
    for match in re.finditer(re.escape(layer.encode()), data):
        at, numbers = match.end(), []
        for _ in range(5):
            size = data[at]
            numbers.append(int.from_bytes(data[at + 1:at + 1 + size], "little"))
            at += 1 + size
        count = numbers[1] * numbers[2] * numbers[3] * numbers[4]
        yield torch.frombuffer(bytearray(data[at:at + 4 * count]), dtype=torch.float32)


def read_network() -> FaceNetwork:
    """`FaceNetwork` with dlib's weights, its last layer random: in evaluation it says what dlib's says.

    dlib's file has a scale and an offset in the place of each normalisation.
    """
    net, data = FaceNetwork().eval(), find_model("face_recognition_model_v1").read_bytes()
    with torch.no_grad():
        for layer, values in zip(net.convolutions(), read_parameters(data, "con_4"), strict=True):
            layer.weight.copy_(values[:layer.weight.numel()].view_as(layer.weight))
            layer.bias.copy_(values[layer.weight.numel():])
        for norm, values in zip(net.norms(), read_parameters(data, "affine_"), strict=True):
            norm.weight.copy_(values[:norm.num_features])
            norm.bias.copy_(values[norm.num_features:])
            norm.running_var.fill_(1 - norm.eps)         # with the mean of 0: as the file says
    return net


def face_network(faces: torch.Tensor) -> FaceNetwork:
    """`read_network` for training, which normalises: each normalisation gets the statistics that `faces`, float RGB
    (N, 3, H, W) in [0, 1], have there, and the scale that makes up for them.
    """
    net = read_network()
    with torch.no_grad():
        hooks = [norm.register_forward_pre_hook(_take_statistics) for norm in net.norms()]
        net.features(faces)
        for hook in hooks:
            hook.remove()
    return net


class Encoder(nn.Module):
    """dlib's face recognition whole: chips, RGB uint8 (N, 150, 150, 3), to encodings (N, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.net, data = read_network(), find_model("face_recognition_model_v1").read_bytes()
        # In its place in the file, after two numbers of 2 and 3 bytes: the sizes that its head has more than others'.
        last, = read_parameters(b"fc_2" + data[data.index(b"fc_2") + 9:], "fc_2")
        self.register_buffer("last", last.view(256, 128))

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        return self.net.features(chips.permute(0, 3, 1, 2).float() / 255) @ self.last


def _take_statistics(norm, inputs):
    """Make a normalisation's statistics those of its input, and what it says the same as before."""
    x, = inputs
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.bias.add_(norm.weight * mean)
    norm.weight.mul_((variance + norm.eps).sqrt())
