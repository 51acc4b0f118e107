"""Measure a checkpoint on a split of an index: accuracy, mean recall, F1, calibration, and where it errs.

Reads an index in dicts/, the images it names, and a checkpoint. Writes results/evaluate_INDEX_SPLIT.json and the
confusion matrix as a .png beside it. With --coded, measures how a video's results agree with what people coded by hand
(.eaf of ELAN, .csv, .vtt) instead: Cohen's kappa, Krippendorff's alpha, F1, with 95 % intervals, for all and for each
person; writes NAME.agreement.json and .png beside the results.

    python evaluate.py --index raf --split test --weights runs/static/best.pt
    python evaluate.py --index friends --valid-episodes 9 10 --weights runs/tsm/best.pt --flip
    python evaluate.py --coded interview.eaf --results results/interview.json
"""
import json
import sys

from indexes.agreement import SUMMARY, measure_pairs, pair
from indexes.coded import read_coded
from indexes.command_line import InputError, parse, run_script
from indexes.files import whole_file
from indexes.labels import EMOTIONS
from indexes.names_file import apply_names, read_names
from indexes.results import read_results
from indexes.weights import load_network, name_device
from ops import EvaluateOps
from training.samples import read_samples

SPLITS = {"affectnet": ("train", "valid"), "raf": ("train", "test"), "fer": ("train", "valid", "test"),
          "coded": ("train", "valid")}
BINS = 15                                        # of confidence, for the calibration error


def measure(logits, target):
    """Figures of logits (N, 7) against soft targets (N, 7), whose largest share is the truth.

    Means are over the classes that occur. The calibration error is the expected one of Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017, of the softmax in 15 bins.
    """
    from torchmetrics.functional.classification import (
        multiclass_calibration_error,
        multiclass_confusion_matrix,
        multiclass_f1_score,
    )

    truth, chances = target.argmax(1), logits.softmax(1)
    confusion = multiclass_confusion_matrix(chances, truth, len(EMOTIONS))
    f1 = multiclass_f1_score(chances, truth, len(EMOTIONS), average=None)
    rows, columns, hits = confusion.sum(1), confusion.sum(0), confusion.diag()
    present = rows > 0
    classes = {name: {"faces": int(rows[i]), "recall": float(hits[i] / rows[i]) if rows[i] else None,
                      "precision": float(hits[i] / columns[i]) if columns[i] else None,
                      "f1": float(f1[i]) if rows[i] else None} for i, name in enumerate(EMOTIONS)}
    return {"faces": len(truth), "accuracy": float(hits.sum() / rows.sum()),
            "mean_recall": float((hits / rows)[present].mean()), "macro_f1": float(f1[present].mean()),
            "calibration_error": float(multiclass_calibration_error(chances, truth, len(EMOTIONS), BINS)),
            "classes": classes, "confusion": confusion.tolist()}


def draw_confusion(confusion, title, path, truth="true"):
    """The confusion matrix (7 x 7 counts, `truth` by predicted) as shares of each true emotion, into a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    shares = [[count / max(sum(row), 1) for count in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(confusion):
        for column, count in enumerate(counts):
            axes.text(column, row, f"{shares[row][column]:.0%}\n{count}", ha="center", va="center", fontsize=8,
                      color="white" if shares[row][column] > 0.5 else "black")
    axes.set(xticks=range(7), yticks=range(7), xticklabels=EMOTIONS, yticklabels=EMOTIONS, xlabel="predicted",
             ylabel=truth, title=title)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def find_split(index, split, episodes):
    """(what `read_samples` is to take, name of the split): Friends goes by episodes, CK+ is taken whole."""
    if index not in SPLITS:
        if split:
            raise InputError(f"--split {split}: {index} has no splits; Friends has --valid-episodes")
        return ({"episodes": episodes}, "_".join(map(str, episodes))) if index == "friends" else ({}, "all")
    split = split or SPLITS[index][1]
    if split not in SPLITS[index]:
        raise InputError(f"--split {split}: {index} has {', '.join(SPLITS[index])}")
    return {"split": split}, split


def measure_coded(coding, coders):
    """Agreement of results with people's coding, written beside the results and printed; see ops.Agreement, Coders."""
    if coding.results is None:
        raise InputError("--coded: expected --results FILE with it")
    spans = read_coded(coding.coded, coders.tiers, coders.words)
    records = read_results(coding.results)
    if coding.names is not None:
        records, _ = apply_names(records, read_names(coding.names))
    try:
        pairs, read = pair(spans, records, dict(coders.people))
    except InputError as error:
        raise InputError(f"{coding.coded}: {error}") from None
    late = [span for span in spans if span["start"] > records[-1]["seconds"]]
    if late:
        print(f"warning: {coding.coded}: {len(late)} annotations, the first {late[0]['person']!r} at "
              f"{late[0]['start']:g} s, lie past the last face in the results at {records[-1]['seconds']:g} s",
              file=sys.stderr)
    if not any(len(coded) for _, coded, _ in pairs.values()):
        raise InputError(f"{coding.coded}: of its annotations none has a record of that time in {coding.results}")
    persons = {person: measure_pairs([part], coding.block, coding.resamples) | {"read": round(read[person], 4)}
               for person, part in pairs.items() if len(part[1])}
    figures = {"coded": str(coding.coded), "results": str(coding.results), "block": coding.block,
               "resamples": coding.resamples, **measure_pairs(list(pairs.values()), coding.block, coding.resamples),
               "persons": persons}
    path = coding.results.with_suffix(".agreement.json")
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n")
    draw_confusion(figures["confusion"], coding.results.stem, path.with_suffix(".png"), "coded")
    print_agreement(figures)
    for person in sorted(set(pairs) - set(persons)):
        print(f"{person}: never seen while coded")
    print(f"wrote {path} and {path.with_suffix('.png').name}")


