"""Make a checkpoint fit to give away: its weights alone, in half precision, about 22 MB.

Reads a run's best.pt. Writes weights/fer.pt, which `--weights fer` and `resnet18(weights="fer")` then load.

    python ship_weights.py
    python ship_weights.py --weights runs/tsm/best.pt --output weights/mine.pt
"""
from ops import ShipOps, parse, run_script
from runs import ship


def main(argv=None):
    ops = parse(ShipOps, argv, __doc__)
    ship(ops.ship.weights, ops.ship.output)
    print(f"wrote {ops.ship.output}: {ops.ship.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_script(main)
