"""Make a checkpoint fit to give away: its weights alone, in half precision, about 22 MB.

Reads a run's best.pt, or several, whose mean it takes, or what lies --by a share on the way --toward another. Writes
weights/fer.pt, which `--weights fer` and `resnet18(weights="fer")` then load; with --neutral-on as ready to say neutral
as those indexes' held-out faces are read best by; with --temperature-on as sure of what it says as it is right on those
of that index; and with --calibrate-on weights/fer.int8.onnx, which reads faces on a CPU some times faster, where it
agrees with the weights on that index's held-out faces. Without --output the shipped weights are replaced.

    python -m tools.ship_weights --weights runs/tsm/best.pt --output weights/mine.pt --calibrate-on friends
    python -m tools.ship_weights --weights runs/a/best.pt runs/b/best.pt --temperature-on fer --calibrate-on fer
    python -m tools.ship_weights --weights runs/a/best.pt --toward runs/b/last.pt --by 0.5 --neutral-on labelled
"""
import numpy as np
from tqdm import tqdm

from ops import Datasets, FriendsSplit, Margins, Place, Ship, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import NEUTRAL, emotions_of
from vtt_emotion.core.weights import load_network, name_device
from vtt_emotion.training.samples import read_held_out, read_mixture
from vtt_emotion.video.onnx_backend import OnnxStep, int8_graph

ShipOps = compose(place=Place, datasets=Datasets, split=FriendsSplit, margins=Margins, ship=Ship)
AGREES, LOSES = 0.98, 0.005                      # least share of equal answers, greatest loss of accuracy


def crops_of(samples, size, count=None):
    """Crops uint8 (K, 3, size, size) of all samples, or of `count` drawn at random, always the same."""
    from vtt_emotion.training.clips import FaceClips, some_faces

    crops, rows = some_faces(FaceClips([samples], size), count)
    return crops, samples.targets[rows].argmax(1)


def compare_with_float(net, step, crops, truth):
    """(share of equal answers of a network and of a step, accuracy of each) on stills."""
    from vtt_emotion.video.torch_backend import TorchStep

    answers, emotions = [], len(emotions_of(net.labels))
    for way in (TorchStep(net, "cpu"), step):
        batches = [crops[start:start + 16] for start in range(0, len(crops), 16)]
        answers.append(np.concatenate([way(batch, None, np.ones(len(batch), bool))[0][:, :emotions].argmax(1)
                                       for batch in tqdm(batches, "compare", unit="batch", disable=None)]))
    return (answers[0] == answers[1]).mean(), (answers[0] == truth).mean(), (answers[1] == truth).mean()


