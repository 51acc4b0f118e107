import json
import os
import shutil

import numpy as np
import pandas
import pytest
from PIL import Image

import create_results
import export_results
from create_results import read_video
from tests.conftest import write_film
from vtt_emotion.archive.places import find_videos
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES, is_image, read_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.records import read_results
from vtt_emotion.video.batch import table_lines, videos_in
from vtt_emotion.video.sources import choose

FAST = ["--device", "cpu", "--weights", "fer"]


@pytest.fixture
def talk(parsed, make_video, tmp_path):
    """A folder with a video of a second."""
    (tmp_path / "talks").mkdir()
    images = [read_image(parsed / f"friends/ep01/{number:05d}.jpg")[::2, ::2] for number in range(12)]
    make_video(tmp_path / "talks/one.mp4", images)
    return tmp_path / "talks"


def test_several_videos_of_which_one_fails(talk, tmp_path, run_main, capsys):
    (talk / "broken.mp4").write_text("text")
    shutil.copy(talk / "one.mp4", talk / "two.mkv")
    (talk / "notes.txt").write_text("no video")
    argv = ["--root", tmp_path, "--videos", talk, *FAST]
    status, said = run_main(create_results.main, argv, capsys)
    assert "1 of 3 videos could not be read: " in status and "broken.mp4: not a readable video" in status
    assert "1 of 3: " in said.out and "minutes " in said.out
    made = tmp_path / "results"
    assert read_results(made / "one.json") == read_results(made / "two.json") != []
    assert not (made / "broken.json").exists()
    rows = [line for line in said.out.splitlines() if line.startswith(("one ", "two "))]
    assert len(rows) >= 2
    before = (made / "one.json").stat().st_mtime_ns
    (made / "two.json").unlink()
    (talk / "broken.mp4").unlink()
    status, said = run_main(create_results.main, argv, capsys)
    assert status == "0" and "one.json is there already" in said.out and (made / "two.json").exists()
    assert (made / "one.json").stat().st_mtime_ns == before


