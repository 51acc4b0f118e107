"""Measure a checkpoint on a split of an index: accuracy, mean recall, F1, calibration, and where it errs.

Reads an index in dicts/, the images it names, and a checkpoint, or several to compare. Writes
results/evaluate_INDEX_SPLIT.json and the confusion matrix as a .png beside it. With --coded, measures how a video's
results agree with what people coded by hand (.eaf, .csv ...) instead: Cohen's kappa, Krippendorff's alpha,
F1, with 95 % intervals, for all and for each person; writes NAME.agreement.json and .png beside the results.

    python evaluate.py --index raf --split test --weights runs/static/best.pt
    python evaluate.py --index friends --valid-episodes 9 10 --weights runs/tsm/best.pt --flip
    python evaluate.py --index fer --protocol majority --by pose
    python evaluate.py --indexes fer raf affectnet ck --weights runs/a/best.pt runs/b/best.pt
    python evaluate.py --index fer --weights fer runs/a/best.pt runs/b/best.pt --ensemble
    python evaluate.py --coded interview.eaf --results results/interview.json
"""
import sys

import numpy as np

from ops import SOURCES, Agreement, Coders, Datasets, Evaluate, Margins, Place, Split, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import write_json
from vtt_emotion.core.labels import WITH_CONTEMPT
from vtt_emotion.datasets.npy import kind_of
from vtt_emotion.results.agreement import agreement_lines, measure_pairs, pair
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.names import apply_names, read_names
from vtt_emotion.results.records import read_results
from vtt_emotion.training.measures import (
    affect_lines,
    class_lines,
    compare_networks,
    draw_confusion,
    ensemble,
    intervals,
    measure_logits,
    network_lines,
    resample,
    table_lines,
)
from vtt_emotion.training.protocols import COMPOUND, as_compound, credit_ties
from vtt_emotion.video.mesh import SIDE, turned_in

TURNS = (0, 15, 30, 45, 180)                     # degrees, between which faces are measured by pose
EvaluateOps = compose(place=Place, datasets=Datasets, split=Split, margins=Margins, evaluate=Evaluate,
                      coders=Coders, agreement=Agreement)


def measure_coded(coding, coders):
    """Agreement of results with people's coding, written beside the results and printed; see ops.Agreement, Coders."""
    if coding.results is None:
        raise InputError("--coded: expected --results FILE with it")
    spans = read_coded(coding.coded, coders.tiers, coders.words, coders.coded_fps)
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
    write_json(path, figures)
    draw_confusion({coding.results.stem: figures["confusion"]}, path.with_suffix(".png"), "coded")
    print(*agreement_lines(figures), sep="\n")
    for person in sorted(set(pairs) - set(persons)):
        print(f"{person}: never seen while coded")
    print(f"wrote {path} and {path.with_suffix('.png').name}")


def figures_of(logits, targets, about, names):
    """(a dict of figures of each network, with its intervals; how each two differ).

    logits, targets: {network: (N, K)}, of K classes, whose `names` are given; about: {network: img_sz and more}.
    """
    again = {name: resample(said, targets[name]) for name, said in logits.items()}
    measured = {name: measure_logits(said, targets[name], names) for name, said in logits.items()}
    networks = [{"weights": name, "img_sz": None, **about.get(name, {}), **figures,
                 "intervals": intervals(figures, again[name])} for name, figures in measured.items()]
    hits = {name: (said.argmax(1) == targets[name].argmax(1)).numpy() for name, said in logits.items()}
    return networks, compare_networks(measured, again, hits)


def measure_by_pose(samples, logits, targets, names):
    """Figures (list of dicts) of faces turned from the camera by `turn` [from, to) degrees, and of those of an unknown
    turn, None, of each network: by their `Samples`, logits and targets {network: (N, K)}."""
    from vtt_emotion.training.clips import FaceClips

    clips = FaceClips([samples], SIDE, 1)
    turns = turned_in(clips[row, (0, row)][0][-1].numpy().transpose(1, 2, 0) for row in range(len(clips)))
    parts = [((low, high), (turns >= low) & (turns < high)) for low, high in zip(TURNS, TURNS[1:])]
    return [{"weights": name, "turn": turn, **measure_logits(said[rows], targets[name][rows], names)}
            for turn, rows in [*parts, (None, np.isnan(turns))] if rows.any() for name, said in logits.items()]


