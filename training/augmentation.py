"""How a face is changed from one time it is trained on to the next."""
from functools import cache

import cv2
import numpy as np
import torch

NOISE = 4_000_000                                # numbers, 16 MB
FILMED = 224                                     # px, of a face in a colour film


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


def mix_pairs(clips, target, alpha, rng):
    """A batch whose samples are each mixed with their neighbour, by one share drawn from Beta(alpha, alpha).

    clips uint8 (N, T, 3, H, W), target (N, 7); returns the same kinds. Zhang et al., "mixup", ICLR 2018.
    """
    share = float(rng.beta(alpha, alpha))
    mixed = [torch.lerp(part.roll(1, 0).float(), part.float(), share) for part in (clips, target)]
    return mixed[0].round_().to(torch.uint8), mixed[1]
