"""Train the sequence model: ResNet18 with temporal shift on four-frame buffers, from the static model.

Reads the indexes in dicts/ (Friends training episodes, CK+ clips; AffectNet, RAF-DB and FER2013 stills become
clips by a small camera motion) and runs/static/best.pt; validates on the Friends validation episodes.
Writes runs/tsm/: ops.json, log.csv, last.pt (to resume) and best.pt (by mean recall).

    python model_tsm_train.py
    python model_tsm_train.py --mixture friends 0.5 ck 0.2 affectnet 0.3 --max-steps 5000
"""
from ops import SequenceTrainOps
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.datasets.npy import BUFFER


def main(argv=None):
    ops = parse(SequenceTrainOps, argv, __doc__)
    from vtt_emotion.training.repeats import train_all  # after the options: --help need not wait for PyTorch

    train_all(ops, frames=BUFFER)


if __name__ == "__main__":
    run_script(main)