def pose_lines(parts):
    """`measure_by_pose`'s figures as lines to print."""
    for part in parts:
        turn = "of an unknown turn" if part["turn"] is None else "turned by {} to {} degrees".format(*part["turn"])
        yield (f"{turn:32}{part['faces']:7,} faces: accuracy {part['accuracy']:.1%}, mean recall "
               f"{part['mean_recall']:.1%}, calibration error {part['calibration_error']:.1%}, {part['weights']}")


def measure(ops, index, split):
    """Measure all --weights on a split of an index, or on folds; written, drawn, and printed. Returns their figures."""
    from vtt_emotion.training import predictions  # after the options: --help need not wait for PyTorch

    evaluate = ops.evaluate
    part, split = predictions.find_split(index, split, ops.split.valid_episodes, ops.split.subsets)
    shown = {name: getattr(evaluate, name) for name in ("camera_motion", "colour", "small", "turn", "shadow")}
    if ops.split.folds:
        logits, target, about = predictions.predict_folds(ops, index, part, shown)
    else:
        samples = predictions.read_part(ops, index, part, predictions.classes_known(ops))
        logits, target, about = predictions.predict_all(ops, samples, shown)
    if evaluate.ensemble:
        logits["ensemble"] = ensemble(list(logits.values()))
    names = COMPOUND if predictions.of_compound(part) else WITH_CONTEMPT[:target.shape[1]]
    if names == COMPOUND:
        logits, target = as_compound(logits, target)
    soft = evaluate.protocol == "soft"           # of a tie each is right
    targets = {name: credit_ties(said, target) if soft else target for name, said in logits.items()}
    networks, pairs = figures_of(logits, targets, about, names)
    figures = {"index": index, "split": split, "frames": evaluate.frames, "flip": evaluate.flip,
               "protocol": evaluate.protocol, "precision": evaluate.precision, **shown}
    if evaluate.by:
        figures["by_pose"] = measure_by_pose(samples, logits, targets, names)
    figures |= networks[0] if len(networks) == 1 else {"networks": networks, "pairs": pairs}
    path = evaluate.results_path / f"evaluate_{index}_{split}.json".replace(":", "_")
    write_json(path, figures)
    titles = [f"{index} {split}" + (f", {one['weights']}" if pairs else "") for one in networks]
    draw_confusion({title: one["confusion"] for title, one in zip(titles, networks)}, path.with_suffix(".png"),
                   names=names)
    print(*(network_lines(networks, pairs) if pairs else class_lines(networks[0])), sep="\n")
    print(*pose_lines(figures.get("by_pose", ())), sep="\n", end="\n" if evaluate.by else "")
    for one in networks:
        for line in affect_lines(one["weights"], one.get("affect", {})):
            print(line)
        if SOURCES[kind_of(index)].clips:
            print(f"{one['weights']}: WAR {one['accuracy']:.2%}, UAR {one['mean_recall']:.2%}, of clips")
    print(f"wrote {path} and {path.with_suffix('.png').name}")
    return networks


def main(argv=None):
    ops = parse(EvaluateOps, argv, __doc__)
    if ops.agreement.coded is not None:
        return measure_coded(ops.agreement, ops.coders)
    evaluate = ops.evaluate
    if not evaluate.weights or len(set(evaluate.weights)) < len(evaluate.weights):
        raise InputError(f"--weights {' '.join(evaluate.weights)}: expected one or several checkpoints, each once")
    if evaluate.ensemble and len(evaluate.weights) < 2:
        raise InputError("--ensemble: expected --weights with several checkpoints")
    if evaluate.indexes and (evaluate.split or ops.split.subsets or ops.split.folds):
        raise InputError("--indexes: each is measured on its own held-out split, without --split, --subsets, --folds")
    of_clips = [index for index in evaluate.indexes or (evaluate.index,) if SOURCES[kind_of(index)].clips]
    if evaluate.by and (ops.split.folds or of_clips):
        raise InputError("--by pose: of single faces, not of clips, and without --folds")
    found = {index: measure(ops, index, evaluate.split) for index in evaluate.indexes or (evaluate.index,)}
    if evaluate.indexes:
        print(*table_lines(found), sep="\n")


if __name__ == "__main__":
    run_script(main)
