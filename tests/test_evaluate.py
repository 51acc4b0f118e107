import json
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binom

import evaluate
import parse_ck
from resnet_tsm import resnet18
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import ANGRY, DISGUST, EMOTIONS, FEAR, HAPPY, NEUTRAL, SURPRISE
from vtt_emotion.core.weights import checked_logits
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.results.records import write_records
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.measures import compare_networks, ensemble, intervals, measure_logits, resample
from vtt_emotion.training.protocols import COMPOUND, as_compound, credit_ties, hold_to
from vtt_emotion.training.samples import Samples


def test_figures_of_a_hand_worked_case():
    truth, said = [0, 0, 0, 0, 3, 3, 6, 6], [0, 0, 0, 3, 3, 6, 6, 5]
    logits = torch.zeros(8, 7)
    logits[range(8), said] = torch.tensor([9.0] * 8)
    figures = measure_logits(logits, torch.eye(7)[truth])
    assert figures["faces"] == 8 and figures["accuracy"] == pytest.approx(5 / 8)
    assert figures["mean_recall"] == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    assert figures["macro_f1"] == pytest.approx((2 * 3 / 7 + 1 / 2 + 1 / 2) / 3)
    assert figures["classes"]["angry"] == {"faces": 4, "recall": 0.75, "precision": 1.0, "f1": pytest.approx(6 / 7)}
    assert figures["classes"]["sad"] == {"faces": 0, "recall": None, "precision": None, "f1": None}
    assert figures["confusion"][0] == [3, 0, 0, 1, 0, 0, 0] and figures["confusion"][6] == [0, 0, 0, 0, 0, 1, 1]
    sure = torch.tensor(9.0).exp() / (torch.tensor(9.0).exp() + 6)
    assert figures["calibration_error"] == pytest.approx(sure.item() - 5 / 8, abs=1e-5)


