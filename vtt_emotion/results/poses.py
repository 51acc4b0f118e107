"""How heads are turned, by the poses of records that were read with --mesh (docs/mesh.md)."""
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from vtt_emotion.core.errors import InputError


def angle_to_camera(yaw: ArrayLike, pitch: ArrayLike) -> np.ndarray:
    """The angle between where heads look and the camera, of their yaw and pitch, all in degrees, in one shape."""
    return np.degrees(np.arccos(np.cos(np.radians(yaw)) * np.cos(np.radians(pitch))))


def turn_of(face: dict) -> float | None:
    """`angle_to_camera` of a face, a record's object, to a tenth; None where it has no pose.

    >>> turn_of({"pose": {"yaw": 30.0, "pitch": 0.0, "roll": 12.0}})
    30.0
    """
    pose = face.get("pose")
    return None if pose is None else round(float(angle_to_camera(pose["yaw"], pose["pitch"])), 1)


def facing(path: str | Path, records: Iterable[dict], most: float | None) -> list[bool]:
    """Whether each of the records, of the results in `path`, is of a face that is turned by `most` degrees at most.

    One without a pose is not; with None for `most` all are.

    Raises:
        InputError: they were read without --mesh.
    """
    faces = [record["object"] for record in records]
    if most is None:
        return [True] * len(faces)
    if faces and not any("mesh" in face for face in faces):
        raise InputError(f"{path}: expected records with poses for --most-turn; create_results.py --mesh gives them")
    return [turn is not None and turn <= most for turn in map(turn_of, faces)]
