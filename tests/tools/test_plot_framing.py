import numpy as np
import pytest
from PIL import Image

import parse_ck
import parse_fer
from ops import Margins
from tools import plot_framing
from vtt_emotion.core.crop import square_around
from vtt_emotion.video.detection import framing_of


def test_every_source_frames_a_face_alike(parsed, capsys):
    """In the crops of each sample dataset, HOG sees the face as large and as high as in FER2013's pictures."""
    root = ["--root", str(parsed)]
    parse_fer.main(root)
    parse_ck.main(root)
    capsys.readouterr()
    plot_framing.main([*root, "--faces", "80"])
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    for name in ("affectnet", "raf", "fer", "ck", "friends"):
        found, looked, side, x, y = (float(lines[name][i].strip(",")) for i in (1, 3, 4, 5, 6))
        assert found > 0.9 * looked
        assert side == pytest.approx(plot_framing.FER["hog"][0], abs=0.06), name
        assert (x, y) == pytest.approx(plot_framing.FER["hog"][1:], abs=0.04), name
    picture = np.asarray(Image.open(parsed / "results/framing.png"))
    assert picture.shape[1] > 700 and picture[..., :3].std() > 20


@pytest.mark.parametrize("name,within", [("hog", 0.01), ("centerface", 0.03)])
def test_a_detectors_own_crop_frames_the_face_like_fer(name, within):
    """Of CenterFace's within what its margin leaves to how well faces are read."""
    x, y, side = square_around((100, 100, 80, 84.5), *framing_of(name, Margins()))
    assert 84.5 / side == pytest.approx(plot_framing.FER[name][0], abs=within)
    assert ((140 - x) / side, (142.25 - y) / side) == pytest.approx(plot_framing.FER[name][1:], abs=0.015)


def test_another_detector_measures(parsed, capsys):
    """CenterFace wants within 0.05 the margin that the drawn faces have, as HOG does."""
    plot_framing.main(["--root", str(parsed), "--indexes", "affectnet", "--faces", "80", "--detector", "centerface"])
    printed = capsys.readouterr().out
    assert float(printed.splitlines()[1].split()[-1]) == pytest.approx(Margins().affectnet_margin, abs=0.05)
    assert f"side {plot_framing.FER['centerface'][0]:.2f}" in printed


def test_a_margin_moves_what_is_wanted_by_as_much(parsed, capsys):
    wanted = []
    for margin in ("0.06", "0.3"):
        plot_framing.main(["--root", str(parsed), "--indexes", "affectnet", "--faces", "60",
                           "--affectnet-margin", margin])
        wanted.append(float(capsys.readouterr().out.splitlines()[1].split()[-1]))
    assert wanted[0] == pytest.approx(wanted[1], abs=0.05)


def test_no_index_is_said(tmp_path, run_main, capsys):
    status, _ = run_main(plot_framing.main, ["--root", tmp_path], capsys)
    assert "holds no index" in status
