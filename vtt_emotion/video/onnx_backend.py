"""The network's step as an ONNX graph: the names in it, and ONNX Runtime that runs it. See backends.py."""
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import output_names
from vtt_emotion.core.weights import checked_logits

INPUTS, STATES = ("frames", "past2", "past3", "past4", "fresh"), ("next2", "next3", "next4")
OPSET = 18
HASH = "weights"                                 # an int8 graph's own note of the weights it was made of
EXPORTED = "exported"                            # the same of one exported and kept
PLAIN = "plain"                                  # a note of one whose weights are as of `say_plain`


class OnnxStep:
    """The step as an ONNX graph on the CPU, in `threads` threads (0: one per core); weights: what errors name."""

    def __init__(self, path: Path, threads: int = 0, weights: Path | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")         # the cores have other work
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            if [part.name for part in self.session.get_inputs()] != list(INPUTS):
                raise ValueError("its inputs are others")
        except Exception as error:               # ONNX Runtime's own errors share no class
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: not an ONNX graph of this network, or a damaged one ({reason}); delete it") \
                from None
        self.weights = weights or path
        notes = self.session.get_modelmeta().custom_metadata_map
        self.hash, self.exported, self.plain = notes.get(HASH), notes.get(EXPORTED), PLAIN in notes
        self.shapes = [part.shape[1:] for part in self.session.get_inputs()[1:4]]
        self.size = self.session.get_inputs()[0].shape[-1]
        self.labels = output_names(self.session.get_outputs()[0].shape[-1])
        self.arithmetic = "int8" if self.hash else "float32"

    def inputs(self, frames: np.ndarray, state: Any, fresh: Any) -> dict[str, np.ndarray]:
        """The graph's inputs by name; state None is that of streams that begin."""
        if state is None:
            state = [np.zeros((len(frames), *shape), np.float32) for shape in self.shapes]
            fresh = np.ones(len(frames), bool)
        return dict(zip(INPUTS, (frames, *state, fresh)))

    def __call__(self, frames: np.ndarray, state: tuple | None, fresh: np.ndarray) -> tuple[np.ndarray, tuple]:
        logits, *following = self.session.run(None, self.inputs(frames, state, fresh))
        return checked_logits(logits, self.weights, self.labels), tuple(following)


def int8_graph(weights: str | Path) -> Path:
    """Where the int8 graph shipped with a checkpoint's file lies."""
    return Path(weights).with_suffix(".int8.onnx")


def checkpoint_hash(path: str | Path) -> str:
    """What tells a checkpoint's file from others, by which its graphs are kept."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
