"""Datasets, samplers and augmentation.

A sample is a face, or four, oldest first, with a soft label. All samples of a source lie in flat arrays
(`Samples`), so worker processes share them and do not grow. Which samples make step s, and how they are
augmented, follows from (seed, s) alone: a resumed run sees what an uninterrupted one would have.
"""
import os
import signal
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from faces import crop_face, read_reduced, square_around
from index import BUFFER, FILES, read_index
from labels import EMOTIONS, NEUTRAL
from ops import InputError

NOISE = 4_000_000                                # numbers, 16 MB
FILMED = 224                                     # px, of a face in a colour film
HELD_OUT = {"affectnet": "valid", "raf": "test", "fer": "valid"}     # each index's own split to validate on


@dataclass
class Samples:
    """N samples of one source as flat arrays.

    paths: bytes (N, K), K images a sample, relative to `root`; boxes: float32 (N, 4), x, y, w, h, with w = 0
    for the whole image; targets: float32 (N, 7), each row sums to 1; framing: (margin, lift) of `faces.square_around`.
    """
    name: str
    root: Path
    paths: np.ndarray
    boxes: np.ndarray
    targets: np.ndarray
    framing: tuple = (0.0, 0.0)

    def __len__(self):
        return len(self.paths)


def _one_hot(label):
    return np.eye(len(EMOTIONS), dtype=np.float32)[label]


