import json
import math

import numpy as np
import pytest
import torch

import evaluate
import model_train
import vtt_emotion.training.train
from resnet_tsm import load_checkpoint
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import CONTEMPT, DISGUST, EMOTIONS, HAPPY, NEUTRAL
from vtt_emotion.datasets.npy import read_index, write_index
from vtt_emotion.training.log import read_confusion, read_log
from vtt_emotion.training.samples import by_fold, read_held_out, read_mixture

TINY = ("--img-sz", "64", "--batch-size", "2", "--num-workers", "0", "--device", "cpu", "--weights", "none",
        "--max-steps", "1", "--precision", "float32", "--mixture", "ck", "1", "--valid-on", "ck")


@pytest.fixture(scope="module")
def ck(tmp_path_factory):
    """A root with a CK+ of five subjects, two sequences each."""
    root = tmp_path_factory.mktemp("ck")
    index, rng = {1: {}, 3: {}}, np.random.default_rng(0)
    for subject in range(5):
        for number, emotion in enumerate(index):
            names = [f"S{subject}/{number}/{frame}.png" for frame in range(4)]
            for name in names:
                write_image(root / "datasets/CK+" / name, rng.integers(0, 256, (64, 64, 3), np.uint8))
            index[emotion][subject] = {"img": names, "pos": [f"S{subject}", f"{number}"], "emo": emotion}
    (root / "dicts").mkdir()
    write_index(root / "dicts/ck_parsed.npy", index)
    return root


def subjects(samples):
    return sorted({path.split(b"/")[0].decode() for path in samples.paths[:, 0]})


def test_subjects_are_dealt_out_and_never_in_both(ck):
    told, held_out = (ck / "dicts", {"ck": ck}, {"ck": (0, 0)}), []
    for fold in ((1, 3), (2, 3), (3, 3)):
        valid = read_held_out("ck", *told, (), fold)
        (train,), _ = read_mixture({"ck": 1.0}, *told, (), (), fold)
        assert subjects(train) == sorted({f"S{i}" for i in range(5)} - set(subjects(valid)))
        held_out.append(subjects(valid))
    assert held_out == [["S0", "S3"], ["S1", "S4"], ["S2"]]
    assert len(read_mixture({"ck": 1.0}, *told, ())[0][0]) == 10                         # whole, without
    assert by_fold("fer", ck / "dicts", (1, 3), True) == {}
    for fold in ((1, 6), (4, 3), (1, 1), (0, 3)):
        with pytest.raises(InputError, match="has 5 subjects; expected 2 folds to as many"):
            by_fold("ck", ck / "dicts", fold, True)


def test_a_training_for_each_fold_and_seed(ck, tmp_path, capsys, run_main):
    """Each network is measured on the fold that it has not seen; of several trainings mean and deviation are told."""
    root = ["--root", str(ck)]
    model_train.main([*root, *TINY, "--folds", "2", "--name", "ck"])
    best = [load_checkpoint(ck / f"runs/ck_fold{fold}/best.pt")["best"]["accuracy"] for fold in (1, 2)]
    assert f"mean of 2 trainings: accuracy {np.mean(best):.3f} (standard deviation {np.std(best, ddof=1):.3f})" in \
        capsys.readouterr().out
    weights = ["runs/ck_fold2/best.pt", "runs/ck_fold1/best.pt"]                         # in any order
    argv = [*root, "--index", "ck", "--num-workers", "0", "--device", "cpu", "--frames", "1", "--results-path",
            str(tmp_path), "--folds", "2", "--weights"]
    evaluate.main([*argv, *weights])
    figures = json.loads((tmp_path / "evaluate_ck_all.json").read_text())
    assert figures["faces"] == 10 and figures["accuracy"] == pytest.approx((best[0] * 6 + best[1] * 4) / 10)
    assert f"accuracy of each fold: {best[0]:.1%}, {best[1]:.1%}" in capsys.readouterr().out
    assert "none for one, fold 2" in run_main(evaluate.main, [*argv, weights[1]], capsys)[0]
    three = [*argv[:-2], "3", "--weights", *weights]
    assert "has held out none of 3 folds" in run_main(evaluate.main, three, capsys)[0]
    assert "expected --folds with it" in run_main(model_train.main, [*root, *TINY, "--fold", "1"], capsys)[0]


