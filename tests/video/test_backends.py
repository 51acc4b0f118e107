import numpy as np
import pytest
import torch
from torchvision.models import resnet18 as torchvision_resnet18

from tools import ship_weights
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import load_network, say_plain
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.networks import load
from vtt_emotion.training.samples import read_samples
from vtt_emotion.video.backends import make_step
from vtt_emotion.video.onnx_backend import OnnxStep, checkpoint_hash, int8_graph
from vtt_emotion.video.torch_backend import TorchStep

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shipped(trained, tmp_path_factory):
    """Weights of a few steps with an int8 graph calibrated on drawn faces. So little trained, it may not agree."""
    path = tmp_path_factory.mktemp("weights") / "mine.pt"
    former, ship_weights.AGREES, ship_weights.LOSES = (ship_weights.AGREES, ship_weights.LOSES), 0, 1
    ship_weights.main(["--root", str(trained), "--weights", "runs/static/best.pt", "--output", str(path),
                       "--calibrate-on", "affectnet", "--crops", "48"])
    ship_weights.AGREES, ship_weights.LOSES = former
    return path


@pytest.fixture(scope="module")
def crops(trained):
    """uint8 (40, 3, 64, 64), validation faces."""
    samples = read_samples("affectnet", trained / "dicts", trained / "datasets/AffectNet", split="valid")
    clips = FaceClips([samples], 64)
    return np.concatenate([clips[row % len(samples), (0,)][0].numpy() for row in range(40)])


def logits(step, crops):
    """Of each crop, as the third frame of a stream of three."""
    state, fresh = None, np.ones(len(crops), bool)
    for _ in range(3):
        said, state = step(crops, state, fresh)
        fresh = np.zeros(len(crops), bool)
    return said


def test_backends_agree(shipped, crops, tmp_path, capsys):
    said = {name: logits(make_step(name, "cpu", shipped, tmp_path), crops)
            for name in ("torch", "onnx", "int8")}
    np.testing.assert_allclose(said["onnx"], said["torch"], atol=1e-3)
    spread = said["torch"].std()
    assert 0 < np.abs(said["int8"] - said["torch"]).mean() < 0.25 * spread
    assert b"site-packages" not in int8_graph(shipped).read_bytes()                          # no path of the maker's
    assert capsys.readouterr().out.count("exporting the network") == 1
    make_step("onnx", "cpu", shipped, tmp_path)               # kept
    assert "exporting" not in capsys.readouterr().out


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"net": state}])
def test_of_another_projects_weights_the_order_is_said_to_be_a_guess(trained, tmp_path, capsys, wrap):
    """Each time that they are read with, by a kept graph too; never of this project's own."""
    for backend in ("torch", "onnx"):
        assert len(make_step(backend, "cpu", trained / "runs/tsm/best.pt", tmp_path).labels) == 7
    load(str(trained / "runs/tsm/best.pt"), trained=True)
    assert "thought to be" not in capsys.readouterr().err
    weights = tmp_path / "theirs.pth"
    torch.save(wrap(torchvision_resnet18(num_classes=7).state_dict()), weights)
    said = (f"warning: {weights}: of another project, or without its options; its seven classes are thought to be in "
            "this project's order: angry, disgust, fear, happy, sad, surprise, neutral\n")
    for backend in ("onnx", "onnx", "torch", ""):
        say_plain.cache_clear()                  # as in a process of its own
        step = make_step(backend, "cpu", weights, tmp_path) if backend else load(str(weights), trained=True)
        assert len(step.labels) == 7 and capsys.readouterr().err.endswith(said)
    load(str(weights), trained=True)
    assert not capsys.readouterr().err


def test_auto_takes_int8_where_it_came_with_the_weights(shipped, trained, tmp_path, capsys):
    step = make_step("auto", "cpu", shipped, tmp_path)
    assert isinstance(step, OnnxStep) and step.hash == checkpoint_hash(shipped) and not list(tmp_path.iterdir())
    other = tmp_path / "other.pt"
    other.write_bytes((trained / "runs/tsm/best.pt").read_bytes())
    step = make_step("auto", "cpu", other, tmp_path)
    assert isinstance(step, OnnxStep) and step.hash is None and list(tmp_path.glob("*.onnx"))
    int8_graph(other).write_bytes(int8_graph(shipped).read_bytes())                          # of other weights
    assert make_step("auto", "cpu", other, tmp_path).hash is None
    assert "of other weights, so it is left aside" in capsys.readouterr().out
    assert isinstance(make_step("torch", "cpu", shipped, tmp_path), TorchStep)


