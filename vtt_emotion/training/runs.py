"""A run's folder, runs/NAME/: ops.json (options), log.csv and confusions.csv (figures), last.pt and best.pt."""
import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resnet_tsm import ResNetTSM, fill, load_checkpoint, outputs_of
from vtt_emotion import __version__
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import naming, whole_file, write_json
from vtt_emotion.core.labels import AFFECT, WITH_CONTEMPT, emotions_of
from vtt_emotion.training.log import add_rows, columns_of, confusion_columns, cut_log
from vtt_emotion.training.samples import check_held_out


def plain(options: Any) -> dict:
    """An options object as nested dicts of JSON's types."""
    return json.loads(json.dumps(asdict(options), default=str))


def code_revision() -> str:
    """The git revision of the code, with + where files were changed; "" outside a checkout."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12"], capture_output=True,
                              text=True, cwd=Path(__file__).parent, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def run_folder(runs_path: Path, name: str) -> Path:
    """A run's folder; InputError where the name would lead elsewhere."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise InputError(f"--name {name!r}: expected the plain name of a folder")
    return Path(runs_path) / name


@dataclass
class Progress:
    """How far a run is: its steps, the figures of its best validation, and whether its last step's is still owed."""
    step: int = 0
    best: dict | None = None
    owed: bool = False


class Run:
    """A run begun, or continued from its last.pt when `resume`.

    `checkpoint` is what it continues from (dict), None for a new run; `progress` how far it is; `held_out` what its
    fold holds out, {source: names}, None where that is not known. Without `writes` it only reads: of the processes of
    one training the first one's writes.

    Raises:
        InputError: a run is there already and `resume` is not asked for, or it is and none is there.
    """

    def __init__(self, folder: str | Path, options: Any, resume: bool, writes: bool = True) -> None:
        self.folder, self.options, self.checkpoint = Path(folder), plain(options), None
        self.writes, self.board = writes, None
        self.held_out: dict | None = {}
        if resume:
            self.checkpoint = read_checkpoint(self.folder / "last.pt")
            self.held_out = self.checkpoint.get("held_out")
            for line in _changes(self.checkpoint["options"], self.options) if writes else ():
                print(f"resumed with another option: {line}")
        elif any((self.folder / name).exists() for name in ("last.pt", "best.pt")):
            raise InputError(f"{self.folder}: holds a run already; continue it with --resume, or give another --name")
        steps, former = options.run.max_steps, self.checkpoint or vars(Progress())
        if former["step"] > steps:
            raise InputError(f"--max-steps {steps}: {self.folder} is at step {former['step']:,} already")
        if former["step"] == steps and not former["owed"] and writes:
            print(f"{self.folder} has all its {steps:,} steps already; a greater --max-steps continues it")
        self.progress = Progress(*(former[name] for name in ("step", "best", "owed")))

    @property
    def labels(self) -> tuple[str, ...]:
        """The outputs of the network that the options ask for."""
        affect = AFFECT if self.options["loss"]["affect"] else ()
        return *WITH_CONTEMPT[:self.options["data"]["classes"]], *affect

    def hold_out(self, names: dict[str, list[str]], fold: tuple[int, int]) -> None:
        """Keep what its fold holds out, {source: names}; of a run begun before this was kept nothing is.

        Raises:
            InputError: the run to resume has held out others.
        """
        if self.held_out is not None:
            check_held_out(self.folder / "last.pt", self.held_out, names, fold)
            self.held_out = {**self.held_out, **names}

    def start(self) -> None:
        """Write ops.json, and drop from the log what was written after the checkpoint: it will be written again."""
        if not self.writes:
            return
        step = self.progress.step
        cut_log(self.folder / "log.csv", step, columns_of(self.labels))
        cut_log(self.folder / "confusions.csv", step, confusion_columns(emotions_of(self.labels)))
        if self.options["run"]["tensorboard"]:
            from torch.utils.tensorboard import SummaryWriter  # imported late: few want it, and it takes long
            if not step:
                shutil.rmtree(self.folder / "tensorboard", ignore_errors=True)
            self.board = SummaryWriter(self.folder / "tensorboard", purge_step=step + 1)
        write_json(self.folder / "ops.json", {"version": __version__, **self.options})

    def log(self, **figures: Any) -> None:
        """Add a row to log.csv, and its numbers to TensorBoard's file; what was not measured stays blank."""
        if not self.writes:
            return
        row = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in figures.items()}
        add_rows(self.folder / "log.csv", columns_of(self.labels), [row])
        if self.board:
            with naming(self.folder / "tensorboard"):
                for name in (name for name in row if name != "step" and row[name] is not None):
                    self.board.add_scalar(name, float(row[name]), row["step"])
                self.board.flush()

    def log_confusion(self, step: int, confusion: Sequence[Sequence[int]]) -> None:
        """Add a validation's confusion matrix (K x K counts) to confusions.csv, and its picture to TensorBoard's."""
        if not self.writes:
            return
        names = emotions_of(self.labels)
        add_rows(self.folder / "confusions.csv", confusion_columns(names), (
            {"step": step, "emotion": name} | dict(zip(names, counts)) for name, counts in zip(names, confusion)))
        if self.board:
            counts = np.array(confusion, float)
            shares = counts / counts.sum(1, keepdims=True).clip(1)
            self.board.add_image("confusion", np.kron(shares, np.ones((24, 24))), step, dataformats="HW")

    def save(self, name: str, net: torch.nn.Module, progress: Progress, optimizer: torch.optim.Optimizer | None = None,
             average: dict | None = None) -> None:
        """Write a checkpoint as a whole file: weights, their average, optimiser, progress, random states, options.

        The schedule is a function of the step, so it has no state of its own. Without `optimizer` the file is for use,
        not for resuming. A network that is not finite is of no use, and is not written.

        Raises:
            OSError: it could not be written; what was there before is there still.
        """
        if not (self.writes and is_finite(net)):
            return
        checkpoint = {"net": net.state_dict(), "average": average,
                      "optimizer": optimizer.state_dict() if optimizer else None, **vars(progress),
                      "random": random_states(), "options": self.options, "held_out": self.held_out,
                      "version": __version__, "revision": code_revision()}
        write_checkpoint(self.folder / name, checkpoint)


