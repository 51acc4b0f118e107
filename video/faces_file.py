"""The faces file beside the results: tracks and shots, and what they were found in and how."""
import hashlib
import json

import numpy as np

from indexes.command_line import InputError
from indexes.files import whole_file
from indexes.npy import read_arrays
from video.frames import frame_files
from video.tracks import Track

VERSION = 1                                      # of a faces file; raised when the same video would give other boxes
ENDS = 1 << 20                                   # bytes of a video's start and end that tell it from others


def fingerprint(source):
    """What tells a video, or a folder of frames, from another: a hash of its length and its ends, or of its names."""
    digest = hashlib.sha256()
    if source.is_dir():
        for path in frame_files(source):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    else:
        size = source.stat().st_size
        with open(source, "rb") as file:
            digest.update(str(size).encode() + file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()


def write_faces(path, source, options, tracks, shots):
    """Write tracks and shots as a whole .npz file, with what they were found in and how."""
    about = json.dumps({"version": VERSION, "source": source, "options": options})
    boxes = [track.boxes_xyxy for track in tracks] or [np.zeros((0, 4), np.float32)]
    seen = [track.seen for track in tracks] or [np.zeros(0, bool)]
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, about=np.array(about), shots=np.array(shots), first=np.array([track.first for track in tracks]),
                 length=np.array([len(track.seen) for track in tracks]), boxes=np.concatenate(boxes),
                 seen=np.concatenate(seen))


def read_faces(path):
    """(about, tracks, shots) of a faces file; about is a dict: version, source, options.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        parts = read_arrays(path)
        about, ends = json.loads(str(parts["about"])), np.cumsum(parts["length"]).astype(int)
        whole = len(ends) == len(parts["first"]) and (ends[-1] if len(ends) else 0) == len(parts["seen"])
        if not whole or parts["boxes"].shape != (len(parts["seen"]), 4) or "options" not in about:
            raise ValueError("its parts do not fit together")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a faces file, or a damaged one ({error}); delete it, and it is made again") \
            from None
    starts = ends - parts["length"].astype(int)
    tracks = [Track(row + 1, int(first), parts["boxes"][start:end], parts["seen"][start:end])
              for row, (first, start, end) in enumerate(zip(parts["first"], starts, ends))]
    return about, tracks, [int(shot) for shot in parts["shots"]]
