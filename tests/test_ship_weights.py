import pytest
import torch

import ship_weights
from resnet_tsm import load_checkpoint, resnet18


def test_a_shipped_checkpoint_is_half_as_large_and_says_the_same(trained, tmp_path, capsys):
    ship_weights.main(["--root", str(trained), "--weights", "runs/tsm/best.pt", "--output", str(tmp_path / "a.pt")])
    assert (tmp_path / "a.pt").stat().st_size < 23e6 and "22." in capsys.readouterr().out
    best, shipped = resnet18(trained / "runs/tsm/best.pt").eval(), resnet18(tmp_path / "a.pt").eval()
    assert shipped.img_sz == best.img_sz == 64
    frames = torch.rand(4, 3, 64, 64)
    torch.testing.assert_close(best(frames), shipped(frames), atol=0.02, rtol=0.02)
    assert set(load_checkpoint(tmp_path / "a.pt")) == {"net", "step", "best", "revision", "options"}
    assert set(load_checkpoint(tmp_path / "a.pt")["options"]) == {"loader"}               # no path of the trainer's


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
