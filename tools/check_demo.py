"""Measure the demo: both models on held-out sample episodes, and the results JSON against what was drawn.

Reads the sample's indexes, runs/static and runs/tsm, results/friends_s01_ep11.json and the drawing's truth.
Writes results/demo.json and prints it as a table; exits with 1 where a figure is below --least.

    python -m tools.check_demo --root demo
"""
import json
import sys

import numpy as np

from ops import Check, Friends, Place, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import write_json
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import load_network
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.page.truth import Annotation, compare_faces, match_records
from vtt_emotion.results.records import read_results, results_name
from vtt_emotion.training.samples import read_samples

CheckOps = compose(place=Place, friends=Friends, check=Check)
FPS = 24000 / 1001


def measure_model(weights, frames, samples, root):
    """Accuracy and mean recall of a run's best.pt on all of `samples`, as stills (1) or buffers (4)."""
    import torch

    from vtt_emotion.training.batches import EveryOnce, make_loader
    from vtt_emotion.training.clips import FaceClips
    from vtt_emotion.training.engine import evaluate
    from vtt_emotion.training.optimization import split_bce

    net = load_network(weights, root)
    loader = make_loader(FaceClips([samples], net.img_sz, frames), EveryOnce(len(samples), 64), 0)
    figures = evaluate(net, loader, split_bce, torch.device("cpu"))
    return {"faces": len(samples), "accuracy": figures["accuracy"], "mean_recall": figures["mean_recall"]}


def measure_results(records, truth):
    """How an episode's records agree with the faces drawn on its frames, dicts with frame, box and emotion."""
    faces = [Annotation(face["frame"], face["frame"], face["frame"] + 1, face["box"], EMOTIONS.index(face["emotion"]),
                        "") for face in truth]
    frames = np.array([round(record["seconds"] * FPS) for record in records], int)
    boxes = np.array([record["object"]["box"] for record in records], float).reshape(-1, 4)
    said = np.array([EMOTIONS.index(record["class"]) for record in records] + [-1])            # -1: of no record
    found = compare_faces(np.array([face.emotion for face in faces]), said[match_records(faces, frames, boxes)])
    right, count = np.trace(found["confusion"]), max(len(records), 1)
    return {"records": len(records), "faces_drawn": len(truth), "on_a_face": found["matched"] / count,
            "faces_found": found["matched"] / max(len(truth), 1), "right": float(right / count),
            "mean_recall": found["mean_recall"] or 0.0}


def main(argv=None):
    ops = parse(CheckOps, argv, __doc__)
    place, friends, check = ops.place, ops.friends, ops.check
    path = friends.friends_path / "sample_truth.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; sample_data.py writes it")
    truth = json.loads(path.read_text())[str(check.episode)]
    samples = read_samples("friends", place.dicts_path, friends.faces_path, episodes=check.check_episodes)
    results = place.root / "results" / f"{results_name(check.episode)}.json"
    figures = {"static": measure_model("runs/static/best.pt", 1, samples, place.root),
               "tsm": measure_model("runs/tsm/best.pt", BUFFER, samples, place.root),
               "results": measure_results(read_results(results), truth)}
    write_json(results.with_name("demo.json"), figures)
    episodes = " and ".join(map(str, check.check_episodes))
    for name in ("static", "tsm"):
        print(f"{name:7} episodes {episodes}, {figures[name]['faces']} annotated faces: accuracy "
              f"{figures[name]['accuracy']:.1%}, mean recall {figures[name]['mean_recall']:.1%}")
    print(f"results episode {check.episode}, {figures['results']['records']} records: "
          f"{figures['results']['right']:.1%} name the drawn emotion, mean recall "
          f"{figures['results']['mean_recall']:.1%}; {figures['results']['faces_found']:.1%} of the drawn faces found")
    low = [name for name, key in (("static", "mean_recall"), ("tsm", "mean_recall"), ("results", "right"))
           if figures[name][key] < check.least]
    if low:
        sys.exit(f"error: below {check.least:.0%}: {', '.join(low)}")


if __name__ == "__main__":
    run_script(main)
