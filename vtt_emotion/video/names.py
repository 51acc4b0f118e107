"""Who a followed face is: its best crops (portraits.py), encoded, against named faces and against the other tracks.

An encoding is dlib's: 128 numbers, nearer than about 0.6 for two pictures of one person (King, "High Quality Face
Recognition with Deep Metric Learning", 2017).
"""
import logging
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from vtt_emotion.core.dlib_models import load_model
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES, read_image
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.datasets.layouts import left_over
from vtt_emotion.datasets.npy import read_arrays
from vtt_emotion.video.detection import make_detector, open_graph

ENCODER = SHIPPED / "dlib_face.onnx"             # by tools.ship_encoder
CHIPS, ENCODINGS = "chips", "encodings"          # its input and output
CHIP = (150, 0.25)                               # px of a chip's side, share of it around the face: dlib's own
GALLERY = "friends_gallery.npz"                  # in dicts/, by parse_friends.py
NEAREST = 3                                      # of a name's faces that a face is compared with
PICTURE = (300, 1000)                            # px, between which a gallery's pictures are scaled
LOOKS = (224, 480)                               # px, at which one is looked at until a face is found: it may be small
CLEARLY = 0.02                                   # so much nearer than the second name must the first be
APART = 1e6                                      # "distance" of two faces that cannot be one person's, beyond any mean
SCENE = 750                                      # frames, half a minute, within which clothes are those of before
CLOTHES, USUAL = 0.3, 0.7                        # what they weigh beside a face; likeness from which they speak for one


