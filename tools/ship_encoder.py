"""Make the graph of dlib's face recognition that tells people apart in reading.

Reads dlib's weights, of the package face_recognition_models. Writes weights/dlib_face.onnx, which says what dlib says
in a fraction of the time: dlib's own build has no fast matrix product. Its weights are kept in half precision.

    python -m tools.ship_encoder
    python -m tools.ship_encoder --output mine.onnx --faces 100
"""
import warnings

import numpy as np

from ops import Place, ShipEncoder, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.dlib_models import load_model
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.drawn.stills import draw_still
from vtt_emotion.video.detection import open_graph
from vtt_emotion.video.names import CHIP, CHIPS, ENCODINGS
from vtt_emotion.video.onnx_backend import OPSET

ShipEncoderOps = compose(place=Place, ship_encoder=ShipEncoder)
DIFFERS = 2e-3                                   # at most, a number of an encoding from dlib's; they are of about 0.1


def export():
    """The graph, an `onnx.ModelProto`: float32 but for its weights, which are float16 and made float32 when loaded."""
    import onnx
    import torch

    from vtt_emotion.training.face_network import Encoder

    chips = torch.zeros(5, CHIP[0], CHIP[0], 3, dtype=torch.uint8)               # 0 and 1 would be taken for fixed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.onnx.export(Encoder().eval(), (chips,), dynamo=True, input_names=[CHIPS], verbose=False,
                                  output_names=[ENCODINGS], opset_version=OPSET,
                                  dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)).model_proto
    graph, casts = model.graph, []
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")        # the exporter's stack traces, with its paths
        part.ClearField("doc_string")
    for tensor in graph.initializer:
        if len(tensor.dims) > 1 and tensor.data_type == onnx.TensorProto.FLOAT:
            name, values = tensor.name, onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def difference(graph, count):
    """The greatest difference of a number of an encoding by a graph, its bytes, from dlib's, on `count` drawn faces."""
    rng = np.random.default_rng(0)
    chips = np.stack([draw_still(rng, EMOTIONS[number % len(EMOTIONS)], CHIP[0])[0] for number in range(count)])
    dlib = load_model("face_recognition_model_v1")
    ours, = open_graph(graph, (CHIPS, ENCODINGS), "face encoder").run(None, {CHIPS: chips})
    return np.abs(ours - [dlib.compute_face_descriptor(chip) for chip in chips]).max()


def main(argv=None):
    ship = parse(ShipEncoderOps, argv, __doc__).ship_encoder
    graph = export().SerializeToString(deterministic=True)
    differs = difference(graph, ship.faces)
    if not differs < DIFFERS:
        raise InputError(f"the graph's encodings differ from dlib's by {differs:.2g}, so {ship.output} is not written")
    with whole_file(ship.output) as temporary:
        temporary.write_bytes(graph)
    print(f"encodings of {ship.faces} drawn faces differ from dlib's by at most {differs:.1g}")
    print(f"wrote {ship.output}: {ship.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_script(main)
