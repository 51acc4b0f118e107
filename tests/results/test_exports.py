"""Every export read back by the library of its format; and the subtitles in Chromium."""
import base64
import csv
import hashlib
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pympi
import pytest
import webvtt
from lxml import etree
from praatio import textgrid

import export_results
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.records import write_records
from vtt_emotion.results.segments import find_segments, segments_path
from vtt_emotion.results.shots import shots_path
from vtt_emotion.results.tiers import NOTES, SHOTS, person_tiers
from vtt_emotion.video.faces_file import VERSION, add_reading, describe, write_faces
from vtt_emotion.video.tracks import FACE

NAMES = ("rachel", None, 'a "b" <i>&\u0007\n笑')          # the last one as a file of strangers may have it


def record(seconds, emotion, id, name):
    scores = {other: 0.85 if other == emotion else 0.025 for other in EMOTIONS}
    return {"type": "emotion", "class": emotion, "seconds": seconds,
            "object": {"id": id, "name": name, "box": [10 * id, 2, 10 * id + 50, 60], "confidence": 0.85,
                       "scores": scores}}


@pytest.fixture
def results(tmp_path):
    """Results of three people for 4 s, each of one emotion for 2 s, then of another."""
    records = [record(round(place / 25, 3), EMOTIONS[(id + 3 * (place >= 50)) % 7], id, name)
               for place in range(100) for id, name in enumerate(NAMES)]
    write_records(tmp_path / "an interview.json", records)
    return tmp_path / "an interview.json"


@pytest.fixture
def segments(results):
    return find_segments(json.loads(results.read_text()))


def run(results, *more):
    export_results.main(["--results", str(results), *map(str, more)])


def test_without_formats_all_are_written_and_the_segments_kept_are_taken(results, segments, capsys):
    write_records(segments_path(results), segments[:1])
    run(results)
    suffixes = (".csv", ".segments.csv", ".parquet", ".segments.parquet", ".eaf", ".vtt", ".TextGrid",
                ".provenance.json")
    hint = {".eaf": ", without a video; --video links one"}
    assert capsys.readouterr().out.splitlines() == [f"wrote {results.with_suffix(suffix)}{hint.get(suffix, '')}"
                                                    for suffix in suffixes]
    assert len(webvtt.read(str(results.with_suffix(".vtt")))) == 1
    assert not [path for path in results.parent.iterdir() if path.name.endswith((".tmp", ".bak"))]


