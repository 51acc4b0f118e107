"""Valence and arousal: two more outputs of a network, trained, measured, read, and written."""
import csv
import json

import numpy as np
import pytest
import torch

import evaluate
import export_results
import model_train
from resnet_tsm import load_checkpoint, output_names, outputs_of
from tests.conftest import TINY
from vtt_emotion import make_faces, read_emotions
from vtt_emotion.core import labels
from vtt_emotion.core.images import write_image
from vtt_emotion.datasets.npy import write_index
from vtt_emotion.training.log import read_log
from vtt_emotion.training.measures import measure_affect
from vtt_emotion.training.optimization import concordance, make_loss, with_affect
from vtt_emotion.training.runs import average, ship
from vtt_emotion.training.samples import read_samples
from vtt_emotion.video.emotions import make_records

OPTIONS = ("--mixture", "labelled", "1", "--valid-on", "labelled", "--recipe", "project", "--weights", "none",
           "--max-steps", "2")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with an index whose valence goes by the emotion, one face without it, and a network of both."""
    root, rng, index = tmp_path_factory.mktemp("affect"), np.random.default_rng(0), {}
    for number in range(28):
        write_image(root / f"datasets/Labelled/{number}.png", rng.integers(0, 256, (64, 64, 3), np.uint8))
        index[number] = {"img": f"{number}.png", "gt": [0, 0, 64, 64], "em": np.eye(7)[number % 7],
                         "split": "train" if number < 14 else "valid", "val": (number % 7) / 3 - 1, "aro": 0.25}
    index[20] |= {"val": -2, "aro": -2}          # as AffectNet says that it is not given
    (root / "dicts").mkdir()
    write_index(root / "dicts/labelled_parsed.npy", index)
    model_train.main(["--root", str(root), *TINY, *OPTIONS, "--affect", "0.5", "--name", "both"])
    return root


def test_the_network_and_the_table_say_the_same():
    for count in (7, 8, 9, 10):
        assert output_names(count) == labels.output_names(count) and len(output_names(count)) == count
    assert labels.output_names(9) == (*labels.EMOTIONS, *labels.AFFECT)
    assert labels.emotions_of(labels.output_names(10)) == labels.WITH_CONTEMPT


def test_concordance_of_hand_worked_cases():
    """1 of the same, -1 of the mirrored, and less where means or spreads differ: Lin's formula."""
    truth = torch.tensor([-1.0, 0.0, 1.0, 0.5])
    assert concordance(truth, truth).item() == pytest.approx(1)
    assert concordance(0.25 - truth, truth).item() == pytest.approx(-1)      # the mean, 0.125, stays
    said = torch.tensor([1.0, 2.0, 3.0])
    assert concordance(said + 1, said).item() == pytest.approx(2 * 2 / 3 / (2 / 3 + 2 / 3 + 1))
    assert concordance(torch.ones(3), torch.ones(3)).item() == 0


def test_figures_leave_out_what_is_not_given():
    said = torch.tensor([[0.5, 0.1], [-0.5, 0.2], [3.0, 0.3]])
    truth = torch.tensor([[0.5, torch.nan], [0.5, torch.nan], [1.0, torch.nan]])
    found = measure_affect(said, truth)
    assert found["valence"]["rmse"] == pytest.approx((1 / 3) ** 0.5)             # what is above 1 counts as 1
    assert found["valence"]["sagr"] == pytest.approx(2 / 3)
    assert found["arousal"] == {"faces": 0} and measure_affect(torch.zeros(3, 0), torch.zeros(3, 0)) == {}


def test_the_loss_is_the_emotions_and_the_share_of_what_misses_concordance():
    emotions, weight = make_loss("soft_ce", 0.5), 0.5
    loss, outputs = with_affect(emotions, weight), torch.randn(6, 9, requires_grad=True)
    target = torch.cat([torch.eye(7)[:6], torch.rand(6, 2)], 1)
    target[0, 7:] = torch.nan
    missed = 1 - sum(concordance(outputs[1:, c], target[1:, c]) for c in (7, 8)) / 2
    both = emotions(outputs[:, :7], target[:, :7]) + weight * missed
    assert loss(outputs, target).item() == pytest.approx(both.item())
    loss(outputs, target).backward()
    assert outputs.grad.isfinite().all() and outputs.grad[0, 7:].abs().sum() == 0 < outputs.grad[1:, 7:].abs().min()
    target[:, 7:] = torch.nan                    # a batch without any
    assert loss(outputs, target).item() == pytest.approx(emotions(outputs[:, :7], target[:, :7]).item())