def distances(encodings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far encodings (A, 128) are from others (B, 128): Euclidean, (A, B)."""
    squares = (encodings ** 2).sum(1)[:, None] + (others ** 2).sum(1) - 2 * encodings @ others.T
    return np.sqrt(squares.clip(0))


def agreeing(encodings: np.ndarray, distance: float) -> np.ndarray:
    """Those of one face's encodings (K, 128) within `distance` of the one amid them: a bad crop is left out."""
    if len(encodings) < 2:
        return encodings
    far = distances(encodings, encodings)
    return encodings[far[np.median(far, 1).argmin()] <= distance]


def name_face(encodings: np.ndarray, gallery: dict[str, np.ndarray], distance: float) -> tuple[str | None, float]:
    """(the name in a gallery, {name: (K, 128)}, that some encodings (N, 128) of one person are of, how far it is).

    (None, inf) if unsure.
    """
    if not len(encodings) or not gallery:
        return None, np.inf
    far = {name: np.sort(distances(encodings, known), 1)[:, :NEAREST].mean() for name, known in gallery.items()}
    first, *others = sorted(far, key=lambda name: far[name])
    sure = far[first] < distance and (not others or far[others[0]] - far[first] >= CLEARLY)
    return (first, float(far[first])) if sure else (None, np.inf)


def seen_together(faces: np.ndarray) -> np.ndarray:
    """bool (N, N), which of the N ids of `faces` (dtype FACE, by frame) are on a frame with which."""
    most = faces["id"].max(initial=0)
    together = np.zeros((most, most), bool)
    for apart in range(1, len(faces)):
        same = faces["frame"][apart:] == faces["frame"][:-apart]
        if not same.any():
            break
        one, other = faces["id"][apart:][same] - 1, faces["id"][:-apart][same] - 1
        together[one, other] = together[other, one] = True
    return together


def clothes_apart(faces: np.ndarray, colours: dict[int, np.ndarray]) -> np.ndarray:
    """How much farther apart what they wear puts the N ids of `faces` (dtype FACE, by frame), negative: nearer; (N, N).

    By the Bhattacharyya coefficient of their colours, {id: as of `colours_of`}; 0 where they are not known, and from
    scene to scene, for clothes change.
    """
    most = faces["id"].max(initial=0)
    apart = np.zeros((most, most), np.float32)
    if colours:
        known, worn = np.array(list(colours)) - 1, np.sqrt(list(colours.values()))
        first, last = np.full(most, np.inf), np.full(most, -np.inf)
        np.minimum.at(first, faces["id"] - 1, faces["frame"])
        np.maximum.at(last, faces["id"] - 1, faces["frame"])
        passed = first[known, None] - last[known]
        apart[np.ix_(known, known)] = np.where(np.maximum(passed, passed.T) <= SCENE,
                                               CLOTHES * (USUAL - worn @ worn.T), 0)
    return apart


def link_faces(encodings: Sequence[np.ndarray], never: np.ndarray, distance: float,
               farther: np.ndarray | float = 0.0) -> list[int]:
    """A person's number for each of N faces, from 1 in their order: those that are near on average are one.

    Average linkage (Sokal and Michener, 1958) over the mean distance of two faces' encodings, a list of (K, 128), and
    how much `farther` (N, N) they are by other signs. Those that `never` (N, N) says are never one; a face without an
    encoding stays alone.
    """
    if len(encodings) < 2:
        return [1] * len(encodings)
    from fastcluster import linkage

    apart = np.full((len(encodings), len(encodings)), APART)
    counts = np.array([len(rows) for rows in encodings])
    known = np.flatnonzero(counts)
    starts, every = np.cumsum(counts[known]) - counts[known], np.concatenate([*encodings, np.zeros((0, 128))])
    for row in known:
        apart[row, known] = np.add.reduceat(distances(encodings[row], every).mean(0), starts) / counts[known]
    apart += farther
    apart[never] = APART
    apart = ((apart + apart.T) / 2).clip(0)      # equal but for the last digit
    group = list(range(2 * len(apart) - 1))      # of each face, and of each pair of groups that the linkage joins
    tree = linkage(apart[np.triu_indices(len(apart), 1)], "average")
    for joined, (first, second, height, _) in reversed(list(enumerate(tree, len(apart)))):
        if height <= distance:
            group[int(first)] = group[int(second)] = group[joined]
    order = {one: number for number, one in enumerate(dict.fromkeys(group[:len(apart)]), 1)}
    return [order[one] for one in group[:len(apart)]]


def name_persons(persons: Iterable[int], encodings: Sequence[np.ndarray], together: np.ndarray,
                 gallery: dict[str, np.ndarray], distance: float) -> dict[int, str]:
    """{person: name} of those who are clearly in a gallery; of two who are seen together the nearer has the name.

    persons: each face's person; encodings, together: of the faces, as of `identify`.
    """
    members, bearers, names = {}, {}, {}         # members: {person: faces}; bearers: {name: faces of all who have it}
    for row, person in enumerate(persons):
        members.setdefault(person, []).append(row)
    said = {person: name_face(np.concatenate([encodings[row] for row in rows]), gallery, distance)
            for person, rows in members.items()}
    for person in sorted(said, key=lambda person: said[person][1]):
        name, rows = said[person][0], members[person]
        if name is not None and not together[np.ix_(rows, bearers.get(name, []))].any():
            names[person] = name
            bearers.setdefault(name, []).extend(rows)
    return names


def identify(faces: np.ndarray, encodings: dict[int, np.ndarray], colours: dict[int, np.ndarray],
             gallery: dict[str, np.ndarray], name_distance: float,
             link_distance: float | None) -> dict[int, tuple[int, str | None]]:
    """{id: (person's number, name or None)} of all ids of `faces` (dtype FACE).

    encodings, colours: of `Portraits`. link_distance None leaves every id a person of its own. Two that are seen
    together are never one person, nor of one name. Ids of different names are never linked, those of one name are.
    """
    ids, together = range(1, faces["id"].max(initial=0) + 1), seen_together(faces)
    known = [agreeing(encodings.get(id, np.zeros((0, 128))), link_distance or name_distance) for id in ids]
    if not link_distance:
        names = name_persons(ids, known, together, gallery, name_distance)
        return {id: (id, names.get(id)) for id in ids}
    alone = np.array([name_face(rows, gallery, name_distance)[0] or "" for rows in known])
    other = (alone[:, None] != alone) & (alone[:, None] != "") & (alone != "")
    persons = link_faces(known, together | other, link_distance, clothes_apart(faces, colours))
    names = name_persons(persons, known, together, gallery, name_distance)
    whole = [names.get(person, person) for person in persons]
    order = {one: number for number, one in enumerate(dict.fromkeys(whole), 1)}
    return {id: (order[one], names.get(person)) for id, one, person in zip(ids, whole, persons)}


def encode_pictures(pictures: Iterable[tuple[str, Path]], description: str) -> dict[str, np.ndarray]:
    """{name: (K, 128)} of (name, path) pairs, by the largest face in each picture; one without a face is left out."""
    gallery, detector = {}, make_detector("centerface")
    for name, path in tqdm(pictures, description, unit="picture", disable=None):
        image = read_image(path, upright=True)
        size = max(image.shape[:2])
        image = cv2.resize(image, None, fx=(scale := np.clip(size, *PICTURE) / size), fy=scale)
        boxes: Any = next(filter(len, (_boxes_at(side, image, detector) for side in LOOKS)), ())
        if len(boxes):
            largest = boxes[(boxes[:, 2] - boxes[:, 0]).argmax()]
            gallery.setdefault(name, []).extend(encode_faces([(image, detector.hog_box(largest))]))
    return {name: np.array(rows) for name, rows in gallery.items()}


def _boxes_at(side, image, detector):
    """The boxes (K, 4) that a detector finds in an image whose longer side is scaled to `side` px."""
    scale = max(image.shape[:2]) / side
    return detector.find(cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA),
                         scale)["box_xyxy"]