def test_csv_by_the_standard_library_and_by_pandas(results, segments):
    run(results, "--to", "csv")
    records = json.loads(results.read_text())
    with open(results.with_suffix(".csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["seconds"]), int(row["id"]), row["name"] or None, row["class"]) for row in rows] == [
        (item["seconds"], item["object"]["id"], item["object"]["name"], item["class"]) for item in records]
    frame = pandas.read_csv(results.with_suffix(".csv"))
    assert frame[list(EMOTIONS)].sum(1).between(0.999, 1.001).all()
    assert frame[["xmin", "ymin", "xmax", "ymax"]].to_numpy().tolist() == [item["object"]["box"] for item in records]
    frame = pandas.read_csv(segments_path(results).with_suffix(".csv"))
    assert frame["start"].tolist() == [segment["start"] for segment in segments] and len(frame) == 6


def test_parquet_keeps_types(results, segments):
    run(results, "--to", "parquet")
    frame, records = pandas.read_parquet(results.with_suffix(".parquet")), json.loads(results.read_text())
    assert frame["class"].tolist() == [item["class"] for item in records]
    assert frame["name"].isna().sum() == 100 and frame["id"].dtype == "int64" and frame["happy"].dtype == "float32"
    assert frame["class"].cat.categories.tolist() == list(EMOTIONS)
    table = pyarrow.parquet.read_table(segments_path(results).with_suffix(".parquet"))
    assert table.column("end").to_pylist() == [segment["end"] for segment in segments]


def test_an_eaf_by_pympi_with_its_video(results, segments, make_video):
    video = make_video(results.parent / "an interview #1.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    run(results, "--to", "elan", "--video", video)
    document = pympi.Eaf(str(results.with_suffix(".eaf")))
    assert {tier: sorted(document.get_annotation_data_for_tier(tier)) for tier in document.get_tier_names()} == \
        person_tiers(segments)
    media, = document.get_linked_files()
    assert media["MEDIA_URL"] == video.as_uri() and media["MIME_TYPE"] == "video/mp4"
    assert media["RELATIVE_MEDIA_URL"] == "./an%20interview%20%231.mp4"


@pytest.fixture
def east(monkeypatch):
    """The time zone of India, five and a half hours ahead."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_eaf_is_valid_by_its_published_schema(results, segments, make_video, east):
    """By the MPI's own EAFv3.0.xsd: of people with a video, and of nobody; and what a schema cannot say."""
    schema = etree.XMLSchema(etree.parse(Path(__file__).with_name("EAFv3.0.xsd")))
    video = make_video(results.parent / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    run(results, "--to", "elan", "--video", video)
    document = etree.parse(results.with_suffix(".eaf"))
    schema.assertValid(document)
    root = document.getroot()
    assert root.get("FORMAT") == "3.0" and root.get("DATE").endswith("+05:30")
    assert root.find("HEADER").get("TIME_UNITS") == "milliseconds"
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values()) and len(slots) == 2 * len(segments) == 12
    notes = list(root.iter("ALIGNABLE_ANNOTATION"))
    assert all(slots[note.get("TIME_SLOT_REF1")] < slots[note.get("TIME_SLOT_REF2")] for note in notes)
    assert {note.findtext("ANNOTATION_VALUE") for note in notes} <= set(EMOTIONS)
    numbers = {int(note.get("ANNOTATION_ID").removeprefix("a")) for note in notes}
    last = root.findtext("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']")
    assert max(numbers) == int(last)                         # ELAN numbers new ones from there
    write_records(results.with_name("b.json"), [])
    run(results.with_name("b.json"), "--to", "elan")
    schema.assertValid(etree.parse(results.with_name("b.eaf")))
    notes[0].set("TIME_SLOT_REF1", "ts99")                   # and it does find what is wrong
    assert not schema.validate(document)


def test_subtitles_by_webvtt(results, segments):
    run(results, "--to", "vtt")
    cues = webvtt.read(str(results.with_suffix(".vtt")))
    wanted = sorted((start, end, f"{person}: {emotion}") for person, spans in person_tiers(segments).items()
                    for start, end, emotion in spans)
    assert [(cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds()) for cue in cues] == [
        (start, end) for start, end, _ in wanted]
    assert "<i>" not in results.with_suffix(".vtt").read_text()


def test_a_textgrid_by_praatio(results, segments):
    run(results, "--to", "textgrid")
    grid = textgrid.openTextgrid(str(results.with_suffix(".TextGrid")), includeEmptyIntervals=False)
    assert {tier.name: [(round(1000 * span.start), round(1000 * span.end), span.label) for span in tier.entries]
            for tier in grid.tiers} == person_tiers(segments)
    whole = textgrid.openTextgrid(str(results.with_suffix(".TextGrid")), includeEmptyIntervals=True)
    for tier in whole.tiers:                     # Praat wants every moment to be in an interval
        assert tier.entries[0].start == 0 and tier.entries[-1].end == grid.maxTimestamp
        assert all(one.end == other.start for one, other in zip(tier.entries, tier.entries[1:]))


def test_names_given_in_a_page_hold_here_too(results, segments):
    write_records(segments_path(results), segments)
    names = results.with_suffix(".names.json")
    names.write_text(json.dumps({"names": [{"id": 1, "name": "rachel"}, {"id": 2, "name": "Ben", "from": 2}]}))
    run(results, "--to", "csv", "--names", names)
    rows = list(csv.DictReader(results.with_suffix(".csv").open(newline="")))
    assert {row["name"] for row in rows} == {"rachel", "Ben", NAMES[2]}
    assert {row["name"] for row in rows if float(row["seconds"]) >= 2} == {"rachel", "Ben"}
    rows = list(csv.DictReader(segments_path(results).with_suffix(".csv").open(newline="")))
    assert sorted({row["name"] for row in rows}) == sorted({"rachel", "Ben", NAMES[2]})      # found anew


def test_results_without_a_face(tmp_path):
    write_records(tmp_path / "a.json", [])
    run(tmp_path / "a.json")
    assert len(pandas.read_parquet(tmp_path / "a.parquet")) == 0
    assert (tmp_path / "a.csv").read_text().startswith("seconds,id,name,class")
    assert not list(pympi.Eaf(str(tmp_path / "a.eaf")).get_tier_names())
    assert not len(webvtt.read(str(tmp_path / "a.vtt")))
    assert not textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=True).tiers


def test_results_of_a_film_of_one_frame(tmp_path):
    write_records(tmp_path / "a.json", [])
    write_records(shots_path(tmp_path / "a.json"), [{"shot": 1, "start": 0, "end": 0, "first_frame": 0, "end_frame": 1,
                                                     "framing": None, "people": []}])
    run(tmp_path / "a.json")
    assert not textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=True).tiers


