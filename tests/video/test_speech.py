"""Speech found in sound, and the faces that speak it."""
import json

import numpy as np
import pytest

import create_results
from tests.sounds import RATE, silent, spoken, write_film
from vtt_emotion import read_video
from vtt_emotion.core.errors import InputError
from vtt_emotion.drawn.faces import Look, Pose, actions, background, draw_head, paste
from vtt_emotion.video.speech import STEP, find_speaking, find_speech, speech_chances, speech_spans

GREY = np.full((24, 64, 64, 3), 90, np.uint8)
SPEECH = [{"start": 1.0, "end": 3.0}, {"start": 5.0, "end": 7.0}]
TIMES = np.arange(200) / 25                      # 8 s


def spans(*runs):
    """`speech_spans` of runs of (windows, chance), as numbers of windows."""
    chances = np.concatenate([np.full(count, chance) for count, chance in runs])
    found = speech_spans(STEP * np.arange(len(chances)), chances)
    return [(round((start + 0.03) / STEP, 2), round((end - 0.03) / STEP, 2)) for start, end in found]


def test_the_rule_of_the_vads_own_package():
    assert spans((10, 0.1), (20, 0.9), (10, 0.1)) == [(10, 30)]
    assert spans((10, 0.1), (20, 0.9), (4, 0.1), (20, 0.9), (9, 0.0)) == [(10, 54)]       # 128 ms: no pause yet
    assert spans((10, 0.1), (20, 0.9), (5, 0.1), (20, 0.9), (9, 0.0)) == [(10, 30), (35, 55)]
    assert spans((10, 0.1), (20, 0.9), (30, 0.4), (9, 0.0)) == [(10, 60)]                 # less is enough to go on
    assert spans((10, 0.1), (7, 0.9), (10, 0.1)) == [] and spans((9, 0.4)) == []          # 224 ms are too short
    (start, end), = speech_spans(STEP * np.arange(20), np.full(20, 0.9))
    assert start == 0 and end == 20 * STEP       # no padding beyond the sound
    assert not list(speech_spans(np.zeros(0), np.zeros(0)))


def test_a_damaged_graph_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("vtt_emotion.video.speech.GRAPH", tmp_path / "a.onnx")
    with pytest.raises(InputError, match="a.onnx: not the speech detector's graph.*its card says where it is from"):
        speech_chances([])


def test_where_sound_stops_speech_ends():
    times = np.append(STEP * np.arange(20), 5 + STEP * np.arange(20))
    assert [(round(start, 3), round(end, 3)) for start, end in speech_spans(times, np.full(40, 0.9))] == \
        [(0.0, 0.64), (4.97, 5.64)]


def test_made_speech_is_found_where_it_is_and_noise_and_tones_are_none(tmp_path):
    sound, loud = spoken(2)
    noise = (0.1 * np.random.default_rng(0).normal(size=len(sound)) * loud).astype(np.float32)
    tone = (0.3 * np.sin(0.2 * np.arange(len(sound)))).astype(np.float32)
    film = write_film(tmp_path / "a.mp4", GREY, np.concatenate([silent(1), sound, silent(1), noise, tone]), begins=0.5)
    stretch, = find_speech(film)
    assert stretch["start"] == pytest.approx(1.5, abs=0.15) and stretch["end"] == pytest.approx(3.5, abs=0.2)
    assert find_speech(tmp_path) == []           # a folder of frames


def test_sound_in_blocks_is_heard_as_in_one(monkeypatch):
    sound, _ = spoken(3)
    pieces = [(place / RATE, sound[place:place + 512]) for place in range(0, len(sound), 512)]
    times, whole = speech_chances(pieces)
    monkeypatch.setattr("vtt_emotion.video.speech.AT_ONCE", 7)
    again, parts = speech_chances(iter(pieces))
    assert np.array_equal(whole, parts) and np.array_equal(times, again)
    assert len(whole) == 94 and (whole > 0.5).mean() > 0.9


def speaking(mouths, times=TIMES, speech=SPEECH):
    """`find_speaking` of {id: openings at the times}; returns {id: (K,)}."""
    ids = np.repeat(list(mouths), len(times))
    found = find_speaking(np.tile(times, len(mouths)), ids, np.concatenate(list(mouths.values())), speech)
    return dict(zip(mouths, found.reshape(len(mouths), -1)))


def moving(size, rate=4.5):
    return 0.03 + size * np.sin(2 * np.pi * rate * TIMES)