def is_finite(net: torch.nn.Module) -> bool:
    """Whether all of a network's weights and statistics are finite."""
    return all(bool(value.isfinite().all()) for value in net.state_dict().values())


def write_checkpoint(path: str | Path, checkpoint: dict) -> None:
    """torch.save as a whole file. OSError where it cannot be written, which torch makes a RuntimeError of."""
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        try:
            torch.save(checkpoint, file)
        except RuntimeError as error:
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def _changes(old, new):
    """A line for each option that differs between two nested dicts."""
    for name in sorted(set(old) | set(new)):
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            yield from _changes(old[name], new[name])
        elif name in old and old[name] != new.get(name) and name not in ("resume", "weights"):   # neither matters to it
            yield f"{name} {old.get(name)} -> {new.get(name)}"


def random_states() -> dict:
    """The states of all random generators, as tensors and plain data."""
    state: Any = np.random.get_state()
    kind, keys, *rest = state
    states = {"python": random.getstate(), "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
              "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: dict) -> None:
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():       # the run may have had more devices
        for device, state in zip(range(torch.cuda.device_count()), states["cuda"]):
            torch.cuda.set_rng_state(state, device)


def read_checkpoint(path: str | Path) -> dict:
    """A checkpoint of `Run.save`. InputError where it is missing, damaged or something else."""
    try:
        checkpoint = load_checkpoint(path)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    if isinstance(checkpoint, dict):
        checkpoint.setdefault("average", None)   # of a run begun before there was one
    parts = {"net", "average", "optimizer", "step", "best", "owed", "random", "options"}
    if not isinstance(checkpoint, dict) or not parts <= set(checkpoint):
        raise InputError(f"{path}: not a checkpoint of a training run")
    if checkpoint["optimizer"] is None:
        raise InputError(f"{path}: holds no optimiser, so training cannot go on from it")
    return checkpoint


def average(sources: Sequence[str | Path], toward: str | Path | None = None,
            by: float = 0.5) -> tuple[torch.nn.Module, dict]:
    """(a network with the mean weights of checkpoints that were trained one from another, about the last of them).

    With `toward` the weights are moved from that mean to those of the checkpoint `toward`, by the share `by` of the
    way. Wortsman et al., "Model soups", ICML 2022, and "Robust fine-tuning of zero-shot models", CVPR 2022. InputError
    where one is missing, damaged or something else, or works at another size.
    """
    shares = [(1 - by if toward else 1) / len(sources)] * len(sources) + ([by] if toward else [])
    sources = [*sources, *([toward] if toward else [])]
    net: Any = None
    means, sizes = {}, {}
    for source, share in zip(sources, shares):
        try:
            checkpoint = load_checkpoint(source)
            net = net or ResNetTSM(len(outputs_of(checkpoint)))
            fill(net, checkpoint, source)
            about = {name: checkpoint[name] for name in ("step", "best", "revision")}
            sizes[source] = checkpoint["options"]["loader"]["img_sz"]
        except (FileNotFoundError, ValueError) as error:
            raise InputError(str(error)) from None
        except (KeyError, TypeError):
            raise InputError(f"{source}: not a checkpoint of a training run") from None
        if sizes[source] != sizes[sources[0]]:
            raise InputError(f"{source}: works at {sizes[source]} px, and {sources[0]} at {sizes[sources[0]]}")
        for name, value in net.state_dict().items():
            means[name] = means.get(name, 0) + value.double() * share
    net.load_state_dict(means)
    net.img_sz = sizes[sources[0]]
    former = {"temperature": checkpoint["temperature"]} if "temperature" in checkpoint else {}
    return net, about | {"options": {"loader": {"img_sz": net.img_sz}}} | former


def ship(net: ResNetTSM, about: dict, target: str | Path, temperature: float = 1.0) -> None:
    """Write a network, `about` by `average`, in half precision and with no optimiser or path of the trainer's.

    The emotions' rows of the last layer are divided by the temperature, and so are their logits; what they were divided
    by in all is noted.
    """
    kept = dict(about)
    if temperature != 1:
        kept["temperature"] = temperature * about.get("temperature", 1.0)
        with torch.no_grad():
            emotions = len(emotions_of(net.labels))
            net.fc.weight[:emotions] /= temperature
            net.fc.bias[:emotions] /= temperature
    kept["net"] = {name: value.half() if value.is_floating_point() else value
                   for name, value in net.state_dict().items()}
    write_checkpoint(target, kept)
