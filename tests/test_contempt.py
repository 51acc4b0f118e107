"""Contempt, the eighth emotion: kept by the parsers, trained, measured, read, and in all that is made of results."""
import csv
import json

import numpy as np
import pytest

import evaluate
import export_results
import model_train
import parse_ck
import parse_labelled
import report
from parse_fer import soft_label
from resnet_tsm import LABELS, load_checkpoint
from tests.conftest import TINY
from tests.test_parse_clips import mafw
from tests.test_parse_fer import COLUMNS
from vtt_emotion import InputError, make_faces, read_emotions
from vtt_emotion.archive.table import read_parts, sum_up, write_part
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import CONTEMPT, CONTEMPT_NAMES, EMOTIONS, HAPPY, WITH_CONTEMPT
from vtt_emotion.datasets.clip_lists import read_clips
from vtt_emotion.datasets.npy import read_index, write_index
from vtt_emotion.datasets.parsing import Report
from vtt_emotion.results.agreement import measure_pairs
from vtt_emotion.results.parquet import as_frame
from vtt_emotion.results.segments import find_segments
from vtt_emotion.results.speech import with_speech
from vtt_emotion.results.tables import columns_of, record_rows
from vtt_emotion.training.log import read_log
from vtt_emotion.training.samples import read_samples
from vtt_emotion.video.batch import table_lines

