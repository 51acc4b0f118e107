import re

import numpy as np
import pytest
import torch

from resnet_tsm import load_checkpoint, resnet18
from tools import ship_weights
from vtt_emotion.core.labels import NEUTRAL
from vtt_emotion.core.weights import find_weights
from vtt_emotion.training import calibration
from vtt_emotion.training.calibration import OFFSETS, calibrate, choose_offset, fit_temperature
from vtt_emotion.training.runs import ship


def test_a_shipped_checkpoint_is_half_as_large_and_says_the_same(trained, tmp_path, capsys):
    ship_weights.main(["--root", str(trained), "--weights", "runs/tsm/best.pt", "--output", str(tmp_path / "a.pt")])
    assert (tmp_path / "a.pt").stat().st_size < 23e6 and "22." in capsys.readouterr().out
    best, shipped = resnet18(trained / "runs/tsm/best.pt").eval(), resnet18(tmp_path / "a.pt").eval()
    assert shipped.img_sz == best.img_sz == 64
    frames = torch.rand(4, 3, 64, 64)
    torch.testing.assert_close(best(frames), shipped(frames), atol=0.02, rtol=0.02)
    assert set(load_checkpoint(tmp_path / "a.pt")) == {"net", "step", "best", "revision", "options"}
    assert set(load_checkpoint(tmp_path / "a.pt")["options"]) == {"loader"}               # no path of the trainer's


def test_the_mean_of_several_is_shipped(trained, tmp_path, run_main, capsys):
    paths = [trained / "runs" / name / "best.pt" for name in ("static", "tsm")]
    ship_weights.main(["--weights", *map(str, paths), "--output", str(tmp_path / "a.pt")])
    first, second, mean = (resnet18(path).state_dict() for path in (*paths, tmp_path / "a.pt"))
    assert not torch.equal(first["conv1.weight"], second["conv1.weight"])
    for name, value in mean.items():
        torch.testing.assert_close(value, ((first[name] + second[name]) / 2).to(value.dtype), atol=1e-3, rtol=1e-3)
    other = load_checkpoint(paths[0])
    other["options"]["loader"]["img_sz"] = 96
    torch.save(other, tmp_path / "b.pt")
    said, _ = run_main(ship_weights.main, ["--weights", paths[0], tmp_path / "b.pt", "--output", tmp_path / "c.pt"],
                       capsys)
    assert f"b.pt: works at 96 px, and {paths[0]} at 64" in said and not (tmp_path / "c.pt").exists()


@pytest.mark.parametrize("content,message", [
    (None, "no such checkpoint"), (b"junk", "not a checkpoint"), ({"net": {}}, "expected the parameters"),
    ("bare", "not a checkpoint of a training run")])
def test_what_cannot_be_shipped(tmp_path, run_main, capsys, content, message):
    path = tmp_path / "a.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(resnet18().state_dict() if content == "bare" else content, path)
    said, _ = run_main(ship_weights.main, ["--weights", path, "--output", tmp_path / "b.pt"], capsys)
    assert said.startswith(f"error: {path}") and message in said and not (tmp_path / "b.pt").exists()


def drawn_logits(count, warmth):
    """Logits (count, 7) that are `warmth` times those that truth was drawn by, and the truth, (count, 7)."""
    rng = np.random.default_rng(0)
    honest = torch.from_numpy(rng.normal(0, 1.5, (count, 7))).float()
    truth = (honest.softmax(1).cumsum(1) < torch.from_numpy(rng.random((count, 1))).float()).sum(1).clamp(max=6)
    return honest * warmth, torch.eye(7)[truth]


def test_the_temperature_that_was_put_in_is_found():
    for warmth in (0.5, 1.0, 2.5):
        logits, target = drawn_logits(4000, warmth)
        assert fit_temperature(logits, target) == pytest.approx(warmth, rel=0.06)
    found = calibrate(logits, target)
    assert found["before"] > 0.15 and found["after"] < 0.035 and found["held_out"] < 0.035
    assert found["held_out"] != found["after"] and found["kept"] == found["temperature"]
    small, target = drawn_logits(4, 1.0)         # whatever is fitted on so few is of no use on the others
    assert calibrate(small, target)["temperature"] > 0
    found = calibrate(*drawn_logits(200, 1.0))    # nothing is to be mended
    assert found["held_out"] >= found["before"] and found["kept"] == 1 != found["temperature"]


