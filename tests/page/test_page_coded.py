"""What people coded, beside the results in the page: whose row it goes to, and how it agrees."""
import base64
import json

import numpy as np
import pytest
from test_page import page_data, readings, record

import evaluate
import report
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.page.coded import cut, measure_coded, place_coded, readings_of

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def span(person, start, end, emotion="happy"):
    return {"person": person, "class": emotion, "start": start, "end": end}


def test_a_span_is_cut_where_the_row_changes():
    times, rows = np.array([0, 40, 80, 120]), np.array([0, 0, 2, 2])
    assert cut(20, 100, times, rows) == [(0, 20, 80), (2, 80, 100)]
    assert cut(80, 500, times, rows) == [(2, 80, 500)]
    assert cut(500, 600, times, rows) == [(-1, 500, 600)]    # nobody is read there, and there are two rows
    assert cut(500, 600, times, np.zeros(4, int)) == [(0, 500, 600)]
    assert cut(0, 40, times[:0], rows[:0]) == [(-1, 0, 40)]


def test_the_largest_face_of_each_moment():
    got = readings([40, 0, 40, 0], faces=[0, 0, 1, 1])
    got.faces["box_xyxy"][:] = [[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 5, 5], [0, 0, 20, 20]]
    assert readings_of("any", got).tolist() == [3, 0]
    assert readings_of("face 1", got).tolist() == [3, 2] and readings_of("nobody", got).tolist() == []


def test_each_tier_finds_its_row():
    got, rows = readings([0, 40, 80, 120], faces=[0, 0, 1, 1]), np.array([0, 0, 1, 1])
    spans = [span("Face 1", 0.08, 0.16), span("guest", 0, 0.16, "sad"), span("ross", 0, 0.04)]
    placed, own = place_coded(spans, got, rows, {})
    assert placed == {1: [(80, 160, HAPPY)]}
    assert own == {"guest": [(0, 160, SAD)], "ross": [(0, 40, HAPPY)]}
    placed, own = place_coded(spans[1:], got, rows, {"guest": "any", "ross": "face 0"})
    assert placed == {0: [(0, 80, SAD)], 1: [(80, 160, SAD)]}
    assert own == {"ross": [(0, 40, HAPPY)]}                 # two people's codings do not lie upon each other
    assert place_coded(spans[1:2], got, rows, {"guest": "FACE 0"}) == ({0: [(0, 160, SAD)]}, {})


@pytest.fixture
def talk(tmp_path):
    """Results of two people for 4 s, and a coding of one of them, of somebody else, and of times past the end."""
    (tmp_path / "talk.json").write_text(json.dumps([
        record(n / 24, ("happy", "sad")[n // 48], id, ("joey", None)[id], box=(0, 0, 9 + id, 9))
        for n in range(96) for id in (0, 1)]))
    (tmp_path / "talk.csv").write_text("person,emotion,start,end\nJOEY,happy,0,3\nguest,smile,0,2\nguest,sad,50,51\n")
    return tmp_path


def run(folder, *more):
    report.main(["--results", str(folder / "talk.json"), "--coded", str(folder / "talk.csv"), "--words", "smile",
                 "happy", *more])
    return page_data(folder / "talk.html")


def test_coded_tiers_in_a_page(talk, capsys):
    data = run(talk)
    assert [row["label"] for row in data["rows"]] == ["joey", "face 1", "guest (coded)"]
    assert [row["truth"]["starts"] for row in data["rows"]] == [[0], [], [0, 50000]]
    assert data["rows"][0]["truth"] == {"starts": [0], "ends": [3000], "emotions": [HAPPY]}
    assert data["truthSays"] == "coded"
    out = capsys.readouterr().out
    assert "talk.csv: 1 annotations, the first 'guest' at 50 s, lie past the end at 3.958 s" in out
    assert "'guest' has a row of its own: 'guest' is not in the results, which have joey, face 1; --people" in out
    assert "talk.csv: 6.0 s coded of 2 people, 72 readings in them, agreement 0.67" in out


def test_its_figures_are_those_of_evaluate(talk):
    run(talk, "--people", "guest", "any")
    records = json.loads((talk / "talk.json").read_text())
    spans = report.read_coded(talk / "talk.csv", words=[("smile", "happy")])
    figures = measure_coded(spans, records, {"guest": "any"}, 5.0, 1000)
    evaluate.main(["--coded", str(talk / "talk.csv"), "--results", str(talk / "talk.json"), "--words", "smile", "happy",
                   "--people", "guest", "any"])
    theirs = json.loads((talk / "talk.agreement.json").read_text())
    assert figures["records"] == theirs["records"] == 120 and figures["confusion"] == theirs["confusion"]
    assert figures["kappa"] == theirs["kappa"] and figures["read"] == pytest.approx(5 / 6)
    assert f'id="kappa">{figures["kappa"][0]:.2f}<' in (talk / "talk.html").read_text()
    assert measure_coded([span("ross", 0, 1)], records, {}, 5.0, 1000) == {"people": 1, "seconds": 1, "records": 0}


def test_without_a_face_it_says_so(talk, capsys):
    (talk / "talk.json").write_text("[]")
    run(talk)
    assert "holds no record, no face was found" in capsys.readouterr().out


def test_errors(talk, run_main, capsys):
    def said(*argv):
        return run_main(report.main, ["--results", talk / "talk.json", *argv], capsys)[0]

    coded = ("--coded", talk / "talk.csv")
    assert "unknown emotion 'smile'" in said(*coded)
    assert "no tier 'rachel' with annotations; it has JOEY, guest" in said(*coded, "--tiers", "rachel")
    assert "expected one of them" in said(*coded, "--compare", talk / "talk.json")
    assert "no.eaf: no such file of coded annotations" in said("--coded", talk / "no.eaf")
    assert not (talk / "talk.html").exists()


def test_segments_are_those_kept_beside_the_results(talk, run_main, capsys):
    kept = {"id": 1, "name": None, "class": "sad", "start": 0.5, "end": 3.5, "confidence": 0.9, "peak": 0.9,
            "peak_seconds": 1.0, "frames": 72}
    (talk / "talk.segments.json").write_text(json.dumps([kept]))
    data = run(talk)["segments"]
    assert np.frombuffer(base64.b64decode(data["starts"]), "<u4").tolist() == [500]
    (talk / "talk.segments.json").write_text(json.dumps([kept | {"id": 9}]))
    said = run_main(report.main, ["--results", talk / "talk.json"], capsys)[0]
    assert "talk.segments.json: of other results than talk.json; delete it, and they are found anew" in said