def test_folds_and_subsets_of_no_such_index_are_refused(ck, capsys, run_main):
    """They would choose nothing: the same network would be trained again and again."""
    fer = ["--root", str(ck), *TINY[:-4], "--mixture", "fer", "1", "ck", "0", "--valid-on", "fer"]
    for main, argv in ((model_train.main, fer), (evaluate.main, ["--root", str(ck), "--index", "fer"])):
        said = run_main(main, [*argv, "--folds", "2"], capsys)[0]
        assert said.startswith("error: --folds 2: expected an index that goes by folds, ck, dfew, mafw; found fer")
        assert run_main(main, [*argv, "--subsets", "compound"], capsys)[0] == (
            "error: --subsets compound: fer has none; RAF-DB has")
    both = ["--root", str(ck), *TINY[:-4], "--mixture", "fer", "1", "ck", "1", "--valid-on", "raf"]
    assert "fer and ck have none" in run_main(model_train.main, [*both, "--subsets", "basic"], capsys)[0]


def test_a_fold_that_has_changed_is_refused(ck, tmp_path, capsys, run_main):
    """A subject more before the others shifts the folds: what was trained on would be measured as unseen."""
    (tmp_path / "dicts").mkdir()
    (tmp_path / "datasets").symlink_to(ck / "datasets")
    index = read_index(ck / "dicts/ck_parsed.npy")
    write_index(tmp_path / "dicts/ck_parsed.npy", index)
    train = ["--root", str(tmp_path), *TINY, "--folds", "2", "--name", "shifted"]
    model_train.main(train)
    weights = [f"runs/shifted_fold{fold}/best.pt" for fold in (1, 2)]
    assert load_checkpoint(tmp_path / weights[0])["held_out"] == {"ck": ["S0", "S2", "S4"]}
    model_train.main([*train, "--resume", "--max-steps", "2"])
    assert load_checkpoint(tmp_path / weights[0].replace("best", "last"))["held_out"] == {"ck": ["S0", "S2", "S4"]}
    argv = ["--root", str(tmp_path), "--index", "ck", "--num-workers", "0", "--device", "cpu", "--frames", "1",
            "--folds", "2", "--results-path", str(tmp_path), "--weights", *weights]
    evaluate.main(argv)
    for entry in index[1].values():
        entry["pos"] = [entry["pos"][0].replace("S3", "S-1"), entry["pos"][1]]
    write_index(tmp_path / "dicts/ck_parsed.npy", index)
    expected = "held out 3 (S0, S2, S4) of ck, and fold 1 of 2 is 3 (S-1, S1, S3) now; S-1 is in one of them alone"
    said = run_main(evaluate.main, argv, capsys)[0]
    assert said.startswith(f"error: {weights[0]}: ") and expected in said
    said = run_main(model_train.main, [*train, "--resume", "--max-steps", "3"], capsys)[0]
    assert "shifted_fold1/last.pt: " in said and expected in said
    for path in (tmp_path / "runs").glob("*/*.pt"):                              # of versions that kept nothing of it
        former = load_checkpoint(path)
        del former["held_out"]
        torch.save(former, path)
    evaluate.main(argv)
    model_train.main([*train, "--resume", "--max-steps", "3"])
    assert load_checkpoint(tmp_path / "runs/shifted_fold1/last.pt")["held_out"] is None


def test_an_emotion_that_is_not_trained_on_is_learnt_as_a_wrong_answer(ck, monkeypatch):
    """CK+ has no neutral; only the emotions that it has are adjusted, of shares as they are drawn."""
    adjusted, real = [], vtt_emotion.training.train.make_loss
    monkeypatch.setattr(vtt_emotion.training.train, "make_loss", lambda loss, neutral, adjust: (
        adjusted.append(adjust), real(loss, neutral, adjust))[1])
    model_train.main(["--root", str(ck), *TINY, "--folds", "5", "--fold", "1", "--logit-adjust", "0.5"])
    expected = [0.5 * math.log(0.5) if emotion in (DISGUST, HAPPY) else 0 for emotion in range(7)]
    assert adjusted[0].tolist() == pytest.approx(expected) and adjusted[1] == 0
    logits = torch.zeros(1, 7, requires_grad=True)
    real("soft_ce", 0.5, adjusted[0])(logits, torch.eye(7)[[HAPPY]]).backward()
    assert logits.grad[0, NEUTRAL] == logits.grad[0].max() > 1 / 7               # pushed down most