def answers(right, count=400, sure=0.8, seed=0):
    """Logits of a network that names `right` of the faces, with a confidence of `sure`, and the truth (N, 7)."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 7
    said = np.where(rng.permutation(count) < right * count, truth, (truth + 1) % 7)
    chances = np.full((count, 7), (1 - sure) / 6)
    chances[np.arange(count), said] = sure
    return torch.from_numpy(chances).log().float(), torch.eye(7)[truth]


def test_protocols_of_a_hand_worked_case():
    """Faces whose votes are for one emotion, two alike, most for one, and most for one but not more than half."""
    targets = np.zeros((4, 7), np.float32)
    targets[0, 3] = 1
    targets[1, [2, 6]] = 0.5
    targets[2, [0, 6]] = 0.4, 0.6
    targets[3, [0, 5, 6]] = 0.25, 0.25, 0.5
    samples = Samples("fer", None, np.array([[b"a"], [b"b"], [b"c"], [b"d"]]), np.zeros((4, 4), np.float32), targets)
    for protocol, counted in (("ties-out", "acd"), ("majority", "ac"), ("soft", "abcd")):
        held = hold_to(samples, protocol)
        assert b"".join(held.paths[:, 0]).decode() == counted and len(held.targets) == len(held.boxes) == len(counted)
    target = torch.from_numpy(targets)           # of the tie what was named is right; the third is named wrongly
    assert credit_ties(torch.eye(7)[[3, 6, 0, 6]], target).argmax(1).tolist() == [3, 6, 6, 6]
    assert credit_ties(torch.eye(7)[[0, 0, 0, 0]], target).argmax(1).tolist() == [3, 2, 6, 6]
    with pytest.raises(InputError, match="of 1 faces of fer the protocol ties-out counts none"):
        hold_to(Samples("fer", None, samples.paths[1:2], samples.boxes[1:2], targets[1:2]), "ties-out")


def test_compound_classes_of_a_hand_worked_case():
    """A face is of the class whose two emotions get most together; the two likeliest, where they make a class."""
    target = torch.zeros(2, 7)
    target[0, [HAPPY, SURPRISE]] = target[1, [FEAR, ANGRY]] = 0.5
    logits = torch.zeros(2, 7)
    logits[0, [HAPPY, SURPRISE, NEUTRAL]] = torch.tensor([3.0, 2.0, 9.0])
    logits[1, [FEAR, HAPPY, SURPRISE]] = torch.tensor([4.0, 3.0, 2.0])       # fear and happy make no class
    found, truth = as_compound({"a": logits}, target)
    said = found["a"]
    assert said.shape == truth.shape == (2, 11) and truth.sum(1).tolist() == [1, 1]
    assert [COMPOUND[place] for place in said.argmax(1)] == ["happy-surprise", "fear-surprise"]
    assert [COMPOUND[place] for place in truth.argmax(1)] == ["happy-surprise", "fear-angry"]
    chances = logits.double().softmax(1)
    assert said[0].softmax(0)[0] / said[0].softmax(0)[1] == pytest.approx(
        float(chances[0, SURPRISE] / chances[0, DISGUST]), rel=1e-5)


def test_rafs_subsets(trained, tmp_path, capsys, run_main):
    """The test is basic's; compound's faces are of 11 classes, and are no ties."""
    argv = ["--index", "raf", "--results-path", str(tmp_path)]
    run(trained, *argv)
    basic = json.loads((tmp_path / "evaluate_raf_test.json").read_text())
    run(trained, *argv, "--subsets", "compound", "--weights", "runs/tsm/best.pt", "runs/static/best.pt")
    both = json.loads((tmp_path / "evaluate_raf_test_compound.json").read_text())["networks"]
    entries = read_index(trained / "dicts/raf_parsed.npy").values()
    counts = Counter(entry["subset"] for entry in entries if entry["split"] == "test")
    assert basic["faces"] == counts["basic"] and [figures["faces"] for figures in both] == [counts["compound"]] * 2
    assert tuple(both[0]["classes"]) == COMPOUND and np.shape(both[0]["confusion"]) == (11, 11)
    assert "disgust-surprise" in capsys.readouterr().out
    said, _ = run_main(evaluate.main, ["--root", trained, "--index", "affectnet", "--subsets", "basic"], capsys)
    assert said == "error: --subsets basic: affectnet has none; RAF-DB has"


def test_a_still_is_computed_once_and_by_the_protocol(trained, tmp_path, monkeypatch, capsys):
    """Compound faces of RAF-DB are ties; four frames of a still are read as one is."""
    seen, real = [], FaceClips.__init__
    monkeypatch.setattr(FaceClips, "__init__", lambda self, sources, size, frames, **more: (
        seen.append((len(sources[0]), frames)), real(self, sources, size, frames, **more))[1])
    for options in ([], ["--frames", "1"], ["--camera-motion", "0.1"],
                    ["--protocol", "soft", "--precision", "bfloat16"]):
        run(trained, "--index", "raf", "--subsets", "basic", "compound", "multi", "--results-path", str(tmp_path),
            *options)
    faces = json.loads((tmp_path / "evaluate_raf_test_basic_compound_multi.json").read_text())["faces"]
    assert [frames for _, frames in seen] == [1, 1, 4, 1]
    assert [count for count, _ in seen] == [seen[0][0]] * 3 + [faces] and seen[0][0] < faces
    assert f"{faces - seen[0][0]} of {faces} faces are not counted by the protocol ties-out" in capsys.readouterr().out


def test_intervals_are_those_of_chance():
    """A share's interval is the binomial's, and so is that of a confidence's error, where it is sure of all alike."""
    logits, target = answers(0.8)
    figures, again = measure_logits(logits, target), resample(logits, target)
    ends = intervals(figures, again)
    expected = binom(400, 0.8).ppf((0.025, 0.975)) / 400
    assert ends["accuracy"] == pytest.approx(expected, abs=0.008)
    assert all(low < figures[name] < high for name, (low, high) in ends.items() if name != "calibration_error")
    assert again["accuracy"].mean() == pytest.approx(0.8, abs=3e-3)
    assert figures["calibration_error"] < 1e-4 and ends["calibration_error"][0] == 0
    assert ends["calibration_error"][1] == pytest.approx(2.24 * (0.16 / 400) ** 0.5, abs=0.005)       # of either sign
    wrong, target = answers(0.6)                 # as sure as ever, and right less often
    low, high = intervals(measure_logits(wrong, target), resample(wrong, target))["calibration_error"]
    assert low == pytest.approx(0.2 - 1.96 * (0.24 / 400) ** 0.5, abs=0.01)
    assert high == pytest.approx(0.2 + 1.96 * (0.24 / 400) ** 0.5, abs=0.01)


def test_drawn_anew_once_each_is_the_figure_itself(monkeypatch):
    """`resample` counts as `measure` does: on each face once they say the same."""
    monkeypatch.setattr(np.random, "default_rng", lambda seed: np.random)
    monkeypatch.setattr(np.random, "integers", lambda count, size: np.arange(size), raising=False)
    logits = torch.randn(300, 7, generator=torch.Generator().manual_seed(0)) * 2
    target = torch.eye(7)[torch.arange(300) % 6]                                 # one class is absent
    figures, again = measure_logits(logits, target), resample(logits, target, 1)
    for name, values in again.items():
        assert values[0] == pytest.approx(figures[name], abs=1e-6), name


