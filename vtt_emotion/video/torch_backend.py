"""The network's step in PyTorch, and its graphs made from it. Imported only where torch is asked for."""
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.weights import checked_logits
from vtt_emotion.video.onnx_backend import EXPORTED, HASH, INPUTS, OPSET, PLAIN, STATES, OnnxStep, checkpoint_hash

IMG_SZ = 224                                     # px, of a network that does not say


class TorchStep:
    """The step in PyTorch, on `device`: bfloat16 on CUDA, float32 on the CPU; weights: what errors name."""

    def __init__(self, net: torch.nn.Module, device: str, weights: str | Path = "the network") -> None:
        self.weights, self.device, self.labels = weights, torch.device(device), tuple(net.labels)
        self.size = net.img_sz or IMG_SZ
        self.arithmetic = "bfloat16" if self.device.type == "cuda" else "float32"
        self.net = net.to(self.device, memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray, state: tuple | None, fresh: np.ndarray) -> tuple[np.ndarray, tuple]:
        frames = torch.from_numpy(frames).to(self.device, non_blocking=True).float().div_(255)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits, state = self.net.step(frames, state, torch.from_numpy(fresh).to(self.device))
        return checked_logits(logits.float().cpu().numpy(), self.weights, self.labels), state


class _Step(torch.nn.Module):
    """The step as a module of tensors alone, bytes in."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, frames, past2, past3, past4, fresh):
        logits, state = self.net.step(frames.float() / 255, (past2, past3, past4), fresh)
        return logits, *state


def export(net: torch.nn.Module, path: Path, name: str = "") -> None:
    """Write the step of a network, on the CPU, as an ONNX graph for any number of streams.

    name: the `checkpoint_hash` of its weights, which the graph keeps.
    """
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
    program.model.metadata_props[EXPORTED] = name
    if getattr(net, "plain", False):
        program.model.metadata_props[PLAIN] = "true"
    with whole_file(path) as temporary:
        program.save(str(temporary), external_data=False)


def quantize(net: torch.nn.Module, weights: Path, path: Path, crops: np.ndarray) -> None:
    """Write the step of a network, of the file `weights`, as an int8 graph, calibrated on `crops`, uint8 (K, 3, H, W).

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
        onnx.helper.set_model_props(model, {HASH: checkpoint_hash(weights)})
        onnx.save(model, str(temporary))
