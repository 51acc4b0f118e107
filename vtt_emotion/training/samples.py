"""The samples of an index as flat arrays: which there are, and which are trained and validated on."""
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ops import SOURCES
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.datasets.ancestor import convert_ancestor
from vtt_emotion.datasets.npy import index_file, kind_of, read_index
from vtt_emotion.datasets.parsing import check_inside


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

    def __len__(self) -> int:
        return len(self.paths)


def _one_hot(label):
    return np.eye(len(EMOTIONS), dtype=np.float32)[label]


def _entries(source, index, path, root):
    """(paths, box, target, entry) of each example of an index, whatever its structure."""
    try:
        convert_ancestor(source, index, path, root)
        row = SOURCES[kind_of(source)]
        if row.by_emotion:
            for emotion in sorted(index):
                for entry in index[emotion].values():
                    paths = [entry["img"]] if isinstance(entry["img"], str) else list(entry["img"])
                    if len(paths) != row.images or row.images > 1 and len(entry["pos"]) != 2:
                        raise ValueError(f"{len(paths)} images, pos {entry['pos']}")
                    for image in paths:
                        check_inside(image, path)
                    yield paths, entry.get("gt", (0, 0, 0, 0)), _one_hot(int(entry["emo"])), entry
        else:
            for entry in index.values():
                target = np.asarray(entry["em"], np.float32).reshape(len(EMOTIONS))
                check_inside(entry["img"], path)
                yield [entry["img"]], entry["gt"], target, entry
    except InputError:
        raise
    except (KeyError, AttributeError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{path}: not the structure of a {source} index ({error!r}); parse again") from None


def _split(entry, image):
    """An entry's split; without one RAF-DB's names tell it, and all else is for training."""
    return entry.get("split", "test" if os.path.basename(image).startswith("test_") else "train")


def read_samples(source: str, dicts_path: Path, root: Path, split: str | None = None,
                 episodes: Iterable[int] | None = None, framing: tuple[float, float] = (0.0, 0.0)) -> Samples:
    """The samples of an index, of one split (its own), or of some Friends episodes.

    Raises:
        InputError: no index, a wrong one, or nothing in the split.
    """
    path = Path(dicts_path) / index_file(source)
    paths, boxes, targets, found = [], [], [], set()
    for images, box, target, entry in _entries(source, read_index(path), path, root):
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


def read_mixture(mixture: dict[str, float], dicts_path: Path, roots: dict[str, Path],
                 margins: dict[str, tuple[float, float]],
                 train_episodes: tuple[int, ...]) -> tuple[list[Samples], list[float]]:
    """The training `Samples` of each index of a mixture, and their shares.

    mixture: {source: share}; roots, margins: {source: folder}, {source: (margin, lift)}.
    """
    for source, share in mixture.items():
        if not 0 <= share < float("inf"):
            raise InputError(f"--mixture {source} {share}: expected a share, a number from 0 on")
    shares = {source: share for source, share in mixture.items() if share > 0}
    if not shares:
        raise InputError("--mixture: expected at least one index with a share above 0")
    sources = [read_samples(source, dicts_path, roots[kind_of(source)], framing=margins[kind_of(source)],
                            **where(source, "train", train_episodes)) for source in shares]
    return sources, list(shares.values())


def where(source: str, split: str, episodes: tuple[int, ...]) -> dict:
    """What `read_samples` takes of a source: a split, of Friends episodes, all of what has neither."""
    row = SOURCES[kind_of(source)]
    return {"episodes": episodes} if row.by_episode else {"split": split} if row.splits else {}


def read_held_out(source: str, dicts_path: Path, roots: dict[str, Path], margins: dict[str, tuple[float, float]],
                  valid_episodes: tuple[int, ...]) -> Samples:
    """The `Samples` validated on: Friends' validation episodes, or another index's own held-out split."""
    row = SOURCES[kind_of(source)]
    if row.never:
        raise InputError(f"--valid-on {source}: {row.never}")
    return read_samples(source, dicts_path, roots[kind_of(source)], framing=margins[kind_of(source)],
                        **where(source, row.held_out, valid_episodes))


def check_episodes(train_episodes: Iterable[int], valid_episodes: Iterable[int]) -> None:
    """Refuse Friends episodes that are both trained and validated on."""
    both = sorted(set(train_episodes) & set(valid_episodes))
    if both:
        raise InputError(f"episodes {both} are both in --train-episodes and in --valid-episodes")
