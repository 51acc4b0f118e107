import argparse
import zipfile

import numpy as np
import pytest
import torch
from torchvision.models import resnet18 as torchvision_resnet18
from torchvision.models import resnet34

from vtt_emotion.core.errors import InputError
from vtt_emotion.training.networks import load


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(1)
    return torchvision_resnet18(num_classes=8).state_dict()


def numbered(state):
    """As of nn.Sequential(*children) without the last layer, beside a head of its own, as DAN's."""
    children = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    names = {name: ".".join([f"features.{children.index(name.split('.')[0])}", *name.split(".")[1:]])
             for name in state if not name.startswith("fc.")}
    return {names[name]: state[name] for name in names} | {"cat_head0.sa.conv1x1.0.weight": torch.zeros(3)}


FORMS = {"plain": lambda state: state, "parallel": lambda state: {f"module.{name}": state[name] for name in state},
         "wrapped": lambda state: {"epoch": 3, "state_dict": {f"module.{name}": state[name] for name in state}},
         "model": lambda state: {"model": state},
         "other": lambda state: {0: [1], "options": {"lr": 0.1}, "run": {"weights": {1: 2} | state}},
         "tar": lambda state: {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": {}, "loss": 0.5},
         "headless": lambda state: {name: state[name] for name in state if not name.startswith("fc.")},
         "old": lambda state: {name: state[name] for name in state if not name.endswith("num_batches_tracked")},
         "numbered": lambda state: {"iter": 6, "model_state_dict": numbered(state)}}


@pytest.mark.parametrize("form", FORMS)
def test_other_projects_checkpoints_are_starts_alone(theirs, tmp_path, capsys, form):
    path = tmp_path / "theirs.pth"
    torch.save(FORMS[form](theirs), path)
    net = load(str(path))
    for name, value in net.state_dict().items():
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
            assert torch.equal(value, theirs[name]), name
    assert net.fc.bias.shape == (7,)
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: a start of another project; taken {100 if form == 'old' else 120} of a ResNet18's "
                           "122 parameters") and said.count("\n") == 1
    assert said.endswith("last layer new\n" if form in ("headless", "numbered") else
                         "last layer new (the checkpoint's is of 8 classes)\n")
    with pytest.raises(InputError, match=str(path)):         # it knows no emotion of this project's
        load(str(path), trained=True)


class _Meter:
    """As the meters of accuracy that trainings save with a checkpoint."""
    def __init__(self):
        self.best, self.losses = np.float64(71.5), np.zeros((3, 2))


class _Harm:
    def __reduce__(self):
        return print, ("harm",)


def test_what_lies_beside_the_parameters_is_left_out(theirs, tmp_path, capsys, monkeypatch):
    """NumPy's numbers, options and objects of classes that are not here; what asks for code to be run runs none."""
    path = tmp_path / "theirs.pth"
    beside = {"best_acc": np.float64(71.5), "args": argparse.Namespace(lr=0.1, out=path), "recorder": _Meter(),
              "rng": np.random.get_state(), "harm": _Harm()}
    torch.save({"state_dict": theirs, **beside}, path)
    monkeypatch.delattr("tests.training.test_starts._Meter")
    assert torch.equal(load(str(path)).conv1.weight, theirs["conv1.weight"])
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(tmp_path / "former.pth", "w") as former:
        for name in new.namelist():              # as NumPy 1 names its own
            former.writestr(name, new.read(name).replace(b"numpy._core", b"numpy.core"))
    assert torch.equal(load(str(tmp_path / "former.pth")).conv1.weight, theirs["conv1.weight"])
    said = capsys.readouterr().out
    assert said.count("taken 120 of a ResNet18's 122 parameters, state_dict.*; its 2 others left") == 2
    assert "harm" not in said
    with pytest.raises(InputError, match=r"theirs.pth: not a .*; expected what torch.save\(net.state_dict"):
        load(str(path), trained=True)
    torch.save({"state_dict": theirs, "args": beside["args"]}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match="it holds argparse.Namespace, or asks"):
        load(str(path))


def test_a_last_layer_of_seven_is_taken(tmp_path, capsys):
    state = torchvision_resnet18(num_classes=7).state_dict()
    torch.save({"model_state_dict": state}, tmp_path / "a.tar")
    assert torch.equal(load(str(tmp_path / "a.tar")).fc.weight, state["fc.weight"])
    assert "last layer taken" in capsys.readouterr().out


def test_others_are_refused(theirs, tmp_path):
    torch.save({"state_dict": resnet34(num_classes=7).state_dict()}, tmp_path / "deep.pth")
    with pytest.raises(InputError, match="of another network than ResNet18, which has no layer1.2.conv1"):
        load(str(tmp_path / "deep.pth"))
    part = {f"a.{name}": value for name, value in theirs.items() if name != "layer2.0.bn1.bias"}
    torch.save(part, tmp_path / "b.pth")
    with pytest.raises(InputError, match="of a ResNet18, found none called a.layer2.0.bn1.bias"):
        load(str(tmp_path / "b.pth"))
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, tmp_path / "c.pth")
    with pytest.raises(InputError, match="c.pth: expected the parameters of a ResNet18"):
        load(str(tmp_path / "c.pth"))
