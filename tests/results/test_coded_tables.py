"""Tables and TextGrids as other programs export them, all of the same coding."""
import re

import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.results.coded import read_coded

SPANS = [{"person": "Anna", "class": "neutral", "start": 0.0, "end": 0.66},
         {"person": "Anna", "class": "happy", "start": 0.66, "end": 2.4}]
BORIS = "Observation id,Observation date,Media file,FPS,Start time,Stop time,Subject,Behavior,Modifiers,Behavior type,"
FILES = {
    "elan.txt": "Anna\t\t00:00:00.000\t0.0\t00:00:00.660\t0.66\t00:00:00.660\t0.66\tneutral\n"
                "Anna\t\t00:00:00.660\t0.66\t00:00:02.400\t2.4\t00:00:01.740\t1.74\thappy\n",
    "elan_ms.txt": "\"#file:///C:/a.mp4 -- offset: 0\"\nAnna\t0\t660\tneutral\nAnna\t660\t2400\thappy\n",
    "elan_named.txt": "Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\t"
                      "End Time - ss.msec\tDuration - hh:mm:ss.ms\tAnnotation\n"
                      "Anna\t00:00:00.000\t0.0\t00:00:00.660\t0.66\t"
                      "00:00:00.660\tneutral\nAnna\t00:00:00.660\t0.66\t00:00:02.400\t2.4\t00:00:01.740\thappy\n",
    "elan_tiers.tsv": "Temps de départ - msec\tTemps de fin - msec\tDurée - msec\tAnna\n0\t660\t660\tneutral\n"
                      "660\t2400\t1740\thappy\n",
    "boris.csv": BORIS + "Start (s),Stop (s),Duration (s)\no,2024,a.mp4,25,,,Anna,neutral,,STATE,0.0,0.66,0.66\n"
                         "o,2024,a.mp4,25,,,Anna,happy,,STATE,0.66,2.4,1.74\n",
    "boris_events.csv": "Observation id,o\nMedia file(s)\nPlayer #1,a.mp4\n\nTime,Media file path,Total length,FPS,"
                        "Subject,Behavior,Behavioral category,Comment,Status\n0.0,a,9,25,Anna,neutral,,,START\n"
                        "0.66,a,9,25,Anna,neutral,,,STOP\n0.66,a,9,25,Anna,happy,,,START\n2.4,a,9,25,Anna,happy,,,STOP\n",
    "datavyu.csv": "face.ordinal,face.onset,face.offset,face.person,face.emo,talk.ordinal,talk.onset,talk.offset,"
                   "talk.who\n1,0,660,Anna,neutral,,,,\n2,660,2400,Anna,happy,,,,\n",
    "datavyu_columns.csv": "Anna.ordinal,Anna.onset,Anna.offset,Anna.code01\n1,00:00:00:000,00:00:00:660,neutral\n"
                           "2,00:00:00:660,00:00:02:400,happy\n",
    "datavyu2.csv": "file,column,onset,offset,ordinal,emo\na,Anna,0,660,1,neutral\na,Anna,660,2400,2,happy\n",
    "frames.csv": "person,emotion,start,end\nAnna,neutral,0:00:00:00,0:00:00:33\nAnna,happy,0:00:00:33,0:00:02;20\n",
    "long.TextGrid": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 9\ntiers? <exists>\n'
                     'size = 1\nitem []:\n    item [1]:\n        class = "IntervalTier"\n        name = "Anna"\n'
                     '        xmin = 0\n        xmax = 9\n        intervals: size = 3\n'
                     '        intervals [1]:\n            xmin = 0\n            xmax = 0.66\n'
                     '            text = "neutral"\n        intervals [2]:\n'
                     '            xmin = 0.66\n            xmax = 2.4\n            text = "happy"\n        '
                     'intervals [3]:\n            xmin = 2.4\n            xmax = 9\n            text = ""\n',
    "short.TextGrid": 'File type = "ooTextFile short"\n"TextGrid"\n\n0\n9\n<exists>\n1\n"IntervalTier"\n"Anna"\n0\n9\n'
                      '3\n0\n0.66\n"neutral"\n0.66\n2.4\n"happy"\n2.4\n9\n""\n',
    "a.srt": "1\n00:00:00,000 --> 00:00:00,660\nAnna: neutral\n\n2\n00:00:00,660 --> 00:00:02,400\nAnna: happy\n"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", FILES)
def test_all_say_the_same_in_all_encodings(tmp_path, name, encoding):
    path = tmp_path / name
    for ends in ("\n", "\r\n"):
        path.write_bytes(FILES[name].replace("Anna", "Zoë").replace("\n", ends).encode(encoding))
        found = read_coded(path, fps=50)
        assert [span | {"start": round(span["start"], 9)} for span in found] == [
            span | {"person": "Zoë"} for span in SPANS], (name, encoding)


@pytest.mark.parametrize("name, text, message", [
    ("a.csv", FILES["frames.csv"], "line 2: 0:00:00:00 to 0:00:00:33 counts frames; --coded-fps tells"),
    ("a.csv", "person,emotion,start,end\na,sad,1:2:3:4:5,9\n", "expected a start before its end, in seconds, found 1:"),
    ("a.csv", FILES["boris.csv"].replace("o,2024", "p,2024", 1), "expected a table of one video, found p, o"),
    ("a.csv", FILES["boris_events.csv"].replace("2.4,a", "2.4,b").replace("happy,,,STOP", "happy,,,START"),
     "expected a start before its end, in seconds, found 2.4 to nothing"),
    ("a.csv", "Time,Subject,Behavior,Behavior type\n1,a,sad,POINT\n", "found 1 to nothing"),
    ("a.txt", "hello\nall\n", "expected the columns person, emotion, start and end, found hello"),
    ("a.TextGrid", "junk", "not a TextGrid of Praat, or a damaged one"), ("a.srt", "junk", "not SubRip"),
    ("a.csv", "person,emotion,start,end\n\"a", "holds no coded emotion")])
def test_errors(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        read_coded(tmp_path / name)


def eaf(path, slots, tiers, offset=""):
    """An .eaf of slots (ms, or None) and tiers {name: annotations}, each two slots or parent and before, and word."""
    order = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{place}"{"" if time is None else f""" TIME_VALUE="{time}" """}/>'
                    for place, time in enumerate(slots))
    made, count = "", 0
    for name, notes in tiers.items():
        made += f'<TIER LINGUISTIC_TYPE_REF="l" TIER_ID="{name}">'
        for first, second, word in notes:
            before = f'PREVIOUS_ANNOTATION="{second}"' if second else ""
            kind, where = ("ALIGNABLE", f'TIME_SLOT_REF1="ts{first}" TIME_SLOT_REF2="ts{second}"') if isinstance(
                first, int) else ("REF", f'ANNOTATION_REF="{first}" {before}')
            made += (f'<ANNOTATION><{kind}_ANNOTATION ANNOTATION_ID="a{count}" {where}><ANNOTATION_VALUE>{word}'
                     f'</ANNOTATION_VALUE></{kind}_ANNOTATION></ANNOTATION>')
            count += 1
        made += "</TIER>"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT AUTHOR="" DATE="" FORMAT="3.0" VERSION="3.0" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="EAFv3.0.xsd">'
        f'<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{offset}</HEADER><TIME_ORDER>{order}</TIME_ORDER>{made}'
        '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="l" TIME_ALIGNABLE="true"/></ANNOTATION_DOCUMENT>')
    return path


def times(path, tier):
    return [(span["class"], span["start"], span["end"]) for span in read_coded(path, tiers=[tier])]


def test_elans_offset_is_the_videos_whose_name_the_file_has(tmp_path):
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///x/{}" MIME_TYPE="video/mp4" TIME_ORIGIN="{}"/>'
    path = eaf(tmp_path / "b.eaf", [0, 1400], {"a": [(0, 1, "happy")]}, media.format("a.mp4", 500) + media.format(
        "b.mp4", 1000))
    assert times(path, "a") == [("happy", 1.0, 2.4)]
    assert times(path.rename(tmp_path / "c.eaf"), "a") == [("happy", 0.5, 1.9)]


def test_slots_without_a_time_are_spread_evenly_in_their_own_tier(tmp_path):
    path = eaf(tmp_path / "a.eaf", [0, None, None, None, 3000, None], {
        "a": [(0, 1, "sad"), (1, 3, "fear"), (3, 4, "happy")], "b": [(0, 2, "sad"), (2, 4, "happy")],
        "c": [(4, 5, "happy")]})
    assert times(path, "a") == [("sad", 0, 1), ("fear", 1, 2), ("happy", 2, 3)]
    assert times(path, "b") == [("sad", 0, 1.5), ("happy", 1.5, 3)]
    with pytest.raises(InputError, match="found 3.0 to no time"):
        times(path, "c")


def test_parts_of_a_symbolic_subdivision_share_its_time_in_their_order(tmp_path):
    path = eaf(tmp_path / "a.eaf", [0, 2000, 4000], {
        "said": [(0, 1, "a"), (1, 2, "b")], "emo": [("a0", "a3", "happy"), ("a0", "", "sad"), ("a1", "", "fear")],
        "same": [("a2", "", "angry")], "lost": [("a99", "", "sad")]})
    assert times(path, "emo") == [("sad", 0, 1), ("happy", 1, 2), ("fear", 2, 4)]
    assert times(path, "same") == [("angry", 1, 2)]
    with pytest.raises(InputError, match="found no time to no time"):
        times(path, "lost")
    path = eaf(tmp_path / "round.eaf", [0, 9], {"a": [("a1", "a1", "sad"), ("a1", "a0", "sad")]})
    with pytest.raises(InputError, match="not an annotation file of ELAN, or a damaged one"):
        read_coded(path)
