import math
import os
import re
import shutil
import signal

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import model_train
import vtt_emotion.training.train
from resnet_tsm import load_checkpoint, resnet18
from tests.conftest import TINY, often
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import name_device
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.training import engine
from vtt_emotion.training.augmentation import mix_pairs
from vtt_emotion.training.engine import Average, autocast, evaluate, train_step
from vtt_emotion.training.log import read_log
from vtt_emotion.training.optimization import lr_factor, make_loss, make_optimizer, pair_bce, split_bce
from vtt_emotion.training.watch import Unreadable

CPU = torch.device("cpu")


def test_pair_bce_of_a_hand_worked_case():
    """The ancestor's loss: half of (neutral, the greatest of six), half of all seven."""
    logits, target = torch.tensor([[2.0, -1, 0, 0, 0, 0, 3]]), torch.tensor([[0.25, 0.35, 0, 0, 0, 0, 0.4]])
    pair = (math.log(1 + math.exp(3)) - 0.4 * 3 + math.log(1 + math.exp(2)) - 0.35 * 2) / 2
    seven = binary_cross_entropy_with_logits(logits, target).item()
    assert pair_bce(logits, target, 0.3).item() == pytest.approx(0.3 * pair + 0.7 * seven)
    assert make_loss("pair_bce", 0.5)(logits, target).item() == pytest.approx((pair + seven) / 2)


def test_split_bce_of_a_hand_worked_case():
    logits, target = torch.zeros(1, 7), torch.tensor([[0.5, 0, 0, 0, 0, 0, 0.5]])
    assert split_bce(logits, target, 0.3).item() == pytest.approx(math.log(2))
    logits = torch.tensor([[2.0, -1, 0, 0, 0, 0, 3]])
    neutral = binary_cross_entropy_with_logits(logits[:, 6], target[:, 6])
    others = binary_cross_entropy_with_logits(logits[:, :6], target[:, :6])
    assert split_bce(logits, target, 0.3).item() == pytest.approx((0.3 * neutral + 0.7 * others).item())
    soft = make_loss("soft_ce", 0.5)(logits, target)
    assert soft.item() == pytest.approx(-(logits.log_softmax(1) * target).sum().item())
    prior = torch.tensor([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4])
    adjusted = make_loss("soft_ce", 0.5, 0.5 * prior.log())(logits, target)
    raised = (logits.exp() * prior.sqrt()).log()
    assert adjusted.item() == pytest.approx(-(raised.log_softmax(1) * target).sum().item())


def test_schedules():
    assert [lr_factor("constant", step, 100) for step in (0, 99)] == [1, 1]
    cosine = [lr_factor("cosine", step, 100) for step in range(101)]
    assert cosine[0] == 1 and cosine == sorted(cosine, reverse=True) and cosine[100] == pytest.approx(0)
    cycle = [lr_factor("one_cycle", step, 100) for step in range(101)]
    assert cycle[0] == pytest.approx(0.04) and cycle[100] == pytest.approx(0)
    assert max(cycle) == cycle[30] == pytest.approx(1)


def test_optimisers():
    net = torch.nn.Linear(2, 2)
    adam = make_optimizer(net, "adam", 1e-4, 5e-5)
    assert adam.defaults["amsgrad"] and adam.defaults["lr"] == 1e-4 and adam.defaults["weight_decay"] == 5e-5
    assert isinstance(make_optimizer(net, "adamw", 1e-3, 0), torch.optim.AdamW)
    assert make_optimizer(net, "sgd", 0.1, 0).defaults["nesterov"] and adam.defaults["fused"]


def test_devices():
    assert name_device("cpu") == "cpu"
    with pytest.raises(InputError, match="expected auto, cpu, cuda"):
        name_device("abacus")
    if not torch.cuda.is_available():
        assert name_device("auto") == "cpu"
        with pytest.raises(InputError, match="no CUDA device"):
            name_device("cuda")


