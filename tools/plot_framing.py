"""Measure how the crops of each source frame a face, by where a detector sees it, and draw the mean faces.

Reads the indexes in dicts/ and the images they name. Writes results/framing.png, and prints for each index where the
detector's box lies in its crops and the margin that would frame them as FER2013's pictures do.

    python -m tools.plot_framing
    python -m tools.plot_framing --indexes raf affectnet --faces 500 --detector centerface
"""
import os

import numpy as np
from tqdm import tqdm

from ops import Datasets, Framing, Margins, Place, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import crop_face, square_around
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import picture_format, whole_file
from vtt_emotion.core.images import read_image
from vtt_emotion.datasets.npy import FILES
from vtt_emotion.training.samples import read_samples
from vtt_emotion.video.detection import framing_of, make_detector

FramingOps = compose(place=Place, datasets=Datasets, margins=Margins, framing=Framing)
# Longer side, and middle from the left and from the top, of a detector's box in FER2013's pictures, as shares of the
# picture: the means of the 1,140 faces that HOG, and of the 1,316 that CenterFace found in 1,500 of the FER+ pictures.
FER = {"hog": (0.845, 0.50, 0.55), "centerface": (0.953, 0.50, 0.51)}
LOOK = 200                                       # px, about the side of the crops in which it looks
AROUND = 0.15                                    # of a crop's side is added, for boxes that reach out of a picture


def box_in_crop(image, square, detector, rng):
    """The detector's box in a square (x, y, side) of an image: (middle x, middle y, longer side), shares of the square.

    None where it sees no face there. HOG's boxes come in steps of 1.2; looking at a random scale evens that out.
    """
    x, y, side = square
    around = (x - AROUND * side, y - AROUND * side, side * (1 + 2 * AROUND), side * (1 + 2 * AROUND))
    size = round(LOOK * 1.2 ** rng.uniform(-1, 1) * (1 + 2 * AROUND))
    boxes = detector.find(crop_face(image, around, size))["box_xyxy"] / size * (1 + 2 * AROUND) - AROUND
    boxes = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)], 1)
    away = np.hypot(boxes[:, 0] - 0.5, boxes[:, 1] - 0.5)
    return boxes[away.argmin()] if len(boxes) and away.min() < 0.25 else None


def measure_framing(samples, count, detector, framing):
    """Where a detector sees the faces of `samples` in their crops, and what its own crops, framed so, show.

    Returns:
        (number looked at, float (K, 3) of `box_in_crop`, mean crop and mean crop of its own, float RGB (64, 64, 3)).
    """
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(samples))[:count]
    seen, crops, own_crops = [], [], []
    for row in tqdm(rows, samples.name, unit="face", leave=False, disable=None):
        image = read_image(samples.root / os.fsdecode(samples.paths[row][-1]))
        whole = (0, 0, image.shape[1], image.shape[0])
        square = square_around(samples.boxes[row], *samples.framing) if samples.boxes[row, 2] else square_around(whole)
        box = box_in_crop(image, square, detector, rng)
        if box is None:
            continue
        x, y, side = square
        left, top, own_side = x + (box[0] - box[2] / 2) * side, y + (box[1] - box[2] / 2) * side, box[2] * side
        seen.append(box)
        crops.append(crop_face(image, (x, y, side, side), 64))
        own_crops.append(crop_face(image, (left, top, own_side, own_side), 64, *framing))
    if not seen:
        raise InputError(f"{samples.root}: no face was seen in {len(rows)} crops")
    return len(rows), np.array(seen), np.mean(crops, 0), np.mean(own_crops, 0)


def draw(measured, name, framing, path):
    """A column an index: the mean of its crops and that of the detector's of the same faces, with its mean box."""
    from matplotlib.figure import Figure  # after the options: it takes a second to import
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(1.7 * len(measured) + 0.6, 4.1), layout="constrained")
    axes = figure.subplots(2, len(measured), squeeze=False)
    x, y, side = square_around((0, 0, 1, 1), *framing)
    own = ((0.5 - x) / side, (0.5 - y) / side, 1 / side)
    for column, (index, (_, seen, mean, own_mean)) in enumerate(measured.items()):
        for row, (picture, box) in enumerate(((mean, seen.mean(0)), (own_mean, own))):
            axes[row, column].imshow(picture / 255, extent=(0, 1, 1, 0))
            axes[row, column].add_patch(Rectangle((box[0] - box[2] / 2, box[1] - box[2] / 2), box[2], box[2],
                                                  fill=False, edgecolor="#f2b705", linewidth=1.5))
            axes[row, column].set(xticks=(), yticks=())
        axes[0, column].set_title(f"{index}, {len(seen)} faces", fontsize=9)
    axes[0, 0].set_ylabel("cropped by its own box", fontsize=9)
    axes[1, 0].set_ylabel(f"cropped by {name}'s box", fontsize=9)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=picture_format(path), dpi=110)


def main(argv=None):
    ops = parse(FramingOps, argv, __doc__)
    picture_format(ops.framing.output)
    indexes = ops.framing.indexes or [name for name in FILES if (ops.place.dicts_path / FILES[name]).is_file()]
    if not indexes:
        raise InputError(f"{ops.place.dicts_path}: holds no index; the parsers write them")
    margins, measured, by = ops.margins.by_source(), {}, ops.framing.detector
    own = framing_of(by, ops.margins)
    detector, (fer_side, *fer_middle) = make_detector(by), FER[by]
    print(f"{'':10}{'found':>12}{'side':>7}{'middle':>13}{'margin':>8}{'wanted':>8}")
    for name in indexes:
        samples = read_samples(name, ops.place.dicts_path, ops.datasets.roots()[name], framing=margins[name])
        measured[name] = looked, seen, *_ = measure_framing(samples, ops.framing.faces, detector, own)
        x, y, side = seen.mean(0)
        margin = margins[name][0]
        wanted = ((1 + 2 * margin) * side / fer_side - 1) / 2
        print(f"{name:10}{f'{len(seen)} of {looked}':>12}{side:7.2f}{f'{x:.2f}, {y:.2f}':>13}"
              f"{margin:8.3f}{wanted:8.3f}")
    print(f"FER2013's pictures: side {fer_side:.2f}, middle {fer_middle[0]:.2f}, {fer_middle[1]:.2f}")
    draw(measured, by, own, ops.framing.output)
    print(f"wrote {ops.framing.output}")


if __name__ == "__main__":
    run_script(main)
