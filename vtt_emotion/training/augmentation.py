"""How a face is changed from one time it is trained on to the next."""
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import torch

from vtt_emotion.training.hardships import shade, shrink, smear

NOISE = 4_000_000                                # numbers, 16 MB
FILMED = 224                                     # px, of a face in a colour film


@cache
def _noise():
    """Standard normal numbers, float32 (NOISE,): every crop takes a stretch of them, drawing new ones is slow."""
    return np.random.default_rng(0).standard_normal(NOISE, np.float32)


def augment_face(face: np.ndarray, rng: np.random.Generator, drawn: dict) -> np.ndarray:
    """One crop changed as `drawn` (by `draw_augmentation`), in the order in which a picture is taken.

    Turn and perspective, shadow, movement, blur, few pixels and JPEG, brightness and contrast, noise, erasing.
    face (H, W, 3) uint8; returns the same kind. `rng` makes the noise.
    """
    size = face.shape[0]
    face = _turn(face, drawn["rotate"], drawn["corners"])
    if drawn["shadow"]:
        face = shade(face, *drawn["shadow"])
    if drawn["motion"]:
        face = smear(face, *drawn["motion"])
    if drawn["blur"]:
        face = cv2.GaussianBlur(face, None, drawn["blur"])
    if drawn["lowres"] or drawn["jpeg"]:
        face = shrink(face, drawn["lowres"] or size, drawn["jpeg"])
    if drawn["grey"]:
        face = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
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


def _turn(face, degrees, corners):
    """A crop turned anticlockwise and with its corners moved: float32 (4, 2), px, or None; its edge is repeated."""
    size = face.shape[0]
    turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), degrees, 1)
    if corners is not None:
        square = np.float32([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]])
        turn = np.vstack([turn, [0, 0, 1]]) @ cv2.getPerspectiveTransform(square, square + corners)
        return cv2.warpPerspective(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE) if degrees else face


def draw_augmentation(rng: np.random.Generator, size: int, shift: float, flip: float, noise: float, blur: float,
                      level: float, tint: float = 0.0, rotate: float = 0.0, erase: float = 0.0, chance: float = 1.0,
                      **films: float) -> dict:
    """One sample's augmentation, the same for all its frames; arguments as in ops.Augment, size in px.

    films: as of `_draw_film`; what is 0 of them draws no random number, nor does a chance of 1.
    """
    if chance < 1:
        noise, level = (most if rng.random() < chance else 0 for most in (noise, level))
    drawn = {"move": rng.uniform(-shift, shift, 2), "zoom": 1 + rng.uniform(-shift, shift),
             "flip": rng.random() < flip, "noise": rng.uniform(0, noise),
             "blur": rng.uniform(0.3, 1.0) * size / 64 if rng.random() < blur else 0.0,
             "level": (1 + rng.uniform(-level, level), rng.uniform(-level, level) / 2)}
    if tint:                                     # of each colour by itself
        contrast, brightness = drawn["level"]
        drawn["level"] = contrast + rng.uniform(-tint, tint, 3), brightness + rng.uniform(-tint, tint, 3) / 2
    drawn["rotate"] = rng.uniform(-rotate, rotate)
    drawn["erase"] = _draw_rectangle(rng) if rng.random() < erase else None
    drawn |= _draw_film(rng, size, **films)
    if drawn["grey"]:                            # after the tint
        drawn["level"] = tuple(np.mean(part) for part in drawn["level"])
    return drawn


def _draw_film(rng, size, lowres=0.0, jpeg=0.0, motion=0.0, shadow=0.0, perspective=0.0, grey=0.0):
    """What films do to a face: the part of `draw_augmentation` that is off by default.

    A face of 12 to 40 px; a JPEG of quality 10 to 60, of so small a face 40 to 90, which leaves as much of it; a
    movement of 0.03 to 0.15 of the side; a shadow over a fifth to four fifths of it that leaves 0.2 to 0.8, with an
    edge of 0.05 to 0.4 of the side.
    """
    def happens(chance):
        return chance > 0 and rng.random() < chance

    side = int(rng.integers(12, 41)) if happens(lowres) else 0
    return {"lowres": side, "jpeg": int(rng.integers(10, 61)) + (30 if side else 0) if happens(jpeg) else None,
            "motion": (rng.uniform(0.03, 0.15) * size, rng.uniform(0, np.pi)) if happens(motion) else None,
            "shadow": (rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3), rng.uniform(0.05, 0.4),
                       rng.uniform(0.2, 0.8)) if happens(shadow) else None,
            "corners": np.float32(rng.uniform(-perspective, perspective, (4, 2)) * size) if perspective else None,
            "grey": happens(grey)}


def _draw_rectangle(rng):
    """A rectangle (left, top, right, bottom) of 2 to 20 percent of a unit square, and a colour (3,).

    Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    area, aspect = rng.uniform(0.02, 0.2), np.exp(rng.uniform(-1, 1))
    sides = np.minimum(np.sqrt(area * np.array([aspect, 1 / aspect])), 1)
    start = rng.uniform(0, 1 - sides)
    return (*start, *(start + sides)), rng.uniform(0, 255, 3)


def colour_faces(faces: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Crops of one clip, RGB uint8 of `FILMED` px, as a colour film may show them: tinted and slightly blurred."""
    drawn = draw_augmentation(rng, FILMED, shift=0, flip=0, noise=0, blur=1, level=0, tint=0.2)
    return [augment_face(face, rng, drawn) for face in faces]


def mix_pairs(clips: torch.Tensor, target: torch.Tensor, alpha: float,
              rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch whose samples are each mixed with their neighbour, by one share drawn from Beta(alpha, alpha).

    clips uint8 (N, T, 3, H, W), target (N, 7); returns the same kinds. Zhang et al., "mixup", ICLR 2018.
    """
    share = float(rng.beta(alpha, alpha))
    mixed = [torch.lerp(part.roll(1, 0).float(), part.float(), share) for part in (clips, target)]
    return mixed[0].round_().to(torch.uint8), mixed[1]
