"""Train the static model: ResNet18 on single faces, by default AffectNet 0.8 and RAF-DB 0.2.

Reads the indexes in dicts/ and the images they name; validates on the Friends validation episodes.
Writes runs/static/: ops.json, log.csv, last.pt (to resume) and best.pt (by mean recall).

    python model_train.py
    python model_train.py --img-sz 64 --weights none --max-steps 300 --valid-every 100
"""
from ops import StaticTrainOps
from vtt_emotion.core.command_line import parse, run_script


def main(argv=None):
    ops = parse(StaticTrainOps, argv, __doc__)
    from vtt_emotion.training.repeats import train_all  # after the options: --help need not wait for PyTorch

    train_all(ops, frames=1)


if __name__ == "__main__":
    run_script(main)
