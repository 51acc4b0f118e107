"""The faces file beside the results: faces and shots, and what they were found in and how.

What the results were then read with, and a mean encoding of each person in them, is added once they are written, with
their hash: results of a reading that was killed, or that were edited, have none.
"""
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vtt_emotion import __version__
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import check_regular
from vtt_emotion.datasets.npy import read_arrays, write_arrays
from vtt_emotion.results.records import remove_made_of
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.frames import frame_files

VERSION = 5                                      # of a faces file; raised when the same video would give other boxes
LARGEST = 1e6                                    # px, of a coordinate; no video is as large
ENDS = 1 << 20                                   # bytes of a video's start and end that tell it from others
SIZE = 128                                       # numbers of an encoding


def fingerprint(source: Path) -> str:
    """What tells a video, or a folder of frames, from another: a hash of its length and its ends, or of its names."""
    digest = hashlib.sha256()
    if source.is_dir():
        for path in frame_files(source):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    else:
        check_regular(source)
        size = source.stat().st_size
        with open(source, "rb") as file:
            digest.update(str(size).encode() + file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()


def describe(source: Path, options: dict) -> dict:
    """What a faces file tells of what it was made of: the version, the source, the options (a dict)."""
    return {"version": VERSION, "source": fingerprint(source), "options": options}


def write_faces(path: Path, about: dict, faces: np.ndarray, shots: list[int]) -> None:
    """Write faces (dtype FACE) and shots as a whole .npz file, with what `describe` said of them.

    What was made of the results of the faces before is removed: results that are left without are read again.
    """
    said = json.dumps(about)
    remove_made_of(Path(path).with_suffix("").with_suffix(".json"))
    write_arrays(path, {"about": np.array(said), "shots": np.array(shots), "faces": faces,
                        "program": np.array(f"vtt_emotion {__version__}")})


def read_faces(path: Path) -> tuple[dict, Any, list[int]]:
    """(about, faces, shots) of a faces file; about is a dict: version, source, options; faces None of another version.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        parts = read_arrays(path)
        about, shots = json.loads(str(parts["about"])), parts["shots"].tolist()
        if not isinstance(about["source"], str):
            raise ValueError("its source is no text")
        if about["version"] != VERSION:
            return about, None, shots
        faces = parts["faces"]
        if faces.dtype != FACE or "options" not in about or not _whole(faces, shots):
            raise ValueError("its parts do not fit together")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a faces file, or a damaged one ({error}); delete it, and it is made again") \
            from None
    return about, faces, shots


def add_reading(results: Path, facts: dict, encodings: dict[int, np.ndarray]) -> None:
    """Add to the faces file beside `results` how they were read (a dict), and {id: a mean encoding (128,)}."""
    said, path = json.dumps({"results": _hash(results)} | facts), results.with_suffix(".faces.npz")
    write_arrays(path, read_arrays(path) | {
        "reading": np.array(said), "ids": np.array(list(encodings), np.int64),
        "encodings": np.array(list(encodings.values()), np.float16).reshape(-1, SIZE)})


def read_reading(results: Path) -> tuple[dict, dict[int, np.ndarray]]:
    """What `add_reading` added to the faces file of `results`; two empty dicts where it is of others, or none."""
    try:
        parts = read_arrays(results.with_suffix(".faces.npz"))
        facts, ids, rows = json.loads(str(parts["reading"])), parts["ids"].tolist(), parts["encodings"].astype(float)
        if facts["results"] != _hash(results) or rows.shape != (len(ids), SIZE) or not np.isfinite(rows).all():
            return {}, {}
        return facts, dict(zip(ids, rows))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}, {}


def segment_options(results: Path) -> dict[str, float]:
    """The keywords of `find_segments` that results were read with; none where the faces file does not tell."""
    options = read_reading(results)[0].get("options", {})
    return {name.removeprefix("segment_"): value for name, value in options.items() if name.startswith("segment_")}


def about_results(results: Path) -> dict:
    """What results are: their name, when they were written, their hash; and how they were read (`facts_of_reading` of
    create.py) and their faces found, where the faces file beside them tells it."""
    written = datetime.fromtimestamp(results.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    about = read_reading(results)[0] | {"results": results.name, "written": written, "sha256": _hash(results)}
    try:
        faces = read_faces(results.with_suffix(".faces.npz"))[0]
        return about | {"faces": {"format": faces["version"], "options": faces.get("options")}}
    except InputError:
        return about


def provenance(results: Path) -> tuple[str, str]:
    """`about_results` in a line: in short (name, time, hash, weights), and with all options."""
    about = about_results(results)
    parts = [f"{about['results']} of {about['written']}, SHA-256 {about['sha256']}"]
    if "weights" in about:
        parts[0] += f", weights {about['weights']} (SHA-256 {about.get('weights_hash')}) in {about.get('arithmetic')}"
        parts += [f"read by {about.get('program')} with {_listed(about)}"]
    if "faces" in about:
        parts += [f"faces (format {about['faces']['format']}) found with {_listed(about['faces'])}"]
    return parts[0], "; ".join(parts)


def _listed(about):
    options = about.get("options")
    return ", ".join(f"{name} {value}" for name, value in options.items()) if isinstance(options, dict) else ""


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _whole(faces, shots):
    """Whether faces are in order, within the shots, which are too, and their numbers such as a detector gives."""
    order = np.lexsort((faces["id"], faces["frame"]))
    inside = faces["id"].min(initial=1) >= 1 and faces["frame"].min(initial=0) >= 0 \
        and faces["frame"].max(initial=-1) < shots[-1] and shots[0] == 0 and (np.diff(shots) >= 0).all()
    boxes, marks, scores = faces["box_xyxy"], faces["landmarks"], faces["score"]
    return inside and (np.diff(order) == 1).all() and (np.abs(boxes) < LARGEST).all() \
        and (np.isnan(marks) | (np.abs(marks) < LARGEST)).all() and ((scores >= 0) & (scores <= 1)).all()
