import csv

import pyarrow.parquet
import pytest

import export_results
from vtt_emotion.archive.table import read_parts, sum_up, write_part
from vtt_emotion.core.errors import InputError

SPEECH = [{"start": 0, "end": 90}, {"start": 100, "end": 130}]


def segment(id, name, emotion, start, end, frames):
    return {"id": id, "name": name, "class": emotion, "start": start, "end": end, "frames": frames}


@pytest.fixture
def archive(tmp_path):
    """A table of three videos: two people with names, two faces without, and a video without a face."""
    folder = tmp_path / "archive"
    first = [segment(1, "anna", "happy", 0, 60, 1440), segment(2, None, "sad", 0, 30, 700),
             segment(1, "anna", "happy", 90, 120, 720)]
    second = [segment(1, "ben", "fear", 6, 12, 144), segment(2, "anna", "sad", 0, 6, 144),
              segment(3, None, "sad", 0, 6, 100)]
    shots = [{"start": 0.0, "end": 60.0}, {"start": 60.0, "end": 270.0}, {"start": 270.0, "end": 300.0}]
    write_part(folder / "a.parquet", "a", first, shots, 300.0, 3000)
    write_part(folder / "b.parquet", "b", second, [{"start": 0.0, "end": 600.0}], 600.0, 400)
    write_part(folder / "c.parquet", "c", [], [], 60.0, 0)
    return folder


def test_a_video_has_a_row_for_each_person_and_emotion_and_one_for_itself(archive):
    table = pyarrow.parquet.read_table(archive / "a.parquet")
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a", None, None, None, 5.0, 3000, [60, 210, 30], None, None),
        ("a", 1, "anna", "happy", 1.5, 2160, None, None, None), ("a", 2, None, "sad", 0.5, 700, None, None, None)]


def test_the_sums_of_an_archive(archive):
    people, videos, totals = sum_up(read_parts(archive))
    assert totals == {"videos": 3, "hours": pytest.approx(16 / 60), "shots": 4, "records": 3400, "faces": 2}
    assert [(row["person"], row["videos"], row["happy"], pytest.approx(row["minutes"])) for row in people] == [
        ("anna", 2, 1.5, 1.6), ("ben", 1, 0.0, 0.1), (None, 2, 0.0, 0.6)]
    assert [(row["video"], row["film"], pytest.approx(row["sad"]), row["records"]) for row in videos] == [
        ("a", 5.0, 0.5, 3000), ("b", 10.0, 0.2, 400), ("c", 1.0, 0.0, 0)]
    assert [(row["shots"], row["median_shot"]) for row in videos] == [(3, 60), (1, 600), (0, None)]


def test_minutes_spoken_by_emotion(archive):
    """Beside videos without speech; anna is happy in one, and sad, and not seen to speak, in another."""
    parts = [segment(1, "anna", "happy", 0, 60, 1440) | {"speech": 0.5, "speaking": 0.25},
             segment(1, "anna", "happy", 60, 120, 1440) | {"speech": 1.0, "speaking": 0.0},
             segment(1, "anna", "sad", 120, 180, 1440) | {"speech": 0.1}]
    write_part(archive / "d.parquet", "d", parts, [], 600.0, 4320, SPEECH)
    people, videos, _ = sum_up(read_parts(archive))
    anna = {name: value for name, value in people[0].items() if name.startswith("spe") and value is not None}
    assert people[0]["person"] == "anna" and anna == pytest.approx(
        {"speech": 1.6, "speaking": 0.25, "speech_happy": 1.5, "speech_sad": 0.1, "speaking_happy": 0.25})
    assert people[1]["speech"] is None and [row["film_speech"] for row in videos] == [None, None, None, 2.0]


def test_a_table_of_an_earlier_version_has_no_shots(archive):
    path = archive / "a.parquet"
    late = ["shot_seconds", "speech", "speaking"]
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns(late), path)
    assert [row["shots"] for row in sum_up(read_parts(archive))[1]] == [0, 1, 0]


def test_it_is_summed_up_from_the_command_line(archive, tmp_path, capsys):
    export_results.main(["--archive", str(archive)])
    said = capsys.readouterr().out
    assert "3 videos, 0.3 hours of film, 4 shots, 3,400 records; 2 people by name, 2 faces without" in said
    rows = list(csv.DictReader((tmp_path / "archive.people.csv").open(newline="")))
    assert [row["person"] for row in rows] == ["anna", "ben", ""] and rows[0]["happy"] == "1.5"
    assert len(list(csv.DictReader((tmp_path / "archive.videos.csv").open(newline="")))) == 3


def test_what_is_no_table_is_said(archive, tmp_path, run_main, capsys):
    (tmp_path / "empty").mkdir()
    for folder, said in (("none", "no such folder"), ("empty", "holds no table")):
        with pytest.raises(InputError, match=f"{folder}: {said}; expected the folder archive/ of results"):
            read_parts(tmp_path / folder)
    (archive / "d.parquet").write_bytes(b"PAR1 no")
    status, _ = run_main(export_results.main, ["--archive", archive], capsys)
    assert "not such a table, or a damaged file in it" in status and "d.parquet" in status
    status, _ = run_main(export_results.main, ["--archive", archive, "--results", "a.json"], capsys)
    assert "expected --results FILE, one or several, or --archive FOLDER" in status
