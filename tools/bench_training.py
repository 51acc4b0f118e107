"""What bench.py measures of training: how fast samples are made, against PIL and torchvision, and what a step takes."""
import os
import shutil
import time
from itertools import count
from statistics import median

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import Dataset
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.transforms.v2 import functional
from tqdm import tqdm

from ops import Augment, SequenceTrainOps, StaticTrainOps
from resnet_tsm import resnet18, shifted_block
from vtt_emotion.core.crop import square_around
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import name_device
from vtt_emotion.datasets.npy import BUFFER, FILES, by_emotion, write_index
from vtt_emotion.training.augmentation import draw_augmentation
from vtt_emotion.training.batches import EveryOnce, make_loader
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.engine import Average, train_step
from vtt_emotion.training.log import read_log
from vtt_emotion.training.optimization import make_loss, make_optimizer
from vtt_emotion.training.samples import Samples
from vtt_emotion.training.train import train

PICTURES, SIDE, SIZE, ROUNDS = 500, 1000, 224, 3
AUGMENT = {name: value for name, value in vars(Augment(
    shift=0.1, blur=0.2, level=0.2, tint=0, rotate=0, erase=0)).items() if name != "mixup"}


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


class Plain(ResNet):
    """torchvision's ResNet18 as a plain loop trains it, with the shift of the TSM paper's own code: of all frames."""

    def __init__(self):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=len(EMOTIONS))

    def forward(self, clips):
        """clips uint8 (N, T, 3, H, W) to logits (N, 7) of the last frames."""
        frames = clips.shape[1]
        x = functional.normalize(clips.flatten(0, 1).float() / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        for layer in (self.layer2, self.layer3, self.layer4):
            x = layer[1](shifted_block(layer[0], x, self.shift(x, frames) if frames > 1 else x))
        return self.fc(self.avgpool(x).flatten(1)).unflatten(0, (-1, frames))[:, -1]

    @staticmethod
    def shift(x, frames):
        """x (N * T, C, H, W), a quarter of its channels from the frame before."""
        x = x.unflatten(0, (-1, frames))
        out, fold = torch.zeros_like(x), x.shape[2] // 4
        out[:, 1:, :fold] = x[:, :-1, :fold]
        out[:, :1, :fold] = x[:, :1, :fold]
        out[:, :, fold:] = x[:, :, fold:]
        return out.flatten(0, 1)


def plain_steps(device, precision):
    """A function that takes one step of a plain loop on (clips, target), as a tutorial writes it; returns the error."""
    net = Plain().to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-3, momentum=0.9, nesterov=True)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.999), use_buffers=True)

    def step(clips, target):
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            error = cross_entropy(net(clips), target)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        average.update_parameters(net)
        return error

    return step


def our_steps(device, precision):
    """The same of this project's: `train_step` and its `Average`."""
    net = resnet18().to(device, memory_format=torch.channels_last)
    optimizer, loss, average = make_optimizer(net, "sgd", 1e-3, 0), make_loss("soft_ce", 0.5), Average(net, 0.999)
    done = count()

    def step(clips, target):
        error, _ = train_step(net, optimizer, loss, clips, target, precision)
        average.update(net, next(done))
        return error

    return step


def time_in_memory(frames, device, precision, batch_size, steps):
    """Median seconds of our step and of a plain loop's, taken in turn on one batch that is on the device already."""
    clips = torch.randint(0, 255, (batch_size, frames, 3, SIZE, SIZE), dtype=torch.uint8).to(device)
    target = torch.eye(len(EMOTIONS))[torch.arange(batch_size) % len(EMOTIONS)].to(device)
    kinds, seconds = (our_steps(device, precision), plain_steps(device, precision)), ([], [])
    for _ in range(steps):
        for step, taken in zip(kinds, seconds):
            since = time.perf_counter()
            step(clips, target).item()           # waits for CUDA
            taken.append(time.perf_counter() - since)
    return [median(taken[min(3, (steps - 1) // 2):]) for taken in seconds]       # the first warm up


def time_loop(samples, folder, frames, precision, bench):
    """Seconds a step of a training as the trainers run it, over the second half of its steps, by its own log."""
    ops = StaticTrainOps() if frames == 1 else SequenceTrainOps()
    entries = [{"img": os.fsdecode(path), "gt": box, "emo": int(target.argmax()), "split": split}
               for split in ("train", "valid") for path, box, target in
               list(zip(samples.paths[:, 0], samples.boxes, samples.targets))[:None if split == "train" else 7]]
    write_index(folder / "dicts" / FILES["affectnet"], by_emotion(entries))
    ops.place.root = folder
    ops.place.dicts_path, ops.datasets.affectnet_path = folder / "dicts", samples.root
    ops.data.mixture, ops.data.valid_on, ops.augment = (("affectnet", 1.0),), "affectnet", Augment(**AUGMENT)
    ops.loader.batch_size, ops.loader.num_workers, ops.loader.img_sz = bench.batch_size, bench.num_workers, SIZE
    run = ops.run
    run.runs_path, run.name, run.weights, run.device, run.precision = folder, "run", "none", bench.device, precision
    run.max_steps = run.valid_every = run.save_every = bench.steps
    run.log_every = bench.steps // 2
    shutil.rmtree(folder / "run", ignore_errors=True)
    train(ops, frames)
    speed = read_log(folder / "run/log.csv")[-1]["images_per_second"]
    shutil.rmtree(folder / "run")
    return bench.batch_size * frames / speed


def measure_training(folder, bench):
    """All figures, as a dict; `folder` keeps the pictures, bench is an ops.Bench.

    Of a step: step_ms; against_memory, the loop's speed as a share of that with a batch in memory; against_plain, the
    speed in memory as a share of a plain loop's of the same network, size and precision.
    """
    samples, device = draw_pictures(folder / f"pictures{SIDE}"), torch.device(name_device(bench.device))
    figures = {"input": time_input(samples), "device": str(device)}
    for precision in ("float32", "bfloat16") if device.type == "cuda" else ("float32",):
        for kind, frames in (("still", 1), ("sequence", BUFFER)):
            looped = time_loop(samples, folder / "training", frames, precision, bench)
            ours, plain = time_in_memory(frames, device, precision, bench.batch_size, bench.steps)
            figures[f"step_{kind}_{precision}"] = {"step_ms": 1000 * looped, "against_memory": ours / looped,
                                                   "against_plain": plain / ours}
    return figures


def show_training(figures):
    """Print them as lines of a table."""
    speeds = figures["input"]
    print(f"samples, one worker              {speeds['ours_images_a_second']:9.0f} a second, PIL + torchvision "
          f"{speeds['pil_torchvision_images_a_second']:.0f}: {speeds['ratio']:.1f} times as fast")
    for name in (name for name in figures if name.startswith("step_")):
        step = figures[name]
        print(f"training step, {name[5:].replace('_', ', '):18}{step['step_ms']:9.0f} ms on {figures['device']}: "
              f"{step['against_memory']:.1%} of the speed with the batch in memory, which is "
              f"{step['against_plain']:.2f} times a plain loop's")
