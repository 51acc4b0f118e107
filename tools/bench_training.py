"""What bench.py measures of training: how fast samples are made, against PIL and torchvision, and what a step takes."""
import os
import time
from statistics import median

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional
from tqdm import tqdm

from ops import StaticTrainOps
from resnet_tsm import resnet18
from vtt_emotion.core.crop import square_around
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import name_device
from vtt_emotion.training.augmentation import draw_augmentation
from vtt_emotion.training.batches import EveryOnce, make_loader
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.engine import Average, Unreadable, fit, train_step
from vtt_emotion.training.optimization import make_loss, make_optimizer
from vtt_emotion.training.ranks import Ranks
from vtt_emotion.training.runs import Run
from vtt_emotion.training.samples import Samples

PICTURES, SIDE, SIZE, ROUNDS = 500, 1000, 224, 3
AUGMENT = {name: value for name, value in vars(StaticTrainOps.by_recipe("ancestor").augment).items() if name != "mixup"}


def draw_pictures(folder):
    """`PICTURES` JPEGs of SIDE x SIDE px as rich as photographs, drawn once, with a box each; `Samples`."""
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.4, 0.8, PICTURES) * SIDE
    corners = rng.uniform(0, SIDE - sides, (2, PICTURES))
    for number in tqdm(range(PICTURES), "draw", unit="picture", disable=None):
        if not (folder / f"{number:03d}.jpg").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"{number:03d}.jpg", draw_picture(number), 90)
    return Samples("affectnet", folder, np.array([[b"%03d.jpg" % number] for number in range(PICTURES)]),
                   np.stack([*corners, sides, sides], 1).astype(np.float32),
                   np.eye(len(EMOTIONS), dtype=np.float32)[rng.integers(0, len(EMOTIONS), PICTURES)])


def draw_picture(number):
    """Light, shapes and grain: RGB uint8 (SIDE, SIDE, 3), about 200 kB as a JPEG."""
    rng = np.random.default_rng(number)
    light, shapes = (cv2.resize(rng.normal(0, spread, (cells, cells, 3)).astype(np.float32), (SIDE, SIDE),
                                interpolation=cv2.INTER_CUBIC) for cells, spread in ((12, 70), (125, 18)))
    grain = cv2.GaussianBlur(rng.normal(0, 14, (SIDE, SIDE, 3)).astype(np.float32), None, 1.0)
    return np.clip(128 + light + shapes + grain, 0, 255).astype(np.uint8)


class PilFaces(Dataset):
    """The same crops and augmentation as FaceClips, of frames of one, by PIL and torchvision's transforms v2."""

    def __init__(self, samples):
        self.samples = samples

    def __getitem__(self, key):
        sample, seed = key
        drawn = draw_augmentation(np.random.default_rng(seed), SIZE, **AUGMENT)
        with Image.open(self.samples.root / os.fsdecode(self.samples.paths[sample, 0])) as image:
            image = image.convert("RGB")
        x, y, side = square_around(self.samples.boxes[sample])
        grown = side * drawn["zoom"]
        left, top = round(x + (side - grown) / 2 + drawn["move"][0] * side), \
            round(y + (side - grown) / 2 + drawn["move"][1] * side)
        grown = round(grown)
        outside = [max(-left, 0), max(-top, 0), max(left + grown - SIDE, 0), max(top + grown - SIDE, 0)]
        face = functional.crop(image, max(top, 0), max(left, 0), grown - outside[1] - outside[3],
                               grown - outside[0] - outside[2])
        face = functional.pad(face, outside, padding_mode="edge") if any(outside) else face
        face = functional.pil_to_tensor(functional.resize(face, [SIZE, SIZE]))
        if drawn["blur"]:
            kernel = 2 * round(3 * drawn["blur"]) + 1
            face = functional.gaussian_blur(face, [kernel, kernel], [drawn["blur"]] * 2)
        contrast, brightness = drawn["level"]
        face = (functional.to_dtype(face, torch.float32, scale=True) - 0.5) * contrast + (0.5 + brightness)
        face = functional.to_dtype(functional.gaussian_noise(face, 0.0, drawn["noise"]), torch.uint8, scale=True)
        return functional.horizontal_flip(face)[None] if drawn["flip"] else face[None]


