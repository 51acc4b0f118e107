"""Label faces that nobody labelled by what one or several checkpoints say of them, and index those they are sure of.

Reads a folder of photos, in which it looks for faces, or videos and the faces that create_results.py followed in them
(results/VIDEO.faces.npz). Writes taught_faces/NAME/*.jpg, each a face with what surrounds it, and
dicts/taught_parsed.npy: [example] -> img, gt, em (the checkpoints' mean softmax: 7 numbers, or 8, that sum to 1), split
(train), file, seconds (of a video). So weights are adapted to a show without annotating it: Xie et al., "Self-training
with Noisy Student improves ImageNet classification", CVPR 2020.

    python parse_taught.py --images press/ --weights fer runs/a/best.pt
    python parse_taught.py --videos episode12.mkv --sure 0.8 --most 500
    python model_train.py --weights fer --mixture fer 0.8 taught 0.2 --valid-on fer
"""
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from ops import Margins, Place, Teach, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import square_around, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import short_name, whole_folder
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import emotions_of
from vtt_emotion.core.weights import find_weights, name_device
from vtt_emotion.datasets.parsing import Report
from vtt_emotion.video.backends import make_step
from vtt_emotion.video.batch import name_videos, photo_detectors, videos_in
from vtt_emotion.video.detection import framing_of
from vtt_emotion.video.emotions import labels_of
from vtt_emotion.video.unlabelled import photo_faces, soft_labels, video_faces

ParseTaughtOps = compose(place=Place, taught=folders("taught"), teach=Teach, margins=Margins)
AROUND, LARGEST = 0.3, 400                       # of a face's side kept on each side of it; px of what is written


def with_surroundings(image, square):
    """(the part of an image around a square (x, y, side), at most `LARGEST` px; the square in it, x, y, w, h)."""
    x, y, side = square
    height, width = image.shape[:2]
    left, top = (max(0, int(np.floor(start - AROUND * side))) for start in (x, y))
    right, bottom = (min(int(np.ceil(start + (1 + AROUND) * side)), most) for start, most in ((x, width), (y, height)))
    part = image[top:bottom, left:right]
    scale = min(1.0, LARGEST / max(part.shape[:2]))
    if scale < 1:
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return part, [float(value) for value in np.array([x - left, y - top, side, side]) * scale]


def find_sources(teach, margins, report):
    """[(name, framing, faces found there as by `photo_faces`)] of the videos and the photos."""
    sources = []
    for video, name in name_videos([video for path in teach.videos for video in videos_in(Path(path))]):
        detector, found = video_faces(video, teach.results_path / f"{name}.faces.npz", teach.taught_apart)
        sources.append((name, framing_of(detector, margins), found))
    if teach.images:
        found = photo_faces(teach.images, photo_detectors(teach.detector), report)
        sources.append((short_name(teach.images.resolve().name), framing_of(teach.detector, margins), found))
    if not sources:
        raise InputError("expected --images FOLDER, --videos FILE FOLDER ..., or both")
    return sources


def label_faces(name, found, framing, steps, folder, teach, report):
    """Write those of the faces `found` that the networks are sure of into a folder; their entries."""
    entries = []
    for entry, image, boxes in found:
        large = [box for box in boxes if max(box[2:] - box[:2]) >= teach.least_side]
        report.drop(f"face of less than {teach.least_side} px", len(boxes) - len(large))
        squares = [square_around(xyxy_to_xywh(box), *framing) for box in large]
        for square, em in zip(squares, soft_labels(steps, image, squares) if squares else ()):
            if em.max() < teach.sure:
                report.drop(f"less sure than {teach.sure:g}")
                continue
            file = f"{len(entries):06d}.jpg"
            part, box = with_surroundings(image, square)
            write_image(folder / file, part, teach.crop_quality)
            entries.append({"img": f"{name}/{file}", "gt": box, "em": em, "split": "train", **entry})
    return entries


def surest(entries, most, folders, report):
    """The `most` entries of each emotion that are surest, in order; of the others the files are removed.

    folders: {name: folder of its faces}.
    """
    places = {}
    for place in sorted(range(len(entries)), key=lambda place: -entries[place]["em"].max()):
        places.setdefault(int(entries[place]["em"].argmax()), []).append(place)
    kept = {place for mine in places.values() for place in mine[:most]}
    for place in set(range(len(entries))) - kept:
        name, file = entries[place]["img"].split("/")
        (folders[name] / file).unlink()
        report.drop(f"not among the {most:,} surest of its emotion")
    return [entries[place] for place in sorted(kept)]


def main(argv=None):
    ops = parse(ParseTaughtOps, argv, __doc__)
    teach, root, report = ops.teach, ops.taught.taught_faces_path, Report()
    sources = find_sources(teach, ops.margins, report)
    names = [name for name, *_ in sources]
    if len(set(names)) < len(names) or teach.images and (root / names[-1]).resolve() == teach.images.resolve():
        raise InputError(f"{teach.images}: its faces would be written over others; rename the folder")
    device, entries = name_device(teach.device), []
    steps = [make_step(teach.backend, device, find_weights(weights, ops.place.root), teach.graphs_path)
             for weights in teach.weights]
    if len({emotions_of(labels_of(step)) for step in steps}) > 1:
        raise InputError(f"--weights {' '.join(teach.weights)}: expected networks that know the same emotions")
    with ExitStack() as stack:                   # the folders take their places together, after the index
        folders = {name: stack.enter_context(whole_folder(root / name)) for name in names}
        for name, framing, found in sources:
            entries += label_faces(name, found, framing, steps, folders[name], teach, report)
        if teach.most:
            entries = surest(entries, teach.most, folders, report)
        report.finish(ops.place.dicts_path, "taught", entries, lambda entry: entry["split"],
                      teach.images or teach.videos[0], f"face as sure as {teach.sure:g}")
    print(f"faces in {root}")


if __name__ == "__main__":
    run_script(main)
