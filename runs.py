"""A run's folder, runs/NAME/: ops.json (options), log.csv (figures), last.pt and best.pt (checkpoints)."""
import csv
import io
import json
import random
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from index import naming, whole_file
from ops import InputError
from resnet_tsm import fill, load_checkpoint, resnet18

LOG_COLUMNS = ("step", "train_error", "train_accuracy", "valid_error", "valid_accuracy", "valid_mean_recall",
               "learning_rate", "images_per_second")


def plain(options):
    """An options object as nested dicts of JSON's types."""
    return json.loads(json.dumps(asdict(options), default=str))


def code_revision():
    """The git revision of the code, with + where files were changed; "" outside a checkout."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12"], capture_output=True,
                              text=True, cwd=Path(__file__).parent, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


class Run:
    """A run begun, or continued from its last.pt when `resume`.

    `checkpoint` is what it continues from (dict), None for a new run. Without `writes` it only reads: of the processes
    of one training the first one's writes.

    Raises:
        InputError: a run is there already and `resume` is not asked for, or it is and none is there.
    """

    def __init__(self, folder, options, resume, writes=True):
        self.folder, self.options, self.checkpoint = Path(folder), plain(options), None
        self.writes, self.board = writes, None
        name = options.run.name
        if name in ("", ".", "..") or Path(name).name != name:
            raise InputError(f"--name {name!r}: expected the plain name of a folder")
        if resume:
            self.checkpoint = read_checkpoint(self.folder / "last.pt")
            for line in _changes(self.checkpoint["options"], self.options) if writes else ():
                print(f"resumed with another option: {line}")
        elif any((self.folder / name).exists() for name in ("last.pt", "best.pt")):
            raise InputError(f"{self.folder}: holds a run already; continue it with --resume, or give another --name")

    def start(self):
        """Write ops.json, and drop from the log what was written after the checkpoint: it will be written again."""
        if not self.writes:
            return
        step = self.checkpoint["step"] if self.checkpoint else 0
        _cut_log(self.folder / "log.csv", step)
        if self.options["run"]["tensorboard"]:
            from torch.utils.tensorboard import SummaryWriter  # imported late: few want it, and it takes long
            if not step:
                shutil.rmtree(self.folder / "tensorboard", ignore_errors=True)
            self.board = SummaryWriter(self.folder / "tensorboard", purge_step=step + 1)
        with whole_file(self.folder / "ops.json") as temporary:
            temporary.write_text(json.dumps(self.options, indent=1) + "\n")

    def log(self, **figures):
        """Add a row to log.csv, and its numbers to TensorBoard's file; what was not measured stays blank."""
        if not self.writes:
            return
        row = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in figures.items()}
        path = self.folder / "log.csv"
        with naming(path), open(path, "a", newline="") as file:
            csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n").writerow(row)
        if self.board:
            with naming(self.folder / "tensorboard"):
                for name in row.keys() - {"step"}:
                    self.board.add_scalar(name, float(row[name]), row["step"])
                self.board.flush()

    def save(self, name, net, optimizer, step, best, owed=False, average=None):
        """Write a checkpoint as a whole file: weights, their average, optimiser, step, best figures, random states,
        options.

        The schedule is a function of the step, so it has no state of its own. With `optimizer` None the file
        is for use, not for resuming; `owed` tells that this step's validation is still to be done.

        Raises:
            OSError: it could not be written; what was there before is there still.
        """
        if not self.writes:
            return
        checkpoint = {"net": net.state_dict(), "average": average,
                      "optimizer": optimizer.state_dict() if optimizer else None, "step": step, "best": best,
                      "owed": owed, "random": random_states(), "options": self.options, "revision": code_revision()}
        write_checkpoint(self.folder / name, checkpoint)


def write_checkpoint(path, checkpoint):
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
        elif old.get(name) != new.get(name) and name not in ("resume", "weights"):       # neither matters to it
            yield f"{name} {old.get(name)} -> {new.get(name)}"


def _cut_log(path, step):
    """Keep the log's rows up to `step`; a new log gets its header."""
    rows = [row for row in read_log(path) if row["step"] <= step] if step and path.is_file() else []
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_log(path):
    """log.csv as a list of dicts of numbers, None where blank; a last row that is still being written is left out."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such log; a training run writes it")
    text = path.read_text(errors="replace")
    reader = csv.DictReader(io.StringIO(text[:text.rfind("\n") + 1]))
    if not reader.fieldnames or "step" not in reader.fieldnames:
        raise InputError(f"{path}: expected a header row with step, {', '.join(LOG_COLUMNS[1:])}")
    rows = []
    for number, row in enumerate(reader, 2):
        try:
            figures = {name: float(row[name]) if row.get(name) else None for name in LOG_COLUMNS}
            rows.append(figures | {"step": int(row["step"])})
        except (TypeError, ValueError):
            raise InputError(f"{path} row {number}: expected numbers, found {list(row.values())}") from None
    return rows


def random_states():
    """The states of all random generators, as tensors and plain data."""
    kind, keys, *rest = np.random.get_state()
    states = {"python": random.getstate(), "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
              "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states):
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


def read_checkpoint(path):
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


def rooted(weights, root):
    """A checkpoint's path from `root`, where it is there; else as it is given, a path from here or a name."""
    return str(Path(root) / weights) if (Path(root) / weights).is_file() else str(weights)


def load_network(weights, root=Path("."), trained=False, img_sz=None):
    """`resnet18` with `weights`: "none", "imagenet", a shipped name, or a path, from `root` or from here.

    With `trained` the first two, whose last layer is random, are refused. It works at `img_sz` px, where None is given
    at what it was trained at (224 where the file does not say).
    """
    if trained and weights in ("none", "imagenet"):
        raise InputError(f"--weights {weights}: knows no emotion; expected a trained checkpoint")
    try:
        net = resnet18(None if weights == "none" else rooted(weights, root))
        net.img_sz = img_sz or net.img_sz or 224
        return net
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    except (OSError, RuntimeError) as error:
        raise InputError(f"{weights}: could not be fetched ({error}); --weights takes a file, or none") from None


def ship(source, target):
    """Write a training checkpoint's weights, in half precision and with no optimiser or path of the trainer's.

    InputError where `source` is missing, damaged or something else.
    """
    try:
        checkpoint = load_checkpoint(source)
        net = resnet18()
        fill(net, checkpoint, source)
        kept = {name: checkpoint[name] for name in ("step", "best", "revision")}
        kept["options"] = {"loader": {"img_sz": checkpoint["options"]["loader"]["img_sz"]}}
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    except (KeyError, TypeError):
        raise InputError(f"{source}: not a checkpoint of a training run") from None
    kept["net"] = {name: value.half() if value.is_floating_point() else value
                   for name, value in net.state_dict().items()}
    write_checkpoint(target, kept)