def read_gallery(path: str | Path) -> dict[str, np.ndarray]:
    """{name: (K, 128)} of a folder of name/*.jpg, or of a file by `write_arrays`.

    Raises:
        InputError: nothing there, no face in it, or a damaged file.
    """
    path = Path(path)
    if path.is_dir():
        files = [file for folder in sorted(path.glob("[!.]*")) if folder.is_dir() and not left_over(folder.name)
                 for file in sorted(folder.glob("[!.]*")) if file.is_file()]
        pictures = [(file.parent.name, file) for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        for file in sorted(set(files) - {file for _, file in pictures}):
            logging.getLogger(__name__).warning("%s: left out, as no picture by its name", file)
        gallery = encode_pictures(pictures, "gallery")
        missing = sorted({name for name, _ in pictures} - set(gallery))
        if missing or not gallery:
            raise InputError(f"{path}: no face was found in the pictures of {', '.join(missing)}" if missing else
                             f"{path}: expected folders of pictures, one a person: name/*.jpg")
        return gallery
    try:
        gallery = read_arrays(path)
        odd = [name for name, rows in gallery.items() if rows.shape[1:] != (128,) or not np.isfinite(rows).all()]
        if odd:
            raise ValueError(f"{odd[0]}: expected rows of 128 numbers")
        return {name: rows for name, rows in gallery.items() if len(rows)}
    except FileNotFoundError:
        raise InputError(f"{path}: no such gallery") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a gallery, or a damaged one ({error})") from None


@cache
def load_encoder() -> Any:
    """The ONNX Runtime session of dlib's network: chips, RGB uint8 (N, 150, 150, 3), to encodings (N, 128)."""
    return open_graph(ENCODER, (CHIPS, ENCODINGS), "face encoder", "tools.ship_encoder makes it")


def encode_faces(faces: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """dlib's 128 numbers of N > 0 faces, each an RGB uint8 image and the box (4,) in it; float (N, 128)."""
    import dlib

    boxes = [dlib.rectangle(*(round(float(value)) for value in box_xyxy)) for _, box_xyxy in faces]
    chips = [dlib.get_face_chip(image, load_model("shape_predictor")(image, box), *CHIP)
             for (image, _), box in zip(faces, boxes)]
    return load_encoder().run([ENCODINGS], {CHIPS: np.stack(chips)})[0].astype(float)
