import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vtt_emotion.core.crop import iou
from vtt_emotion.datasets.npy import FILES, read_index, write_index
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.samples import read_samples

ANCESTOR = Path(__file__).with_name("ancestor")


@pytest.fixture(params=("py2", "py3"))
def dicts(request, tmp_path):
    """A folder with the ancestor's three indexes, as each Python writes them."""
    for kind in ("affectnet", "raf", "friends"):
        shutil.copy(ANCESTOR / f"{request.param}_{kind}.npy", tmp_path / FILES[kind])
    return tmp_path


def test_the_indexes_are_read_as_they_were_written(dicts):
    affectnet, raf, friends = (read_index(dicts / FILES[kind]) for kind in ("affectnet", "raf", "friends"))
    assert sorted(affectnet) == list(range(7)) and list(affectnet[6]) == [0.0, 1.0]      # keys that are floats
    assert affectnet[3][0.0] == {"img": f"12/{1:056x}.jpg", "gt": [130, 128, 640, 644], "emo": 3, "val": 0.75,
                                 "aro": -0.25}
    assert raf[0]["img"] == "basic/Image/original/train_00001.jpg" and type(raf[0]["bb"]) is np.ndarray
    assert raf[0]["bb"].tolist() == [213, 199, 484, 526] and raf[0]["em"].tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert friends[3][0.0]["pos"] == ["ep01", 1, "ross", 100] and len(friends[6]) == 2


def test_affectnets_images_are_relative_to_their_folder(dicts, tmp_path, capsys):
    images = tmp_path / "data/Manually_Annotated/Manually_Annotated_Images"
    images.mkdir(parents=True)
    samples = read_samples("affectnet", dicts, tmp_path / "data", "train")
    assert len(samples) == 4 and samples.targets.argmax(1).tolist() == [0, 3, 6, 6]
    assert samples.boxes[1].tolist() == [130, 128, 640, 644]
    assert samples.paths[1, 0].decode() == f"Manually_Annotated/Manually_Annotated_Images/12/{1:056x}.jpg"
    assert f"images taken from {images}" in capsys.readouterr().out
    plain = read_samples("affectnet", dicts, images, "train")
    assert plain.paths[1, 0].decode() == f"12/{1:056x}.jpg"
    assert "where no Manually_Annotated_Images is" in capsys.readouterr().out


def test_rafs_boxes_are_corners(dicts, capsys):
    samples = read_samples("raf", dicts, dicts, "train")
    assert capsys.readouterr().out == (f"{dicts / FILES['raf']}: an index of the ancestor project; its boxes bb are "
                                       "x0, y0, x1, y1, as 5 of 5 can be\n")
    assert samples.boxes[0].tolist() == [213, 199, 484 - 213, 526 - 199]
    x, y, w, h = samples.boxes[0]
    assert iou([[x, y, x + w, y + h]], [[213, 199, 484, 526]])[0, 0] == 1
    assert samples.paths[:, 0].tolist() == [
        b"basic/Image/original/train_00001.jpg", b"basic/Image/original/train_00002.jpg",
        b"compound/Image/original/train_00003.jpg"]
    test = read_samples("raf", dicts, dicts, "test")
    assert len(test) == 2 and np.allclose(test.targets.sum(1), 1)            # also of shares that sum to 1.05
    assert test.targets[1].tolist() == pytest.approx([0, 0, 0, 0.65 / 1.05, 0, 0.4 / 1.05, 0])


def test_boxes_that_could_be_either_are_told_by_the_whole_index(tmp_path, capsys):
    """(10, 12, 30, 40) may be corners or x, y, w, h; (200, 150, 90, 95) may not; a single bad box counts for little."""
    rng, either = np.random.default_rng(0), [10, 12, 30, 40]

    def boxes_of(boxes):
        index = {row: {"img": "train_1.jpg", "bb": np.array(box, float), "em": np.eye(7)[3]}
                 for row, box in enumerate([either, *boxes])}
        write_index(tmp_path / FILES["raf"], index)
        return read_samples("raf", tmp_path, tmp_path).boxes[0].tolist(), capsys.readouterr().out

    corners = [[x, y, x + w, y + h] for x, y, w, h in rng.integers(20, 200, (300, 4))]
    assert boxes_of(corners)[0] == [10, 12, 20, 28]
    assert boxes_of([*corners, [90, 90, 10, 10]])[0] == [10, 12, 20, 28]     # an inverted one, as RAF-DB has them
    read, said = boxes_of(rng.integers(20, 200, (300, 4)))
    assert read == either and "its boxes bb are x, y, w, h, as 2" in said


def test_friends_positions(dicts, capsys):
    samples = read_samples("friends", dicts, dicts, episodes=(1, 9))
    assert "relative to the folder that --faces-path names, and taken to be 1.6 times" in capsys.readouterr().out
    assert len(samples) == 3 and samples.targets.argmax(1).tolist() == [3, 6, 6]
    assert samples.paths[0].tolist() == [b"ep01_p/ep01_0001_ross_3_%05d.jpg" % frame for frame in range(97, 101)]
    assert not samples.boxes.any()                                           # crops: each is a whole image
    assert len(read_samples("friends", dicts, dicts, episodes=(10,))) == 1


def test_friends_crops_are_framed_as_this_projects_are(dicts):
    """They are 1.6 times the box, of which the middle 1.06 is shown, at whatever size they were kept."""
    samples = read_samples("friends", dicts, dicts, episodes=(10,), framing=(0.03, 0.0))
    (dicts / "ep10_p").mkdir()
    rng, pictures = np.random.default_rng(0), []
    for path in samples.paths[0]:
        pictures.append(rng.integers(0, 256, (160, 160, 3), np.uint8))
        Image.fromarray(pictures[-1]).save(dicts / path.decode(), "PNG")
    crops = FaceClips([samples], 106, 4)[0, (0, 0)][0].numpy()
    middles = np.stack([picture[27:133, 27:133] for picture in pictures])
    np.testing.assert_array_equal(crops, middles.transpose(0, 3, 1, 2))


def test_an_index_of_this_project_is_left_as_it_is(parsed, capsys):
    for kind, root in (("affectnet", "datasets/AffectNet"), ("raf", "datasets/RAF-DB"), ("friends", "friends_faces")):
        read_samples(kind, parsed / "dicts", parsed / root)
        assert "ancestor" not in capsys.readouterr().out