@pytest.mark.parametrize("has,dtype", [({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16),
                                       ({"avx512_bf16": False, "avx2": True}, torch.float32), ({}, torch.float32)])
def test_auto_precision_is_what_the_cpu_has_instructions_for(monkeypatch, has, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    monkeypatch.setattr(engine, "_cpu_has_bfloat16", engine._cpu_has_bfloat16.__wrapped__)
    layer = torch.nn.Linear(2, 2)
    with autocast(CPU):
        assert layer(torch.zeros(1, 2)).dtype == dtype
    with autocast(CPU, "float32"):
        assert layer(torch.zeros(1, 2)).dtype == torch.float32


def test_training_steps_lower_the_error():
    torch.manual_seed(0)
    net = resnet18()
    optimizer = make_optimizer(net, "adam", 1e-3, 0)
    clips, target = torch.randint(0, 255, (6, 2, 3, 64, 64), dtype=torch.uint8), torch.eye(7)[:6]
    errors = [train_step(net, optimizer, split_bce, clips, target)[0].item() for _ in range(8)]
    assert errors[-1] < 0.5 * errors[0]


def test_pairs_are_mixed_with_the_share_of_their_labels():
    clips, target = torch.zeros(3, 1, 3, 4, 4, dtype=torch.uint8), torch.eye(7)[:3]
    clips[1] = 200
    mixed, soft = mix_pairs(clips, target, 0.4, np.random.default_rng(1))
    share = soft[1, 1].item()
    assert 0 < share < 1 and soft[1, 0].item() == pytest.approx(1 - share) == soft[2, 1].item()
    assert mixed.dtype == torch.uint8 and mixed[1, 0, 0, 0, 0].item() == round(200 * share)
    assert mixed[2, 0, 0, 0, 0].item() == round(200 * (1 - share)) and mixed[0].max() == 0


def test_an_average_follows_the_weights_and_is_the_network_itself_at_0():
    net = torch.nn.BatchNorm1d(1)
    average = Average(net, 0.9)
    expected = 1.0
    for step in range(30):
        net.weight.data += 1
        net.num_batches_tracked += 1
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.weight.item()
    assert average.net.weight.item() == pytest.approx(expected, rel=1e-5) and net.weight.item() == 31
    assert average.net.num_batches_tracked.item() == 30
    assert Average(net, 0.9, average.state()).net.weight.item() == average.net.weight.item()
    assert Average(net, 0.0).net is net and Average(net, 0.0).state() is None


class _Fixed(torch.nn.Module):
    """Answers each clip with the class written in its first pixel."""

    def forward(self, frames, last):
        classes = (frames[:, -1, 0, 0, 0] * 255).round().long()
        return torch.nn.functional.one_hot(classes, 7).float() * 9


def test_evaluate_of_a_hand_worked_case():
    truth, said = [0, 0, 0, 0, 3, 3, 6, 6], [0, 0, 0, 3, 3, 6, 6, 6]
    clips = torch.zeros(8, 1, 3, 4, 4, dtype=torch.uint8)
    clips[:, 0, 0, 0, 0] = torch.tensor(said, dtype=torch.uint8)
    batches = [(clips[:5], torch.eye(7)[truth[:5]]), (clips[5:], torch.eye(7)[truth[5:]])]
    figures = evaluate(_Fixed(), batches, make_loss("soft_ce", 0), CPU)
    assert figures["accuracy"] == pytest.approx(6 / 8)
    assert figures["recalls"] == [0.75, None, None, 0.5, None, None, 1.0]
    assert figures["mean_recall"] == pytest.approx(0.75)
    right = math.log(math.exp(9) + 6) - 9
    assert figures["error"] == pytest.approx(right + 9 * 2 / 8, rel=1e-4)


def train(root, name, *more):
    return model_train.main(["--root", str(root), *TINY, "--weights", "none", "--name", name, "--valid-every", "30",
                             "--log-every", "10", *more])


def weights(root, name):
    return load_checkpoint(root / "runs" / name / "last.pt")


def assert_same(a, b):
    assert a["step"] == b["step"]
    for name in a["net"]:
        assert torch.equal(a["net"][name], b["net"][name]), name
    for mine, other in zip(a["optimizer"]["state"].values(), b["optimizer"]["state"].values()):
        assert all(torch.equal(mine[key], other[key]) for key in mine)


@often(6, 60)
def test_steps_equal_two_halves_of_them(parsed, times):
    options = "--log-every", str(times // 6), "--valid-every", str(times // 2)
    train(parsed, "whole", "--max-steps", str(times), *options)
    train(parsed, "parts", "--max-steps", str(times // 2), *options)
    train(parsed, "parts", "--max-steps", str(times), *options, "--resume")
    assert_same(weights(parsed, "whole"), weights(parsed, "parts"))
    whole, parts = (read_log(parsed / "runs" / name / "log.csv") for name in ("whole", "parts"))
    drop = "images_per_second"
    assert [{**row, drop: 0} for row in whole] == [{**row, drop: 0} for row in parts]
    assert [row["step"] for row in whole] == [times // 6 * part for part in range(1, 7)]


def test_an_averaged_run_resumes_and_keeps_the_average(parsed):
    options = ("--average", "0.9", "--mixup", "0.2", "--precision", "bfloat16", "--loss", "soft_ce",
               "--logit-adjust", "0.5", "--balance", "0.5")
    train(parsed, "mean", *options, "--max-steps", "6")
    train(parsed, "mean_parts", *options, "--max-steps", "3")
    train(parsed, "mean_parts", *options, "--max-steps", "6", "--resume")
    whole, parts = weights(parsed, "mean"), weights(parsed, "mean_parts")
    assert_same(whole, parts)
    assert all(torch.equal(value, parts["average"][name]) for name, value in whole["average"].items())
    assert not torch.equal(whole["average"]["fc.weight"], whole["net"]["fc.weight"])
    best = load_checkpoint(parsed / "runs/mean/best.pt")
    assert best["step"] == 6 and torch.equal(best["net"]["fc.weight"], whole["average"]["fc.weight"])


def test_an_interrupted_run_goes_on_step_for_step(parsed, monkeypatch, capsys):
    """Ctrl-C in the midst of a step, by the project's recipe; the log's rows after the checkpoint are written again."""
    options = ("--recipe", "project", "--lr", "0.01", "--max-steps", "12", "--log-every", "3")
    train(parsed, "calm", *options)
    real, count = vtt_emotion.training.train.train_step, [0]

    def interrupted(*args):
        count[0] += 1
        if count[0] == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*args)

    monkeypatch.setattr(vtt_emotion.training.train, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(parsed, "stopped", *options)
    monkeypatch.setattr(vtt_emotion.training.train, "train_step", real)
    assert weights(parsed, "stopped")["step"] == 7
    train(parsed, "stopped", *options, "--resume")
    calm, stopped = weights(parsed, "calm"), weights(parsed, "stopped")
    assert_same(calm, stopped)
    assert all(torch.equal(value, stopped["average"][name]) for name, value in calm["average"].items())
    assert "last.pt" in os.listdir(parsed / "runs/stopped") and not list((parsed / "runs/stopped").glob("*.tmp"))


def test_logits_are_adjusted_by_soft_ce_alone(parsed):
    with pytest.raises(InputError, match="--logit-adjust 0.5: goes with --loss soft_ce alone"):
        train(parsed, "unadjusted", "--max-steps", "2", "--logit-adjust", "0.5")


def test_a_run_that_fails_at_once_leaves_no_run(parsed):
    with pytest.raises(InputError, match="no such image"):
        train(parsed, "mistyped", "--max-steps", "2", "--affectnet-path", "nope", "--raf-path", "nope")
    train(parsed, "mistyped", "--max-steps", "2")
    assert weights(parsed, "mistyped")["step"] == 2


def test_last_is_written_on_its_own_cadence(parsed):
    train(parsed, "often", "--max-steps", "5", "--save-every", "2", "--valid-every", "100", "--log-every", "100")
    assert weights(parsed, "often")["step"] == 5
    real, steps = vtt_emotion.training.train.Run.save, []
    vtt_emotion.training.train.Run.save = lambda self, name, net, progress, *_: steps.append((name, progress.step))
    try:
        train(parsed, "noted", "--max-steps", "5", "--save-every", "2", "--valid-every", "100")
    finally:
        vtt_emotion.training.train.Run.save = real
    assert steps == [("last.pt", 2), ("last.pt", 4), ("best.pt", 5), ("last.pt", 5)]


def test_resuming_what_has_all_its_steps_says_so(parsed, capsys):
    train(parsed, "done", "--max-steps", "2")
    train(parsed, "done", "--max-steps", "2", "--resume")
    assert "done has all its 2 steps already; a greater --max-steps continues it" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"--max-steps 1: .*done is at step 2 already"):
        train(parsed, "done", "--max-steps", "1", "--resume")


def test_a_run_is_trained_by_one_process_at_a_time(parsed, held):
    with held(parsed / "runs/twice"), pytest.raises(InputError, match="twice: is being trained by another process"):
        train(parsed, "twice", "--max-steps", "1")
    train(parsed, "twice", "--max-steps", "1")   # what the killed process has left hinders nobody
    assert not list((parsed / "runs").glob(".*"))


def test_resuming_with_other_options(parsed, capsys):
    train(parsed, "other", "--max-steps", "2")
    with pytest.raises(InputError, match="--optimizer sgd: the run to resume goes on with its own, adam"):
        train(parsed, "other", "--max-steps", "3", "--resume", "--optimizer", "sgd")
    train(parsed, "other", "--max-steps", "3", "--resume", "--weight-decay", "0.5")
    assert weights(parsed, "other")["optimizer"]["param_groups"][0]["weight_decay"] == 0.5
    assert "weight_decay 5e-05 -> 0.5" in capsys.readouterr().out


def test_an_unreadable_validation_image_costs_no_step(parsed, monkeypatch):
    real = vtt_emotion.training.train.evaluate

    def broken(*args):
        raise InputError("x.jpg: not a readable image")

    monkeypatch.setattr(vtt_emotion.training.train, "evaluate", broken)
    with pytest.raises(InputError, match="x.jpg"):
        train(parsed, "broken", "--max-steps", "3")
    monkeypatch.setattr(vtt_emotion.training.train, "evaluate", real)
    assert weights(parsed, "broken")["step"] == 3 and not (parsed / "runs/broken/best.pt").exists()
    train(parsed, "broken", "--max-steps", "3", "--resume")  # the validation is made up for
    assert weights(parsed, "broken")["best"]["step"] == 3 and (parsed / "runs/broken/best.pt").exists()
    assert read_log(parsed / "runs/broken/log.csv")[-1]["valid_mean_recall"] is not None
    train(parsed, "broken", "--max-steps", "4", "--resume")
    train(parsed, "unbroken", "--max-steps", "4")
    assert_same(weights(parsed, "broken"), weights(parsed, "unbroken"))


def rows_of(root, name):
    """A log without the time that was taken."""
    return [row | {"images_per_second": None} for row in read_log(root / f"runs/{name}/log.csv")]


def test_two_runs_with_one_seed_give_the_same_log(parsed):
    options = ("--max-steps", "6", "--log-every", "1", "--num-workers", "2", "--mixup", "0.2")
    train(parsed, "seed_a", *options)
    train(parsed, "seed_b", *options)
    train(parsed, "seed_c", *options, "--seed", "1")
    assert rows_of(parsed, "seed_a") == rows_of(parsed, "seed_b") != rows_of(parsed, "seed_c")
    assert_same(weights(parsed, "seed_a"), weights(parsed, "seed_b"))


def test_tensorboard_has_the_numbers_of_the_log(parsed):
    """Of a run that was stopped and went on, too."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    options = ("--tensorboard", "--log-every", "1", "--valid-every", "2", "--save-every", "1")
    train(parsed, "board", *options, "--max-steps", "3")
    train(parsed, "board", *options, "--max-steps", "5", "--resume")
    events = EventAccumulator(str(parsed / "runs/board/tensorboard"))
    events.Reload()
    log = read_log(parsed / "runs/board/log.csv")
    measured = {name for row in log for name, value in row.items() if value is not None} - {"step"}
    assert set(events.Tags()["scalars"]) == measured > {"recall_neutral", "valid_error"} and len(log) == 5
    for name in events.Tags()["scalars"]:
        seen = [(event.step, event.value) for event in events.Scalars(name)]
        told = [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in log if row[name] is not None]
        assert seen == told and seen, name
    matrices = [event.step for event in events.Images("confusion")]
    assert matrices == [row["step"] for row in log if row["valid_error"] is not None]


@pytest.fixture
def spoilt(parsed, tmp_path):
    """The indexes, over folders in which a few training images are no images."""
    for name in ("dicts", "friends_faces"):
        (tmp_path / name).symlink_to(parsed / name)
    shutil.copytree(parsed / "datasets", tmp_path / "datasets")
    index = read_index(tmp_path / "dicts/affectnet_parsed.npy")
    entries = [entry for example in index.values() for entry in example.values() if entry["split"] == "train"]
    for entry in entries[::10]:
        (tmp_path / "datasets/AffectNet" / entry["img"]).write_bytes(b"no image")
    return tmp_path, [entry["img"] for entry in entries[::10]]


def test_corrupt_images_are_named_counted_and_stood_in_for(spoilt, capsys):
    root, names = spoilt
    train(root, "few", "--max-steps", "60", "--num-workers", "2", "--batch-size", "8", "--max-unreadable", "0.1")
    out, err = capsys.readouterr()
    assert all(err.count(name) == 1 for name in names) and err.count("warning: left out:") == len(names)
    counted = re.search(r"(\d+) of 480 samples drawn could not be read; others of their emotion stood in", out)
    assert len(names) <= int(counted[1]) < 100 and weights(root, "few")["step"] == 60


def test_too_many_corrupt_images_end_the_run_and_cost_no_step(spoilt, capsys):
    root, _ = spoilt
    with pytest.raises(InputError, match=r"11 of [\d,]+ samples drawn could not be read, more than "
                                         r"--max-unreadable 0.01; they are named above"):
        train(root, "many", "--max-steps", "900", "--batch-size", "4")
    kept = weights(root, "many")
    assert 0 < kept["step"] < 900 and rows_of(root, "many")[-1]["step"] <= kept["step"]


def test_a_validation_is_made_up_for_where_too_many_corrupt_images_end_the_run(spoilt):
    root, _ = spoilt
    options = ("--valid-every", "1", "--log-every", "1", "--batch-size", "8")
    with pytest.raises(InputError, match="could not be read"):
        train(root, "owing", "--max-steps", "500", *options, "--max-unreadable", "0.001")
    step = weights(root, "owing")["step"]
    assert weights(root, "owing")["owed"]
    train(root, "owing", "--max-steps", str(step + 1), *options, "--max-unreadable", "1", "--resume")
    rows = read_log(root / "runs/owing/log.csv")
    assert [row["step"] for row in rows] == list(range(1, step + 2)) and all(row["valid_error"] for row in rows)


def test_the_count_is_of_a_thousand_at_least():
    unreadable = Unreadable(0.01)
    assert unreadable.name(["", "a.jpg: no", "", "a.jpg: no"]) == 2
    unreadable.add(10, 16)                       # of the first few, which say little
    with pytest.raises(InputError, match="11 of 17"):
        unreadable.add(1, 1)
    unreadable = Unreadable(0.01)
    for _ in range(10):
        unreadable.add(9, 1000)
    with pytest.raises(InputError, match="102 of 10,001"):
        unreadable.add(12, 1)


def test_running_norm_leaves_the_statistics(parsed):
    train(parsed, "norm", "--max-steps", "3", "--batch-norm", "running")
    train(parsed, "norm_batch", "--max-steps", "3")
    name = "bn1.running_mean"
    assert not weights(parsed, "norm")["net"][name].any() and weights(parsed, "norm_batch")["net"][name].any()
    with pytest.raises(InputError, match="--batch-norm sync: goes with CUDA alone"):
        train(parsed, "norm_sync", "--max-steps", "3", "--batch-norm", "sync")


def test_training_that_diverges_stops_and_keeps_what_is_finite(parsed, run_main, capsys):
    folder = parsed / "runs/diverged"
    options = ("--weights", "none", "--max-steps", 60, "--save-every", 2, "--valid-every", 50, "--name", "diverged",
               "--lr", 1000, "--optimizer", "sgd")
    said, _ = run_main(model_train.main, ["--root", parsed, *TINY, *options], capsys)
    step = int(re.search(r"diverged at step (\d+), at a learning rate of 1000", said).group(1))
    kept = load_checkpoint(folder / "last.pt")
    assert kept["step"] < step < 60 and all(value.isfinite().all() for value in kept["net"].values())
    assert not (folder / "best.pt").exists()
