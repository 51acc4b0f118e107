"""The mesh of a face: how it is turned, and how far its mouth and eyes are open."""
from typing import Any

import numpy as np

CROPS, OUTPUTS = "crops", ("points", "sure")     # the graph's input and outputs, by tools.ship_mesh
SIDE, POINTS = 192, 468                          # px of a crop; points of a mesh
HOLDS = 0.5                                      # of a mesh's confidence from which it is taken to lie on the face
# yaw, pitch, roll: degrees; mouth, eyes: how far they are open, as shares of the face's height; mesh: how surely it lies
# on a face, 0 to 1. NaN where no mesh was wanted.
MESH = np.dtype([(name, np.float32) for name in ("yaw", "pitch", "roll", "mouth", "eyes", "mesh")])


def told(mesh: Any) -> dict[str, Any]:
    """What a record's object tells of a mesh, one of dtype MESH: of one that does not hold, its confidence alone."""
    said = {"mesh": round(float(mesh["mesh"]), 2)}
    if mesh["mesh"] < HOLDS:
        return said
    pose = {name: round(float(mesh[name]), 1) for name in ("yaw", "pitch", "roll")}
    return {"pose": pose, "mouth": round(float(mesh["mouth"]), 3), "eyes": round(float(mesh["eyes"]), 3)} | said
