"""Make a checkpoint fit to give away: its weights alone, in half precision, about 22 MB.

Reads a run's best.pt. Writes weights/fer.pt, which `--weights fer` and `resnet18(weights="fer")` then load; and with
--calibrate-on weights/fer.int8.onnx, which reads faces on a CPU some times faster.

    python ship_weights.py
    python ship_weights.py --weights runs/tsm/best.pt --output weights/mine.pt --calibrate-on friends
"""
import numpy as np

from backends import int8_graph, quantize
from data_loader import FaceClips, read_mixture
from ops import ShipOps, parse, run_script
from runs import load_network, ship


def calibration_crops(samples, count, size):
    """`count` crops of samples drawn at random, always the same, uint8 (K, 3, size, size)."""
    rows = np.random.default_rng(0).permutation(len(samples))[:count]
    clips = FaceClips([samples], size)
    return np.concatenate([clips[int(row), (0,)][0].numpy() for row in rows])


def main(argv=None):
    ops = parse(ShipOps, argv, __doc__)
    shipped, index = ops.ship.output, ops.ship.calibrate_on
    ship(ops.ship.weights, shipped)
    print(f"wrote {shipped}: {shipped.stat().st_size / 1e6:.1f} MB")
    int8_graph(shipped).unlink(missing_ok=True)          # of the weights before
    if index:
        (samples,), _ = read_mixture({index: 1.0}, ops.place.dicts_path, ops.datasets.roots(),
                                     ops.margins.by_source(), ops.split.train_episodes)
        net = load_network(str(shipped), trained=True)
        quantize(net, int8_graph(shipped), calibration_crops(samples, ops.ship.crops, net.img_sz))
        print(f"wrote {int8_graph(shipped)}: calibrated on {min(ops.ship.crops, len(samples))} faces of {index}")


if __name__ == "__main__":
    run_script(main)