def print_agreement(figures):
    """Tables of `measure_coded`'s figures, each with its 95 % interval."""
    def cell(figure):
        value, low, high = figure or (None, None, None)
        told = "-" if value is None else f"{value:.2f}" if low is None else f"{value:.2f} ({low:.2f} to {high:.2f})"
        return f"{told:>23}"

    print(f"{'':16}{'records':>8}{'read':>6}" + "".join(f"{name.replace('_f', ' F'):>23}" for name in SUMMARY))
    for name, row in {"all": figures, **figures["persons"]}.items():
        read = f"{row['read']:.0%}" if "read" in row else ""
        print(f"{name[:15]:16}{row['records']:8,}{read:>6}" + "".join(cell(row[key]) for key in SUMMARY))
    print(f"{'':16}{'coded':>8}{'said':>6}{'F1':>23}")
    for name, row in figures["classes"].items():
        print(f"{name:16}{row['coded']:8,}{row['said']:6,}{cell(row['f1'])}")


def main(argv=None):
    ops = parse(EvaluateOps, argv, __doc__)
    if ops.agreement.coded is not None:
        return measure_coded(ops.agreement, ops.coders)
    import torch  # after the options: --help need not wait for it

    from training.batches import EveryOnce, make_loader
    from training.clips import FaceClips
    from training.engine import predict

    evaluate, device = ops.evaluate, torch.device(name_device(ops.evaluate.device))
    where, split = find_split(evaluate.index, evaluate.split, ops.split.valid_episodes)
    samples = read_samples(evaluate.index, ops.place.dicts_path, ops.datasets.roots()[evaluate.index],
                           framing=ops.margins.by_source()[evaluate.index], **where)
    net = load_network(evaluate.weights, ops.place.root, trained=True, img_sz=evaluate.img_sz)
    shown = {name: getattr(evaluate, name) for name in ("camera_motion", "colour", "small", "turn", "shadow")}
    clips = FaceClips([samples], net.img_sz, evaluate.frames, **shown)
    loader = make_loader(clips, EveryOnce(len(clips), evaluate.batch_size), evaluate.num_workers, device.type == "cuda")
    figures = {"index": evaluate.index, "split": split, "weights": evaluate.weights, "img_sz": clips.img_sz,
               "frames": evaluate.frames, "flip": evaluate.flip, **shown}
    figures |= measure(*predict(net.to(device), loader, device, evaluate.flip))
    path = evaluate.results_path / f"evaluate_{evaluate.index}_{split}.json"
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n")
    draw_confusion(figures["confusion"], f"{evaluate.index} {split}", path.with_suffix(".png"))
    print(f"{'':10}{'faces':>8}{'recall':>8}{'precision':>11}{'F1':>8}")
    for name, row in figures["classes"].items():
        cells = [f"{row[key]:.1%}" if row[key] is not None else "-" for key in ("recall", "precision", "f1")]
        print(f"{name:10}{row['faces']:8,}{cells[0]:>8}{cells[1]:>11}{cells[2]:>8}")
    print(f"{figures['faces']:,} faces: accuracy {figures['accuracy']:.2%}, mean recall {figures['mean_recall']:.2%}, "
          f"macro F1 {figures['macro_f1']:.2%}, calibration error {figures['calibration_error']:.2%}")
    print(f"wrote {path} and {path.with_suffix('.png').name}")


if __name__ == "__main__":
    run_script(main)