def test_two_faces_of_one_name_at_once_have_a_tier_each():
    both = [{"id": id, "name": "ross", "class": "sad", "start": id / 10, "end": 2.0} for id in (1, 2)]
    assert person_tiers(both) == {"ross": [(100, 2000, "sad")], "ross (2)": [(200, 2000, "sad")]}


def test_records_without_scores_and_of_photos(tmp_path):
    kept = [record(0.0, "happy", 1, None), record(0.04, "happy", 1, None)]
    for item in kept:
        del item["object"]["scores"]
    write_records(tmp_path / "a.json", kept)
    run(tmp_path / "a.json", "--to", "csv", "parquet")
    assert pandas.read_csv(tmp_path / "a.csv")["happy"].isna().all()
    assert pandas.read_parquet(tmp_path / "a.parquet")["happy"].isna().all()
    photos = [{**item, "seconds": None, "file": "a.jpg"} for item in kept]
    write_records(tmp_path / "photos.json", photos)
    run(tmp_path / "photos.json", "--to", "csv", "parquet")
    assert pandas.read_csv(tmp_path / "photos.csv")["file"].tolist() == ["a.jpg", "a.jpg"]
    assert not (tmp_path / "photos.segments.csv").exists()


def test_errors(results, tmp_path, run_main, capsys):
    def said(*argv):
        return run_main(export_results.main, argv, capsys)[0]

    assert "b.json: no such results" in said("--results", tmp_path / "b.json")
    assert "none.mp4: no such video file" in said("--results", results, "--video", tmp_path / "none.mp4")
    assert "expected one --results with it, found 2" in said("--results", results, results, "--video", "a.mp4")
    write_records(tmp_path / "photos.json", [{**record(None, "sad", 1, None), "file": "a.jpg"}])
    assert "photos.json: of photos, which have no times for elan" in said("--results", tmp_path / "photos.json",
                                                                          "--to", "csv", "elan")
    names = tmp_path / "names.json"
    names.write_text('{"names": [{"id": 1, "name": "a"}]}')
    assert "expected one --results with it, found 2" in said("--results", results, results, "--names", names)
    assert "photos.json: of photos; --names is" in said("--results", tmp_path / "photos.json", "--to", "csv",
                                                        "--names", names)
    segments_path(results).write_text("[1]")
    assert "an interview.segments.json: segment 0: expected" in said("--results", results)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


def test_the_subtitles_show_in_a_browser(results, segments):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no browser is installed; on Debian: apt-get install chromium")
    run(results, "--to", "vtt")
    data = base64.b64encode(Path(results.with_suffix(".vtt")).read_bytes()).decode()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(f'<video><track default kind="subtitles" src="data:text/vtt;base64,{data}"></video>')
        page.wait_for_function("document.querySelector('track').readyState == 2")
        cues = page.evaluate("""[...document.querySelector('track').track.cues].map(
            cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent])""")
        browser.close()
    assert cues == sorted([start / 1000, end / 1000, f"{person}: {emotion}"]
                          for person, spans in person_tiers(segments).items() for start, end, emotion in spans)


def strange(results):
    """Records that no reading writes, each with the part that is wrong with it."""
    def changed(part, value):
        records = json.loads(results.read_text())
        (records[7] if part in records[7] else records[7]["object"])[part] = value
        return part, records

    scores = dict.fromkeys(EMOTIONS, 0.1)
    for part, *values in (
            ("id", [1], {}, None, True, "1", 1.5, 2 ** 31, 10 ** 400), ("name", 5, [], "\ud800", False),
            ("box", [0, 0, 2 ** 31, 9], [0, 0, 9], None, "abcd", [0, 0, True, 9], [0, 0, float("nan"), 9]),
            ("confidence", None, "0.5", 10 ** 400, float("nan"), -0.1, 2), ("class", None, "bored", ["happy"], 3),
            ("seconds", None, "1", -1, 10 ** 400, float("inf"), True), ("frontal", "x", 7),
            ("scores", [], {"happy": 1}, scores | {"sad": None}, scores | {"sad": 10 ** 400}), ("object", 5, [], None)):
        yield from (changed(part, value) for value in values)
    for part in ("id", "name", "box", "confidence", "class", "seconds", "object"):
        _, records = changed("type", "emotion")
        (records[7] if part in records[7] else records[7]["object"]).pop(part)
        yield part, records


