"""Training by torch.compile, and CUDA's path walked on a stand-in for a device (test_cuda.py runs on a real one)."""
import pytest
import torch

import evaluate
from resnet_tsm import ResNetTSM
from tests.training.test_engine import assert_same, train, weights
from vtt_emotion.core.errors import InputError
from vtt_emotion.training import train as training

SHORT = ("--valid-every", "2", "--average", "0.9")


def test_a_compiled_training_is_that_of_the_plain_network(parsed, monkeypatch, capsys):
    made, real = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda what: made.append(what) or real(what, backend="eager"))
    train(parsed, "plain_steps", *SHORT, "--max-steps", "4")
    assert not made
    train(parsed, "compiled_steps", *SHORT, "--max-steps", "2", "--compile")
    assert isinstance(made[-1], ResNetTSM)
    train(parsed, "compiled_steps", *SHORT, "--max-steps", "4", "--compile", "--resume")
    plain, compiled = (weights(parsed, name) for name in ("plain_steps", "compiled_steps"))
    assert_same(plain, compiled)
    assert set(plain["average"]) == set(compiled["average"]) == set(plain["net"])
    evaluate.main(["--root", str(parsed), "--index", "raf", "--device", "cpu", "--num-workers", "0",
                   "--weights", "runs/compiled_steps/best.pt", "--results-path", str(parsed / "results_compiled")])


def test_what_cannot_compile_is_said_before_the_first_step(parsed, monkeypatch):
    def fail(*_):
        raise RuntimeError("No working C++ compiler found\nTraceback ...")

    monkeypatch.setattr(torch, "compile", lambda what: fail)
    with pytest.raises(InputError, match=r"--compile: .*\(No working C\+\+ compiler found\)"):
        train(parsed, "uncompiled", *SHORT, "--max-steps", "2", "--compile")


class Moved(torch.Tensor):
    """A tensor of the CPU that says it lies on a GPU."""
    device = torch.device("cuda")


def test_the_path_of_cuda(parsed, monkeypatch):
    """Pinned batches go over without waiting, to a channels_last network, in bfloat16, by cuDNN's fastest."""
    seen: dict = {"moves": [], "layouts": [], "casts": [], "pinned": []}
    to, net_to = torch.Tensor.to, torch.nn.Module.to
    autocast, make_loader = torch.autocast, training.make_loader

    def move(tensor, *args, **options):
        if args and isinstance(args[0], torch.device) and args[0].type == "cuda":
            seen["moves"].append(options.get("non_blocking", False))
            return to(tensor, "cpu", *args[1:]).as_subclass(Moved)
        return to(tensor, *args, **options)

    def move_net(net, device, **options):
        seen["layouts"].append(options["memory_format"])
        return net_to(net, "cpu", **options)

    def cast(device, dtype):
        seen["casts"].append((device, dtype))
        return autocast("cpu", dtype)

    def load(faces, order, workers, pinned):
        seen["pinned"].append(pinned)
        return make_loader(faces, order, workers)

    monkeypatch.setattr(training, "name_device", lambda device: "cuda")
    monkeypatch.setattr(training, "make_loader", load)
    monkeypatch.setattr(torch.Tensor, "to", move)
    monkeypatch.setattr(torch.nn.Module, "to", move_net)
    monkeypatch.setattr(torch, "autocast", cast)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    train(parsed, "as_on_cuda", "--max-steps", "2", "--valid-every", "2", "--precision", "auto")
    assert seen["pinned"] == [True, True] and seen["layouts"] == [torch.channels_last]
    assert seen["moves"].count(True) >= 4 and set(seen["casts"]) == {("cuda", torch.bfloat16)}
    assert torch.backends.cudnn.benchmark
    assert weights(parsed, "as_on_cuda")["step"] == 2
