"""What networks say of a split of an index, or each of the fold that it has not seen."""
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ops import SOURCES
from resnet_tsm import load_checkpoint, outputs_of
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import AFFECT, emotions_of
from vtt_emotion.core.weights import checked_logits, find_weights, name_device
from vtt_emotion.datasets.npy import kind_of
from vtt_emotion.training.batches import EveryOnce, make_loader
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.engine import predict
from vtt_emotion.training.measures import measure_affect
from vtt_emotion.training.networks import load
from vtt_emotion.training.optimization import split_affect
from vtt_emotion.training.protocols import hold_to
from vtt_emotion.training.samples import (
    Samples,
    by_fold,
    check_folds,
    check_held_out,
    check_subsets,
    held_out_names,
    read_samples,
    where,
)

Said = tuple[dict[str, torch.Tensor], torch.Tensor, dict[str, dict]]


def find_split(index: str, split: str, episodes: tuple[int, ...], subsets: tuple[str, ...]) -> tuple[dict, str]:
    """(what `read_samples` is to take, name of the split): Friends goes by episodes, CK+ is taken whole."""
    row = SOURCES[kind_of(index)]
    if split and not row.splits:
        raise InputError(f"--split {split}: {index} has no splits; Friends has --valid-episodes")
    if split and split not in row.splits:
        raise InputError(f"--split {split}: {index} has {', '.join(row.splits)}")
    check_subsets(subsets, index)
    split = split or row.held_out
    name = "_".join(map(str, episodes)) if row.by_episode else split or "all"
    return where(index, split, episodes, subsets), "_".join([name, *subsets])


def of_compound(part: dict) -> bool:
    """Whether what `read_samples` takes is measured by RAF-DB's compound classes."""
    return part.get("subsets") == ("compound",)


def read_part(ops: Any, index: str, part: dict, classes: int) -> Samples:
    """The samples, by so many classes, of a part of an index, of `find_split`, that its protocol counts.

    It is printed how many are not.
    """
    found = read_samples(index, ops.place.dicts_path, ops.datasets.roots()[kind_of(index)],
                         framing=ops.margins.by_source()[kind_of(index)], **part).of_classes(classes)
    samples = found if of_compound(part) else hold_to(found, ops.evaluate.protocol)
    if len(samples) < len(found):
        print(f"{len(found) - len(samples):,} of {len(found):,} faces are not counted by the protocol "
              f"{ops.evaluate.protocol}")
    return samples


def classes_known(ops: Any) -> int:
    """How many emotions the networks know. InputError where some know contempt and others do not."""
    counts = {weights: len(emotions_of(outputs_of(_checkpoint(weights, ops.place.root))))
              for weights in ops.evaluate.weights}
    if len(set(counts.values())) > 1:
        raise InputError("--weights: expected networks that know the same emotions, found " + ", ".join(
            f"{count} of {weights}" for weights, count in counts.items()) + "; measure them apart")
    return next(iter(counts.values()))


def _checkpoint(weights, root):
    try:
        return load_checkpoint(find_weights(weights, root))
    except ValueError as error:
        raise InputError(str(error)) from None


def predict_one(ops: Any, weights: str, samples: Samples, shown: dict) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """(logits (N, K), soft targets (N, K), about a network) of its K emotions; shown: keywords of `FaceClips`.

    Of a benchmark of clips N are clips, and their logits the mean of their frames'. The last is a dict: img_sz, px of
    its input, and, where it knows valence and arousal, affect, as of `measure_affect`.
    """
    evaluate, device = ops.evaluate, torch.device(name_device(ops.evaluate.device))
    alike = samples.paths.shape[1] == 1 and not evaluate.camera_motion         # four frames would be read as one is
    net = load(weights, ops.place.root, trained=True, img_sz=evaluate.img_sz)
    clips = FaceClips([samples], net.img_sz, 1 if alike else evaluate.frames, **shown, affect=AFFECT[0] in net.labels)
    loader = make_loader(clips, EveryOnce(len(clips), evaluate.batch_size), evaluate.num_workers, device.type == "cuda")
    said, target = predict(net.to(device), loader, device, evaluate.flip, evaluate.precision)
    (said, affect), (target, truth) = split_affect(checked_logits(said, weights, net.labels)), split_affect(target)
    figures = measure_affect(affect, truth)
    if samples.clips is not None:
        _, first, clip, frames = np.unique(samples.clips, return_index=True, return_inverse=True, return_counts=True)
        sums = torch.zeros(len(first), said.shape[1]).index_add_(0, torch.from_numpy(clip), said)
        said, target = sums / torch.from_numpy(frames)[:, None], target[first]
    return said, target, {"img_sz": net.img_sz} | ({"affect": figures} if figures else {})


def predict_all(ops: Any, samples: Samples, shown: dict) -> Said:
    """({network: logits (N, K)}, soft targets (N, K), {network: about it, as of `predict_one`}) of all --weights."""
    logits, about = {}, {}
    for weights in ops.evaluate.weights:
        logits[weights], target, about[weights] = predict_one(ops, weights, samples, shown)
    return logits, target, about


def predict_folds(ops: Any, index: str, part: dict, shown: dict) -> Said:
    """As `predict_all`, of all --weights as one: what each says of the fold that it has not seen.

    Raises:
        InputError: the index has no folds, the networks are not one a fold, or a fold has changed since its training.
    """
    count = ops.split.folds
    check_folds(count, index)
    unseen = {fold_of(weights, ops.place.root, count): weights for weights in ops.evaluate.weights}
    missing = set(range(1, count + 1)) - set(unseen)
    if missing or len(unseen) < len(ops.evaluate.weights):
        raise InputError(f"--folds {count}: expected --weights with one network for each fold, found "
                         f"{len(ops.evaluate.weights)}, {'none' if missing else 'two'} for one"
                         + (f", fold {min(missing)}" if missing else ""))
    parts, classes = [], classes_known(ops)
    for fold, weights in sorted(unseen.items()):
        check_held_out(weights, _checkpoint(weights, ops.place.root).get("held_out") or {},
                       {index: held_out_names(index, ops.place.dicts_path, (fold, count))}, (fold, count))
        samples = read_part(ops, index, part | by_fold(index, ops.place.dicts_path, (fold, count), True), classes)
        parts.append(predict_one(ops, weights, samples, shown))
    logits, targets, about = zip(*parts)
    hits = [float((said.argmax(1) == target.argmax(1)).float().mean()) for said, target in zip(logits, targets)]
    print("accuracy of each fold: " + ", ".join(f"{share:.1%}" for share in hits))
    return {f"{count} folds": torch.cat(logits)}, torch.cat(targets), {f"{count} folds": {"img_sz": about[0]["img_sz"]}}


def fold_of(weights: str, root: Path, count: int) -> int:
    """The fold, of `count`, that a checkpoint's training has held out. InputError where it has not."""
    try:
        split = _checkpoint(weights, root)["options"]["split"]
        if split["folds"] == count and split["fold"]:
            return split["fold"]
    except (KeyError, TypeError):                # shipped, or another project's
        pass
    raise InputError(f"{weights}: its training has held out none of {count} folds; model_train.py --folds {count} does")
