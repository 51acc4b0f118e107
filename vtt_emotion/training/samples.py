"""The samples of an index as flat arrays: which there are, and which are trained and validated on."""
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path

import numpy as np

from ops import SOURCES
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import CONTEMPT, EMOTIONS, WITH_CONTEMPT
from vtt_emotion.datasets.ancestor import convert_ancestor
from vtt_emotion.datasets.npy import index_file, kind_of, read_index
from vtt_emotion.datasets.parsing import check_inside


@dataclass
class Samples:
    """N samples of one source as flat arrays.

    paths: bytes (N, K), K images a sample, relative to `root`; boxes: float32 (N, 4), x, y, w, h, with w = 0
    for the whole image; targets: float32 (N, 7), of an index with contempt (N, 8), each row sums to 1; framing:
    (margin, lift) of `square_around`; grown: how many times as large as its box each whole image is, where it is
    no crop framed already; clips: (N,), the clip that each sample is of, where clips are measured; affect: float32
    (N, 2), valence and arousal from -1 to 1, NaN where they are not given.
    """
    name: str
    root: Path
    paths: np.ndarray
    boxes: np.ndarray
    targets: np.ndarray
    framing: tuple = (0.0, 0.0)
    grown: float = 0.0
    clips: np.ndarray | None = None
    affect: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> "Samples":
        """The samples of some rows, bool (N,) or int (K,)."""
        return replace(self, paths=self.paths[rows], boxes=self.boxes[rows], targets=self.targets[rows],
                       clips=None if self.clips is None else self.clips[rows],
                       affect=None if self.affect is None else self.affect[rows])

    def of_classes(self, count: int) -> "Samples":
        """The samples with targets (N, count): of seven emotions, without those that are of contempt most, or of eight.

        Raises:
            InputError: all are of contempt.
        """
        if count == self.targets.shape[1]:
            return self
        if count == len(WITH_CONTEMPT):
            return replace(self, targets=np.pad(self.targets, ((0, 0), (0, 1))))
        kept = self.take(self.targets.argmax(1) != CONTEMPT)
        if not len(kept):
            raise InputError(f"{self.name}: of contempt alone, which seven emotions leave out; --classes 8 knows it")
        shares = kept.targets[:, :count]
        return replace(kept, targets=shares / shares.sum(1, keepdims=True))


def _affect(entry):
    """An entry's valence and arousal, NaN where they are not given, which AffectNet writes as -2."""
    given = [entry.get(name) for name in ("val", "aro")]
    return [value if isinstance(value, Real) and -1 <= value <= 1 else np.nan for value in given]


def _one_hot(label):
    return np.eye(len(WITH_CONTEMPT), dtype=np.float32)[label]


