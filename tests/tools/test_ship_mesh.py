"""The face mesh's graph, made of a small model; tests/video/test_mesh.py looks at the shipped one."""
import io
import json
import struct
import tarfile

import flatbuffers
import numpy as np
import pytest

from tools import ship_mesh
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.mesh import CROPS, OUTPUTS, POINTS, SIDE

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
KINDS = {name: getattr(schema.BuiltinOperator, name) for name in (
    "DEQUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "MAX_POOL_2D", "PAD", "ADD")}


class Net:
    """A model of TensorFlow Lite, made as MediaPipe's: weights in half precision, which are made float32 in it."""

    def __init__(self):
        self.tensors, self.buffers, self.operators = [], [schema.BufferT()], []
        self.rng = np.random.default_rng(0)

    def tensor(self, shape, values=None, kind=schema.TensorType.FLOAT32):
        made = schema.TensorT()
        made.shape, made.type, made.name = list(shape), kind, f"t{len(self.tensors)}"
        if values is not None:
            made.buffer, buffer = len(self.buffers), schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self.buffers.append(buffer)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def add(self, kind, given, shape, options=None, **values):
        made, part = self.tensor(shape), schema.OperatorT()
        part.opcodeIndex, part.inputs, part.outputs = list(KINDS).index(kind), given, [made]
        if options:
            part.builtinOptions = getattr(schema, f"{options}T")()
            part.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            vars(part.builtinOptions).update(values)
        self.operators.append(part)
        return made

    def weights(self, *shape, low=-0.5, high=0.5):
        values = self.rng.uniform(low, high, shape).astype(np.float16)
        return self.add("DEQUANTIZE", [self.tensor(shape, values, schema.TensorType.FLOAT16)], shape)

    def pack(self, given, outputs):
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [given], outputs
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, []
        for kind in KINDS.values():
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = kind
            code.version = 2 if kind == KINDS["DEQUANTIZE"] else 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def small_model():
    """Every operation that MediaPipe's has, once or twice; points and a face's flag come out."""
    net = Net()
    crop = net.tensor((1, SIDE, SIDE, 3))
    at = net.add("CONV_2D", [crop, net.weights(4, 3, 3, 3), net.weights(4)], (1, 96, 96, 4), "Conv2DOptions",
                 padding=0, strideH=2, strideW=2)
    for high in (0.9, 1.5):                      # slopes below 1, and above
        at = net.add("PRELU", [at, net.weights(1, 1, 4, low=-0.9, high=high)], (1, 96, 96, 4))
    deep = net.add("DEPTHWISE_CONV_2D", [at, net.weights(1, 3, 3, 4), net.weights(4)], (1, 48, 48, 4),
                   "DepthwiseConv2DOptions", padding=0, strideH=2, strideW=2, depthMultiplier=1)
    wide = net.add("CONV_2D", [deep, net.weights(6, 1, 1, 4), net.weights(6)], (1, 48, 48, 6), "Conv2DOptions",
                   padding=1, strideH=1, strideW=1)
    pool = net.add("MAX_POOL_2D", [at], (1, 48, 48, 4), "Pool2DOptions", padding=1, strideH=2, strideW=2,
                   filterHeight=2, filterWidth=2)
    sides = net.tensor((4, 2), np.int32([[0, 0], [0, 0], [0, 0], [0, 2]]), schema.TensorType.INT32)
    pool = net.add("PAD", [pool, sides], (1, 48, 48, 6), "PadOptions")
    both = net.add("ADD", [pool, wide], (1, 48, 48, 6), "AddOptions")
    small = net.add("MAX_POOL_2D", [both], (1, 3, 3, 6), "Pool2DOptions", padding=1, strideH=16, strideW=16,
                    filterHeight=16, filterWidth=16)
    ends = [net.add("CONV_2D", [small, net.weights(count, 3, 3, 6), net.weights(count)], (1, 1, 1, count),
                    "Conv2DOptions", padding=1, strideH=3, strideW=3) for count in (3 * POINTS, 1)]
    return net.pack(crop, ends)


def varint(value):
    return bytes([value & 127 | 128, value >> 7]) if value > 127 else bytes([value])


def message(number, content):
    size, more = b"", len(content)
    while more > 127:
        size, more = size + bytes([more & 127 | 128]), more >> 7
    return bytes([8 * number + 2]) + size + bytes([more]) + content


def metric_message(vertices, weights):
    """MediaPipe's GeometryPipelineMetadata: vertices (468, 5), {point: weight}."""
    mesh = b"\x08\x00" + b"".join(b"\x1d" + struct.pack("<f", value) for value in vertices.ravel()) + b"\x20\x81\x02"
    return message(1, mesh) + b"".join(message(2, b"\x08" + varint(point) + b"\x15" + struct.pack("<f", weight))
                                       for point, weight in weights.items()) + b"\x18\x01"


def write_package(path, model, face):
    files, at = [], 1
    for name, content in (("face_landmark/face_landmark.tflite", model), (ship_mesh.FACE, face)):
        files.append({"filename": f"/a/{name}", "start": at, "end": at + len(content)})
        at += len(content)
    listed = f"load({json.dumps(files)})"
    with tarfile.open(path, "w:gz") as package:
        for name, content in ((ship_mesh.DATA, b"x" + model + face), (ship_mesh.LIST, listed.encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            package.addfile(info, io.BytesIO(content))


@pytest.fixture(scope="module")
def face():
    return np.random.default_rng(2).normal(size=(POINTS, 5)).astype(np.float32)


def test_a_graph_says_the_same_and_a_face_is_read(tmp_path, capsys, face):
    write_package(tmp_path / "a.tgz", model := small_model(), metric_message(face, {4: 0.5, 300: 0.25}))
    ship_mesh.main(["--root", str(tmp_path), "--source", "a.tgz", "--output", "out/b.onnx", "--faces", "2"])
    assert "wrote" in capsys.readouterr().out
    metric = np.load(tmp_path / "out/b.npy")
    assert (metric[:, :3] == face[:, :3]).all() and metric[4, 3] == 0.5 and metric[:, 3].sum() == 0.75
    from ai_edge_litert.interpreter import Interpreter
    source = Interpreter(model_content=model, num_threads=1)
    source.allocate_tensors()
    crops = np.random.default_rng(1).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    points, sure = open_graph(tmp_path / "out/b.onnx", (CROPS, *OUTPUTS), "mesh").run(None, {CROPS: crops})
    for crop, ours, ourself in zip(crops, points, sure):
        source.set_tensor(source.get_input_details()[0]["index"], crop[None] / np.float32(255))
        source.invoke()
        theirs, logit = (source.get_tensor(part["index"]) for part in source.get_output_details())
        assert theirs.std() > 0.1
        np.testing.assert_allclose(ours, theirs.reshape(POINTS, 3), atol=1e-4)
        assert ourself == pytest.approx(1 / (1 + np.exp(-logit.item())), abs=1e-5)


@pytest.mark.parametrize("content", [None, b"junk", "other", "model", "face"])
def test_what_no_mesh_can_be_made_of(tmp_path, run_main, capsys, face, content):
    path = tmp_path / "a.tgz"
    if content == "other":
        with tarfile.open(path, "w:gz"):
            pass
    elif content in ("model", "face"):
        metric = metric_message(face, {4: 0.5})[:99 if content == "face" else None]
        write_package(path, b"junk" if content == "model" else small_model(), metric)
    elif content is not None:
        path.write_bytes(content)
    said, _ = run_main(ship_mesh.main, ["--root", tmp_path, "--source", path, "--output", "b.onnx"], capsys)
    assert said.startswith(f"error: {path}: ") and "expected the npm package @mediapipe/face_mesh" in said
    assert not (tmp_path / "b.onnx").exists()


def test_a_graph_that_says_something_else_is_not_written(tmp_path, run_main, capsys, face, monkeypatch):
    write_package(tmp_path / "a.tgz", small_model(), metric_message(face, {4: 0.5}))
    monkeypatch.setattr(ship_mesh, "DIFFERS", 0)
    said, _ = run_main(ship_mesh.main, ["--root", tmp_path, "--source", "a.tgz", "--output", "b.onnx", "--faces", "1"],
                       capsys)
    assert "in ONNX it says something else" in said and not (tmp_path / "b.onnx").exists()