def calibrate(shipped, indexes, ops):
    """Write the int8 graph of shipped weights, calibrated on indexes' training faces alike, where it agrees.

    It is compared on the first one's held-out faces and on those that an offset or a temperature was found on.
    """
    from vtt_emotion.video.torch_backend import quantize

    place, roots, margins, path = ops.place, ops.datasets.roots(), ops.margins.by_source(), int8_graph(shipped)
    sources, _ = read_mixture(dict.fromkeys(indexes, 1.0), place.dicts_path, roots, margins, ops.split.train_episodes)
    net = load_network(str(shipped), trained=True)
    crops = np.concatenate([crops_of(samples, net.img_sz, ops.ship.crops // len(sources))[0] for samples in sources])
    with whole_file(path) as unchecked:
        quantize(net, shipped, unchecked, crops)
        for name in dict.fromkeys((indexes[0], *ops.ship.neutral_on, *ops.ship.temperature_on)):
            held_out = read_held_out(name, place.dicts_path, roots, margins, ops.split.valid_episodes).of_classes(
                len(emotions_of(net.labels)))
            equal, plain, int8 = compare_with_float(net, OnnxStep(unchecked), *crops_of(held_out, net.img_sz))
            if equal < AGREES or int8 < plain - LOSES:
                raise InputError(f"int8 says the same on {equal:.1%} of {len(held_out):,} held-out faces of {name}, "
                                 f"accuracy {int8:.2%} where float32 has {plain:.2%}: too little, so {path.name} is "
                                 "not shipped")
            print(f"int8 says the same on {equal:.1%} of {len(held_out):,} held-out faces of {name}; accuracy "
                  f"{plain:.2%}, in int8 {int8:.2%}")
    print(f"wrote {path}: calibrated on {len(crops)} faces of {' and '.join(indexes)}")


def read_logits(net, indexes, ops):
    """(logits, soft targets), each (N, 7), of a network on the held-out faces of indexes, one after the other."""
    import torch

    from vtt_emotion.training.batches import EveryOnce, make_loader
    from vtt_emotion.training.clips import FaceClips
    from vtt_emotion.training.engine import predict

    device, parts = torch.device(name_device("auto")), []
    for index in indexes:
        held_out = read_held_out(index, ops.place.dicts_path, ops.datasets.roots(), ops.margins.by_source(),
                                 ops.split.valid_episodes).of_classes(len(emotions_of(net.labels)))
        frames = held_out.paths.shape[1]         # a still is read as four are
        loader = make_loader(FaceClips([held_out], net.img_sz, frames), EveryOnce(len(held_out), 64), 0)
        said, target = predict(net.to(device), loader, device)
        parts.append((said[:, :target.shape[1]], target))
    net.cpu()
    return tuple(torch.cat(part) for part in zip(*parts))


def set_neutral(net, about, indexes, ops):
    """Add to neutral's bias what the held-out faces of indexes are read best by; printed, and noted in `about`."""
    from vtt_emotion.training.calibration import OFFSETS, choose_offset

    logits, target = read_logits(net, indexes, ops)
    found = choose_offset(logits, target, ops.ship.neutral_offset)
    net.fc.bias.data[NEUTRAL] += found["offset"]
    about["neutral_offset"] = found["offset"]
    print("macro F1 by neutral's offset: " + ", ".join(
        f"{offset:+.1f} {f1:.1%}" for offset, f1 in list(zip(OFFSETS, found["curve"]))[::2]))
    print(f"neutral's offset {found['offset']:+.2f}, on {len(logits):,} held-out faces of {' and '.join(indexes)}: "
          f"macro F1 {found['before']:.2%}, with it {found['after']:.2%}; on each half with the other half's "
          f"{found['held_out']:.2%}")


def find_temperature(net, indexes, ops):
    """The temperature of a network on indexes' held-out faces (`vtt_emotion.training.calibration`), printed."""
    from vtt_emotion.training.calibration import calibrate as fit

    logits, target = read_logits(net, indexes, ops)
    found = fit(logits, target)
    print(f"temperature {found['temperature']:.3f}, on {len(logits):,} held-out faces of {' and '.join(indexes)}: "
          f"calibration error {found['before']:.2%}, with it {found['after']:.2%}; on each half with the other half's "
          f"{found['held_out']:.2%}")
    if found["kept"] != found["temperature"]:
        print("it does not help on faces that it is not fitted on, so it is left")
    return found["kept"]


def main(argv=None):
    ops = parse(ShipOps, argv, __doc__)
    from vtt_emotion.training.runs import average, ship  # after the options: --help need not wait for PyTorch

    shipped, indexes = ops.ship.output, ops.ship.temperature_on
    if not ops.ship.weights:
        raise InputError("--weights: expected one or several checkpoints")
    net, about = average([ops.place.root / path for path in ops.ship.weights], ops.ship.toward, ops.ship.by)
    if ops.ship.neutral_on:
        set_neutral(net, about, ops.ship.neutral_on, ops)
    ship(net, about, shipped, find_temperature(net, indexes, ops) if indexes else 1.0)
    print(f"wrote {shipped}: {shipped.stat().st_size / 1e6:.1f} MB")
    int8_graph(shipped).unlink(missing_ok=True)          # of the weights before
    if ops.ship.calibrate_on:
        calibrate(shipped, ops.ship.calibrate_on, ops)


if __name__ == "__main__":
    run_script(main)