def test_a_mouth_that_moves_speaks_while_speech_is_heard():
    heard = ((TIMES >= 1) & (TIMES < 3)) | ((TIMES >= 5) & (TIMES < 7))
    found = speaking({1: moving(0.01), 2: moving(0.001)})
    assert np.array_equal(found[1], heard) and not found[2].any()
    assert not speaking({1: moving(0.01)}, speech=[])[1].any()
    smile = speaking({1: np.clip(0.03 * (TIMES - 1.5), 0, 0.04)})
    assert not smile[1].any()


def test_of_two_mouths_that_move_the_one_that_moves_more_speaks_in_turns():
    first = np.where(TIMES < 4, moving(0.012), moving(0.006))
    second = np.where(TIMES < 4, moving(0.006, 3.7), moving(0.012, 3.7))
    found, early, late = speaking({1: first, 2: second}), (TIMES > 1) & (TIMES < 3), (TIMES > 5) & (TIMES < 7)
    assert found[1][early].all() and not found[1][late].any()
    assert found[2][late].all() and not found[2][early].any()


def test_what_is_not_known_of_a_mouth():
    hidden = np.where((TIMES > 1.5) & (TIMES < 6), np.nan, moving(0.02))
    found = speaking({1: hidden, 2: moving(0.01)})
    assert np.array_equal(np.isnan(found[1]), np.isnan(hidden))
    assert found[2][(TIMES > 2) & (TIMES < 3)].all() and not found[2][TIMES < 1.4].any()      # 1 is not seen to move
    sparse = np.where(np.arange(200) % 10, np.nan, moving(0.01))
    assert np.isnan(speaking({1: sparse})[1]).all()          # 2.5 openings a second tell nothing
    assert find_speaking(np.zeros(0), np.zeros(0, int), np.zeros(0), SPEECH).shape == (0,)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A film of two drawn people, at 16 frames a second: a second of silence, then two in which the one on the left
    speaks, while the other one begins to smile."""
    rng, fps = np.random.default_rng(1), 16
    sound, loud = spoken(2)
    opening = np.append(np.zeros(fps), 0.7 * loud[::RATE // fps])
    images, empty = [], background(rng, 240, 480)
    for frame, wide in enumerate(opening):
        image = empty.copy()
        smile = actions("happy", 0.6 * min(1, max(0, frame / fps - 1))) | {"open": 0}
        for place, act in ((120, actions("neutral", 0) | {"open": wide}), (360, smile)):
            pose = Pose(yaw=0.1 * np.sin(frame / 9), seed=frame)
            paste(image, draw_head(Look(), act, pose, 220), (place, 120))
        images.append(image)
    return write_film(tmp_path_factory.mktemp("talk") / "talk.mp4", images, np.append(silent(1), sound), fps)


def test_in_a_drawn_film_the_one_who_speaks_is_told(talk, tmp_path, capsys):
    argv = ["--video", str(talk), "--results-path", str(tmp_path)]
    create_results.main([*argv, "--speech", "--mesh"])
    stretch, = json.loads((tmp_path / "talk.speech.json").read_text())
    assert stretch["start"] == pytest.approx(1, abs=0.15) and stretch["end"] == pytest.approx(3, abs=0.1)
    records = json.loads((tmp_path / "talk.json").read_text())
    left, right = ([item["object"]["speaking"] for item in records if item["seconds"] >= 1.1
                    and (item["object"]["box"][0] > 240) == there] for there in (False, True))
    assert np.mean(left) > 0.8 and not any(right)
    assert not any(item["object"]["speaking"] for item in records if item["seconds"] < 0.9)
    segments = json.loads((tmp_path / "talk.segments.json").read_text())
    assert {0 < segment["speaking"] <= segment["speech"] for segment in segments} == {True, False}
    assert read_video(talk, speech=True, mesh=True)["speaking"].tolist() == [
        float(item["object"]["speaking"]) for item in records]
    create_results.main(argv)                    # without it all is as it was, and what was is gone
    assert not (tmp_path / "talk.speech.json").exists() and "spe" not in (tmp_path / "talk.segments.json").read_text()
    create_results.main([*argv, "--resume"])
    assert "is there already" in capsys.readouterr().out
    create_results.main([*argv, "--resume", "--speech"])
    assert (tmp_path / "talk.speech.json").exists() and "speaking" not in (tmp_path / "talk.json").read_text()