def test_records_of_strangers_are_named_by_their_place_and_part(results, run_main, capsys):
    cases = list(strange(results))
    for part, records in cases:
        results.write_text(json.dumps(records))
        said, _ = run_main(export_results.main, ["--results", results], capsys)
        assert f"{results}: record 7: expected class (an emotion), seconds" in said and part in said.rpartition(
            "found ")[2], (part, records[7], said)
    assert len(cases) > 40 and [path for path in results.parent.iterdir()] == [results]


def test_records_in_any_order_have_the_same_segments(results, segments, run_main, capsys):
    records = json.loads(results.read_text())
    results.write_text(json.dumps(records[::-1]))
    run(results, "--to", "csv", "parquet")
    assert pandas.read_csv(segments_path(results).with_suffix(".csv"))["start"].tolist() == [
        segment["start"] for segment in segments]
    assert pandas.read_parquet(results.with_suffix(".parquet"))["seconds"].is_monotonic_increasing


def test_names_of_ids_that_are_not_there_are_refused(results, tmp_path, run_main, capsys):
    (tmp_path / "names").write_text('{"names": [{"id": 1, "name": "a"}, {"id": 99, "name": "b"}]}')
    said, _ = run_main(export_results.main, ["--results", results, "--names", tmp_path / "names"], capsys)
    assert "--names: entry 1: names id 99, which these results do not have; they have 0, 1, 2" in said


def test_notes_of_several_people_are_a_tier_and_a_table(results, tmp_path):
    for name, note in (("anna", {"from": 1.5, "to": None, "text": "=laughs"}), ("ben", {"from": 0.5, "to": 2.0,
                                                                                        "text": "a quarrel"})):
        (tmp_path / f"{name}.json").write_text(json.dumps({"names": [{"id": 1, "name": name}], "notes": [note]}))
    run(results, "--to", "elan", "csv", "--names", tmp_path / "anna.json", tmp_path / "ben.json")
    document = pympi.Eaf(results.with_suffix(".eaf"))
    tiers = {tier: document.get_annotation_data_for_tier(tier) for tier in document.get_tier_names()}
    assert tiers[NOTES] == [(500, 2000, "a quarrel")] and tiers[f"{NOTES} (2)"] == [(1500, 2500, "=laughs")]
    assert "ben" in tiers and "anna" not in tiers            # of names the last counts
    assert results.with_suffix(".notes.csv").read_text() == "from,to,text\n0.5,2.0,a quarrel\n1.5,,'=laughs\n"


def test_the_exports_say_what_they_are_made_of(results):
    run(results, "--to", "csv")
    about = json.loads(results.with_suffix(".provenance.json").read_text())
    digest = hashlib.sha256(results.read_bytes()).hexdigest()[:12]
    assert (about["results"], about["sha256"]) == (results.name, digest) and "weights" not in about
    assert (about["most_turn"], about["names"]) == (None, [])
    write_faces(results.with_suffix(".faces.npz"), {"version": VERSION, "source": "", "options": {"detector": "hog"}},
                np.zeros(0, FACE), [0, 3])
    add_reading(results, {"weights": "fer.pt", "options": {"every": 2}}, {})
    run(results, "--to", "csv")
    about = json.loads(results.with_suffix(".provenance.json").read_text())
    assert (about["sha256"], about["weights"], about["options"]) == (digest, "fer.pt", {"every": 2})
    assert about["faces"] == {"format": VERSION, "options": {"detector": "hog"}} and "exported_by" in about


def test_with_names_segments_are_found_by_the_options_of_the_reading(results, tmp_path):
    (tmp_path / "names.json").write_text('{"names": [{"id": 1, "name": "Anna"}]}')
    write_faces(results.with_suffix(".faces.npz"), {"version": VERSION, "source": "", "options": {}}, np.zeros(0, FACE),
                [0, 3])
    for least in (0.5, 60.0):
        add_reading(results, {"options": {"every": 2, "segment_least": least}}, {})
        run(results, "--to", "csv", "--names", tmp_path / "names.json")
        rows = pandas.read_csv(results.with_suffix(".segments.csv"))
        assert len(rows) == 0 if least == 60 else len(rows) > 1