def time_input(samples):
    """Images a second that one worker process makes of the samples, ours and PIL's, and their ratio; medians."""
    loaders = {"ours": FaceClips([samples], SIZE, 1, AUGMENT), "pil_torchvision": PilFaces(samples)}
    loaders = {name: make_loader(made, EveryOnce(PICTURES, 50), 1) for name, made in loaders.items()}
    seconds = {name: [] for name in loaders}
    for turn in range(ROUNDS + 1):
        for name, loader in loaders.items():     # in turn, so that both meet the same machine
            since = time.perf_counter()
            for _ in loader:
                pass
            if turn:                             # the first starts the worker
                seconds[name].append(time.perf_counter() - since)
    figures = {f"{name}_images_a_second": PICTURES / median(taken) for name, taken in seconds.items()}
    return figures | {"ratio": median(theirs / ours for ours, theirs in zip(*seconds.values()))}


def time_steps(samples, device, precision, batch_size, steps, workers):
    """How a training's steps pass, by `engine.fit` itself.

    Returns:
        dict: step_ms; model_share, of a step's time that `train_step` takes (on CUDA it only starts the work: None);
        against_memory, the speed as a share of that with a batch that is on the device already.
    """
    net = resnet18().to(device, memory_format=torch.channels_last)
    optimizer, loss = make_optimizer(net, "adam", 1e-4, 0), make_loss("split_bce", 0.5)
    begun, ended = [], []

    def take_step(clips, target, _):
        begun.append(time.perf_counter())
        done = train_step(net, optimizer, loss, clips.to(device, non_blocking=True), target.to(device), precision)
        ended.append(time.perf_counter())
        return done

    order = [[(int(sample), (0, step, slot)) for slot, sample in enumerate(row)] for step, row in
             enumerate(np.random.default_rng(0).integers(0, PICTURES, (steps, batch_size)))]
    loader = make_loader(FaceClips([samples], SIZE, 1, AUGMENT), order, workers, device.type == "cuda")
    fit(net, Average(net, 0), optimizer, take_step, loader, lambda: {"error": 0, "accuracy": 0, "mean_recall": 0},
        Run("bench", StaticTrainOps(), False, writes=False), Ranks(device, batch_size), Unreadable(0), lambda _: 1e-4,
        steps, steps, steps, steps // 2)
    skipped = min(3, (steps - 1) // 2)           # warming up
    looped = (begun[-1] - begun[skipped]) / (steps - 1 - skipped)
    share = sum(end - start for start, end in zip(begun[skipped:-1], ended[skipped:-1])) / (begun[-1] - begun[skipped])
    clips, target = torch.randint(0, 255, (batch_size, 1, 3, SIZE, SIZE), dtype=torch.uint8).to(device), \
        torch.from_numpy(samples.targets[:batch_size]).to(device)
    since = 0
    for step in range(steps):
        if step == skipped:
            since = time.perf_counter()
        error, _ = train_step(net, optimizer, loss, clips, target, precision)
    error.item()                                 # waits for CUDA
    in_memory = (time.perf_counter() - since) / (steps - skipped)
    return {"step_ms": 1000 * looped, "model_share": share if device.type == "cpu" else None,
            "against_memory": in_memory / looped}


def measure_training(folder, device, batch_size, steps, workers):
    """All figures, as a dict; `folder` keeps the pictures."""
    samples, device = draw_pictures(folder / f"pictures{SIDE}"), torch.device(name_device(device))
    figures = {"input": time_input(samples), "device": str(device)}
    for precision in ("float32", "bfloat16") if device.type == "cuda" else ("float32",):
        figures[f"step_{precision}"] = time_steps(samples, device, precision, batch_size, steps, workers)
    return figures


def show_training(figures):
    """Print them as lines of a table."""
    speeds = figures["input"]
    print(f"samples, one worker              {speeds['ours_images_a_second']:9.0f} a second, PIL + torchvision "
          f"{speeds['pil_torchvision_images_a_second']:.0f}: {speeds['ratio']:.1f} times as fast")
    for name in (name for name in figures if name.startswith("step_")):
        step = figures[name]
        share = "" if step["model_share"] is None else f"{step['model_share']:.1%} of it the model's, "
        print(f"training step, {name[5:]:18}{step['step_ms']:9.0f} ms on {figures['device']}: {share}"
              f"{step['against_memory']:.1%} of the speed with the batch in memory")
