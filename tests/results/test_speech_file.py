"""Speech beside the results: its file, the shares of segments, turns, tables and tiers."""
import csv
import json

import pandas
import pytest

import export_results
from tests.results.test_segments import record, run
from vtt_emotion.core.errors import InputError
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.records import write_records
from vtt_emotion.results.segments import find_segments, read_segments, segments_of
from vtt_emotion.results.speech import read_speech, turns, with_speech
from vtt_emotion.results.tiers import all_tiers

SPEECH = [{"start": 0.5, "end": 1.0}, {"start": 1.2, "end": 2.4}]


def speaking(records, *told):
    """The records with `speaking` in order, None: not told."""
    for item, speaks in zip(records, told):
        if speaks is not None:
            item["object"]["speaking"] = speaks
    return records


def test_a_segment_tells_the_share_of_its_time_in_which_speech_is_heard():
    times = (0, 1), (0, 0.5), (0.6, 0.9), (0.9, 1.3), (2, 4), (1, 1)
    segments = [{"start": start, "end": end} for start, end in times]
    assert [segment["speech"] for segment in with_speech(segments, SPEECH)] == [0.5, 0, 1, 0.5, 0.2, 0]
    assert [segment["speech"] for segment in with_speech(segments, [])] == [0] * 6
    assert with_speech(segments, None) is segments and with_speech([], SPEECH) == []


def test_a_segment_tells_the_share_of_its_records_whose_face_speaks():
    records = speaking(run(("happy", 10), ("sad", 10)), *[True] * 3, *[False] * 3, *[None] * 14)
    happy, sad = find_segments(records, window=0, lead=0, least=0, gap=0.5)
    assert happy["speaking"] == 0.5 and "speaking" not in sad


def test_turns_are_of_the_film_then_of_who_speaks_over_short_pauses():
    told = [True, True, False, False, True, False, False, False, False, True]
    one = speaking(run(("happy", 10), name="ross"), *told)
    other = speaking([record(place / 10, "sad", id=2) for place in range(10)], *[not speaks for speaks in told])
    got = turns(SPEECH[:1], sorted(one + other, key=lambda item: item["seconds"]))
    assert got == [{"id": None, "name": "the film", "start": 0.5, "end": 1.0},
                   {"id": 1, "name": "ross", "start": 0.0, "end": 0.4},
                   {"id": 2, "name": None, "start": 0.2, "end": 0.8},
                   {"id": 1, "name": "ross", "start": 0.9, "end": 0.9}]
    tiers = all_tiers([], [], spoken=got)        # what lasts no time has no place in a tier
    assert tiers == {"speech of the film": [(500, 1000, "speech")], "speech of ross": [(0, 400, "speech")],
                     "speech of face 2": [(200, 800, "speech")]}


@pytest.mark.parametrize("speech, said", [
    ('{"start": 1}', "array"), ('[{"start": 1}]', "stretch 0"), ('[{"start": 2, "end": 1}]', "one after the other"),
    ('[{"start": 0, "end": 2}, {"start": 1, "end": 3}]', "one after the other"),
    ('[{"start": "0", "end": 2}]', "start")])
def test_a_strangers_speech_is_checked(tmp_path, speech, said):
    assert read_speech(tmp_path / "a.json") is None
    (tmp_path / "a.speech.json").write_text(speech)
    with pytest.raises(InputError, match=f"a.speech.json.*{said}"):
        read_speech(tmp_path / "a.json")


@pytest.fixture
def results(tmp_path):
    """Results of two and a half seconds with speech, segments not kept."""
    told = *[False] * 5, *[True] * 5, *[False] * 5, *[True] * 10
    records = speaking(run(("happy", 10), ("sad", 15), name="ross"), *told)
    write_records(tmp_path / "a.json", records)
    write_records(tmp_path / "a.speech.json", SPEECH)
    return tmp_path / "a.json"


def test_exports_have_it(results, tmp_path):
    export_results.main(["--results", str(results)])
    with open(tmp_path / "a.segments.csv", newline="") as file:
        happy, sad = csv.DictReader(file)
    assert (happy["speech"], happy["speaking"]) == ("0.5", "0.5")
    assert (sad["speech"], sad["speaking"]) == ("0.8", "0.667")
    with open(tmp_path / "a.csv", newline="") as file:
        assert [row["speaking"] for row in csv.DictReader(file)] == ["0"] * 5 + ["1"] * 5 + ["0"] * 5 + ["1"] * 10
    frame = pandas.read_parquet(tmp_path / "a.segments.parquet")
    assert frame["speech"].dtype == frame["speaking"].dtype == "float32"
    assert (tmp_path / "a.speech.csv").read_text() == "start,end\n0.5,1.0\n1.2,2.4\n"
    for file in ("a.eaf", "a.TextGrid"):
        text = (tmp_path / file).read_text()
        assert "speech of the film" in text and "speech of ross" in text
        coded = read_coded(tmp_path / file)      # as people would code it: the emotions alone
        assert {(span["person"], span["class"]) for span in coded} == {("ross", "happy"), ("ross", "sad")}


def test_segments_found_anew_have_it_and_without_speech_nothing_is_other(results, tmp_path):
    records = json.loads(results.read_text())
    write_records(tmp_path / "a.segments.json", segments_of(results, records))
    assert [segment["speech"] for segment in read_segments(tmp_path / "a.segments.json")] == [0.5, 0.8]
    assert segments_of(results, records, renamed=True) == segments_of(results, records)
    (tmp_path / "a.speech.json").unlink()
    (tmp_path / "a.segments.json").unlink()
    write_records(results, run(("happy", 10), ("sad", 15)))
    export_results.main(["--results", str(results), "--to", "csv", "elan"])
    assert (tmp_path / "a.segments.csv").read_text().splitlines()[0].endswith(",frames")
    assert "speech" not in (tmp_path / "a.eaf").read_text() and not (tmp_path / "a.speech.csv").exists()
