import os
import shutil

import numpy as np
import pytest

import extract_friends
from tests.video.test_frames import write_at
from vtt_emotion.core import images
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image
from vtt_emotion.video.frames import read_frames


@pytest.fixture
def copy(sample, tmp_path):
    (tmp_path / "datasets/Friends").mkdir(parents=True)
    for path in (sample / "datasets/Friends").glob("*.mkv"):
        shutil.copy(path, tmp_path / "datasets/Friends")
    return tmp_path


def extract(root, *more):
    extract_friends.main(["--root", str(root), *more])


def test_all_frames_of_the_chosen_episodes(copy):
    extract(copy, "--episodes", "2", "3")
    assert sorted(os.listdir(copy / "friends")) == ["ep02", "ep03"]
    assert sorted(os.listdir(copy / "friends/ep02")) == [*(f"{number:05d}.jpg" for number in range(72)), "source.json"]
    assert read_image(copy / "friends/ep02/00000.jpg").shape == (720, 1280, 3)


def test_its_frames_have_the_times_of_the_video(tmp_path):
    """The picture may start after the sound, and be of any rate."""
    (tmp_path / "datasets/Friends").mkdir(parents=True)
    seconds = [0.85, 0.9, 1.2, 1.3]
    video = write_at(tmp_path / "datasets/Friends/1x01.mkv", [np.zeros((72, 128, 3), np.uint8)] * 4, seconds, sound=2)
    extract(tmp_path)
    (tmp_path / "friends/ep01/00001.jpg").unlink()
    told = [frame.seconds for frame in read_frames(video)]
    assert told == pytest.approx(seconds, abs=0.025)
    assert [frame.seconds for frame in read_frames(tmp_path / "friends/ep01")] == pytest.approx(told[:1] + told[2:])


def test_a_finished_episode_is_not_done_again(copy, capsys):
    extract(copy, "--episodes", "1")
    (copy / "friends/ep01/00003.jpg").write_text("mine")
    extract(copy)
    assert (copy / "friends/ep01/00003.jpg").read_text() == "mine" and len(os.listdir(copy / "friends")) == 3
    assert "ep01: 72 frames, there already" in capsys.readouterr().out


def test_an_interrupted_episode_is_not_taken_for_finished(copy, monkeypatch):
    count = [0]

    def stopped(*args, **options):
        count[0] += 1
        if count[0] == 20:
            raise KeyboardInterrupt
        return images.write_image(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(extract_friends, "write_image", stopped)
        with pytest.raises(KeyboardInterrupt):
            extract(copy, "--episodes", "1")
    assert not (copy / "friends/ep01").exists()
    extract(copy, "--episodes", "1")
    assert len(os.listdir(copy / "friends/ep01")) == 73 and os.listdir(copy / "friends") == ["ep01"]


def test_jpeg_quality_is_an_option(copy):
    sizes = []
    for quality in ("30", "95"):
        extract(copy, "--episodes", "1", "--jpeg-quality", quality, "--frames-path", f"q{quality}")
        sizes.append((copy / f"q{quality}/ep01/00000.jpg").stat().st_size)
    assert sizes[0] < 0.6 * sizes[1]
    with pytest.raises(InputError, match="--jpeg-quality 0: expected from 1 to 100"):
        extract(copy, "--jpeg-quality", "0")


def test_frames_of_another_video_or_of_a_stranger(copy, capsys):
    extract(copy, "--episodes", "1")
    videos = sorted((copy / "datasets/Friends").glob("*.mkv"))
    videos[0].write_bytes(videos[1].read_bytes())            # another film by the same name
    before = read_image(copy / "friends/ep01/00000.jpg")
    extract(copy, "--episodes", "1")
    assert "made again" in capsys.readouterr().out
    assert (before != read_image(copy / "friends/ep01/00000.jpg")).any()
    (copy / "friends/ep01/00050.jpg").unlink()               # a frame is gone
    extract(copy, "--episodes", "1")
    assert len(os.listdir(copy / "friends/ep01")) == 73
    (copy / "friends/ep01/source.json").write_text("")       # a damaged marker
    extract(copy, "--episodes", "1")
    assert len(os.listdir(copy / "friends/ep01")) == 73 and "made again" in capsys.readouterr().out
    (copy / "friends/ep02").mkdir()                          # empty: not finished
    extract(copy, "--episodes", "2")
    assert len(os.listdir(copy / "friends/ep02")) == 73
    (copy / "friends/ep02/source.json").unlink()             # another program's, all there
    extract(copy, "--episodes", "2")
    assert "72 frames, there already" in capsys.readouterr().out
    for number in range(40):
        (copy / f"friends/ep02/{number:05d}.jpg").unlink()
    with pytest.raises(InputError, match="holds 32 frames that this script did not write, not all of 1x02"):
        extract(copy, "--episodes", "2")


def test_a_file_that_appears_is_noticed(copy, monkeypatch):
    real = os.listdir
    monkeypatch.setattr(extract_friends.os, "listdir", lambda path: [*real(path), "another.jpg"])
    with pytest.raises(InputError, match="73 files for 72 decoded frames"):
        extract(copy, "--episodes", "1")
    assert not (copy / "friends/ep01").exists()


def test_a_video_cut_short_is_said(copy, capsys):
    video = next((copy / "datasets/Friends").glob("1x01*"))
    video.write_bytes(video.read_bytes()[:video.stat().st_size // 2])
    extract(copy, "--episodes", "1")
    assert "is it cut short?" in capsys.readouterr().err and 10 < len(os.listdir(copy / "friends/ep01")) < 72


def test_errors(copy, tmp_path, run_main, capsys):
    assert "no video of episodes [7]; found: 1, 2, 3" in run_main(
        extract_friends.main, ["--root", copy, "--episodes", "1", "7"], capsys)[0]
    assert "no such folder" in run_main(extract_friends.main, ["--root", tmp_path / "x"], capsys)[0]
    (copy / "empty").mkdir()
    assert "no video of any episode" in run_main(
        extract_friends.main, ["--root", copy, "--friends-path", "empty"], capsys)[0]
    next((copy / "datasets/Friends").glob("1x02*")).write_text("no video")
    said, _ = run_main(extract_friends.main, ["--root", copy, "--episodes", "2"], capsys)
    assert "1x02" in said and "not a readable video" in said
