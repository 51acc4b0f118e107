"""Samples as clips: a face, or four, oldest first, cropped and augmented, with a soft label."""
import os
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np
import torch
from torch.utils.data import Dataset

from vtt_emotion.core.crop import crop_face, square_around
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_reduced
from vtt_emotion.training.augmentation import FILMED, augment_face, colour_faces, draw_augmentation
from vtt_emotion.training.face_cache import FaceCache, square_in
from vtt_emotion.training.hardships import crop_turned, half_in_shadow, shrink
from vtt_emotion.training.samples import Samples


def some_faces(clips: "FaceClips", count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(the last frames of `count` samples drawn at random, always the same, of all where None; which they are).

    clips: a `FaceClips`; returns uint8 (K, 3, H, W) and (K,).
    """
    rows = np.random.default_rng(0).permutation(len(clips))[:count]
    return np.stack([clips[int(row), (0, int(row))][0][-1].numpy() for row in rows]), rows


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
        small: show each face as one of so many px a side, enlarged again; 0 shows it as it is.
        turn: degrees that faces are turned by about the crop's middle, every other sample the other way.
        shadow: show each face as `half_in_shadow` does, by its seed.
        cache: a `FaceCache` to read faces of large pictures from; for training.
        affect: give targets valence and arousal as well, (9,) or (10,), NaN where they are not known.

    It is indexed by (sample, seed); the seed, a tuple of integers, sets the augmentation and the camera.
    In training (with `augment`) a sample that cannot be read is stood in for by one of its emotion, and a third
    item says why, "" where it can; in validation it is an InputError.
    """

    def __init__(self, sources: Sequence[Samples], img_sz: int, frames: int = 1, augment: dict | None = None,
                 camera_motion: float = 0.0, colour: bool = False, small: int = 0, turn: float = 0.0,
                 shadow: bool = False, affect: bool = False, cache: FaceCache | None = None) -> None:
        self.sources, self.img_sz, self.frames = sources, img_sz, frames
        self.augment, self.camera_motion, self.colour = augment, camera_motion, colour
        self.small, self.turn, self.shadow, self.cache = small, turn, shadow, cache
        self.starts = np.cumsum([0] + [len(source) for source in sources])
        self.targets = np.concatenate([source.targets for source in sources])
        self.affect = np.concatenate([source.affect for source in sources]) if affect else None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, key: tuple) -> tuple:
        sample, seed = key
        if not self.augment:
            return self._clip(sample, seed), self._target(sample)
        reason = ""
        for stand_in in self._stand_ins(sample):
            try:
                return self._clip(stand_in, seed), self._target(stand_in), reason
            except InputError as error:          # a corrupt file among 420,000 must not end a night's training
                reason = reason or str(error)
        raise InputError(f"{reason}; nor could four others of its emotion be read")

    def _target(self, sample):
        return self.targets[sample] if self.affect is None else np.hstack([self.targets[sample], self.affect[sample]])

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
        turn = -self.turn if sample % 2 else self.turn
        faces = self._faces(paths, self._cameras(len(paths), rng), source, row, drawn, turn)
        if drawn:
            faces = [augment_face(face, rng, drawn) for face in faces]
        if self.shadow:
            faces = half_in_shadow(faces, np.random.default_rng((*seed, 1)))
        if self.colour:
            faces = [crop_face(face, (0, 0, *face.shape[:2]), self.img_sz) for face in colour_faces(faces, rng)]
        if self.small:
            faces = [shrink(face, self.small) for face in faces]
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

    def _faces(self, paths, cameras, source, row, drawn, turn):
        """The crops, moved by the camera and as `drawn`, turned by degrees: list of T RGB uint8 (size, size, 3)."""
        size, box = FILMED if self.colour else self.img_sz, source.boxes[row]
        # A crop of parse_friends is framed already; the ancestor's is wider.
        margin = ((1 + 2 * source.framing[0]) / source.grown - 1) / 2 if source.grown else 0.0
        square = square_around(box, *source.framing) if box[2] > 0 else None
        moves = cameras + ([*drawn["move"], drawn["zoom"] - 1] if drawn else 0)
        least = size / (1 + moves[:, 2].min())
        faces, image, shown = [], None, None
        for path, move in zip(paths[-self.frames:] if len(paths) >= self.frames else paths[-1:] * self.frames, moves):
            if path != shown:
                picture, face = self._find(path, square, margin)
                (image, divisor), shown = read_reduced(picture, face[2] if face else 0, least), path
            faces.append(self._crop(image, divisor, path, face, margin, move, size, turn))
        return faces

    def _find(self, path, square, margin):
        """(the picture to read a face from, the face's square in it); None for the square is the whole picture."""
        try:
            kept = self.cache.find(path, square, margin) if self.cache else None
        except FileNotFoundError:                # reading it says so
            kept = None
        return kept or (path, square)

    def _crop(self, image, divisor, path, square, margin, move, size, turn):
        x, y, side = square_in(image, divisor, square, margin)
        move_x, move_y, zoom = move
        grown = side * (1 + zoom)
        moved = (x + (side - grown) / 2 + move_x * side, y + (side - grown) / 2 + move_y * side, grown, grown)
        try:
            return crop_turned(image, moved, size, turn) if turn else crop_face(image, moved, size)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
