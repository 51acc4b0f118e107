"""The network's step, run by PyTorch or, faster on a CPU, by ONNX Runtime in float32 or int8.

A backend is called as `step(frames, state, fresh)`, as `ResNetTSM.step`, with NumPy arrays in and out: frames uint8
(N, 3, H, W), fresh bool (N,), logits float32 (N, 7). Its state is its own, a tuple of
arrays or tensors with a row a face; `size` is the side of its frames, px; `arithmetic` what it reckons in.
"""
import logging
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import load_network, say_plain
from vtt_emotion.video.onnx_backend import OPSET, OnnxStep, checkpoint_hash, int8_graph

LOG = logging.getLogger(__name__)


def make_step(backend: str, device: str, weights: Path, graphs_path: Path | None, threads: int = 0) -> Any:
    """The step of a checkpoint's file by the backend's name in ops.Results; threads as of `OnnxStep`.

    device: "cpu", "cuda" or "cuda:N". graphs_path: folder of the graphs exported, None for the user's cache. torch is
    imported where it runs the network, or has to export it first.

    Raises:
        InputError: int8 is asked for, and was not shipped with these weights.
    """
    if backend == "torch" or (backend == "auto" and device != "cpu"):
        from vtt_emotion.video.torch_backend import TorchStep
        return TorchStep(load_network(str(weights), trained=True), device, weights)
    name = checkpoint_hash(weights)
    if backend != "onnx":
        path = int8_graph(weights)
        if path.is_file():
            step = OnnxStep(path, threads, weights)
            if step.hash == name:
                return step
            LOG.info("%s: of other weights, so it is left aside", path)
        if backend == "int8":
            raise InputError(f"{path}: no such int8 graph of {weights}; tools.ship_weights --calibrate-on makes it")
    path = Path(graphs_path or user_cache_path("vtt-emotion") / "graphs") / f"{name}-{OPSET}.onnx"
    if path.is_file():
        step = OnnxStep(path, threads, weights)
        if step.exported == name:
            if step.plain:
                say_plain(str(weights))
            return step
        LOG.info("%s: not of %s, so it is made again", path, weights)
    from vtt_emotion.video.torch_backend import export
    LOG.info("exporting the network to %s", path)
    export(load_network(str(weights), trained=True), path, name)
    return OnnxStep(path, threads, weights)
