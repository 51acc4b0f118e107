"""Several videos one after the other, and folders of photos."""
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from tqdm import tqdm

from vtt_emotion.core.crop import xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import as_text, check_regular, short_name
from vtt_emotion.core.images import IMAGE_SUFFIXES, is_image, read_image
from vtt_emotion.core.labels import WITH_CONTEMPT, names_of
from vtt_emotion.results.segments import read_segments, segments_path
from vtt_emotion.video.detection import Detector, make_detector
from vtt_emotion.video.emotions import labels_of, make_records, picture_logits
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.mesh import Mesher
from vtt_emotion.video.reading import look_nearer
from vtt_emotion.video.sources import VIDEO_SUFFIXES, choose, is_video

ROWS = 10                                        # people of a video in the table; the rest share a row
NEAR = 200                                       # px: photos in which no face is found are looked at so small


def videos_in(path: Path) -> list[Path]:
    """A video file, or all videos in a folder, sorted by name. InputError where it is not there, or has none."""
    if not path.is_dir():
        check_regular(path)
        inside = [path] if path.exists() else []
    else:
        inside = choose(path, sorted(path.glob("[!.]*")), VIDEO_SUFFIXES, is_video, "video")
    if not inside:
        raise InputError(f"{path}: {'holds no video' if path.is_dir() else 'no such video'}")
    return inside


def name_videos(videos: Iterable[Path | str]) -> list[tuple[Path | str, str]]:
    """[(video, name of its results)] of videos, Paths or URLs; InputError where two would write the same results."""
    named = {}
    for video in videos:
        former = named.setdefault(short_name(PurePosixPath(video).stem), video)
        if former != video and not (isinstance(video, Path) and isinstance(former, Path)
                                    and former.resolve() == video.resolve()):
            raise InputError(f"{video}: its results would have the name of {former}'s; rename one of them")
    return [(video, name) for name, video in named.items()]


def photo_detectors(name: str, detect_width: int | None = None, min_face: int = 0,
                    min_score: float = 0.5) -> list[Detector]:
    """Detectors for `look_nearer`: as of `make_detector`, then one that sees faces which fill a picture."""
    return [make_detector(name, detect_width, min_face, min_score), make_detector(name, NEAR, 0, min_score)]


def look_at_photos(folder: Path, detectors: Sequence[Detector], failed: Callable[[InputError], object],
                   inside: bool = False) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Yield (path, image, faces: dtype FACE) of each photo in a folder that can be read, by name.

    detectors: of `photo_detectors`. failed: called with the InputError of one that cannot. inside: also of those in the
    folders in it, but for hidden ones.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = [path for path in sorted(folder.rglob("[!.]*") if inside else folder.glob("[!.]*"))
             if not (inside and path.is_dir())]
    files = choose(folder, files, IMAGE_SUFFIXES, is_image, "photo")
    if not files:
        raise InputError(f"{folder}: holds no photo ({', '.join(IMAGE_SUFFIXES)})")
    for path in tqdm(files, "photos", unit="photo", disable=None):
        frame = Frame(0, 0.0, path)
        try:
            frame.rgb = read_image(path, upright=True)
        except InputError as error:
            failed(error)
            continue
        yield path, frame.rgb, look_nearer(frame, detectors)


def read_photos(folder: Path, detectors: Sequence[Detector], step: Any, framing: tuple[float, float], scores: bool,
                failed: list[str], mesher: Mesher | None = None) -> Iterator[dict]:
    """Yield the records of the photos in a folder, by file name, then from left to right.

    `seconds` is null, `file` the photo's name, and the id counts the faces of a photo from 1.

    Args:
        detectors: of `photo_detectors`; step: of `make_step`; framing: (margin, lift) of their boxes.
        scores: as of `make_records`. failed: a list, to which is added what is wrong with those that cannot be read.
        mesher: lays meshes on the faces, where they are wanted.
    """
    for path, image, faces in look_at_photos(folder, detectors, lambda error: failed.append(str(error))):
        for record in picture_records(image, faces, step, framing, scores, mesher):
            yield record | {"file": as_text(path.name)}


def picture_records(image: np.ndarray, faces: np.ndarray, step: Any, framing: tuple[float, float],
                    scores: bool, mesher: Mesher | None = None) -> Iterator[dict]:
    """The records of one picture's `faces` (dtype FACE): ids count them from 1, `seconds` is null."""
    if not len(faces):
        return
    faces, numbers = faces.copy(), range(1, len(faces) + 1)
    faces["id"], faces["frame"] = numbers, 0
    people = {number: (number, None) for number in numbers}
    logits = picture_logits(image, [xyxy_to_xywh(box) for box in faces["box_xyxy"]], step, *framing)
    meshes = mesher.lay_on(image, faces) if mesher else None
    for record in make_records(faces, logits, [0.0], people, scores, labels_of(step), meshes):
        yield record | {"seconds": None}


def minutes_of(paths: Iterable[Path]) -> Iterator[tuple[str, str, list]]:
    """Rows (video, person, minutes of each of WITH_CONTEMPT) of the segments beside results, who is seen most first.

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
            yield path.stem, person, [seen[person, name] for name in WITH_CONTEMPT]
        if len(people) > ROWS:
            rest = [sum(minutes for (person, emotion), minutes in seen.items() if emotion == name
                        and person not in shown) for name in WITH_CONTEMPT]
            yield path.stem, f"{len(people) - ROWS} others", rest


def table_lines(paths: Iterable[Path]) -> Iterator[str]:
    """`minutes_of` as lines to print."""
    rows = list(minutes_of(paths))
    names = names_of(any(minutes[-1] for *_, minutes in rows))
    yield f"{'minutes':24}{'':16}" + "".join(f"{name:>9}" for name in names)
    for video, person, minutes in rows:
        cells = [f"{value:.2f}" if value else "-" for value in minutes[:len(names)]]
        yield f"{video[:23]:24}{person[:15]:16}" + "".join(f"{cell:>9}" for cell in cells)