def test_another_film_is_not_linked(results, make_video, run_main, capsys):
    one, other = (make_video(results.parent / name, [np.full((64, 64, 3), level, np.uint8)] * 3)
                  for name, level in (("one.mp4", 9), ("other.mp4", 99)))
    write_faces(results.with_suffix(".faces.npz"), describe(one, {}), np.zeros(0, FACE), [0, 3])
    said, _ = run_main(export_results.main, ["--results", results, "--to", "elan", "--video", other], capsys)
    assert f"{other}: not the video that {results} was read from" in said
    assert not results.with_suffix(".eaf").exists()
    run(results, "--to", "elan", "--video", one)
    other.rename(results.with_suffix(".overlay.mp4"))
    run(results, "--to", "elan", "--video", results.with_suffix(".overlay.mp4"))


def test_shots_are_tables_and_a_tier_that_is_no_coding(results):
    people = [{"id": 0, "name": "rachel"}, {"id": 1, "name": None}]
    shots = [{"shot": 1, "start": 0.0, "end": 2.5, "first_frame": 0, "end_frame": 62, "framing": "close-up",
              "people": people},
             {"shot": 2, "start": 2.5, "end": 5.2, "first_frame": 62, "end_frame": 130, "framing": None, "people": []}]
    write_records(shots_path(results), shots)
    run(results)
    document = pympi.Eaf(results.with_suffix(".eaf"))
    grid = textgrid.openTextgrid(results.with_suffix(".TextGrid"), False)
    assert sorted(document.get_annotation_data_for_tier(SHOTS)) == [(0, 2500, "close-up"), (2500, 5200, "no face")]
    assert grid.maxTimestamp == 5.2
    assert [entry.label for entry in grid.getTier(SHOTS).entries] == ["close-up", "no face"]
    for suffix in (".eaf", ".TextGrid"):                     # what people code in it is read without it
        assert {span["person"] for span in read_coded(results.with_suffix(suffix))} == set(person_tiers(
            find_segments(json.loads(results.read_text()))))
    shown = pandas.read_parquet(results.with_suffix(".shots.parquet"))
    assert shown["framing"].fillna("none").tolist() == ["close-up", "none"]
    assert shown["people"].tolist() == ["rachel; 1", ""]
    together = pandas.read_csv(results.with_suffix(".together.csv"))
    assert together[["id", "other", "shots", "seconds"]].values.tolist() == [[0, 1, 1, 2.5]]
    shots_path(results).write_text('[{"shot": 1}]')
    with pytest.raises(InputError, match="shot 0: expected shot, start, end .*; found no start"):
        run(results)


def with_mesh(results):
    """The records of results with poses: everybody turns aside after two seconds; the third's turn is not known."""
    records = json.loads(results.read_text())
    for item in records:
        item["object"] |= {"mesh": 0.2} if item["object"]["id"] == 2 else {
            "pose": {"yaw": 60.0 if item["seconds"] >= 2 else -10.0, "pitch": -5.0, "roll": 1.5}, "mouth": 0.02,
            "eyes": 0.05, "mesh": 0.98}
    write_records(results, records)
    return records


def test_the_columns_of_a_mesh(results):
    run(results, "--to", "csv", "parquet")
    assert not {"yaw", "mesh"} & set(pandas.read_csv(results.with_suffix(".csv")))
    records = with_mesh(results)
    run(results, "--to", "csv", "parquet")
    for frame in (pandas.read_csv(results.with_suffix(".csv")), pandas.read_parquet(results.with_suffix(".parquet"))):
        assert list(frame)[-6:] == ["yaw", "pitch", "roll", "mouth", "eyes", "mesh"]
        for row, item in zip(frame.to_dict("records"), records):
            pose = item["object"].get("pose", dict.fromkeys(("yaw", "pitch", "roll"), np.nan))
            assert [row[name] for name in pose] == pytest.approx(list(pose.values()), nan_ok=True)
            assert row["mesh"] == pytest.approx(item["object"]["mesh"])


def test_turned_faces_are_left_out_of_segments(results, run_main, capsys):
    said, _ = run_main(export_results.main, ["--results", results, "--most-turn", "30"], capsys)
    assert said == f"error: {results}: expected records with poses for --most-turn; create_results.py --mesh gives them"
    with_mesh(results)
    write_records(segments_path(results), [])    # what was kept is of all
    for most, ends in ((30, {0: 2, 1: 2}), (90, {0: 4, 1: 4})):
        run(results, "--to", "csv", "--most-turn", most)
        frame = pandas.read_csv(segments_path(results).with_suffix(".csv"))
        assert frame.groupby("id")["end"].max().to_dict() == pytest.approx(ends, abs=0.05)
        assert len(pandas.read_csv(results.with_suffix(".csv"))) == 300
