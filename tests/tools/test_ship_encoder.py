"""The graph that tells people apart: made again it says what the shipped one says."""
import numpy as np
import onnx
import pytest

from tools import ship_encoder
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.names import CHIPS, ENCODINGS


@pytest.fixture(scope="module")
def made():
    return ship_encoder.export()


def test_the_graph_made_again_is_the_shipped_one(tmp_path, capsys, monkeypatch, made):
    monkeypatch.setattr(ship_encoder, "export", lambda: made)
    ship_encoder.main(["--root", str(tmp_path), "--output", "a.onnx", "--faces", "2"])
    assert "differ from dlib's by at most 0.000" in capsys.readouterr().out
    shipped, path = SHIPPED / "dlib_face.onnx", tmp_path / "a.onnx"
    chips = np.random.default_rng(0).integers(0, 255, (3, 150, 150, 3), np.uint8)
    one, other = (open_graph(file, (CHIPS, ENCODINGS), "encoder").run(None, {CHIPS: chips})[0]
                  for file in (shipped, path))
    assert one.shape == (3, 128)
    np.testing.assert_allclose(one, other, atol=1e-6)
    graph = onnx.load(shipped).graph
    assert shipped.stat().st_size < 11.5e6 and not any(part.doc_string or part.metadata_props for part in graph.node)


def test_a_graph_that_says_something_else_is_not_written(tmp_path, run_main, capsys, monkeypatch, made):
    monkeypatch.setattr(ship_encoder, "export", lambda: made)
    monkeypatch.setattr(ship_encoder, "DIFFERS", 0)
    said, _ = run_main(ship_encoder.main, ["--root", tmp_path, "--output", "a.onnx", "--faces", "1"], capsys)
    assert said.startswith("error: the graph's encodings differ from dlib's by ") and not any(tmp_path.iterdir())
