import dataclasses
import json

import numpy as np
import pytest
import torch

import ops
from resnet_tsm import resnet18
from vtt_emotion import __version__
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import load_network
from vtt_emotion.training.log import columns_of, read_log
from vtt_emotion.training.runs import Progress, Run, random_states, read_checkpoint, run_folder, set_random_states


def begin(folder, resume=False, **loader):
    options = ops.StaticTrainOps()
    options.loader = dataclasses.replace(options.loader, **loader)
    run = Run(folder, options, resume)
    run.start()
    return run


@pytest.fixture(scope="module")
def net():
    return resnet18()


def test_a_run_holds_options_log_and_checkpoints(tmp_path, net, capsys):
    run = begin(tmp_path / "a", img_sz=96, batch_size=64)
    written = json.loads((tmp_path / "a/ops.json").read_text())
    assert written["loader"]["img_sz"] == 96 and written["version"] == __version__
    run.log(step=5, train_error=0.25)
    run.log(step=10, train_error=0.125, valid_error=1 / 3)
    rows = read_log(tmp_path / "a/log.csv")
    assert (tmp_path / "a/log.csv").read_text().splitlines()[0] == ",".join(columns_of(EMOTIONS))
    assert rows[0]["valid_error"] is None and rows[1]["valid_error"] == pytest.approx(1 / 3, rel=1e-5)
    run.save("last.pt", net, Progress(5), torch.optim.Adam(net.parameters()))
    run.save("best.pt", net, Progress(5, {"mean_recall": 0.5}))
    again = begin(tmp_path / "a", resume=True, img_sz=96, batch_size=32)
    assert again.checkpoint["step"] == 5 and again.checkpoint["version"] == __version__
    assert {"net", "optimizer", "random", "options", "revision"} <= set(again.checkpoint)
    assert [row["step"] for row in read_log(tmp_path / "a/log.csv")] == [5]      # step 10 will be written again
    assert "another option: batch_size 64 -> 32" in capsys.readouterr().out
    loaded = load_network("a/best.pt", tmp_path)
    assert loaded.img_sz == 96 and torch.equal(loaded.fc.weight, net.fc.weight)
    with pytest.raises(InputError, match="no optimiser"):
        read_checkpoint(tmp_path / "a/best.pt")


def test_a_run_is_never_overwritten_nor_begun_afresh_in_silence(tmp_path):
    begin(tmp_path / "a").log(step=1)
    begin(tmp_path / "a").log(step=2)                        # killed before its first checkpoint: nothing to keep
    assert [row["step"] for row in read_log(tmp_path / "a/log.csv")] == [2]
    (tmp_path / "a/best.pt").touch()
    with pytest.raises(InputError, match="holds a run already; continue it with --resume"):
        begin(tmp_path / "a")
    with pytest.raises(InputError, match=r"a/last\.pt: no such checkpoint"):
        begin(tmp_path / "a", resume=True)
    (tmp_path / "a/last.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match="not a checkpoint"):
        begin(tmp_path / "a", resume=True)
    torch.save({"net": {}}, tmp_path / "a/last.pt")
    with pytest.raises(InputError, match="not a checkpoint of a training run"):
        begin(tmp_path / "a", resume=True)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../b"])
def test_a_name_is_no_path(tmp_path, name):
    with pytest.raises(InputError, match="expected the plain name of a folder"):
        run_folder(tmp_path, name)


def test_random_states_come_back():
    states = random_states()
    first = torch.rand(3), np.random.rand(3)
    set_random_states(states)
    assert torch.equal(torch.rand(3), first[0]) and np.array_equal(np.random.rand(3), first[1])


@pytest.mark.parametrize("devices", (1, 3))
def test_random_states_of_more_or_fewer_devices(monkeypatch, devices):
    """Of CUDA devices that are there in words alone, with the CPU's states."""
    came = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [torch.get_rng_state() for _ in range(2)])
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: came.update({device: state}))
    states = random_states()
    assert len(states["cuda"]) == 2
    set_random_states(states)
    assert list(came) == list(range(min(devices, 2))) and all(torch.equal(state, states["torch"])
                                                              for state in came.values())


@pytest.mark.parametrize("text,message", [("", "expected a header"), ("a,b\n1,2\n", "expected a header"),
                                          ("step,train_error\nx,1\n", "log.csv row 2: expected numbers")])
def test_a_broken_log_is_named(tmp_path, text, message):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_log(tmp_path / "log.csv")


def test_weights_that_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _no_network)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _no_network)
    with pytest.raises(InputError, match="imagenet: could not be fetched"):
        load_network("imagenet")
    with pytest.raises(InputError, match="runs/x/best.pt: no such checkpoint"):
        load_network("runs/x/best.pt", tmp_path)
    assert load_network("none").img_sz == 224
    with pytest.raises(InputError, match="knows no emotion"):
        load_network("imagenet", trained=True)


def test_a_network_of_large_faces_says_that_it_is_slow(tmp_path, net, capsys):
    torch.save({"net": net.state_dict(), "options": {"loader": {"img_sz": 2048}}}, tmp_path / "large.pt")
    load_network("large.pt", tmp_path, img_sz=64)
    assert not capsys.readouterr().err
    load_network("large.pt", tmp_path)
    assert "large.pt: works at 2048 px, so that a face takes 84 times the work of one of 224" in capsys.readouterr().err


def _no_network(*args, **kwargs):
    raise OSError("no network")
