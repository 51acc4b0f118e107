"""Who a followed face is: its best crops, encoded, against a gallery of named faces and against the other tracks.

An encoding is face_recognition's: 128 numbers, nearer than about 0.6 for two pictures of one person (King, "High
Quality Face Recognition with Deep Metric Learning", 2017).
"""
import sys
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from indexes.command_line import InputError
from indexes.files import whole_file
from indexes.images import IMAGE_SUFFIXES, read_image
from indexes.npy import read_arrays
from video.detection import _face_recognition, detect_faces

GALLERY = "friends_gallery.npz"                  # in dicts/, by parse_friends.py
NEAREST = 3                                      # of a name's faces that a face is compared with
PICTURE = (300, 1000)                            # px, between which a gallery's pictures are scaled to be looked at
CLEARLY = 0.02                                   # so much nearer than the second name must the first be
APART = 100.0                                    # "distance" of two tracks that are seen at the same time


def pick_frames(track, count):
    """Up to `count` frame numbers of a track, one from each of as many equal parts: where its box is largest."""
    sides = (track.boxes_xyxy[:, 2:] - track.boxes_xyxy[:, :2]).max(1)
    parts = [part for part in np.array_split(np.flatnonzero(track.seen), count) if len(part)]
    return [track.first + int(part[sides[part].argmax()]) for part in parts]


def encode_tracks(frames, tracks, count):
    """float (K, 128) for each track, K up to `count` of its faces; frames are read up to the last one needed."""
    wanted, encodings = {}, [[] for _ in tracks]
    for row, track in enumerate(tracks):
        for number in pick_frames(track, count):
            wanted.setdefault(number, []).append(row)
    last = max(wanted, default=-1)
    for frame in frames:
        for row in wanted.get(frame.number, ()):
            encodings[row].append(encode_face(frame.rgb, tracks[row].boxes_xyxy[frame.number - tracks[row].first]))
        if frame.number >= last:
            break
    return [np.array(rows).reshape(-1, 128) for rows in encodings]


def name_face(encodings, gallery, distance):
    """The name in a gallery, {name: (K, 128)}, that some encodings (N, 128) of one person are of; None if unsure."""
    if not len(encodings) or not gallery:
        return None
    from scipy.spatial.distance import cdist

    far = {name: np.sort(cdist(encodings, known), 1)[:, :NEAREST].mean() for name, known in gallery.items()}
    first, *others = sorted(far, key=far.get)
    sure = far[first] < distance and (not others or far[others[0]] - far[first] >= CLEARLY)
    return first if sure else None


def link_tracks(tracks, encodings, distance):
    """A person's number for each track, from 1 in order of appearance: tracks whose faces are all that near are one.

    Complete linkage, and tracks seen at the same time are kept apart. A track without an encoding stays alone.
    """
    if len(tracks) < 2:
        return [1] * len(tracks)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import cdist, squareform

    apart = np.full((len(tracks), len(tracks)), APART)
    counts = np.array([len(rows) for rows in encodings])
    known = np.flatnonzero(counts)
    starts, every = np.cumsum(counts[known]) - counts[known], np.concatenate([*encodings, np.zeros((0, 128))])
    first, last = np.array([(track.first, track.last) for track in tracks]).T
    for row in known:
        apart[row, known] = np.add.reduceat(cdist(encodings[row], every).mean(0), starts) / counts[known]
        apart[row, (first <= last[row]) & (first[row] <= last)] = APART      # seen together
    np.fill_diagonal(apart, 0)
    groups = fcluster(linkage(squareform(apart, checks=False), "complete"), distance, "distance")
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.tolist()), 1)}
    return [order[group] for group in groups.tolist()]


def identify(tracks, encodings, gallery, name_distance, link_distance):
    """Set each track's `person` and `name`; link_distance None leaves every track a person of its own."""
    persons = link_tracks(tracks, encodings, link_distance) if link_distance else [track.id for track in tracks]
    for person in set(persons):
        mine = [row for row, number in enumerate(persons) if number == person]
        name = name_face(np.concatenate([encodings[row] for row in mine]), gallery, name_distance)
        for row in mine:
            tracks[row].person, tracks[row].name = person, name


def encode_pictures(pictures, description):
    """{name: (K, 128)} of (name, path) pairs, by the largest face in each picture; one without a face is left out."""
    gallery = {}
    for name, path in tqdm(pictures, description, unit="picture", disable=None):
        image = read_image(path, upright=True)
        size = max(image.shape[:2])
        image = cv2.resize(image, None, fx=(scale := np.clip(size, *PICTURE) / size), fy=scale)
        boxes = detect_faces(image)
        if len(boxes):
            largest = boxes[(boxes[:, 2] - boxes[:, 0]).argmax()]
            gallery.setdefault(name, []).append(encode_face(image, largest))
    return {name: np.array(rows) for name, rows in gallery.items()}


def read_gallery(path):
    """{name: (K, 128)} of a folder of name/*.jpg, or of a file by `write_gallery`.

    Raises:
        InputError: nothing there, no face in it, or a damaged file.
    """
    path = Path(path)
    if path.is_dir():
        files = [file for file in sorted(path.glob("[!.]*/[!.]*")) if file.is_file() and file.parent.name != "__MACOSX"]
        pictures = [(file.parent.name, file) for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        for file in sorted(set(files) - {file for _, file in pictures}):
            tqdm.write(f"warning: {file}: left out, as no picture by its name", file=sys.stderr)
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


def write_gallery(path, gallery):
    """Write {name: (K, 128)} as a whole file."""
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **gallery)


def encode_face(image, box_xyxy):
    """face_recognition's 128 numbers of the face in a box of an RGB uint8 image; float (128,)."""
    left, top, right, bottom = (round(float(value)) for value in box_xyxy)
    return _face_recognition().face_encodings(image, [(top, right, bottom, left)])[0]