def test_two_networks_are_compared_face_by_face():
    both = {"a": answers(0.8, seed=1), "b": answers(0.8, seed=2), "c": answers(0.9, seed=3)}
    logits, target = {name: said for name, (said, _) in both.items()}, both["a"][1]
    measured = {name: measure_logits(said, target) for name, said in logits.items()}
    hits = {name: (said.argmax(1) == target.argmax(1)).numpy() for name, said in logits.items()}
    again = {name: resample(said, target) for name, said in logits.items()}
    same, better, _ = compare_networks(measured, again, hits)
    assert (same["first"], same["second"], better["second"]) == ("a", "b", "c")
    assert same["only_first"] == same["only_second"] > 50 and same["p"] == 1         # both 320 of 400
    assert better["only_second"] - better["only_first"] == 40 and better["p"] < 0.001
    value, low, high = better["accuracy"]
    assert value == pytest.approx(0.1) and 0.04 < low < 0.07 < 0.13 < high < 0.16
    twin = {"a": measured["a"], "d": measured["a"]}
    assert compare_networks(twin, again | {"d": again["a"]}, hits | {"d": hits["a"]}) == [
        {"first": "a", "second": "d", "only_first": 0, "only_second": 0, "p": 1.0, "accuracy": [0, 0, 0],
         "mean_recall": [0, 0, 0], "macro_f1": [0, 0, 0]}]
    n = 5                                        # an exact test: 0 to 5 has 2 / 2 ** 5
    hits = {"a": np.zeros(9, bool), "b": np.arange(9) < n}
    pair = compare_networks(dict.fromkeys("ab", measured["a"]), dict.fromkeys("ab", again["a"]), hits)[0]
    assert pair["p"] == 2 / 2 ** n


def test_an_ensemble_is_the_mean_of_the_softmax():
    first, second = torch.randn(5, 7), torch.randn(5, 7) * 3
    torch.testing.assert_close(ensemble([first, second]).softmax(1), (first.softmax(1) + second.softmax(1)) / 2)
    assert ensemble([torch.tensor([[200.0, 0, 0, 0, 0, 0, 0]])] * 2).isfinite().all()


def test_several_checkpoints_and_their_ensemble(trained, tmp_path, capsys):
    one, both = ("runs/static/best.pt", "runs/tsm/best.pt"), ["--index", "raf", "--results-path", str(tmp_path)]
    alone = {}
    for weights in one:
        run(trained, *both, "--weights", weights)
        alone[weights] = json.loads((tmp_path / "evaluate_raf_test.json").read_text())
        low, high = alone[weights]["intervals"]["accuracy"]
        assert low <= alone[weights]["accuracy"] <= high and alone[weights]["weights"] == weights
    capsys.readouterr()
    run(trained, *both, "--weights", *one, "--ensemble", "--small", "20")
    hard = json.loads((tmp_path / "evaluate_raf_test.json").read_text())
    run(trained, *both, "--weights", *one, "--ensemble")
    figures = json.loads((tmp_path / "evaluate_raf_test.json").read_text())
    assert [network["weights"] for network in figures["networks"]] == [*one, "ensemble"] and hard["small"] == 20
    assert hard["networks"][0]["calibration_error"] != figures["networks"][0]["calibration_error"]
    for network in figures["networks"][:2]:      # the same as each alone
        assert all(alone[network["weights"]][name] == value for name, value in network.items())
    assert [(pair["first"], pair["second"]) for pair in figures["pairs"]] == [
        one, (one[0], "ensemble"), (one[1], "ensemble")]
    out = capsys.readouterr().out
    assert "ensemble against runs/tsm/best.pt: right alone" in out and "calibration error" in out
    with Image.open(tmp_path / "evaluate_raf_test.png") as image:
        assert image.size[0] > 1500                                              # a matrix each


def run(root, *more):
    evaluate.main(["--root", str(root), "--num-workers", "0", "--device", "cpu", "--weights", "runs/tsm/best.pt",
                   *more])


def test_each_index(trained, tmp_path, capsys):
    parse_ck.main(["--root", str(trained)])
    out = ["--results-path", str(tmp_path)]
    for name, more in (("friends_3", ["--valid-episodes", "3"]), ("affectnet_valid", ["--index", "affectnet"]),
                       ("raf_test", ["--index", "raf", "--split", "test", "--frames", "1"]),
                       ("ck_all", ["--index", "ck", "--flip"])):
        run(trained, *out, *more)
        figures = json.loads((tmp_path / f"evaluate_{name}.json").read_text())
        assert sum(map(sum, figures["confusion"])) == figures["faces"] > 0 and figures["img_sz"] == 64
        with Image.open(tmp_path / f"evaluate_{name}.png") as image:
            assert image.size[0] > 500
        assert f"accuracy {figures['accuracy']:.2%}" in capsys.readouterr().out