def test_weights_that_give_nan_are_named(trained, tmp_path):
    """Finite ones, so huge that a sum is infinite, and a variance below zero."""
    for number, (name, value) in enumerate((("fc.weight", 3e38), ("bn1.running_var", -1.0))):
        checkpoint = torch.load(trained / "runs/tsm/best.pt", weights_only=True)
        net = checkpoint.get("average") or checkpoint["net"]
        net[name] = torch.full_like(net[name], value)
        path = tmp_path / f"{number}.pt"
        torch.save(checkpoint, path)
        step = make_step("torch", "cpu", path, tmp_path)
        with pytest.raises(InputError, match=f"{number}.pt: expected finite logits of seven emotions; these weights"):
            step(np.full((2, 3, 64, 64), 99, np.uint8), None, np.ones(2, bool))


def test_a_graph_of_other_weights_under_this_name_is_made_again(trained, tmp_path, monkeypatch, capsys):
    def stop(net, path, name):
        raise InterruptedError(name)

    weights, other = trained / "runs/tsm/best.pt", tmp_path / "other.pt"
    assert make_step("onnx", "cpu", weights, tmp_path).exported == checkpoint_hash(weights)
    torch.save(torch.load(trained / "runs/static/best.pt", weights_only=True), other)
    kept, = tmp_path.glob("*.onnx")
    kept.rename(kept.with_name(kept.name.replace(checkpoint_hash(weights), checkpoint_hash(other))))
    monkeypatch.setattr("vtt_emotion.video.torch_backend.export", stop)
    with pytest.raises(InterruptedError, match=checkpoint_hash(other)):
        make_step("onnx", "cpu", other, tmp_path)
    assert f"not of {other}, so it is made again" in capsys.readouterr().out


def test_int8_that_cannot_be_had(trained, tmp_path, shipped):
    weights = trained / "runs/tsm/best.pt"
    with pytest.raises(InputError, match="no such int8 graph of .*; tools.ship_weights --calibrate-on makes it"):
        make_step("int8", "cpu", weights, tmp_path)
    broken = tmp_path / "broken.pt"
    broken.write_bytes(shipped.read_bytes())
    int8_graph(broken).write_bytes(int8_graph(shipped).read_bytes()[:5000])
    with pytest.raises(InputError, match=r"broken\.int8\.onnx: not an ONNX graph of this network"):
        make_step("int8", "cpu", broken, tmp_path)


def test_int8_that_does_not_agree_is_not_shipped(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ship_weights, "compare_with_float", lambda *_: (0.97, 0.8, 0.8))
    out = ["--root", str(trained), "--weights", "runs/static/best.pt", "--output", str(tmp_path / "mine.pt"),
           "--calibrate-on", "affectnet", "--crops", "32"]
    with pytest.raises(InputError, match="int8 says the same on 97.0% .*too little"):
        ship_weights.main(out)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.pt"]
    monkeypatch.setattr(ship_weights, "compare_with_float", lambda *_: (0.99, 0.8, 0.796))
    ship_weights.main(out)
    assert "says the same on 99.0%" in capsys.readouterr().out and int8_graph(tmp_path / "mine.pt").is_file()


def test_answers_are_compared(trained, shipped, crops):
    net, truth = load_network(str(shipped)), np.arange(40) % 7
    equal, plain, other = ship_weights.compare_with_float(net, TorchStep(net, "cpu"), crops, truth)
    assert equal == 1 and plain == other
    said = TorchStep(net, "cpu")(crops, None, np.ones(40, bool))[0].argmax(1)
    angry = lambda *_: (np.eye(7)[np.zeros(16, int)], None)  # noqa: E731
    assert ship_weights.compare_with_float(net, angry, crops[:16], said[:16]) == (
        (said[:16] == 0).mean(), 1.0, (said[:16] == 0).mean())


def test_shipping_anew_takes_the_old_graph_away(shipped, trained, tmp_path):
    path = tmp_path / "mine.pt"
    path.with_suffix(".int8.onnx").write_bytes(int8_graph(shipped).read_bytes())
    ship_weights.main(["--root", str(trained), "--weights", "runs/tsm/best.pt", "--output", str(path)])
    assert [file.name for file in tmp_path.iterdir()] == ["mine.pt"]
