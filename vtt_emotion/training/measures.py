"""Figures of what networks say of a split: how good they are, how sure that is, and whether one is better.

Truth is the largest share of a face's soft label. PyTorch is imported where it is needed alone.
"""
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, EMOTIONS, WITH_CONTEMPT
from vtt_emotion.results.agreement import count_pairs, or_none
from vtt_emotion.results.agreement import figures as agreement_figures

if TYPE_CHECKING:
    from torch import Tensor

BINS = 15                                        # of confidence, for the calibration error
FIGURES = ("accuracy", "mean_recall", "macro_f1", "calibration_error")
RESAMPLES = 1000


def measure_logits(logits: "Tensor", target: "Tensor", names: Sequence[str] = ()) -> dict:
    """Figures of logits (N, K) against soft targets (N, K), whose largest share is the truth.

    names: of the K classes, where they are others than the 7 or 8 emotions.

    Means are over the classes that occur. The calibration error is the expected one of Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017, of the softmax in 15 bins.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error

    truth, names = target.argmax(1), names or WITH_CONTEMPT[:logits.shape[1]]
    confusion = count_pairs(truth, logits.argmax(1), len(names))
    found, faces = agreement_figures(confusion), confusion.sum(1)
    classes = {name: {"faces": int(faces[i]), **{key: or_none(found[key][i]) for key in ("recall", "precision", "f1")}}
               for i, name in enumerate(names)}
    error = multiclass_calibration_error(logits.softmax(1), truth, len(names), BINS)
    return {"faces": len(truth), "accuracy": float(found["agreement"]), "mean_recall": float(found["mean_recall"]),
            "macro_f1": float(found["macro_f1"]), "calibration_error": float(error), "classes": classes,
            "confusion": confusion.tolist()}


def measure_affect(said: "Tensor", truth: "Tensor") -> dict:
    """Figures of valence and of arousal `said`, (N, 2), against the truth, (N, 2), where that is not NaN; {} of (N, 0).

    Returns:
        {name: faces, and, of two faces or more, ccc (Lin's concordance), rmse, and sagr, the share of equal signs, as
        Mollahosseini et al. measure, "AffectNet", IEEE Transactions on Affective Computing 2017}.
    """
    from vtt_emotion.training.optimization import concordance

    found: dict = {}
    for name, column, true in zip(AFFECT, said.clamp(-1, 1).T, truth.T):
        known = ~true.isnan()
        column, true = column[known], true[known]
        found[name] = {"faces": len(true)} | ({
            "ccc": float(concordance(column, true)), "rmse": float((column - true).square().mean().sqrt()),
            "sagr": float((column.sign() == true.sign()).float().mean())} if len(true) > 1 else {})
    return found


def affect_lines(name: str, figures: dict) -> Iterator[str]:
    """A line of each of a network's figures of `measure_affect`; name: the network's."""
    for what, row in figures.items():
        told = f"CCC {row['ccc']:.3f}, RMSE {row['rmse']:.3f}, equal sign {row['sagr']:.1%}" if "ccc" in row else "-"
        yield f"{name}: {what} of {row['faces']:,} faces: {told}"


def ensemble(logits: Sequence["Tensor"]) -> "Tensor":
    """Logits (N, 7) of several networks as those of one whose softmax is the mean of theirs."""
    import torch

    return torch.stack([said.double().softmax(1) for said in logits]).mean(0).clamp_min(1e-30).log().float()


def resample(logits: "Tensor", target: "Tensor", resamples: int = RESAMPLES) -> dict[str, np.ndarray]:
    """Each of `FIGURES` on N faces drawn anew from the N, `resamples` times: {figure: float (resamples,)}.

    The same faces are drawn for every network, so that the figures of two can be compared one by one.
    """
    truth, chances = target.argmax(1).numpy(), logits.double().softmax(1).numpy()
    said, sure, classes = chances.argmax(1), chances.max(1), logits.shape[1]
    cells = truth * classes + said
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = (said == truth) - sure                # of a bin's faces together: what it is right more often than sure
    rng, count = np.random.default_rng(0), len(truth)
    confusion, error = np.zeros((resamples, classes ** 2)), np.zeros(resamples)
    for turn in range(resamples):
        drawn = rng.integers(count, size=count)
        confusion[turn] = np.bincount(cells[drawn], minlength=classes ** 2)
        error[turn] = np.abs(np.bincount(bins[drawn], gaps[drawn], BINS)).sum() / count
    found = agreement_figures(confusion.reshape(-1, classes, classes))
    return {"accuracy": found["agreement"], "mean_recall": found["mean_recall"], "macro_f1": found["macro_f1"],
            "calibration_error": error}


def intervals(figures: dict, again: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """{figure: [low, high]}, 95 % intervals of `measure_logits`' figures by `resample`'s.

    Percentile intervals, but for the calibration error. Resampling adds noise to each of its bins, so it is biased
    upwards: its lower bound is that of the basic bootstrap, twice the figure less the upper percentile. Efron and
    Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    found: dict = {name: np.percentile(again[name], (2.5, 97.5)) for name in FIGURES}
    error, high = figures["calibration_error"], found["calibration_error"][1]
    found["calibration_error"] = max(2 * error - high, 0), max(high, error)
    return {name: [round(float(end), 6) for end in ends] for name, ends in found.items()}


def compare_networks(measured: dict[str, dict], again: dict[str, dict], hits: dict[str, np.ndarray]) -> list[dict]:
    """How each two of several networks differ on the same faces.

    Args:
        measured, again, hits: {network: as of `measure_logits`, of `resample`, bool (N,)}.

    Returns:
        list of dicts: first, second; only_first and only_second, the faces that one of them alone names right; p, of
        McNemar's exact test ("Note on the sampling error of the difference between correlated proportions", 1947):
        how likely chance alone makes as great a difference; of accuracy, mean_recall and macro_f1 [second less first,
        low, high], with its 95 % interval.
    """
    from scipy.stats import binomtest

    pairs = []
    for first, second in combinations(measured, 2):
        alone = [int((hits[one] & ~hits[other]).sum()) for one, other in ((first, second), (second, first))]
        p = float(binomtest(alone[0], sum(alone)).pvalue) if sum(alone) else 1.0
        pair = {"first": first, "second": second, "only_first": alone[0], "only_second": alone[1], "p": p}
        for name in FIGURES[:3]:
            ends: Any = np.percentile(again[second][name] - again[first][name], (2.5, 97.5))
            pair[name] = [round(float(value), 6) for value in (measured[second][name] - measured[first][name], *ends)]
        pairs.append(pair)
    return pairs


def in_words(figure: str) -> str:
    """A figure's name as it is printed."""
    return figure.replace("_", " ").replace("f1", "F1")


def class_lines(figures: dict) -> Iterator[str]:
    """A table of `measure_logits`' figures, a line a class, and one of all."""
    wide = max(10, *(len(name) + 1 for name in figures["classes"]))
    yield f"{'':{wide}}{'faces':>8}{'recall':>8}{'precision':>11}{'F1':>8}"
    for name, row in figures["classes"].items():
        cells = [f"{row[key]:.1%}" if row[key] is not None else "-" for key in ("recall", "precision", "f1")]
        yield f"{name:{wide}}{row['faces']:8,}{cells[0]:>8}{cells[1]:>11}{cells[2]:>8}"
    ends = ", ".join(f"{in_words(name)} {low:.1%} to {high:.1%}" for name, (low, high) in figures["intervals"].items())
    yield f"95 % intervals: {ends}"
    points = ", ".join(f"{in_words(name)} {figures[name]:.2%}" for name in FIGURES)
    yield f"{figures['faces']:,} faces: {points}"


def network_lines(networks: Sequence[dict], pairs: Sequence[dict]) -> Iterator[str]:
    """Tables of several networks (dicts of `measure_logits`' figures, weights, intervals) and of
    `compare_networks`' pairs."""
    wide, names = max(len(figures["weights"]) for figures in networks) + 2, networks[0]["classes"]
    yield f"{networks[0]['faces']:,} faces".ljust(wide) + "".join(
        f"{in_words(name):>27}" for name in FIGURES)
    for figures in networks:
        cells = [f"{figures[name]:.2%} ({low:.1%} to {high:.1%})" for name, (low, high) in
                 figures["intervals"].items()]
        yield figures["weights"].ljust(wide) + "".join(f"{cell:>27}" for cell in cells)
    yield "recall".ljust(wide) + "".join(f"{name:>{max(len(name) + 2, 10)}}" for name in names)
    for figures in networks:
        recalls = [(name, row["recall"]) for name, row in figures["classes"].items()]
        yield figures["weights"].ljust(wide) + "".join(
            f"{'-' if recall is None else format(recall, '.1%'):>{max(len(name) + 2, 10)}}" for name, recall in recalls)
    for pair in pairs:
        points = ", ".join(f"{in_words(name)} {100 * value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
                         for name, (value, low, high) in ((name, pair[name]) for name in FIGURES[:3]))
        yield (f"{pair['second']} against {pair['first']}: right alone {pair['only_second']:,} to "
               f"{pair['only_first']:,} times, McNemar's p {pair['p']:.2g}; points {points}")


def table_lines(found: dict[str, list[dict]]) -> list[str]:
    """{index: networks' figures, as of `network_lines`} as a table, a line a network: accuracy and mean recall."""
    heads = [f"{index}, {networks[0]['faces']:,} faces" for index, networks in found.items()]
    rows = [["accuracy, mean recall", *heads]]
    for figures in zip(*found.values()):         # of one network on each index
        rows.append([figures[0]["weights"], *(f"{one['accuracy']:.1%}, {one['mean_recall']:.1%}" for one in figures)])
    wide = [max(map(len, column)) for column in zip(*rows)]
    return [row[0].ljust(wide[0]) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], wide[1:]))
            for row in rows]


