import torch

import model_tsm_train
import parse_ck
from resnet_tsm import load_checkpoint, resnet18
from tests.conftest import TINY
from vtt_emotion.training.log import read_log


def test_sequences_start_from_the_static_model(trained):
    options = load_checkpoint(trained / "runs/tsm/best.pt")["options"]
    assert options["run"]["weights"] == "runs/static/best.pt"
    assert [source for source, _ in options["data"]["mixture"]] == ["friends"]          # the ancestor's
    assert read_log(trained / "runs/tsm/log.csv")[-1]["step"] == 2
    static, sequence = (load_checkpoint(trained / f"runs/{name}/best.pt")["net"] for name in ("static", "tsm"))
    moved = (static["conv1.weight"] - sequence["conv1.weight"]).abs().max()
    assert 0 < moved < 0.01                      # a few steps away, not another beginning
    assert resnet18(trained / "runs/tsm/best.pt")(torch.rand(4, 3, 64, 64)).shape == (4, 7)


def test_ck_clips_in_the_mixture(trained):
    parse_ck.main(["--root", str(trained)])
    model_tsm_train.main(["--root", str(trained), *TINY, "--name", "ck", "--max-steps", "1",
                          "--mixture", "ck", "0.5", "friends", "0.5"])
    assert read_log(trained / "runs/ck/log.csv")[-1]["step"] == 1


def test_errors(trained, run_main, capsys, tmp_path):
    said, _ = run_main(model_tsm_train.main, ["--root", trained, *TINY, "--name", "x", "--weights", "runs/no/best.pt"],
                       capsys)
    assert "runs/no/best.pt: no such checkpoint" in said
    said, _ = run_main(model_tsm_train.main, ["--root", trained, *TINY, "--name", "x", "--valid-on", "ck"], capsys)
    assert "CK+ has no validation split" in said
