"""The network's step, run by PyTorch or, faster on a CPU, by ONNX Runtime in float32 or int8.

A backend is called as `step(frames, state, fresh)`, as `ResNetTSM.step`, with NumPy arrays in and out: frames uint8
(N, 3, H, W), fresh bool (N,), logits float32 (N, 7). Its state is its own; `resnet_tsm.select_rows` picks rows of it.
"""
import hashlib
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from engine import autocast
from index import whole_file
from ops import InputError
from resnet_tsm import find_weights

INPUTS, STATES = ("frames", "past2", "past3", "past4", "fresh"), ("next2", "next3", "next4")
OPSET = 18
HASH = "weights"                                 # a graph's own note of the weights it was made of


class TorchStep:
    """The step in PyTorch, on `device`: bfloat16 on CUDA, float32 on the CPU."""

    def __init__(self, net, device):
        self.net, self.device = net.to(device, memory_format=torch.channels_last).eval(), device

    @torch.inference_mode()
    def __call__(self, frames, state, fresh):
        frames = torch.from_numpy(frames).to(self.device, non_blocking=True).float().div_(255)
        with autocast(self.device):
            logits, state = self.net.step(frames, state, torch.from_numpy(fresh).to(self.device))
        return logits.float().cpu().numpy(), state


class OnnxStep:
    """The step as an ONNX graph on the CPU, in `threads` threads (0: one per core)."""

    def __init__(self, path, threads=0):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            if [part.name for part in self.session.get_inputs()] != list(INPUTS):
                raise ValueError("its inputs are others")
        except Exception as error:               # ONNX Runtime's own errors share no class
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: not an ONNX graph of this network, or a damaged one ({reason}); delete it") \
                from None
        self.hash = self.session.get_modelmeta().custom_metadata_map.get(HASH)
        self.shapes = [part.shape[1:] for part in self.session.get_inputs()[1:4]]

    def inputs(self, frames, state, fresh):
        """The graph's inputs by name; state None is that of streams that begin."""
        if state is None:
            state = [np.zeros((len(frames), *shape), np.float32) for shape in self.shapes]
            fresh = np.ones(len(frames), bool)
        return dict(zip(INPUTS, (frames, *state, fresh)))

    def __call__(self, frames, state, fresh):
        logits, *state = self.session.run(None, self.inputs(frames, state, fresh))
        return logits, tuple(state)


class _Step(torch.nn.Module):
    """The step as a module of tensors alone, bytes in."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, frames, past2, past3, past4, fresh):
        logits, state = self.net.step(frames.float() / 255, (past2, past3, past4), fresh)
        return logits, *state


def weights_hash(net):
    """A hash of a network's weights and input size, by which its graphs are kept."""
    digest = hashlib.sha256(f"{net.img_sz} {OPSET}".encode())
    for name, value in net.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def export(net, path):
    """Write the step of a network, on the CPU, as an ONNX graph for any number of streams."""
    net = net.cpu().eval()
    frames = torch.zeros(5, 3, net.img_sz, net.img_sz, dtype=torch.uint8)      # 0 and 1 would be taken for fixed
    with torch.inference_mode():
        _, state = net.step(frames.float())
    example = (frames, *(part.clone() for part in state), torch.zeros(5, dtype=torch.bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(_Step(net), example, dynamo=True, input_names=INPUTS, verbose=False,
                                    output_names=("logits", *STATES), opset_version=OPSET,
                                    dynamic_shapes=({0: torch.export.Dim.DYNAMIC},) * 5)
    with whole_file(path) as temporary:
        program.save(str(temporary), external_data=False)


def int8_graph(weights):
    """Where the int8 graph shipped with a checkpoint lies."""
    return find_weights(weights).with_suffix(".int8.onnx")


def quantize(net, path, crops):
    """Write the step of a network as an int8 graph, calibrated on `crops`, uint8 (K, 3, H, W).

    Static quantisation of activations and, per channel, of weights (Jacob et al., CVPR 2018), by ONNX Runtime. Each
    crop is taken for a stream that begins: what is remembered of it has the ranges of what is seen.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Crops(CalibrationDataReader):
        def __init__(self, step):
            self.step, self.rest = step, iter(np.array_split(crops, -(-len(crops) // 16)))

        def get_next(self):
            frames = next(self.rest, None)
            return None if frames is None else self.step.inputs(frames, None, None)

    with whole_file(path) as temporary, tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "plain.onnx", Path(folder) / "prepared.onnx"
        export(net, plain)
        quant_pre_process(str(plain), str(prepared))
        quantize_static(str(prepared), str(temporary), Crops(OnnxStep(plain)), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        model = onnx.load(str(temporary))
        graph = model.graph
        for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
            part.ClearField("metadata_props")    # the exporter's stack traces, with its paths
            part.ClearField("doc_string")
        onnx.helper.set_model_props(model, {HASH: weights_hash(net)})
        onnx.save(model, str(temporary))


def make_step(backend, net, device, weights, graphs_path, threads=0):
    """The step of `net`, loaded from `weights`, by the backend's name in ops.Results; threads as of `OnnxStep`.

    Raises:
        InputError: int8 is asked for, and was not shipped with these weights.
    """
    if backend == "torch" or (backend == "auto" and device.type == "cuda"):
        return TorchStep(net, device)
    name = weights_hash(net)
    if backend != "onnx":
        path = int8_graph(weights)
        if path.is_file():
            step = OnnxStep(path, threads)
            if step.hash == name:
                return step
            print(f"{path}: of other weights, so it is left aside")
        if backend == "int8":
            raise InputError(f"{path}: no such int8 graph of {weights}; ship_weights.py --calibrate-on makes it")
    path = Path(graphs_path) / f"{name}.onnx"
    if not path.is_file():
        print(f"exporting the network to {path}")
        export(net, path)
    return OnnxStep(path, threads)
