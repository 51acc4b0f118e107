"""Several videos one after the other, and folders of photos."""
from collections import Counter
from pathlib import Path

import numpy as np

from indexes.command_line import InputError
from indexes.crop import crop_face, xyxy_to_xywh
from indexes.files import short_name
from indexes.images import IMAGE_SUFFIXES, read_image
from indexes.labels import EMOTIONS
from indexes.segments import read_segments, segments_path
from video.emotions import make_record, softmax
from video.sources import VIDEO_SUFFIXES

ROWS = 10                                        # people of a video in the table; the rest share a row


def find_videos_in(paths):
    """[(video, name of its results)] of video files, and of all videos in folders, sorted by name.

    InputError where one is not there, a folder has none, or two would write the same results.
    """
    videos = []
    for path in map(Path, paths):
        inside = [file for file in sorted(path.iterdir()) if file.suffix.lower() in VIDEO_SUFFIXES
                  and not file.name.startswith(".")] if path.is_dir() else [path]
        if not inside or not path.exists():
            raise InputError(f"{path}: {'holds no video' if path.is_dir() else 'no such video'}")
        videos += inside
    named = {}
    for video in videos:
        former = named.setdefault(short_name(video.stem), video)
        if former.resolve() != video.resolve():
            raise InputError(f"{video}: its results would have the name of {former}'s; rename one of them")
    return [(video, name) for name, video in named.items()]


def read_photos(folder, detect, step, framing, scores, failed):
    """Yield the records of the photos in a folder, by file name, then from left to right.

    `seconds` is null, `file` the photo's name, and the id counts the faces of a photo from 1.

    Args:
        detect: a function from an RGB uint8 (H, W, 3) image to boxes_xyxy (K, 4); step: as of `backends.make_step`.
        framing, scores: as of `face_blocks` and `read_emotions`. failed: list that the unreadable are added to.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise InputError(f"{folder}: holds no photo ({', '.join(IMAGE_SUFFIXES)})")
    for path in files:
        try:
            image = read_image(path, upright=True)
        except InputError as error:
            failed.append(str(error))
            continue
        boxes = detect(image)
        if not len(boxes):
            continue
        crops = np.stack([crop_face(image, xyxy_to_xywh(box), step.size, *framing) for box in boxes])
        logits, _ = step(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)), None, np.ones(len(boxes), bool))
        for number, (box, said) in enumerate(zip(boxes, logits), 1):
            box = np.round(box).astype(int).tolist()
            yield {**make_record(softmax(said), None, number, None, box, 1, scores), "file": path.name}


def minutes_of(paths):
    """Rows (video, person, minutes of each emotion) of the segments beside results files, who is seen most first.

    Of each video the `ROWS` people seen longest; the rest are one row.
    """
    for path in paths:
        seen = Counter()
        for segment in read_segments(segments_path(path)):
            person = segment["name"] or f"face {segment['id']}"
            seen[person, segment["class"]] += (segment["end"] - segment["start"]) / 60
        people = Counter()
        for (person, _), minutes in seen.items():
            people[person] += minutes
        shown = [person for person, _ in people.most_common(ROWS)]
        for person in shown:
            yield path.stem, person, [seen[person, name] for name in EMOTIONS]
        if len(people) > ROWS:
            rest = [sum(minutes for (person, emotion), minutes in seen.items() if emotion == name
                        and person not in shown) for name in EMOTIONS]
            yield path.stem, f"{len(people) - ROWS} others", rest


def table_lines(paths):
    """`minutes_of` as lines to print."""
    yield f"{'minutes':24}{'':16}" + "".join(f"{name:>9}" for name in EMOTIONS)
    for video, person, minutes in minutes_of(paths):
        cells = [f"{value:.2f}" if value else "-" for value in minutes]
        yield f"{video[:23]:24}{person[:15]:16}" + "".join(f"{cell:>9}" for cell in cells)