def test_a_temperature_is_folded_into_the_last_layer(parsed, tmp_path, capsys, monkeypatch):
    """With the shipped weights: on faces that a network knows nothing of, one temperature is as good as another.

    It is kept though it was fitted on seven faces.
    """
    fit = calibration.calibrate
    monkeypatch.setattr(calibration, "calibrate", lambda *faces: (found := fit(*faces)) | {
        "kept": found["temperature"]})
    plain, warm, again = (tmp_path / f"{name}.pt" for name in ("plain", "warm", "again"))
    argv = ["--root", str(parsed), "--valid-episodes", "3", "--temperature-on", "friends", "--weights"]
    ship_weights.main(["--weights", str(find_weights("fer")), "--output", str(plain)])
    ship_weights.main([*argv, str(plain), "--output", str(warm)])
    said = re.search(r"temperature ([\d.]+), on [\d,]+ held-out faces of friends: calibration error ([\d.]+)%, with it "
                     r"([\d.]+)%; on each half", capsys.readouterr().out)
    assert float(said[1]) != 1
    whole = load_checkpoint(warm)["temperature"]
    temperature = whole / load_checkpoint(plain)["temperature"]
    assert temperature == pytest.approx(float(said[1]), abs=1e-3)
    frames = torch.rand(4, 3, 64, 64)
    before, after = (resnet18(path).eval()(frames).detach() for path in (plain, warm))
    torch.testing.assert_close(before / temperature, after, rtol=2e-3, atol=2e-3 / temperature)
    assert (before.argmax(1) == after.argmax(1)).all()
    ship_weights.main([*argv, str(warm), "--output", str(again)])
    assert load_checkpoint(again)["temperature"] == pytest.approx(whole, rel=0.02)


def test_the_neutral_offset_that_was_taken_off_is_found():
    logits = drawn_logits(1000, 1.0)[0]
    target = torch.eye(7)[logits.argmax(1)]
    assert choose_offset(logits, target)["offset"] == 0
    logits[:, NEUTRAL] -= 0.9
    found = choose_offset(logits, target)
    assert found["offset"] == pytest.approx(0.9) and found["curve"].shape == OFFSETS.shape
    assert found["before"] < 0.95 < found["held_out"] <= found["after"] == 1


@pytest.fixture
def ends(tmp_path):
    """Two checkpoints, a.pt and b.pt."""
    torch.manual_seed(0)
    for name in ("a", "b"):
        net = resnet18()
        about = {"step": 1, "best": 0.5, "revision": name, "options": {"loader": {"img_sz": 64}}}
        ship(net, about, tmp_path / f"{name}.pt")
    return tmp_path


def test_what_lies_on_the_way_to_another_checkpoint_is_shipped(ends):
    ship_weights.main(["--root", str(ends), "--weights", "a.pt", "--toward", "b.pt", "--by", "0.25", "--output",
                       "c.pt"])
    first, second, between = (resnet18(ends / f"{name}.pt").state_dict() for name in "abc")
    for name, value in between.items():
        torch.testing.assert_close(value, (0.75 * first[name] + 0.25 * second[name]).to(value.dtype), atol=1e-3,
                                   rtol=1e-3)
    assert load_checkpoint(ends / "c.pt")["revision"] == "b"


def test_the_neutral_offset_is_baked_into_the_last_bias(ends, monkeypatch, capsys):
    logits, target = drawn_logits(400, 4.0)
    logits[:, NEUTRAL] -= 0.9
    monkeypatch.setattr(ship_weights, "read_logits", lambda net, indexes, ops: (logits, target))
    ship_weights.main(["--root", str(ends), "--weights", "a.pt", "--neutral-on", "labelled:films", "labelled:valid",
                       "--output", "c.pt"])
    offset = load_checkpoint(ends / "c.pt")["neutral_offset"]
    before, after = (resnet18(ends / f"{name}.pt").fc.bias for name in "ac")
    torch.testing.assert_close(after - before, offset * torch.eye(7)[NEUTRAL], atol=1e-3, rtol=1e-3)
    ship_weights.main(["--root", str(ends), "--weights", "a.pt", "--neutral-on", "labelled:films", "labelled:valid",
                       "--neutral-offset", "0.15", "--output", "d.pt"])
    assert load_checkpoint(ends / "d.pt")["neutral_offset"] == 0.15
    said = capsys.readouterr().out
    assert "macro F1 by neutral's offset: -1.0 " in said
    assert f"neutral's offset {offset:+.2f}, on 400 held-out faces of labelled:films and labelled:valid" in said
