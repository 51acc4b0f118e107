import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_tsm import ResNetTSM
from vtt_emotion import Detector, InputError, find_faces, make_faces, read_emotions, read_image, read_video
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.drawn.coded import write_interview
from vtt_emotion.video.frames import read_frames

ROOT = Path(__file__).parents[2]


class Thirds(Detector):
    """A detector of one's own: a face in each third of the picture, looked for at half its size."""
    margin = 0.1

    def prepare(self, frame):
        return frame.scaled(frame.size[0] // 2)

    def find(self, picture, scale=1.0):
        side = picture.shape[1] / 3
        return make_faces(scale * np.array([[side * n, 0, side * (n + 1), side] for n in range(3)]))


class Bright(torch.nn.Module):
    """A network of one's own: is a face bright?"""
    labels, img_sz = ("dark", "bright", "odd"), 16

    def step(self, frames, state=None, fresh=None):
        light = frames.mean((1, 2, 3))
        return torch.stack([0.5 - light, light - 0.5, torch.full_like(light, -9)], 1), (light[:, None],)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interview")
    write_interview(folder, 1, 0.5, 0)
    return folder / "interview1.mp4"


@pytest.fixture(scope="module")
def picture(video):
    return next(read_frames(video)).rgb


def test_a_picture_in_one_line_and_in_two_halves(picture, tmp_path):
    write_image(tmp_path / "a.png", picture)
    frame, faces = read_image(tmp_path / "a.png"), find_faces(picture)
    assert len(frame) == len(faces) > 0 and frame.equals(read_image(picture))
    assert frame.equals(read_emotions(picture, faces))
    assert read_emotions(picture, faces[1:]).shape == (len(faces) - 1, len(frame.columns))
    assert list(frame) == ["id", "class", "confidence", *EMOTIONS, "xmin", "ymin", "xmax", "ymax"]
    assert faces["id"].tolist() == frame["id"].tolist() == list(range(1, len(faces) + 1))
    assert frame[["xmin", "ymin", "xmax", "ymax"]].to_numpy().tolist() == faces["box_xyxy"].round().tolist()
    np.testing.assert_allclose(frame[list(EMOTIONS)].sum(1), 1, atol=1e-5)
    assert len(find_faces(np.zeros((50, 60, 3), np.uint8))) == len(read_image(np.zeros((50, 60, 3), np.uint8))) == 0


def test_a_detector_and_a_network_of_ones_own(video, picture):
    light = picture.copy()
    light[:, :light.shape[1] // 3] = 255
    frame = read_image(light, Bright(), Thirds(), device="cpu")
    assert frame["class"].iloc[0] == "bright" and list(frame["class"].cat.categories) == list(Bright.labels)
    third = picture.shape[1] / 3
    assert frame["xmin"].tolist() == pytest.approx([0, third, 2 * third], abs=2)
    read = read_video(video, Bright(), Thirds(), device="cpu", every=2)
    assert set(read) >= {"seconds", "name", *Bright.labels} and not {"happy"} & set(read)
    assert read.groupby("seconds").size().eq(3).all() and read["id"].nunique() == 3
    net = ResNetTSM()
    assert net.labels == EMOTIONS and list(read_image(picture, net, Thirds(), device="cpu"))[3:10] == list(EMOTIONS)


def test_scores_are_a_boolean(picture):
    assert "happy" not in read_image(picture, scores=False) and "happy" not in read_image(picture, scores="false")
    assert read_image(picture, scores=True).equals(read_image(picture))


@pytest.mark.parametrize("options,said", [
    ({"backend": "int9"}, "backend='int9': expected one of 'auto', 'torch', 'onnx', 'int8'"),
    ({"detector": "yunet"}, "detector='yunet': expected one of 'centerface'"),
    ({"detector": 3}, "detector=3: expected a name, or a Detector of one's own"),
    ({"network": torch.nn.Linear(1, 1)}, "network=Linear: expected a name, a checkpoint's path, or a network with"),
    ({"network": "nobody"}, "nobody: no such checkpoint"),
    ({"every": "10"}, "every='10': expected a whole number"),
    ({"every": True}, "every=True: expected a whole number"),
    ({"min_score": "high"}, "min_score='high': expected a number"),
    ({"min_score": 2}, "--min-score 2.0: expected from 0.01 to 1"),
    ({"link": "yes"}, "link='yes': expected one of 'true', 'false'"),
    ({"scores": 1}, "scores=1: expected one of 'true', 'false'"),
    ({"gallery": 5}, "gallery=5: expected text"),
    ({"overlay": True}, "no option 'overlay' here"),
    ({"evry": 4}, "no option 'evry' here")])
def test_arguments_are_checked(video, options, said):
    with pytest.raises(InputError) as error:
        read_video(video, **options)
    assert str(error.value).startswith(said)


def test_what_is_no_picture_no_faces_no_answer(picture):
    for other in (picture[..., 0], picture.astype(float), picture[:0], 5, [1]):
        with pytest.raises(InputError, match="a picture: expected a path, or RGB uint8"):
            read_image(other)
    with pytest.raises(InputError, match="expected faces as of find_faces"):
        read_emotions(picture, [[0, 0, 9, 9]])
    odd, few = Thirds(), Bright()
    odd.find, few.labels = lambda picture, scale: [[0, 0, 9, 9]], ("dark", "bright")
    with pytest.raises(InputError, match="Thirds.find: expected faces as of make_faces, got list"):
        find_faces(picture, odd)
    with pytest.raises(InputError, match="expected finite logits of 2 labels; these weights give .3"):
        read_image(picture, few, Thirds(), device="cpu")


def run(code, folder, *arguments):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=folder, capture_output=True,
                          text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_nothing_is_printed_nor_written_beside(video, tmp_path):
    done = run("import sys; from vtt_emotion import read_video; assert len(read_video(sys.argv[1], device='cpu'))",
               tmp_path, video)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and not list(tmp_path.iterdir())


def test_the_package_imports_nothing_before_it_is_asked_for(tmp_path):
    code = ("import sys, vtt_emotion, vtt_emotion.core.errors; "
            "sys.exit(bool({'numpy', 'cv2', 'onnxruntime', 'torch'} & set(sys.modules)))")
    assert run(code, tmp_path).returncode == 0
    with pytest.raises(ImportError):
        from vtt_emotion import read_nothing  # noqa: F401