def test_stills_filmed_by_a_moving_camera_and_in_colour(trained, tmp_path):
    seen = []
    for more in ([], ["--camera-motion", "0.2"], ["--colour"]):
        run(trained, "--index", "affectnet", "--results-path", str(tmp_path), *more)
        figures = json.loads((tmp_path / "evaluate_affectnet_valid.json").read_text())
        seen.append(figures["calibration_error"])
    assert len(set(seen)) == 3 and figures["colour"] and figures["faces"] > 0


@pytest.mark.parametrize("more", [(), ("--protocol", "soft", "--subsets", "basic", "compound")])
def test_faces_by_pose(trained, tmp_path, capsys, more):
    """The parts make up the whole; so they do where of a tie, as compound faces are, each emotion is right."""
    evaluate.main(["--root", str(trained), "--index", "raf", "--weights", "runs/static/best.pt", "--num-workers", "0",
                   "--results-path", str(tmp_path), "--by", "pose", *more])
    figures = json.loads(next(tmp_path.glob("evaluate_raf_test*.json")).read_text())
    parts, said = figures["by_pose"], capsys.readouterr().out
    assert sum(part["faces"] for part in parts) == figures["faces"] and said.count("are not counted") <= 1
    assert sum(part["accuracy"] * part["faces"] for part in parts) == pytest.approx(
        figures["accuracy"] * figures["faces"])
    near = sum(part["faces"] for part in parts if part["turn"] in ([0, 15], [15, 30]))
    assert near > 0.8 * figures["faces"]         # drawn heads turn by 14 degrees at most
    assert "turned by 0 to 15 degrees" in said


def test_validation_in_training_says_the_same(trained, tmp_path):
    """One evaluate: the best checkpoint's own figures come out again."""
    run(trained, "--valid-episodes", "3", "--weights", "runs/static/best.pt", "--frames", "1", "--results-path",
        str(tmp_path))
    best = torch.load(trained / "runs/static/best.pt", weights_only=True)["best"]
    figures = json.loads((tmp_path / "evaluate_friends_3.json").read_text())
    assert figures["accuracy"] == pytest.approx(best["accuracy"])
    assert figures["mean_recall"] == pytest.approx(best["mean_recall"])


def test_flip_is_symmetric(trained, tmp_path, monkeypatch):
    """Mirrored faces get the same figures where the mirror image is averaged in."""
    figures, real = [], FaceClips._clip
    for mirrored in (False, True):
        if mirrored:
            monkeypatch.setattr(FaceClips, "_clip", lambda self, *key: real(self, *key).flip(-1))
        run(trained, "--valid-episodes", "3", "--flip", "--results-path", str(tmp_path))
        figures.append(json.loads((tmp_path / "evaluate_friends_3.json").read_text()))
    assert figures[0]["confusion"] == figures[1]["confusion"]


