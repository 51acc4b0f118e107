import re

import pympi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.elan import write_eaf
from vtt_emotion.results.praat import write_textgrid
from vtt_emotion.results.subtitles import write_vtt
from vtt_emotion.results.tables import SEGMENT_COLUMNS, write_csv

SPANS = [{"person": "rachel", "class": "happy", "start": 0.5, "end": 2.25},
         {"person": "rachel", "class": "sad", "start": 2.25, "end": 3.0},
         {"person": "ross", "class": "neutral", "start": 0.0, "end": 9.5}]


def eaf(path, tiers):
    document = pympi.Eaf(author="")
    document.remove_tier("default")
    for tier, notes in tiers.items():
        document.add_tier(tier)
        for note in notes:
            document.add_annotation(tier, *note)
    document.to_file(str(path))
    return path


def test_the_three_formats_say_the_same(tmp_path):
    eaf(tmp_path / "a.eaf", {"ross": [(0, 9500, "Neutral")], "rachel": [(2250, 3000, "Sadness"), (500, 2250, " happy "),
                                                                       (4000, 5000, "")]})
    (tmp_path / "a.csv").write_text("\ufeffStart,End,Person,Emotion,note\n.5,2.25,rachel,happy,a\n2.25,3,rachel,SAD,\n"
                                    "0,9.5,ross,neutral,\n10,11,ross,,\n11,12,ross,None,\n")
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n1\n00:00.500 --> 00:02.250\nrachel: happy\n\n00:02.250 --> 00:03.000\n"
                                    "<v rachel>sad</v>\n\n00:00.000 --> 00:09.500 line:0\n<v.big ross>neutral\n")
    for suffix in ("eaf", "csv", "vtt"):
        assert read_coded(tmp_path / f"a.{suffix}") == SPANS
        assert read_coded(tmp_path / f"a.{suffix}", tiers=["ross"]) == SPANS[2:]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["rachel", None, 'a "b" <i>& c', "笑: x"]), st.sampled_from(EMOTIONS),
                          st.integers(1, 5000), st.integers(0, 500)), min_size=1, max_size=12))
def test_what_is_exported_is_read_again(tmp_path_factory, parts):
    folder, clock, segments = tmp_path_factory.mktemp("coded"), 0, []
    for name, emotion, length, pause in parts:
        clock += pause
        start, clock = clock, clock + length
        segments.append({"id": 7, "name": name, "class": emotion, "start": start / 1000, "end": clock / 1000})
    wanted = sorted(({"person": item["name"] or "face 7", "class": item["class"], "start": item["start"],
                      "end": item["end"]} for item in segments), key=lambda item: (item["person"], item["start"]))
    write_eaf(folder / "a.eaf", segments)
    write_vtt(folder / "a.vtt", segments)
    write_csv(folder / "a.csv", SEGMENT_COLUMNS, segments)
    write_textgrid(folder / "a.TextGrid", segments)
    for suffix in ("eaf", "vtt", "csv", "TextGrid"):
        assert read_coded(folder / f"a.{suffix}") == wanted, suffix


def test_words_of_the_coders(tmp_path):
    path = eaf(tmp_path / "a.eaf", {"emotion": [(0, 100, "Smile"), (100, 200, "bored"), (200, 300, "anger")]})
    assert [span["class"] for span in read_coded(path, words=[("smile", "happy"), ("Bored", "left-out")])] == [
        "happy", "angry"]
    with pytest.raises(InputError, match=re.escape(
            f"{path}: tier 'emotion' at 0.1 s: unknown emotion 'bored'; --words 'bored' happy maps it")):
        read_coded(path, words=[("smile", "happy")])


@pytest.mark.parametrize("name, text, message", [
    ("a.eaf", "junk", "not an annotation file of ELAN"), ("a.eaf", "<a/>", "not an annotation file of ELAN"),
    ("a.doc", "", "expected coded annotations as .eaf, .textgrid, .csv"), ("a.vtt", "junk", "not WebVTT"),
    ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nhappy\n", "expected a person and an emotion"),
    ("a.csv", "person,emotion,start\n", "expected the columns person, emotion, start and end, found person, emotion"),
    ("a.csv", "", "found none"), ("a.csv", "person,emotion,start,end\n", "holds no coded emotion"),
    ("a.csv", "person,emotion,start,end\na,happy,3,2\n", "line 2: expected a start before its end, in seconds"),
    ("a.csv", "person,emotion,start,end\na,happy,0,nan\n", "line 2: expected a start before its end"),
    ("a.csv", "person,emotion,start,end\na,happy,0\n", "line 2: expected a start before its end"),
    ("a.csv", "person,emotion,start,end\na,happy,-1,2\n", "line 2: expected a start before its end"),
    ("a.csv", "person,emotion,start,end\na,happy,0,2\na,sad,1,3\n", "line 3: overlaps the annotation before it"),
    ("a.csv", "person,emotion,start,end\na,bored,0,2\n", "line 2: unknown emotion 'bored'"),
    ("a.csv", "person,emotion,start,end\na,happy,soon,2\n", "in seconds, found soon to 2"),
    ("a.csv", b"person,emotion,start,end\na,happ\x81,0,2\n", "not text in UTF-8, UTF-16 or cp1252")])
def test_errors_name_the_file_the_place_and_what_was_expected(tmp_path, name, text, message):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_coded(tmp_path / name)
    assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)


def test_tables_of_spreadsheets_and_clock_times(tmp_path):
    """Semicolons and decimal commas of Excel in much of Europe, tabs, and times read off a player."""
    for name, text in (("semicolons", "person;emotion;start;end\nross;sad;1,5;62,25\n"),
                       ("tabs", "person\temotion\tstart\tend\nross\tsad\t1.5\t62.25\n"),
                       ("clock", "person,emotion,start,end\nross,sad,00:00:01.500,1:02.25\n")):
        (tmp_path / f"{name}.csv").write_text(text)
        assert read_coded(tmp_path / f"{name}.csv") == [{"person": "ross", "class": "sad", "start": 1.5, "end": 62.25}]


def test_a_cue_of_several_people(tmp_path):
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nrachel: happy\n<v ross>sad</v>\n")
    assert [(span["person"], span["class"]) for span in read_coded(tmp_path / "a.vtt")] == [("rachel", "happy"),
                                                                                          ("ross", "sad")]


def test_an_annotation_that_elan_gives_no_time(tmp_path):
    """Such as those of a subdivided tier: an error where its tier is read, none where it is not."""
    path = eaf(tmp_path / "a.eaf", {"parts": [(0, 100, "happy"), (100, 200, "sad")], "rachel": [(0, 100, "happy")]})
    path.write_text(re.sub(' TIME_VALUE="200"', "", path.read_text()))
    with pytest.raises(InputError, match="tier 'parts' at 0.1 s: expected a start before its end, in seconds, found "
                                         "0.1 to no time"):
        read_coded(path)
    assert len(read_coded(path, tiers=["rachel"])) == 1


def test_a_tier_that_is_not_there_and_no_file(tmp_path):
    path = eaf(tmp_path / "a.eaf", {"rachel": [(0, 100, "happy")], "speech": [(0, 50, "Hello")]})
    with pytest.raises(InputError, match="no tier 'ross' with annotations; it has rachel, speech"):
        read_coded(path, tiers=["ross"])
    assert len(read_coded(path, tiers=["rachel"])) == 1
    with pytest.raises(InputError, match="no such file of coded annotations"):
        read_coded(tmp_path / "b.eaf")
