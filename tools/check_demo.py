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
from vtt_emotion.core.crop import iou
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import load_network
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.results.records import read_results, results_name
from vtt_emotion.training.samples import read_samples

CheckOps = compose(place=Place, friends=Friends, check=Check)
FPS = 24000 / 1001


def measure(weights, frames, samples, root):
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


def compare(records, truth):
    """How an episode's records agree with the faces drawn on its frames, dicts with frame, box and emotion."""
    drawn = {}
    for face in truth:
        drawn.setdefault(face["frame"], []).append(face)
    named, placed, found, recalls = 0, 0, set(), {emotion: [] for emotion in EMOTIONS}
    for record in records:
        frame = round(record["seconds"] * FPS)
        faces = drawn.get(frame, [])
        overlap = iou([record["object"]["box"]], [face["box"] for face in faces])[0] if faces else np.zeros(1)
        if overlap.max() >= 0.3:
            emotion = faces[int(overlap.argmax())]["emotion"]
            placed += 1
            found.add((frame, int(overlap.argmax())))
            named += emotion == record["class"]
            recalls[emotion].append(emotion == record["class"])
    means = [float(np.mean(hits)) for hits in recalls.values() if hits]
    return {"records": len(records), "faces_drawn": len(truth), "on_a_face": placed / max(len(records), 1),
            "faces_found": len(found) / max(len(truth), 1), "right": named / max(len(records), 1),
            "mean_recall": sum(means) / max(len(means), 1)}


def main(argv=None):
    ops = parse(CheckOps, argv, __doc__)
    place, friends, check = ops.place, ops.friends, ops.check
    path = friends.friends_path / "sample_truth.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; sample_data.py writes it")
    truth = json.loads(path.read_text())[str(check.episode)]
    samples = read_samples("friends", place.dicts_path, friends.faces_path, episodes=check.check_episodes)
    results = place.root / "results" / f"{results_name(check.episode)}.json"
    figures = {"static": measure("runs/static/best.pt", 1, samples, place.root),
               "tsm": measure("runs/tsm/best.pt", BUFFER, samples, place.root),
               "results": compare(read_results(results), truth)}
    with whole_file(results.with_name("demo.json")) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n")
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