def test_affect_is_read_from_an_index(root):
    samples = read_samples("labelled", root / "dicts", root, "valid")
    assert np.isnan(samples.affect[6]).all() and np.isfinite(np.delete(samples.affect, 6, 0)).all()
    assert samples.take(np.array([1])).affect.tolist() == [pytest.approx([1 / 3 - 1, 0.25])]


def test_training_and_evaluation(root, tmp_path, capsys, run_main):
    row = read_log(root / "runs/both/log.csv")[-1]
    assert -1 <= row["ccc_valence"] <= 1 and row["valid_mean_recall"] is not None
    assert outputs_of(load_checkpoint(root / "runs/both/best.pt")) == labels.output_names(9)
    argv = ["--root", str(root), "--index", "labelled", "--num-workers", "0", "--device", "cpu", "--results-path",
            str(tmp_path), "--weights"]
    evaluate.main([*argv, "runs/both/best.pt", "fer"])       # the same emotions, so both
    both, fer = json.loads((tmp_path / "evaluate_labelled_valid.json").read_text())["networks"]
    assert both["affect"]["valence"]["faces"] == 13 and "affect" not in fer and both["faces"] == fer["faces"] == 14
    assert both["affect"]["valence"]["ccc"] == pytest.approx(row["ccc_valence"], abs=1e-4)
    assert "runs/both/best.pt: valence of 13 faces: CCC" in capsys.readouterr().out
    argv = ["--root", root, *TINY, *OPTIONS, "--name", "both", "--resume", "--max-steps", "3"]
    said = run_main(model_train.main, argv, capsys)[0]
    assert "the run to resume has a network of angry" in said and said.endswith("valence, arousal")


def test_mixup_of_faces_without_it(root):
    model_train.main(["--root", str(root), *TINY, *OPTIONS, "--affect", "0.5", "--mixup", "0.2", "--name", "mixed"])
    assert np.isfinite(read_log(root / "runs/mixed/log.csv")[-1]["train_error"])


def test_an_index_without_it_is_said(root, tmp_path, run_main, capsys):
    index = {number: {"img": f"{number}.png", "gt": [0, 0, 64, 64], "em": np.eye(7)[number], "split": split}
             for number, split in enumerate(("train", "valid"))}
    (tmp_path / "dicts").mkdir()
    write_index(tmp_path / "dicts/labelled_parsed.npy", index)
    argv = ["--root", tmp_path, "--labelled-path", root / "datasets/Labelled", *TINY, *OPTIONS, "--affect", "1"]
    assert "no index of --mixture has valence and arousal" in run_main(model_train.main, argv, capsys)[0]


def test_a_temperature_leaves_it_as_it_is(root, tmp_path):
    net, about = average([root / "runs/both/best.pt"])
    former = net.fc.weight.clone()
    ship(net, about, tmp_path / "shipped.pt", 2.0)
    now = load_checkpoint(tmp_path / "shipped.pt")["net"]["fc.weight"].float()
    assert torch.allclose(now[7:], former[7:], atol=1e-3) and torch.allclose(now[:7], former[:7] / 2, atol=1e-3)


def test_reading_a_picture(root):
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    faces = make_faces([[20, 20, 120, 120]])
    for backend in ("torch", "onnx"):
        frame = read_emotions(picture, faces, root / "runs/both/best.pt", backend=backend, graphs_path=root / "graphs")
        assert list(frame.columns) == ["id", "class", "confidence", *labels.EMOTIONS, "valence", "arousal", "xmin",
                                       "ymin", "xmax", "ymax"]
        assert frame[list(labels.EMOTIONS)].sum(axis=1).tolist() == pytest.approx([1], abs=1e-3)
        assert frame["valence"].between(-1, 1).all()


def test_records_and_tables(tmp_path):
    faces = make_faces([[0, 0, 9, 9]])
    faces["id"] = 1
    outputs = np.array([[0, 0, 0, 9, 0, 0, 0, 0.5, -3]], np.float32)
    record, = make_records(faces, outputs, [0.0], {1: (1, None)}, labels=labels.output_names(9))
    assert record["class"] == "happy" and (record["object"]["valence"], record["object"]["arousal"]) == (0.5, -1)
    assert sum(record["object"]["scores"].values()) == pytest.approx(1) and len(record["object"]["scores"]) == 7
    plain, = make_records(faces, outputs[:, :7], [0.0], {1: (1, None)})
    assert plain["object"] == {key: value for key, value in record["object"].items() if key not in labels.AFFECT}
    path = tmp_path / "film.json"
    path.write_text(json.dumps([record, record | {"seconds": 1.0}]))
    export_results.main(["--results", str(path), "--to", "csv", "parquet"])
    row = next(csv.DictReader((tmp_path / "film.csv").read_text().splitlines()))
    assert (row["valence"], row["arousal"]) == ("0.5", "-1.0")