def test_contempt_of_one_fold_alone(ck, tmp_path, capsys):
    """Each fold is trained and measured, whether its faces to train on or those held out are without contempt."""
    (tmp_path / "dicts").mkdir()
    (tmp_path / "datasets").symlink_to(ck / "datasets")
    index = read_index(ck / "dicts/ck_parsed.npy")
    index[CONTEMPT] = {0: index[1][0] | {"pos": ["S0", "2"], "emo": CONTEMPT}}
    write_index(tmp_path / "dicts/ck_parsed.npy", index)
    root = ["--root", str(tmp_path)]
    model_train.main([*root, *TINY, "--classes", "8", "--folds", "2", "--name", "ck", "--logit-adjust", "0.5"])
    rows = [read_log(tmp_path / f"runs/ck_fold{fold}/log.csv")[-1] for fold in (1, 2)]
    assert [row["recall_contempt"] is None for row in rows] == [False, True]     # as an emotion absent in validation is
    assert rows[1]["valid_mean_recall"] == np.mean([rows[1]["recall_disgust"], rows[1]["recall_happy"]])
    evaluate.main([*root, "--index", "ck", "--num-workers", "0", "--device", "cpu", "--frames", "1", "--folds", "2",
                   "--results-path", str(tmp_path), "--weights", *(f"runs/ck_fold{fold}/best.pt" for fold in (1, 2))])
    classes = json.loads((tmp_path / "evaluate_ck_all.json").read_text())["classes"]
    assert (classes["contempt"]["faces"], classes["happy"]["faces"]) == (1, 5)


def test_seeds_and_what_the_log_has(ck, capsys):
    argv = ["--root", str(ck), *TINY, "--folds", "5", "--fold", "2", "--seed", "7", "--seeds", "2", "--name", "again"]
    model_train.main(argv)
    assert "mean of 2 trainings" in capsys.readouterr().out
    options = [json.loads((ck / f"runs/again_seed{seed}/ops.json").read_text()) for seed in (7, 8)]
    assert [one["run"]["seed"] for one in options] == [7, 8] and [one["split"]["fold"] for one in options] == [2, 2]
    row = read_log(ck / "runs/again_seed7/log.csv")[-1]
    recalls = [row["recall_disgust"], row["recall_happy"]]
    assert np.mean(recalls) == pytest.approx(row["valid_mean_recall"]) and row["recall_fear"] is None
    step, confusion, names = read_confusion(ck / "runs/again_seed7/confusions.csv")      # has the same recalls
    assert step == row["step"] and np.trace(confusion) / confusion.sum() == pytest.approx(row["valid_accuracy"])
    assert [counts[place] / counts.sum() for place, counts in enumerate(confusion) if counts.any()] == recalls
    assert names == EMOTIONS
    (ck / "runs/again_seed8/last.pt").unlink()   # a stop before the second has begun
    (ck / "runs/again_seed8/best.pt").unlink()
    model_train.main([*argv, "--resume"])
    assert (ck / "runs/again_seed8/best.pt").is_file()


def test_a_table_of_networks_and_indexes(ck, tmp_path, capsys, run_main):
    write_image(ck / "datasets/RAF-DB/a.png", np.zeros((64, 64, 3), np.uint8))
    write_index(ck / "dicts/raf_parsed.npy", {0: {"img": "a.png", "gt": [0, 0, 64, 64], "em": np.eye(7)[3],
                                                  "split": "test", "subset": "basic"}})
    argv = ["--root", ck, "--num-workers", "0", "--device", "cpu", "--results-path", tmp_path, "--frames", "1",
            "--indexes", "ck", "raf"]
    evaluate.main([str(arg) for arg in argv])
    head, row = capsys.readouterr().out.splitlines()[-2:]
    assert head.split("  ") == ["accuracy, mean recall", "ck, 10 faces", "raf, 1 faces"] and row.startswith("fer ")
    ck_figures, raf_figures = (json.loads((tmp_path / f"evaluate_{name}.json").read_text())
                               for name in ("ck_all", "raf_test"))
    assert f"{ck_figures['accuracy']:.1%}, {ck_figures['mean_recall']:.1%}" in row
    assert row.endswith(f"{raf_figures['accuracy']:.1%}, {raf_figures['mean_recall']:.1%}")
    assert "on its own held-out split" in run_main(evaluate.main, [*argv, "--split", "test"], capsys)[0]
