import json

import pytest
import torch
from PIL import Image

import evaluate
import parse_ck
from evaluate import measure
from indexes.labels import EMOTIONS
from indexes.results import write_records
from training.clips import FaceClips


def test_figures_of_a_hand_worked_case():
    truth, said = [0, 0, 0, 0, 3, 3, 6, 6], [0, 0, 0, 3, 3, 6, 6, 5]
    logits = torch.zeros(8, 7)
    logits[range(8), said] = torch.tensor([9.0] * 8)
    figures = measure(logits, torch.eye(7)[truth])
    assert figures["faces"] == 8 and figures["accuracy"] == pytest.approx(5 / 8)
    assert figures["mean_recall"] == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    assert figures["macro_f1"] == pytest.approx((2 * 3 / 7 + 1 / 2 + 1 / 2) / 3)
    assert figures["classes"]["angry"] == {"faces": 4, "recall": 0.75, "precision": 1.0, "f1": pytest.approx(6 / 7)}
    assert figures["classes"]["sad"] == {"faces": 0, "recall": None, "precision": None, "f1": None}
    assert figures["confusion"][0] == [3, 0, 0, 1, 0, 0, 0] and figures["confusion"][6] == [0, 0, 0, 0, 0, 1, 1]
    sure = torch.tensor(9.0).exp() / (torch.tensor(9.0).exp() + 6)
    assert figures["calibration_error"] == pytest.approx(sure.item() - 5 / 8, abs=1e-5)


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
    assert not list(tmp_path.iterdir())
