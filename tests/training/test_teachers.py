"""Networks that teach: dlib's face recognition as one, and what teachers say mixed into labels."""
import csv

import numpy as np
import pytest
import torch

import model_train
from resnet_tsm import load_checkpoint
from vtt_emotion.core.dlib_models import load_model
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import load_network
from vtt_emotion.training.face_network import Encoder, face_network
from vtt_emotion.training.networks import load
from vtt_emotion.training.teachers import mix


@pytest.fixture(scope="module")
def faces():
    smooth = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(smooth, (150, 150), mode="bicubic").clamp(0, 1).mul(255).round() / 255


def test_the_face_network_says_what_dlib_says(faces):
    net = face_network(faces)
    with torch.no_grad():
        said = net.features(faces[:1])
        net.train()
        normalised = net.features(faces)
    encoder, image = Encoder().eval(), np.ascontiguousarray((faces[0] * 255).byte().permute(1, 2, 0).numpy())
    expected = np.array(load_model("face_recognition_model_v1").compute_face_descriptor(image))
    with torch.no_grad():
        whole, = encoder(torch.from_numpy(image[None]))
    for encoding in (whole, (said @ encoder.last)[0]):
        assert np.abs(encoding.numpy() - expected).max() < 1e-5                  # numbers of about 0.1
    assert torch.allclose(normalised[:1], said, atol=0.02)                       # by the statistics of these faces


def test_what_cannot_be_a_teacher(tmp_path, faces):
    with pytest.raises(InputError, match="--img-sz 96: dlib's network needs 112 px at least"):
        load("dlib", img_sz=96, faces=lambda: faces)
    with pytest.raises(InputError, match="dlib: no such checkpoint"):
        load("dlib", trained=True)
    torch.save({"net": {"blocks.0.conv1.weight": torch.zeros(1)}}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: expected the parameters"):
        load(str(tmp_path / "a.pt"), trained=True)


def test_labels_are_mixed_and_stay_where_a_teacher_saw_nothing():
    targets = np.eye(7, dtype=np.float32)[[0, 1]]
    said = np.stack([np.full(7, 1 / 7), np.full(7, np.nan)]).astype(np.float32)
    mixed = mix(targets, said, 0.7)
    assert mixed[0] == pytest.approx([0.4] + [0.1] * 6) and (mixed[1] == targets[1]).all()


def test_a_teacher_is_trained_and_teaches(parsed, tmp_path, capsys):
    common = ["--root", str(parsed), "--runs-path", str(tmp_path), "--mixture", "raf", "1", "--valid-on", "raf",
              "--num-workers", "0", "--batch-size", "8", "--valid-every", "2", "--log-every", "1", "--device", "cpu"]
    model_train.main([*common, "--name", "teacher", "--weights", "dlib", "--img-sz", "112", "--max-steps", "2"])
    teacher = str(tmp_path / "teacher/best.pt")
    assert load(teacher, trained=True).img_sz == 112
    model_train.main([*common, "--name", "teacher", "--img-sz", "112", "--max-steps", "3", "--resume"])
    assert load_checkpoint(tmp_path / "teacher/last.pt")["step"] == 3
    student = [*common, "--name", "student", "--weights", "fer", "--img-sz", "64", "--teachers", teacher, "fer"]
    model_train.main([*student, "--max-steps", "2"])
    said = np.load(tmp_path / "student/teachers.npy")
    assert said.sum(1) == pytest.approx(1, abs=1e-5)
    model_train.main([*student, "--max-steps", "4", "--resume"])
    with open(tmp_path / "student/log.csv") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]
    assert load_network(str(tmp_path / "student/best.pt"), trained=True).fc.out_features == 7
    with pytest.raises(InputError, match="expected the parameters of a ResNet18"):
        load_network(teacher, trained=True)
    np.save(tmp_path / "student/teachers.npy", said[:3])
    with pytest.raises(InputError, match="of 3 samples"):
        model_train.main([*student, "--max-steps", "5", "--resume"])
