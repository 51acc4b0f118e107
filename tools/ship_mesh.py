"""Make the graph of the face mesh, and the face by which heads are turned, of the package that gives both away.

Reads the npm package @mediapipe/face_mesh (`npm pack @mediapipe/face_mesh@0.4.1657299874`), which holds a TensorFlow
Lite model and a face in centimetres. Writes weights/face_mesh.onnx, which says the same in ONNX Runtime, and beside it
face_mesh.npy, float32 (468, 4): x, y, z of the face's points, and the weight of each where a head's turn is found.

    python -m tools.ship_mesh
    python -m tools.ship_mesh --source face_mesh.tgz --output mine.onnx --faces 100
"""
import json
import re
import struct
import tarfile

import numpy as np

from ops import Place, ShipMesh, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.drawn.stills import draw_still
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.mesh import CROPS, OUTPUTS, POINTS, SIDE
from vtt_emotion.video.onnx_backend import OPSET

ShipMeshOps = compose(place=Place, ship_mesh=ShipMesh)
DATA, LIST = "package/face_mesh_solution_packed_assets.data", "package/face_mesh_solution_packed_assets_loader.js"
MODEL, FACE = "face_landmark/face_landmark.tflite", "face_geometry/data/geometry_pipeline_metadata_landmarks.binarypb"
DIFFERS = 0.05                                   # px at most, of a crop of 192, a point from the source's
EXPECTED = "expected the npm package @mediapipe/face_mesh 0.4.1657299874"
PADDING = {0: "SAME_UPPER", 1: "VALID"}          # by TensorFlow Lite's number
ONNX = {"CONV_2D": "Conv", "DEPTHWISE_CONV_2D": "Conv", "MAX_POOL_2D": "MaxPool", "ADD": "Add", "PAD": "Pad"}
AXES = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}    # channels before rows
IR = 10                                          # ONNX Runtime 1.23's


def read_source(path):
    """(the TensorFlow Lite model, the face in centimetres), bytes, of the package's file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; {EXPECTED}")
    try:
        with tarfile.open(path) as package:
            data, listed = (package.extractfile(name).read() for name in (DATA, LIST))
        files = [json.loads(found) for found in re.findall(r'{"filename": [^}]*}', listed.decode())]
        return tuple(next(data[file["start"]:file["end"]] for file in files if file["filename"].endswith(name))
                     for name in (MODEL, FACE))
    except (tarfile.TarError, OSError, LookupError, ValueError, StopIteration) as error:
        raise InputError(f"{path}: {EXPECTED} ({type(error).__name__}: {error})") from None


def fields(message):
    """Yield (number, value) of a protobuf message's fields, bytes: whole numbers, float32 or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = message[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
            continue
        size = 4 if kind == 5 else varint()
        part, at = message[at:at + size], at + size
        yield number, struct.unpack("<f", part)[0] if kind == 5 else part


def metric_face(message):
    """The face (468, 4), float32: x to its left, y up, z to the front, cm, and weights; of mediapipe's
    GeometryPipelineMetadata."""
    parts = list(fields(message))
    mesh = next(value for number, value in parts if number == 1)
    vertices = np.array([value for number, value in fields(mesh) if number == 3], np.float32).reshape(POINTS, 5)
    weights = np.zeros((POINTS, 1), np.float32)
    for basis in (dict(fields(value)) for number, value in parts if number == 2):
        weights[basis[1]] = basis[2]
    return np.concatenate([vertices[:, :3], weights], 1)


def read_model(content):
    """(operations: [(kind, its options, tensors in, tensor out)], {tensor: array}, tensors out) of a TensorFlow Lite
    model's bytes; tensors by number, the first in is the picture, constants are as they are stored."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    net, kinds = model.subgraphs[0], {value: name for name, value in vars(schema.BuiltinOperator).items()}
    types = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.INT32: np.int32}
    arrays, operations = {}, []
    for number, tensor in enumerate(net.tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data):
            arrays[number] = np.frombuffer(bytes(data), types[tensor.type]).reshape(tensor.shape)
    for one in net.operators:
        code = model.operatorCodes[one.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if kind == "DEQUANTIZE":
            arrays[one.outputs[0]] = arrays[one.inputs[0]]
        else:
            operations.append((kind, one.builtinOptions, one.inputs, one.outputs[0]))
    return operations, arrays, net.outputs


def attributes(kind, options, weights=None):
    """The attributes (dict) of ONNX's operation for one of a kind; weights: of a convolution."""
    if kind == "MAX_POOL_2D":
        return {"auto_pad": PADDING[options.padding], "strides": [options.strideH, options.strideW],
                "kernel_shape": [options.filterHeight, options.filterWidth]}
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return {"auto_pad": PADDING[options.padding], "strides": [options.strideH, options.strideW],
                "group": weights.shape[0] if kind == "DEPTHWISE_CONV_2D" else 1}
    return {}