def test_which_videos(tmp_path):
    for name in ("a.mp4", "sub/a.mkv", "sub/.b.mkv", "empty/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert find_videos([tmp_path / "a.mp4", tmp_path / "a.mp4"]) == [(tmp_path / "a.mp4", "a")]
    with pytest.raises(InputError, match="would have the name of"):
        find_videos([tmp_path, tmp_path / "sub"])
    with pytest.raises(InputError, match="empty: holds no video"):
        find_videos([tmp_path / "empty"])
    with pytest.raises(InputError, match="b.mp4: no such video"):
        find_videos([tmp_path / "b.mp4"])


def test_videos_whose_results_would_be_what_is_made_of_anothers_are_refused(tmp_path):
    (tmp_path / "talk.mp4").write_text("")
    for side in ("segments", "shots", "speech", "names", "provenance"):
        other = tmp_path / f"talk.{side}.mkv"
        other.write_text("")
        with pytest.raises(InputError, match=rf"talk.{side}.mkv: its results would be talk.{side}.json, which is also "
                                             r"made of the results of .*/talk.mp4; rename one of them"):
            find_videos([tmp_path])
        assert find_videos([other]) == [(other, f"talk.{side}")]
        other.rename(tmp_path / f"walk.{side}.mkv")
    assert len(find_videos([tmp_path])) == 6


def test_the_table_has_the_minutes_of_each_person(tmp_path):
    segments = [{"id": id, "name": "ross" if id == 1 else None, "class": "sad" if id % 2 else "happy", "start": 0.0,
                 "end": 60.0 * (1 + (id < 11)), "confidence": 0.5, "peak": 0.5, "peak_seconds": 0.0, "frames": 9}
                for id in range(1, 14)]
    (tmp_path / "a.segments.json").write_text(json.dumps(segments))
    lines = list(table_lines([tmp_path / "a.json"]))
    assert len(lines) == 1 + 10 + 1
    assert lines[1].split() == ["a", "ross", "-", "-", "-", "-", "2.00", "-", "-"]
    assert lines[-1].split() == ["a", "3", "others", "-", "-", "-", "1.00", "2.00", "-", "-"]


def test_photos(parsed, tmp_path, run_main, capsys):
    (tmp_path / "photos").mkdir()
    picture = Image.fromarray(read_image(parsed / "friends/ep01/00000.jpg"))
    picture.save(tmp_path / "photos/b c.png")
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6                             # lies on its left side: a phone's, held upright
    turned.save(tmp_path / "photos/phone.jpg", exif=exif, quality=95)
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(tmp_path / "photos/nobody.png")
    (tmp_path / "photos/broken.jpg").write_bytes(b"\xff\xd8")
    argv = ["--root", tmp_path, "--images", tmp_path / "photos", *FAST]
    status, _ = run_main(create_results.main, argv, capsys)
    assert "1 photos were left out: " in status and "broken.jpg" in status
    records = read_results(tmp_path / "results/photos.json", photos=True)
    assert {record["file"] for record in records} == {"b c.png", "phone.jpg"}
    assert all(record["seconds"] is None and sum(record["object"]["scores"].values()) == pytest.approx(1)
               for record in records)
    boxes = {name: [record["object"]["box"] for record in records if record["file"] == name]
             for name in ("b c.png", "phone.jpg")}
    assert np.abs(np.array(boxes["b c.png"]) - boxes["phone.jpg"]).max() < 30
    with pytest.raises(InputError, match="of photos, which have no times"):
        read_results(tmp_path / "results/photos.json")
    export_results.main(["--results", str(tmp_path / "results/photos.json"), "--to", "csv"])
    assert set(pandas.read_csv(tmp_path / "results/photos.csv")["file"]) == {"b c.png", "phone.jpg"}


def test_errors_of_photos_and_sources(tmp_path, run_main, capsys):
    (tmp_path / "none").mkdir()
    assert "none: holds no photo" in run_main(create_results.main, ["--root", tmp_path, "--images", tmp_path / "none",
                                                                    *FAST], capsys)[0]
    assert "no such folder" in run_main(create_results.main, ["--root", tmp_path, "--images", tmp_path / "no", *FAST],
                                        capsys)[0]
    assert "one of them" in run_main(create_results.main, ["--images", "a", "--video", "b"], capsys)[0]
    assert not list(tmp_path.rglob("*.json"))


def test_a_video_as_a_data_frame(talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = read_video(talk / "one.mp4", device="cpu")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one.mp4", "talks"]       # nothing is written
    create_results.main(["--video", str(talk / "one.mp4"), *FAST])
    records = read_results(tmp_path / "results/one.json")
    assert frame["seconds"].tolist() == [record["seconds"] for record in records]
    assert frame["class"].tolist() == [record["class"] for record in records]
    boxes = frame[["xmin", "ymin", "xmax", "ymax"]].to_numpy().tolist()
    assert boxes == [record["object"]["box"] for record in records]
    assert frame[list(EMOTIONS)].sum(1).to_numpy() == pytest.approx(1, abs=1e-5) and frame["name"].isna().all()
    assert len(read_video(talk / "one.mp4", device="cpu", every=4)) < len(frame)
    with pytest.raises(InputError, match="no option 'evry'"):
        read_video(talk / "one.mp4", evry=4)
    with pytest.raises(InputError, match="--every 0: expected at least 1"):
        read_video(talk / "one.mp4", every=0)
    with pytest.raises(InputError, match="no such video"):
        read_video("b.mp4")


def test_a_folder_is_asked_what_it_holds_and_the_rest_is_said(tmp_path, capsys):
    """Names do not tell all: FFmpeg knows a film, Pillow a photo."""
    film = write_film(tmp_path / "b.mp4", [np.zeros((48, 64, 3), np.uint8)] * 3)
    for name in ("00001.MTS", "a.gif", "noname", "c.film"):
        (tmp_path / name).write_bytes(film.read_bytes())
    film.unlink()
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").rename(tmp_path / "photo")
    (tmp_path / "notes.txt").write_text("hello")
    os.mkfifo(tmp_path / "d.mp4")
    assert [path.name for path in videos_in(tmp_path)] == ["00001.MTS", "a.gif", "c.film", "noname"]
    assert "left out, as no video file: d.mp4, notes.txt, photo" in capsys.readouterr().err
    assert choose(tmp_path, sorted(tmp_path.iterdir()), IMAGE_SUFFIXES, is_image, "photo") == [
        tmp_path / "a.gif", tmp_path / "photo"]
    assert "left out, as no photo file: 00001.MTS, c.film, d.mp4, noname, notes.txt" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"d\.mp4: expected a file, found a pipe"):
        videos_in(tmp_path / "d.mp4")
