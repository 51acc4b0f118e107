"""Measure how the crops of each source frame a face, by where dlib's HOG detector sees it, and draw the mean faces.

Reads the indexes in dicts/ and the images they name. Writes results/framing.png, and prints for each index where the
HOG box lies in its crops and the margin that would frame them as FER2013's pictures do.

    python plot_framing.py
    python plot_framing.py --indexes raf affectnet --faces 500
"""
import os

import numpy as np
from tqdm import tqdm

from indexes.command_line import InputError, parse, run_script
from indexes.crop import crop_face, square_around
from indexes.files import picture_format, whole_file
from indexes.images import read_image
from indexes.npy import FILES
from ops import FramingOps
from training.samples import read_samples
from video.detection import detect_faces

# Side, and middle from the left and from the top, of the HOG box in FER2013's pictures, as a share of the picture:
# the mean of the 1,140 faces it found in 1,500 of the FER+ pictures, by this script.
FER_SIDE, FER_MIDDLE = 0.845, (0.50, 0.55)
LOOK = 200                                       # px, about the side of the crops in which HOG looks
AROUND = 0.15                                    # of a crop's side is added, for boxes that reach out of a picture


def hog_in_crop(image, square, rng):
    """HOG's box in a square (x, y, side) of an image, as (middle x, middle y, side) in shares of the square.

    None where it sees no face there. HOG's boxes come in steps of 1.2; looking at a random scale evens that out.
    """
    x, y, side = square
    around = (x - AROUND * side, y - AROUND * side, side * (1 + 2 * AROUND), side * (1 + 2 * AROUND))
    size = round(LOOK * 1.2 ** rng.uniform(-1, 1) * (1 + 2 * AROUND))
    boxes = detect_faces(crop_face(image, around, size)) / size * (1 + 2 * AROUND) - AROUND
    boxes = np.stack([boxes[:, [0, 2]].mean(1), boxes[:, [1, 3]].mean(1), boxes[:, 2] - boxes[:, 0]], 1)
    away = np.hypot(boxes[:, 0] - 0.5, boxes[:, 1] - 0.5)
    return boxes[away.argmin()] if len(boxes) and away.min() < 0.25 else None


def measure(samples, count, hog_framing):
    """Where HOG sees the faces of `samples` in their crops, and what its own crops show.

    Returns:
        (number looked at, float (K, 3) of `hog_in_crop`, mean crop and mean HOG crop, float RGB (64, 64, 3)).
    """
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(samples))[:count]
    seen, crops, hog_crops = [], [], []
    for row in tqdm(rows, samples.name, unit="face", leave=False, disable=None):
        image = read_image(samples.root / os.fsdecode(samples.paths[row][-1]))
        whole = (0, 0, image.shape[1], image.shape[0])
        square = square_around(samples.boxes[row], *samples.framing) if samples.boxes[row, 2] else square_around(whole)
        box = hog_in_crop(image, square, rng)
        if box is None:
            continue
        x, y, side = square
        left, top, hog_side = x + (box[0] - box[2] / 2) * side, y + (box[1] - box[2] / 2) * side, box[2] * side
        seen.append(box)
        crops.append(crop_face(image, (x, y, side, side), 64))
        hog_crops.append(crop_face(image, (left, top, hog_side, hog_side), 64, *hog_framing))
    if not seen:
        raise InputError(f"{samples.root}: HOG saw no face in {len(rows)} crops")
    return len(rows), np.array(seen), np.mean(crops, 0), np.mean(hog_crops, 0)


def draw(measured, hog_framing, path):
    """A column an index: the mean of its crops and that of HOG's crops of the same faces, with the mean HOG box."""
    from matplotlib.figure import Figure  # after the options: it takes a second to import
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(1.7 * len(measured) + 0.6, 4.1), layout="constrained")
    axes = figure.subplots(2, len(measured), squeeze=False)
    x, y, side = square_around((0, 0, 1, 1), *hog_framing)
    own = ((0.5 - x) / side, (0.5 - y) / side, 1 / side)
    for column, (name, (_, seen, mean, hog_mean)) in enumerate(measured.items()):
        for row, (picture, box) in enumerate(((mean, seen.mean(0)), (hog_mean, own))):
            axes[row, column].imshow(picture / 255, extent=(0, 1, 1, 0))
            axes[row, column].add_patch(Rectangle((box[0] - box[2] / 2, box[1] - box[2] / 2), box[2], box[2],
                                                  fill=False, edgecolor="#f2b705", linewidth=1.5))
            axes[row, column].set(xticks=(), yticks=())
        axes[0, column].set_title(f"{name}, {len(seen)} faces", fontsize=9)
    axes[0, 0].set_ylabel("cropped by its own box", fontsize=9)
    axes[1, 0].set_ylabel("cropped by HOG's box", fontsize=9)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=picture_format(path), dpi=110)


def main(argv=None):
    ops = parse(FramingOps, argv, __doc__)
    picture_format(ops.framing.output)
    indexes = ops.framing.indexes or [name for name in FILES if (ops.place.dicts_path / FILES[name]).is_file()]
    if not indexes:
        raise InputError(f"{ops.place.dicts_path}: holds no index; the parsers write them")
    margins, measured = ops.margins.by_source(), {}
    print(f"{'':10}{'found':>12}{'side':>7}{'middle':>13}{'margin':>8}{'wanted':>8}")
    for name in indexes:
        samples = read_samples(name, ops.place.dicts_path, ops.datasets.roots()[name], framing=margins[name])
        measured[name] = looked, seen, *_ = measure(samples, ops.framing.faces, margins["hog"])
        x, y, side = seen.mean(0)
        margin = margins[name][0]
        wanted = ((1 + 2 * margin) * side / FER_SIDE - 1) / 2
        print(f"{name:10}{f'{len(seen)} of {looked}':>12}{side:7.2f}{f'{x:.2f}, {y:.2f}':>13}"
              f"{margin:8.3f}{wanted:8.3f}")
    print(f"FER2013's pictures: side {FER_SIDE:.2f}, middle {FER_MIDDLE[0]:.2f}, {FER_MIDDLE[1]:.2f}")
    draw(measured, margins["hog"], ops.framing.output)
    print(f"wrote {ops.framing.output}")


if __name__ == "__main__":
    run_script(main)