def bend(given, made, slopes):
    """([nodes], {constant: array}) that make of `given` what PReLU does with `slopes` (C,), in a third of its time.

    ONNX Runtime takes PReLU out of the order of channels that its convolutions work in. x + s relu(-|a - 1| x) is the
    same, s being 1 where a is at most 1, else -1, and by convolutions of one pixel it stays in that order.
    """
    from onnx import helper

    signs, last = np.where(slopes <= 1, 1, -1), f"{made}.relu"
    constants = {f"{made}.steps": -np.abs(slopes - 1)}
    nodes = [helper.make_node("Conv", [given, f"{made}.steps"], [f"{made}.below"], group=len(slopes)),
             helper.make_node("Relu", [f"{made}.below"], [last])]
    if (signs < 0).any():
        constants[f"{made}.signs"], last = signs, f"{made}.signed"
        nodes.append(helper.make_node("Conv", [f"{made}.relu", f"{made}.signs"], [last], group=len(slopes)))
    nodes.append(helper.make_node("Add", [given, last], [made]))
    return nodes, {name: values.astype(np.float32).reshape(-1, 1, 1, 1) for name, values in constants.items()}


def convert(content):
    """The graph (`onnx.ModelProto`) of a model's bytes: uint8 crops to points in px and the face's confidence."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    operations, arrays, (points, sure) = read_model(content)
    nodes = [helper.make_node("Cast", [CROPS], ["pixels"], to=TensorProto.FLOAT),
             helper.make_node("Mul", ["pixels", "scale"], ["shares"]),
             helper.make_node("Transpose", ["shares"], [str(operations[0][2][0])], perm=(0, 3, 1, 2))]
    constants = {"scale": np.float32(1 / 255), "points.shape": np.array([-1, POINTS, 3]), "flat": np.array([-1])}
    for kind, options, inputs, output in operations:
        weights = [arrays[one] for one in inputs if one in arrays]
        if kind == "PRELU":
            more, steps = bend(str(inputs[0]), str(output), weights[0].ravel().astype(float))
            nodes, constants = nodes + more, constants | steps
            continue
        if kind == "PAD":
            weights = [weights[0][[0, 3, 1, 2]].T.ravel().astype(np.int64)]
        elif weights:
            weights[0] = weights[0].transpose(AXES[kind])
        names = [str(one) for one in inputs if one not in arrays]
        for place, values in enumerate(weights):
            names.append(f"{output}.{place}")
            constants[names[-1]] = values
            if values.dtype == np.float16:       # kept so, and made float32 when the graph is loaded
                constants[f"{names[-1]}.half"] = constants.pop(names[-1])
                nodes.append(helper.make_node("Cast", [f"{names[-1]}.half"], names[-1:], to=TensorProto.FLOAT))
        nodes.append(helper.make_node(ONNX[kind], names, [str(output)], **attributes(kind, options, *weights[:1])))
    nodes += [helper.make_node("Reshape", [str(points), "points.shape"], [OUTPUTS[0]]),
              helper.make_node("Sigmoid", [str(sure)], ["share"]),
              helper.make_node("Reshape", ["share", "flat"], [OUTPUTS[1]])]
    crops, *made = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (
        (CROPS, TensorProto.UINT8, ("N", SIDE, SIDE, 3)), (OUTPUTS[0], TensorProto.FLOAT, ("N", POINTS, 3)),
        (OUTPUTS[1], TensorProto.FLOAT, ("N",)))]
    graph = helper.make_graph(nodes, "face_mesh", [crops], made,
                              [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return model


def difference(content, graph, count):
    """The greatest distance, px of the crop, of a point by a graph (bytes) from TensorFlow Lite's, on drawn faces."""
    from ai_edge_litert.interpreter import Interpreter

    rng, source = np.random.default_rng(0), Interpreter(model_content=content, num_threads=1)
    source.allocate_tensors()
    (put,), (points, _) = source.get_input_details(), source.get_output_details()
    session, most = open_graph(graph, (CROPS, *OUTPUTS), "face mesh"), 0.0
    for number in range(count):
        crop, _ = draw_still(rng, EMOTIONS[number % len(EMOTIONS)], SIDE)
        source.set_tensor(put["index"], crop[None] / np.float32(255))
        source.invoke()
        theirs, (ours, _) = source.get_tensor(points["index"]), session.run(None, {CROPS: crop[None]})
        most = max(most, float(np.linalg.norm(ours[0] - theirs.reshape(POINTS, 3), axis=1).max()))
    return most


def main(argv=None):
    ship = parse(ShipMeshOps, argv, __doc__).ship_mesh
    content, face = read_source(ship.source)
    try:
        graph, face = convert(content).SerializeToString(deterministic=True), metric_face(face)
    except (LookupError, ValueError, TypeError, struct.error) as error:
        raise InputError(f"{ship.source}: {EXPECTED} ({type(error).__name__}: {error})") from None
    differs = difference(content, graph, ship.faces)
    if not differs < DIFFERS:
        raise InputError(f"{ship.source}: in ONNX it says something else, by {differs:.2g} px, so {ship.output} is not "
                         "written")
    with whole_file(ship.output) as temporary:
        temporary.write_bytes(graph)
    with whole_file(ship.output.with_suffix(".npy")) as temporary, open(temporary, "wb") as file:
        np.save(file, face)
    print(f"points of {ship.faces} drawn faces differ by at most {differs:.1g} px of a crop of {SIDE}")
    print(f"wrote {ship.output}: {ship.output.stat().st_size / 1e6:.1f} MB, and {ship.output.with_suffix('.npy').name}")


if __name__ == "__main__":
    run_script(main)