EIGHT = ("--mixture", "labelled", "1", "--valid-on", "labelled", "--recipe", "project", "--weights", "none",
         "--max-steps", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with pictures in folders of eight emotions, parsed with contempt, and a network of eight."""
    root, rng = tmp_path_factory.mktemp("eight"), np.random.default_rng(0)
    for split in ("train", "valid"):
        for emotion in WITH_CONTEMPT:
            for number in range(2):
                write_image(root / f"datasets/Labelled/{split}/{emotion}/{number}.png",
                            rng.integers(0, 256, (64, 64, 3), np.uint8))
    parse_labelled.main(["--root", str(root), "--contempt"])
    model_train.main(["--root", str(root), *TINY, *EIGHT, "--classes", "8", "--name", "eight"])
    return root


def records(scored=True):
    """A face that is happy for a second, then contemptuous for two."""
    for frame in range(75):
        emotion = WITH_CONTEMPT[HAPPY if frame < 25 else CONTEMPT]
        scores = {"scores": dict.fromkeys(WITH_CONTEMPT, 0.02) | {emotion: 0.86}} if scored else {}
        yield {"type": "emotion", "class": emotion, "seconds": frame / 25,
               "object": {"id": 1, "name": "ann", "box": [0, 0, 9, 9], "confidence": 0.86, **scores}}


def test_the_network_and_the_table_say_the_same():
    assert LABELS == WITH_CONTEMPT and WITH_CONTEMPT[:7] == EMOTIONS and WITH_CONTEMPT[CONTEMPT] in CONTEMPT_NAMES


def test_votes_for_contempt():
    row = dict(zip(COLUMNS, map(str, (3, 0, 0, 2, 0, 0, 0, 5, 0, 0))))
    assert soft_label(row) == (None, "majority contempt")
    assert soft_label(row, True)[0] == pytest.approx([0, 0, 0, 0, 0.2, 0, 0.3, 0.5])


def test_ck_and_mafw_keep_it(sample, tmp_path):
    argv = ["--root", str(tmp_path), "--ck-path", str(sample / "datasets/CK+")]
    parse_ck.main([*argv, "--contempt"])
    found = read_index(tmp_path / "dicts/ck_parsed.npy")
    assert list(found) == list(range(8)) and [entry["emo"] for entry in found[CONTEMPT].values()] == [CONTEMPT]
    parse_ck.main(argv)
    assert list(read_index(tmp_path / "dicts/ck_parsed.npy")) == list(range(7))
    mafw(tmp_path / "MAFW")
    clips = {entry["pos"][1] for entry in read_clips(tmp_path / "MAFW", "mafw", Report(), True)
             if entry["emo"] == CONTEMPT}
    assert clips == {"00007"}


def test_seven_emotions_are_those_of_an_index_without_it(tmp_path):
    """Of an index with contempt seven emotions are what the parser would have written without."""
    votes = [(6, 0, 0, 2, 0, 0, 0, 2, 0, 0), (2, 0, 0, 0, 0, 0, 0, 8, 0, 0), (4, 0, 0, 0, 0, 0, 0, 4, 2, 0)]
    rows = [dict(zip(COLUMNS, map(str, row))) for row in votes]
    for name, contempt in (("eight", True), ("seven", False)):
        labels = [em for em, _ in (soft_label(row, contempt) for row in rows) if em is not None]
        write_index(tmp_path / f"labelled_{name}_parsed.npy", {place: {
            "img": f"{place}.png", "gt": [0, 0, 9, 9], "em": em, "split": "train"} for place, em in enumerate(labels)})
    eight, seven = (read_samples(f"labelled:{name}", tmp_path, tmp_path) for name in ("eight", "seven"))
    assert eight.targets.shape == (3, 8) and seven.targets.shape == (2, 7)
    assert np.allclose(eight.of_classes(7).targets, seven.targets)
    assert np.allclose(seven.of_classes(8).targets, np.pad(seven.targets, ((0, 0), (0, 1))))


def test_training_and_evaluation(root, tmp_path, run_main, capsys):
    row = read_log(root / "runs/eight/log.csv")[-1]
    assert np.mean([row[f"recall_{name}"] for name in WITH_CONTEMPT]) == pytest.approx(row["valid_mean_recall"])
    argv = ["--root", root, "--index", "labelled", "--num-workers", "0", "--device", "cpu", "--results-path", tmp_path,
            "--weights"]
    evaluate.main([str(arg) for arg in [*argv, "runs/eight/best.pt"]])
    figures = json.loads((tmp_path / "evaluate_labelled_valid.json").read_text())
    assert list(figures["classes"]) == list(WITH_CONTEMPT) and np.sum(figures["confusion"]) == 16
    evaluate.main([str(arg) for arg in [*argv, "fer"]])
    assert json.loads((tmp_path / "evaluate_labelled_valid.json").read_text())["faces"] == 14        # of seven
    said = run_main(evaluate.main, [*argv, "fer", "runs/eight/best.pt"], capsys)[0]
    assert "know the same emotions, found 7 of fer, 8 of runs/eight/best.pt" in said


def test_a_network_of_seven_learns_the_eighth_and_back(root, run_main, capsys):
    options = ["--root", root, *TINY, *EIGHT, "--lr", "0", "--batch-norm", "running", "--average", "0"]
    model_train.main([str(arg) for arg in [*options, "--weights", "runs/eight/last.pt", "--name", "seven"]])
    last = load_checkpoint(root / "runs/eight/last.pt")
    former, seven = last["average"] or last["net"], load_checkpoint(root / "runs/seven/last.pt")["net"]
    assert np.allclose(seven["fc.weight"], former["fc.weight"][:7])
    assert "recall_contempt" not in (root / "runs/seven/log.csv").read_text()
    said = run_main(model_train.main, [*options, "--classes", "8", "--name", "seven", "--resume", "--max-steps", "2"],
                    capsys)[0]
    assert "the run to resume has a network of angry" in said and said.endswith("surprise, neutral")
    said = run_main(model_train.main, [*options, "--classes", "8", "--name", "other", "--teachers", "fer"], capsys)[0]
    assert "--teachers fer: knows other emotions than the 8 of --classes" in said


def test_an_index_without_it_is_said(root, tmp_path, run_main, capsys):
    argv = ["--root", tmp_path, "--labelled-path", root / "datasets/Labelled"]
    parse_labelled.main([str(arg) for arg in argv])
    said = run_main(model_train.main, [*argv, *TINY, *EIGHT, "--classes", "8"], capsys)[0]
    assert "no index of --mixture has contempt; --contempt of the parsers keeps it" in said


def test_reading_a_picture(root):
    """By PyTorch and by the exported graph: eight scores that sum to 1."""
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    faces = make_faces([[20, 20, 120, 120]])
    frames = [read_emotions(picture, faces, root / "runs/eight/best.pt", backend=backend, graphs_path=root / "graphs")
              for backend in ("torch", "onnx")]
    for frame in frames:
        assert list(frame.columns[3:11]) == list(WITH_CONTEMPT)
        assert frame[list(WITH_CONTEMPT)].sum(axis=1).tolist() == pytest.approx([1], abs=1e-3)
        assert list(frame["class"].cat.categories) == list(WITH_CONTEMPT)
    assert np.allclose(*(frame[list(WITH_CONTEMPT)] for frame in frames), atol=2e-3)


@pytest.mark.parametrize("scored", [True, False])
def test_segments(scored):
    found = find_segments(records(scored))
    assert [(each["class"], round(each["end"] - each["start"])) for each in found] == [("happy", 1), ("contempt", 2)]


def test_beside_speech(tmp_path):
    """Who speaks with contempt, in segments, the records' table and the archive's."""
    made = [record | {"object": record["object"] | {"speaking": record["seconds"] >= 2, "mesh": 1.0, "valence": -0.5}}
            for record in records()]
    speech = [{"start": 0.0, "end": 1.5}]
    segments = with_speech(find_segments(made), speech)
    assert [(each["class"], each["speech"], each["speaking"]) for each in segments] == [
        ("happy", 1.0, 0.0), ("contempt", pytest.approx(0.25, abs=0.02), pytest.approx(0.5, abs=0.02))]
    assert columns_of(made)[5:] == (*WITH_CONTEMPT, "valence", "xmin", "ymin", "xmax", "ymax", "yaw", "pitch", "roll",
                                    "mouth", "eyes", "mesh", "speaking")
    write_part(tmp_path / "archive/film.parquet", "film", segments, [], 3.0, 75, speech)
    export_results.main(["--archive", str(tmp_path / "archive")])
    row = next(csv.DictReader((tmp_path / "archive.people.csv").read_text().splitlines()))
    assert float(row["speaking_contempt"]) == pytest.approx(1 / 60, abs=1e-3) and float(row["speaking_happy"]) == 0


def test_an_archive_of_seven_has_no_column_of_it(tmp_path):
    write_part(tmp_path / "archive/film.parquet", "film", [], [], 3.0, 0)
    export_results.main(["--archive", str(tmp_path / "archive")])
    for name in ("people", "videos"):
        header = (tmp_path / f"archive.{name}.csv").read_text().splitlines()[0]
        assert "neutral" in header and "contempt" not in header


def test_less_a_persons_rest(tmp_path):
    path = tmp_path / "film.json"
    path.write_text(json.dumps(list(records())))
    export_results.main(["--results", str(path), "--to", "csv", "--baseline"])
    rest, = csv.DictReader((tmp_path / "film.rest.csv").read_text().splitlines())
    first = next(csv.DictReader((tmp_path / "film.baseline.csv").read_text().splitlines()))
    assert float(rest["contempt"]) == 0.86 and float(first["contempt"]) == pytest.approx(-0.84)


def test_tables_and_the_page(tmp_path, capsys):
    path = tmp_path / "film.json"
    path.write_text(json.dumps(list(records())))
    export_results.main(["--results", str(path), "--to", "csv", "elan"])
    row = list(csv.DictReader((tmp_path / "film.csv").read_text().splitlines()))[-1]
    assert row["class"] == "contempt" and float(row["contempt"]) == 0.86
    frame = as_frame(columns_of(list(records())), record_rows(records()))
    assert frame["class"].iloc[-1] == "contempt"
    (tmp_path / "film.segments.json").write_text(json.dumps(find_segments(records())))
    assert list(table_lines([path]))[0].split() == ["minutes", *WITH_CONTEMPT]
    report.main(["--results", str(path)])
    page = (tmp_path / "film.html").read_text()
    assert '"emotions":["angry","disgust","fear","happy","sad","surprise","neutral","contempt"]' in page
    assert ">contempt<" in page


def test_a_page_of_seven_beside_results_of_eight(tmp_path):
    for name, scores in (("seven", EMOTIONS), ("eight", WITH_CONTEMPT)):
        made = [record | {"object": record["object"] | {"scores": {key: record["object"]["scores"][key]
                                                                   for key in scores}}} for record in records()]
        (tmp_path / f"{name}.json").write_text(json.dumps([
            record | ({"class": "happy"} if name == "seven" else {}) for record in made]))
    report.main(["--results", str(tmp_path / "seven.json"), "--compare", str(tmp_path / "eight.json")])
    assert ">contempt<" in (tmp_path / "seven.html").read_text()


def test_the_archive_and_agreement(tmp_path):
    write_part(tmp_path / "archive/film.parquet", "film", find_segments(records()), [], 3.0, 75)
    people, videos, _ = sum_up(read_parts(tmp_path / "archive"))
    assert people[0]["contempt"] == videos[0]["contempt"] == pytest.approx(2 / 60, abs=1e-3)
    seconds, said = np.arange(9) / 3, np.array([HAPPY] * 3 + [CONTEMPT] * 6)
    measured = measure_pairs([(seconds, np.full(9, HAPPY), said)], 1, 100)
    assert list(measured["classes"]) == list(WITH_CONTEMPT) and measured["classes"]["contempt"]["said"] == 6


def test_a_wrong_number_of_shares_is_named(tmp_path):
    write_index(tmp_path / "labelled_parsed.npy", {0: {"img": "a.png", "gt": [0, 0, 9, 9], "em": np.ones(9) / 9}})
    with pytest.raises(InputError, match="not the structure of a labelled index"):
        read_samples("labelled", tmp_path, tmp_path)