def _entries(source, index, path, root):
    """(paths, box, target (8,), entry) of each example of an index, whatever its structure."""
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
                shares = np.asarray(entry["em"], np.float32).reshape(-1)
                if len(shares) not in (len(EMOTIONS), len(WITH_CONTEMPT)):
                    raise ValueError(f"em of {len(shares)} shares")
                target = np.pad(shares, (0, len(WITH_CONTEMPT) - len(shares)))
                check_inside(entry["img"], path)
                yield [entry["img"]], entry["gt"], target, entry
    except InputError:
        raise
    except (KeyError, AttributeError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{path}: not the structure of a {source} index ({error!r}); parse again") from None


def _split(entry, image):
    """An entry's split; without one RAF-DB's names tell it, and all else is for training."""
    return entry.get("split", "test" if os.path.basename(image).startswith("test_") else "train")


def _subset(entry):
    """An entry's subset of RAF-DB; the ancestor's indexes do not say it, but the label does."""
    shares = [share for share in np.asarray(entry["em"], float) if share > 0]
    by_label = "basic" if len(shares) == 1 else "compound" if len(shares) == 2 and shares[0] == shares[1] else "multi"
    return entry.get("subset", by_label)


def read_samples(source: str, dicts_path: Path, root: Path, split: str | None = None,
                 episodes: Iterable[int] | None = None, framing: tuple[float, float] = (0.0, 0.0),
                 subsets: tuple[str, ...] = ()) -> Samples:
    """The samples of an index, of one split (its own), of some subsets, or of some Friends episodes.

    A box that its entry says is the `whole` image is (0, 0, 0, 0), and so gets no margin.

    Raises:
        InputError: no index, a wrong one, or nothing in the split.
    """
    path = Path(dicts_path) / index_file(source)
    paths, boxes, targets, clips, affect, found = [], [], [], [], [], set()
    for images, box, target, entry in _entries(source, read_index(path), path, root):
        if (split and _split(entry, images[0]) != split) or (episodes is not None and entry["pos"][0] not in episodes):
            continue
        if subsets and _subset(entry) not in subsets:
            continue
        found.add(entry["pos"][0] if episodes is not None else split)
        paths.append([os.fsencode(image) for image in images])
        boxes.append((0, 0, 0, 0) if entry.get("whole") else box)
        targets.append(target)
        affect.append(_affect(entry))
        clips.append(str(entry["pos"][-1]) if SOURCES[kind_of(source)].clips else "")
    absent = sorted(set(episodes) - found) if episodes is not None else []
    if absent or not paths:
        wanted = f"episodes {absent}" if episodes is not None else f"split {split}" if split else "examples"
        of_subsets = f" of {' and '.join(subsets)}" if subsets else ""
        raise InputError(f"{path}: holds no {wanted}{of_subsets}")
    shares = np.asarray(targets, np.float32)
    return Samples(source, Path(root), np.asarray(paths), np.asarray(boxes, np.float32),
                   shares if shares[:, CONTEMPT].any() else shares[:, :CONTEMPT], framing, entry.get("grown", 0.0),
                   np.asarray(clips) if any(clips) else None, np.asarray(affect, np.float32))


def read_mixture(mixture: dict[str, float], dicts_path: Path, roots: dict[str, Path],
                 margins: dict[str, tuple[float, float]], train_episodes: tuple[int, ...],
                 subsets: tuple[str, ...] = (), fold: tuple[int, int] = (0, 0)) -> tuple[list[Samples], list[float]]:
    """The training `Samples` of each index of a mixture, and their shares.

    mixture: {source: share}; roots, margins: {source: folder}, {source: (margin, lift)}; subsets: as of `where`; fold:
    (number from 1, how many) that is held out of sources that go by folds.
    """
    for source, share in mixture.items():
        if not 0 <= share < float("inf"):
            raise InputError(f"--mixture {source} {share}: expected a share, a number from 0 on")
    shares = {source: share for source, share in mixture.items() if share > 0}
    if not shares:
        raise InputError("--mixture: expected at least one index with a share above 0")
    sources = [read_samples(source, dicts_path, roots[kind_of(source)], framing=margins[kind_of(source)],
                            **where(source, "train", train_episodes, subsets),
                            **by_fold(source, dicts_path, fold, False)) for source in shares]
    return sources, list(shares.values())


def where(source: str, split: str, episodes: tuple[int, ...], subsets: tuple[str, ...] = ()) -> dict:
    """What `read_samples` takes of a source: a split, of Friends episodes, all of what has neither.

    Of a source with subsets those given; without them all, and of what is held out the first.
    """
    row = SOURCES[kind_of(source)]
    part = {"episodes": episodes} if row.by_episode else {"split": split} if row.splits else {}
    return part | ({"subsets": subsets or row.subsets[:1 if split == row.held_out else None]} if row.subsets else {})


def _deal(source, dicts_path, fold):
    """(`pos` of each example, the subjects that a fold holds out) of a source; nothing of one that goes by no folds."""
    number, count = fold
    if not (count and SOURCES[kind_of(source)].folds):
        return [], set()
    path = Path(dicts_path) / index_file(source)
    positions = [entry["pos"] for *_, entry in _entries(source, read_index(path), path, None)]
    subjects = sorted({pos[0] for pos in positions})
    if not (2 <= count <= len(subjects) and 1 <= number <= count):
        raise InputError(f"--folds {count}, fold {number}: {path} has {len(subjects)} subjects; expected 2 folds to as "
                         "many, counted from 1")
    return positions, set(subjects[number - 1::count])


def by_fold(source: str, dicts_path: Path, fold: tuple[int, int], held_out: bool) -> dict:
    """What `read_samples` takes of a source that goes by folds: the subjects of a fold, or all others; {} of another.

    Subjects are dealt out by turns in the order of their names, as is usual with CK+ (Liu et al., "AU-inspired Deep
    Networks for Facial Expression Feature Learning", 2015). fold: (number from 1, how many), of which 0 is none.

    Raises:
        InputError: more folds than subjects, or no such fold.
    """
    positions, dealt = _deal(source, dicts_path, fold)
    return {"episodes": sorted({pos[0] for pos in positions if (pos[0] in dealt) == held_out})} if dealt else {}


def held_out_names(source: str, dicts_path: Path, fold: tuple[int, int]) -> list[str]:
    """The sorted names of what a fold holds out of a source that goes by folds: clips, or subjects; [] of no fold.

    fold and errors: as of `by_fold`.
    """
    positions, dealt = _deal(source, dicts_path, fold)
    place = -1 if SOURCES[kind_of(source)].clips else 0
    return sorted({str(pos[place]) for pos in positions if pos[0] in dealt})


def check_held_out(weights: str | Path, then: dict[str, list[str]], now: dict[str, list[str]],
                   fold: tuple[int, int]) -> None:
    """Refuse a checkpoint whose training has held out other names `then`, {source: names}, than its fold has `now`.

    What is not known of a source is not checked.

    Raises:
        InputError: they differ: some that it was trained on would be measured as unseen.
    """
    def some(names):
        return f"{len(names)} ({', '.join(names[:5])}{', ...' * (len(names) > 5)})"

    for source, names in now.items():
        former = then.get(source, names)
        apart = sorted(set(former) ^ set(names))
        if apart:
            raise InputError(f"{weights}: its training has held out {some(former)} of {source}, and fold {fold[0]} of "
                             f"{fold[1]} is {some(names)} now; {apart[0]} is in one of them alone. Expected the index "
                             "and the folds that it was trained by, or a network trained by these")


def read_held_out(source: str, dicts_path: Path, roots: dict[str, Path], margins: dict[str, tuple[float, float]],
                  valid_episodes: tuple[int, ...], fold: tuple[int, int] = (0, 0)) -> Samples:
    """The `Samples` validated on: Friends' validation episodes, another index's own held-out split, or a fold."""
    row = SOURCES[kind_of(source)]
    if row.never and not (row.folds and fold[1]):
        raise InputError(f"--valid-on {source}: {row.never}")
    return read_samples(source, dicts_path, roots[kind_of(source)], framing=margins[kind_of(source)],
                        **where(source, row.held_out, valid_episodes), **by_fold(source, dicts_path, fold, True))


def check_folds(folds: int, *sources: str) -> None:
    """Refuse so many `--folds`, of which 0 is none, where no source goes by folds: all would be of the same faces."""
    if folds and not any(SOURCES[kind_of(source)].folds for source in sources):
        those = ", ".join(source for source, row in SOURCES.items() if row.folds)
        raise InputError(f"--folds {folds}: expected an index that goes by folds, {those}; found {', '.join(sources)}")


def check_subsets(subsets: tuple[str, ...], *sources: str) -> None:
    """Refuse `--subsets` where no source has any: they would choose nothing."""
    if subsets and not any(SOURCES[kind_of(source)].subsets for source in sources):
        verb = "has" if len(sources) == 1 else "have"
        raise InputError(f"--subsets {' '.join(subsets)}: {' and '.join(sources)} {verb} none; RAF-DB has")


def check_episodes(train_episodes: Iterable[int], valid_episodes: Iterable[int]) -> None:
    """Refuse Friends episodes that are both trained and validated on."""
    both = sorted(set(train_episodes) & set(valid_episodes))
    if both:
        raise InputError(f"episodes {both} are both in --train-episodes and in --valid-episodes")