def draw_confusion(confusions: dict[str, np.ndarray], path: str | Path, truth: str = "true",
                   names: Sequence[str] = EMOTIONS) -> None:
    """Confusion matrices {title: K x K counts, `truth` by predicted} as shares of each true class, into a PNG."""
    from matplotlib.figure import Figure

    size = 1 + 0.63 * len(names)
    figure = Figure(figsize=(size * len(confusions) + 0.6, size), layout="constrained")
    for axes, (title, confusion) in zip(figure.subplots(1, len(confusions), squeeze=False)[0], confusions.items()):
        draw_matrix(axes, confusion, names, truth, title)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def draw_matrix(axes: Any, confusion: np.ndarray, names: Sequence[str], truth: str, title: str) -> None:
    """Draw one confusion matrix, as of `draw_confusion`, into axes of matplotlib."""
    shares = [[count / max(sum(row), 1) for count in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(confusion):
        for column, count in enumerate(counts):
            axes.text(column, row, f"{shares[row][column]:.0%}\n{count}", ha="center", va="center", fontsize=8,
                      color="white" if shares[row][column] > 0.5 else "black")
    axes.set(xticks=range(len(names)), yticks=range(len(names)), yticklabels=names, xlabel="predicted", ylabel=truth)
    axes.set_title(title, parse_math=False)
    axes.set_xticklabels(names, rotation=45)