def _entries(source, index, path):
    """(paths, box, target, entry) of each example of an index, whatever its structure.

    An index of the ancestor project calls the box `bb`, may count in floats, and has no splits.
    """
    try:
        if source in ("affectnet", "friends", "ck"):
            for emotion in sorted(index):
                for entry in index[emotion].values():
                    paths = [entry["img"]] if isinstance(entry["img"], str) else list(entry["img"])
                    if source != "affectnet" and (len(paths) != BUFFER or len(entry["pos"]) != 2):
                        raise ValueError(f"{len(paths)} images, pos {entry['pos']}")
                    yield paths, entry.get("gt", entry.get("bb", (0, 0, 0, 0))), _one_hot(int(entry["emo"])), entry
        else:
            for entry in index.values():
                target = np.asarray(entry["em"], np.float32).reshape(len(EMOTIONS))
                yield [entry["img"]], entry["gt"] if "gt" in entry else entry["bb"], target, entry
    except (KeyError, AttributeError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{path}: not the structure of a {source} index ({error!r}); parse again") from None


def _split(entry, image):
    """An entry's split; without one RAF-DB's names tell it, and all else is for training."""
    return entry.get("split", "test" if os.path.basename(image).startswith("test_") else "train")


def read_samples(source, dicts_path, root, split=None, episodes=None, framing=(0.0, 0.0)):
    """The samples of an index, of one split (its own), or of some Friends episodes.

    Raises:
        InputError: no index, a wrong one, or nothing in the split.
    """
    path = Path(dicts_path) / FILES[source]
    paths, boxes, targets, found = [], [], [], set()
    for images, box, target, entry in _entries(source, read_index(path), path):
        if (split and _split(entry, images[0]) != split) or (episodes is not None and entry["pos"][0] not in episodes):
            continue
        found.add(entry["pos"][0] if episodes is not None else split)
        paths.append([os.fsencode(image) for image in images])
        boxes.append(box)
        targets.append(target)
    absent = sorted(set(episodes) - found) if episodes is not None else []
    if absent or not paths:
        wanted = f"episodes {absent}" if episodes is not None else f"split {split}" if split else "examples"
        raise InputError(f"{path}: holds no {wanted}")
    return Samples(source, Path(root), np.asarray(paths), np.asarray(boxes, np.float32),
                   np.asarray(targets, np.float32), framing)


@cache
def _noise():
    """Standard normal numbers, float32 (NOISE,): every crop takes a stretch of them, drawing new ones is slow."""
    return np.random.default_rng(0).standard_normal(NOISE, np.float32)


def augment_face(face, rng, drawn):
    """Rotation, blur, brightness and contrast, noise, erasing as `drawn` (by `draw_augmentation`) on one crop.

    face (H, W, 3) uint8; returns the same kind. `rng` makes the noise.
    """
    size = face.shape[0]
    if drawn["rotate"]:
        turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), drawn["rotate"], 1)
        face = cv2.warpAffine(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if drawn["blur"]:
        face = cv2.GaussianBlur(face, None, drawn["blur"])
    contrast, brightness = drawn["level"]
    levels = (np.arange(256.0)[:, None] - 128) * contrast + (128 + 255 * brightness) + np.zeros(3)
    face = cv2.LUT(face, levels.astype(np.float32)[None])                      # float32, (H, W, 3)
    start = int(rng.integers(max(NOISE - face.size, 1)))
    noise = _noise()[start:start + face.size]
    noise = np.resize(noise, face.shape) if noise.size < face.size else noise.reshape(face.shape)
    face = cv2.addWeighted(face, 1, noise, 255 * drawn["noise"], 0, dtype=cv2.CV_8U)     # rounds and clips
    if drawn["erase"] is not None:
        (left, top, right, bottom), colour = drawn["erase"]
        face[round(top * size):round(bottom * size), round(left * size):round(right * size)] = np.round(colour)
    return face


def draw_augmentation(rng, size, shift, flip, noise, blur, level, tint=0.0, rotate=0.0, erase=0.0):
    """One sample's augmentation, the same for all its frames; arguments as in ops.Augment, size in px."""
    drawn = {"move": rng.uniform(-shift, shift, 2), "zoom": 1 + rng.uniform(-shift, shift),
             "flip": rng.random() < flip, "noise": rng.uniform(0, noise),
             "blur": rng.uniform(0.3, 1.0) * size / 64 if rng.random() < blur else 0.0,
             "level": (1 + rng.uniform(-level, level), rng.uniform(-level, level) / 2)}
    if tint:                                     # of each colour by itself
        contrast, brightness = drawn["level"]
        drawn["level"] = contrast + rng.uniform(-tint, tint, 3), brightness + rng.uniform(-tint, tint, 3) / 2
    drawn["rotate"] = rng.uniform(-rotate, rotate)
    drawn["erase"] = _draw_rectangle(rng) if rng.random() < erase else None
    return drawn


def _draw_rectangle(rng):
    """A rectangle (left, top, right, bottom) of 2 to 20 percent of a unit square, and a colour (3,).

    Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    area, aspect = rng.uniform(0.02, 0.2), np.exp(rng.uniform(-1, 1))
    sides = np.minimum(np.sqrt(area * np.array([aspect, 1 / aspect])), 1)
    start = rng.uniform(0, 1 - sides)
    return (*start, *(start + sides)), rng.uniform(0, 255, 3)


def colour_faces(faces, rng):
    """Crops of one clip, RGB uint8 of `FILMED` px, as a colour film may show them: tinted and slightly blurred."""
    drawn = draw_augmentation(rng, FILMED, shift=0, flip=0, noise=0, blur=1, level=0, tint=0.2)
    return [augment_face(face, rng, drawn) for face in faces]


class FaceClips(Dataset):
    """Samples of several sources as (frames uint8 (T, 3, H, W), target float32 (7,)).

    Args:
        sources: list of `Samples`; sample i counts through them in order.
        img_sz: H and W.
        frames: T, 1 or 4. A still asked for four is filmed by a small smooth camera motion; a buffer asked
            for one gives its last.
        augment: keywords of `draw_augmentation` but for size; None for validation.
        camera_motion: how far that camera moves, as a share of the box's side.
        colour: enlarge each face and show it as `colour_faces` does.

    It is indexed by (sample, seed); the seed, a tuple of integers, sets the augmentation and the camera.
    In training (with `augment`) a sample that cannot be read is stood in for by one of its emotion, and a third
    item says why, "" where it can; in validation it is an InputError.
    """

    def __init__(self, sources, img_sz, frames=1, augment=None, camera_motion=0.0, colour=False):
        self.sources, self.img_sz, self.frames = sources, img_sz, frames
        self.augment, self.camera_motion, self.colour = augment, camera_motion, colour
        self.starts = np.cumsum([0] + [len(source) for source in sources])
        self.targets = np.concatenate([source.targets for source in sources])

    def __len__(self):
        return int(self.starts[-1])

    def __getitem__(self, key):
        sample, seed = key
        if not self.augment:
            return self._clip(sample, seed), self.targets[sample]
        reason = ""
        for stand_in in self._stand_ins(sample):
            try:
                return self._clip(stand_in, seed), self.targets[stand_in], reason
            except InputError as error:          # a corrupt file among 420,000 must not end a night's training
                reason = reason or str(error)
        raise InputError(f"{reason}; nor could four others of its emotion be read")

    def _stand_ins(self, sample):
        """The sample, then the next few of the same emotion, for where it cannot be read."""
        emotion = self.targets[sample].argmax()
        others = (index % len(self) for index in range(sample + 1, sample + len(self)))
        same = (index for index in others if self.targets[index].argmax() == emotion)
        return chain([sample], islice(same, 4))

    def _clip(self, sample, seed):
        """One sample's frames, uint8 (T, 3, H, W)."""
        rng = np.random.default_rng(seed)
        part = int(np.searchsorted(self.starts, sample, "right")) - 1
        source, row = self.sources[part], int(sample - self.starts[part])
        drawn = draw_augmentation(rng, self.img_sz, **self.augment) if self.augment else None
        paths = [source.root / os.fsdecode(path) for path in source.paths[row]]
        faces = self._faces(paths, self._cameras(len(paths), rng), source, row, drawn)
        if drawn:
            faces = [augment_face(face, rng, drawn) for face in faces]
        if self.colour:
            faces = [crop_face(face, (0, 0, *face.shape[:2]), self.img_sz) for face in colour_faces(faces, rng)]
        clip = np.stack(faces)                                                 # (T, H, W, 3)
        if drawn and drawn["flip"]:
            clip = clip[:, :, ::-1]
        return torch.from_numpy(np.ascontiguousarray(clip.transpose(0, 3, 1, 2)))

    def _cameras(self, images, rng):
        """(x, y, zoom) that the box is moved by in each of the T frames, as float (T, 3), as shares of its side.

        Four images are frames already, and are not filmed.
        """
        if images >= self.frames:
            return np.zeros((self.frames, 3))
        ends = rng.uniform(-self.camera_motion, self.camera_motion, 3)
        ease = np.linspace(1, 0, self.frames) ** rng.uniform(0.7, 1.4)        # comes to rest on the last frame
        return ease[:, None] * ends

    def _faces(self, paths, cameras, source, row, drawn):
        """The crops, moved by the camera and as `drawn`: list of T RGB uint8 (size, size, 3)."""
        size, box = FILMED if self.colour else self.img_sz, source.boxes[row]
        side = square_around(box, *source.framing)[2] if box[2] > 0 else 0
        moves = cameras + ([*drawn["move"], drawn["zoom"] - 1] if drawn else 0)
        least = size / (1 + moves[:, 2].min())
        faces, image, shown = [], None, None
        for path, move in zip(paths[-self.frames:] if len(paths) >= self.frames else paths[-1:] * self.frames, moves):
            if path != shown:
                (image, divisor), shown = read_reduced(path, side, least), path
            faces.append(self._crop(image, divisor, path, box, source.framing, move, size))
        return faces

    def _crop(self, image, divisor, path, box, framing, move, size):
        height, width = image.shape[:2]
        if box[2] > 0:
            x, y, side = (value / divisor for value in square_around(box, *framing))
        else:                                    # a crop of parse_friends is framed already
            x, y, side = square_around((0, 0, width, height))
        move_x, move_y, zoom = move
        grown = side * (1 + zoom)
        moved = (x + (side - grown) / 2 + move_x * side, y + (side - grown) / 2 + move_y * side, grown, grown)
        try:
            return crop_face(image, moved, size)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def sampling_weights(sources, shares, neutral_ratio, balance=1.0):
    """Chance of each sample of each source, in order, as one float64 array that sums to 1.

    A source gets its share; within it neutral gets `neutral_ratio` and the emotions present split the rest
    evenly; an emotion's samples share evenly. A sample's emotion is the largest of its soft label. With `balance`
    below 1 an emotion's chance is drawn towards its count's share, by that power: at 0 all samples are alike.
    """
    weights = []
    for source, share in zip(sources, shares):
        labels = source.targets.argmax(1)
        counts = np.bincount(labels, minlength=len(EMOTIONS))
        emotions = [e for e in range(len(EMOTIONS)) if e != NEUTRAL and counts[e]]
        chance = np.zeros(len(EMOTIONS))
        chance[NEUTRAL] = neutral_ratio if counts[NEUTRAL] else 0
        chance[emotions] = (1 - neutral_ratio) / max(len(emotions), 1)
        chance = chance ** balance * counts ** (1 - balance)
        chance /= chance.sum()
        weights.append(share * chance[labels] / counts[labels])
    weights = np.concatenate(weights)
    return weights / weights.sum()


class BalancedBatches(Sampler):
    """Batches for steps `start` to `stop`, each drawn by `weights` from (seed, step) alone.

    part: (rank, ranks); each process gets its part of every batch.
    """

    def __init__(self, weights, batch_size, seed, start, stop, part=(0, 1)):
        self.cumulative = np.cumsum(weights)
        self.batch_size, self.seed, self.start, self.stop, self.part = batch_size, seed, start, stop, part

    def __len__(self):
        return self.stop - self.start

    def __iter__(self):
        for step in range(self.start, self.stop):
            draws = np.random.default_rng((self.seed, step)).random(self.batch_size) * self.cumulative[-1]
            samples = np.searchsorted(self.cumulative, draws, "right")
            yield [(int(samples[slot]), (self.seed, step, slot)) for slot in part_of(self.batch_size, self.part)]


class EveryOnce(Sampler):
    """All samples of a dataset in order, `batch_size` at a time, for validation; of `part` as in `BalancedBatches`."""

    def __init__(self, count, batch_size, part=(0, 1)):
        self.samples, self.batch_size = part_of(count, part), batch_size

    def __len__(self):
        return -(-len(self.samples) // self.batch_size)

    def __iter__(self):
        for start in range(0, len(self.samples), self.batch_size):
            yield [(sample, (0, sample)) for sample in self.samples[start:start + self.batch_size]]


def part_of(count, part):
    """The range of `count` things that is process `rank`'s of `ranks`; part: (rank, ranks)."""
    rank, ranks = part
    return range(count * rank // ranks, count * (rank + 1) // ranks)


def read_mixture(mixture, dicts_path, roots, margins, train_episodes):
    """The training `Samples` of each index of a mixture, and their shares.

    mixture: {source: share}; roots, margins: {source: folder}, {source: (margin, lift)}.
    """
    shares = {source: share for source, share in mixture.items() if share > 0}
    if not shares:
        raise InputError("--mixture: expected at least one index with a share above 0")
    where = {source: {"split": "train"} if source in HELD_OUT else {} for source in shares}
    where["friends"] = {"episodes": train_episodes}
    sources = [read_samples(source, dicts_path, roots[source], framing=margins[source], **where[source])
               for source in shares]
    return sources, list(shares.values())


def read_held_out(source, dicts_path, roots, margins, valid_episodes):
    """The `Samples` validated on: Friends' validation episodes, or another index's own held-out split."""
    if source == "ck":
        raise InputError("--valid-on ck: CK+ has no validation split; it is trained on whole")
    where = {"episodes": valid_episodes} if source == "friends" else {"split": HELD_OUT[source]}
    return read_samples(source, dicts_path, roots[source], framing=margins[source], **where)


def check_episodes(train_episodes, valid_episodes):
    """Refuse Friends episodes that are both trained and validated on."""
    both = sorted(set(train_episodes) & set(valid_episodes))
    if both:
        raise InputError(f"episodes {both} are both in --train-episodes and in --valid-episodes")


def _start_worker(_):
    for number in (signal.SIGINT, signal.SIGTERM):       # a stop is the training process's to handle
        signal.signal(number, signal.SIG_IGN)


def make_loader(dataset, batches, num_workers, pin_memory=False):
    """A DataLoader of `dataset` over `batches`."""
    return DataLoader(dataset, batch_sampler=batches, num_workers=num_workers, pin_memory=pin_memory,
                      persistent_workers=num_workers > 0, worker_init_fn=_start_worker)