@pytest.fixture
def coded(tmp_path):
    """Results of two people for 20 s, and a coding of them that another emotion was said of in a quarter."""
    records, lines = [], ["person,emotion,start,end"]
    for place in range(200):
        for id, name in enumerate(("rachel", None)):
            emotion = EMOTIONS[(place // 10 + id) % 7]
            said = "fear" if place % 4 == id else emotion
            records.append({"type": "emotion", "class": said, "seconds": place / 10,
                            "object": {"id": id, "name": name, "box": [0, 0, 9, 9], "confidence": 0.9}})
            if place % 10 == 0:
                lines.append(f"{name or 'face 1'},{emotion},{place / 10},{place / 10 + 1}")
    write_records(tmp_path / "talk.json", records)
    (tmp_path / "talk.csv").write_text("\n".join(lines))
    return tmp_path


def test_results_against_people_who_coded_them(coded, capsys):
    evaluate.main(["--coded", str(coded / "talk.csv"), "--results", str(coded / "talk.json"), "--resamples", "200"])
    figures = json.loads((coded / "talk.agreement.json").read_text())
    hits = sum(figures["confusion"][emotion][emotion] for emotion in range(7))
    value, low, high = figures["agreement"]
    assert figures["records"] == 400 and value == pytest.approx(hits / 400) and low <= value <= high
    assert 0.7 < value < 0.85 and 0.6 < figures["kappa"][0] < value
    assert list(figures["persons"]) == ["face 1", "rachel"] and figures["persons"]["rachel"]["records"] == 200
    assert figures["persons"]["rachel"]["read"] == 1
    with Image.open(coded / "talk.agreement.png") as image:
        assert image.size[0] > 500
    out = capsys.readouterr().out
    assert "rachel " in out and f"{value:.2f} ({low:.2f} to {high:.2f})" in out and "talk.agreement.json" in out


def test_people_under_other_names_and_tiers(coded, capsys):
    argv = ["--coded", str(coded / "talk.csv"), "--results", str(coded / "talk.json"), "--resamples", "100"]
    evaluate.main([*argv, "--tiers", "rachel"])
    assert list(json.loads((coded / "talk.agreement.json").read_text())["persons"]) == ["rachel"]
    text = (coded / "talk.csv").read_text()
    (coded / "talk.csv").write_text(text.replace("rachel,", "guest,"))
    (coded / "names.json").write_text('{"names": [{"id": 0, "name": "Guest"}]}')
    evaluate.main([*argv, "--names", str(coded / "names.json")])
    assert json.loads((coded / "talk.agreement.json").read_text())["persons"]["guest"]["records"] == 200
    evaluate.main([*argv, "--people", "guest", "rachel", "face 1", "any"])
    assert list(json.loads((coded / "talk.agreement.json").read_text())["persons"]) == ["face 1", "guest"]


def test_annotations_past_the_last_face_are_told(coded, capsys):
    (coded / "talk.csv").write_text((coded / "talk.csv").read_text() + "\nrachel,happy,75,85")
    evaluate.main(["--coded", str(coded / "talk.csv"), "--results", str(coded / "talk.json"), "--resamples", "100"])
    assert "talk.csv: 1 annotations, the first 'rachel' at 75 s, lie past the last face in the results at 19.9 s" in \
        capsys.readouterr().err
    assert json.loads((coded / "talk.agreement.json").read_text())["persons"]["rachel"]["read"] == 0.6667


def test_errors_of_coding(coded, run_main, capsys):
    def said(*argv):
        return run_main(evaluate.main, ["--coded", coded / "talk.csv", *argv], capsys)[0]

    results = ("--results", coded / "talk.json")
    assert "expected --results FILE" in said()
    assert "no.json: no such results" in said("--results", coded / "no.json")
    assert "no tier 'ross' with annotations; it has rachel, face 1" in said(*results, "--tiers", "ross")
    text = (coded / "talk.csv").read_text()
    (coded / "talk.csv").write_text(text.replace("rachel,", "guest,"))
    assert "'guest' was coded, and is not in the results" in said(*results)
    (coded / "talk.csv").write_text("person,emotion,start,end\nrachel,happy,0.01,0.02")
    assert "none has a record of that time" in said(*results)
    assert sorted(path.name for path in coded.iterdir()) == ["talk.csv", "talk.json"]


def test_errors(trained, run_main, capsys, tmp_path):
    def said(*argv):
        return run_main(evaluate.main, ["--root", trained, "--results-path", tmp_path, *argv], capsys)[0]

    assert "--split often: raf has train, test" in said("--index", "raf", "--split", "often")
    assert "friends has no splits" in said("--split", "test")
    assert "holds no episodes [8]" in said("--valid-episodes", "8")
    assert "no such checkpoint" in said("--valid-episodes", "3", "--weights", "nothing.pt")
    assert "expected one or several checkpoints, each once" in said("--weights", "fer", "fer")
    assert "--ensemble: expected --weights with several" in said("--weights", "fer", "--ensemble")
    net = resnet18()
    torch.nn.init.constant_(net.fc.weight, 3e38)                                 # finite, and too large to be of use
    torch.save({"net": net.state_dict(), "options": {"loader": {"img_sz": 64}}}, tmp_path / "huge.pt")
    assert "huge.pt: expected finite logits of seven" in said("--valid-episodes", 3, "--weights", tmp_path / "huge.pt",
                                                               "--device", "cpu", "--num-workers", "0")
    assert [path.name for path in tmp_path.iterdir()] == ["huge.pt"]


@pytest.mark.parametrize("logits,message", [(np.zeros((2, 8)), r"give \(8,\)"), (np.zeros(7), r"give \(\)"),
                                            (np.full((1, 7), np.nan), "not finite")])
def test_logits_are_checked(logits, message):
    assert checked_logits(torch.zeros(0, 7), "a.pt").shape == (0, 7)
    with pytest.raises(InputError, match=f"a.pt: expected finite logits of seven.*{message}"):
        checked_logits(logits, "a.pt")
