"""Faces of large pictures, kept small for training."""
import os

import cv2
import numpy as np
import pytest

import model_train
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.datasets.npy import write_index
from vtt_emotion.drawn.stills import draw_still
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.face_cache import FaceCache
from vtt_emotion.training.samples import Samples

AUGMENT = {"shift": 0.12, "flip": 0.5, "noise": 0.0, "blur": 0.0, "level": 0.2}
SIZE = 64


@pytest.fixture
def samples(tmp_path):
    """A face in the middle, one whose surroundings leave its picture, one of a whole picture, and a small one."""
    image, box = draw_still(np.random.default_rng(0), "happy", 400)
    write_image(tmp_path / "large.jpg", image)
    write_image(tmp_path / "small.jpg", image[::6, ::6])
    paths = np.array([[b"large.jpg"]] * 3 + [[b"small.jpg"]])
    boxes = np.float32([box, (200, 250, 180, 180), (0, 0, 0, 0), (0, 0, 0, 0)])
    return Samples("x", tmp_path, paths, boxes, np.eye(7, dtype=np.float32)[[3, 3, 3, 3]], (0.06, 0.0))


def clips(samples, folder=None, camera=0.0):
    reach = AUGMENT["shift"] + camera
    cache = FaceCache(folder, SIZE, reach, reach) if folder else None
    return FaceClips([samples], SIZE, 4 if camera else 1, AUGMENT, camera, cache=cache)


@pytest.mark.parametrize("camera", [0.0, 0.1])
def test_faces_are_seen_as_without(samples, tmp_path, camera):
    """Within a pixel or so, as squares are rounded to whole ones, of which the picture kept has fewer."""
    with_cache, without = clips(samples, tmp_path / "kept", camera), clips(samples, camera=camera)
    for sample in range(4):
        for seed in range(10):
            one, other = (each[sample, (0, seed)][0][-1].double().mean(0).numpy() for each in (with_cache, without))
            moved = np.hypot(*cv2.phaseCorrelate(one, other)[0])
            alike = np.corrcoef(one.ravel(), other.ravel())[0, 1]
            assert moved < 1.6 and alike > 0.9 if sample < 3 else (one == other).all(), (sample, seed, moved, alike)
    assert len(list((tmp_path / "kept").rglob("*.jpg"))) == 3          # the small one is not worth it


def test_a_picture_is_read_once(samples, tmp_path):
    kept, path = clips(samples, tmp_path / "kept"), tmp_path / "large.jpg"
    first = kept[0, (0, 0)][0]
    told, time = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(b"")
    os.utime(path, ns=(time, time))
    assert (kept[0, (0, 0)][0] == first).all()
    os.utime(path, ns=(time, time + 10 ** 9))    # another picture now: it is read, and cannot be
    assert "large.jpg: not a readable image" in kept[0, (0, 0)][2]
    path.write_bytes(told)
    assert (kept[0, (0, 0)][0] == first).all() and len(list((tmp_path / "kept").rglob("*.jpg"))) == 2


def test_what_cannot_be_read_is_said_as_without(samples, tmp_path):
    (tmp_path / "large.jpg").unlink()
    with pytest.raises(InputError, match=r"large\.jpg: no such image"):
        clips(samples.take(np.array([0, 1])), tmp_path / "kept")[0, (0, 0)]


def test_training_with_it(samples, tmp_path):
    entries = [{"img": "large.jpg", "gt": box, "em": np.eye(7)[3], "split": split}
               for box, split in zip(samples.boxes[:2].tolist(), ("train", "valid"))]
    write_index(tmp_path / "labelled_parsed.npy", dict(enumerate(entries)))
    model_train.main(["--root", str(tmp_path), "--dicts-path", ".", "--labelled-path", ".", "--cache", "kept",
                      "--img-sz", "64", "--batch-size", "2", "--num-workers", "1", "--device", "cpu", "--precision",
                      "float32", "--weights", "none", "--max-steps", "1", "--mixture", "labelled", "1", "--valid-on",
                      "labelled"])
    files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".jpg"] and (tmp_path / "runs/static/last.pt").is_file()
