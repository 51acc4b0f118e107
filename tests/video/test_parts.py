"""A film read in parts gives the same bytes as read in one."""
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from ops import ResultsOps
from tests.conftest import write_film
from vtt_emotion.archive.work import Job, read_job
from vtt_emotion.core.command_line import settle
from vtt_emotion.core.images import write_image
from vtt_emotion.drawn.faces import actions, background, draw_head, paste, random_look, random_pose
from vtt_emotion.video.create import load_step
from vtt_emotion.video.frames import Unfit, index_frames, read_frames, read_frames_from
from vtt_emotion.video.parts import _between, join, plan_parts, read_in_parts, read_part
from vtt_emotion.video.shots import CUT, GRADUAL

MINUTES = 2.2 / 60                               # of a part
CODECS = {"closed": ("libx264", {"g": "12", "bf": "2", "preset": "veryfast"}),
          "open": ("libx264", {"g": "12", "bf": "2", "x264-params": "open-gop=1", "preset": "veryfast"}),
          "mpeg2": ("mpeg2video", {"g": "12", "bf": "2", "b": "4M"}),
          "one key": ("libx264", {"g": "1000", "sc_threshold": "0", "preset": "veryfast"})}


def draw(shots, rng):
    """Pictures of shots, lists of (frames, people): each with its own place and people, who move a little."""
    for length, people in shots:
        place, heads = background(rng, 180, 320), []
        for number in range(people):
            heads.append((draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 170),
                          320 * (number + 0.5) / people))
        for t in range(length):
            image = place.copy()
            for head, x in heads:
                paste(image, head, (x + 10 * np.sin(t / 6), 85))
            yield image


@pytest.fixture(scope="module")
def pictures():
    """Those of ten seconds with a cut every second or so, on frames of all remainders, and of a long view."""
    lengths = (17, 12, 15, 20, 12, 9, 15, 24, 8, 12, 60, 12, 24)
    return list(draw([(length, 1 + number % 2) for number, length in enumerate(lengths)], np.random.default_rng(3)))


@pytest.fixture(scope="module")
def ops():
    ops = settle(ResultsOps())
    ops.results.device, ops.tracking.detect_threads = "cpu", 1
    return ops


@pytest.fixture(scope="module")
def step(ops):
    return load_step(ops, 1)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def in_parts(ops, step, found):
    """A `read` that reads parts one after the other, and adds those it found to a list."""
    def read_parts(source, plan, encode):
        found.extend(read_part(source, plan, number, ops, step, encode) for number in range(len(plan.starts)))
        return found
    return partial(read_in_parts, minutes=MINUTES, read_parts=read_parts)


@pytest.mark.parametrize("kind, link, every, rate", [("closed", True, 1, 24), ("open", False, 1, 48),
                                                      ("mpeg2", False, 3, 24)])
def test_the_same_bytes_in_parts_as_in_one(kind, link, every, rate, pictures, ops, step, tmp_path, monkeypatch):
    monkeypatch.setattr(ops.names, "link", str(link).lower())
    monkeypatch.setattr(ops.names, "name_crops", 1)          # an encoding takes long
    monkeypatch.setattr(ops.results, "every", every)
    monkeypatch.setattr(ops.results, "smooth", 0.5)
    monkeypatch.setattr(ops.results, "mesh", every == 3)
    codec, options = CODECS[kind]
    twice = np.repeat(pictures, rate // 24, 0)
    film, found = write_film(tmp_path / "film.mkv", twice, rate, codec, options), []
    read_job(Job(film, tmp_path / "one", "film"), ops, step, {}, True)
    read_job(Job(film, tmp_path / "parts", "film"), ops, step, {}, True, in_parts(ops, step, found))
    read = [part for part in found if part.reading is not None]
    assert len(read) >= 3 and all(part.first % (rate // 6) == 0 for part in read)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "parts") and len(one) == 4 and len(one["film.json"]) > 10000
    again = []                                   # and from the faces kept, without parts
    read_job(Job(film, tmp_path / "parts", "film"), ops, step, {}, False, in_parts(ops, step, again))
    assert one == contents(tmp_path / "parts") and not again


def test_parts_meet_at_cuts_not_at_dissolves():
    frames = [SimpleNamespace(number=number, small=lambda: np.zeros(1)) for number in range(40)]
    begins = {0: CUT, 12: GRADUAL, 20: CUT}
    cut = [(frame, begins.get(frame.number, 0)) for frame in frames]
    numbers = [[frame.number for frame, _ in _between(cut, *edges, 4, {})] for edges in ((0, 10), (10, None))]
    assert numbers == [list(range(20)), list(range(20, 40))]


def test_a_film_without_a_cut_stays_one_part(ops, step, tmp_path):
    film, found = write_film(tmp_path / "film.mp4", list(draw([(150, 1)], np.random.default_rng(1))), 24,
                             *CODECS["closed"]), []
    for folder, read in (("one", {}), ("parts", {"read": in_parts(ops, step, found)})):
        read_job(Job(film, tmp_path / folder, "film"), ops, step, {}, False, **read)
    assert len(found) == 3 and [part.reading is not None for part in found] == [True, False, False]
    assert contents(tmp_path / "one") == contents(tmp_path / "parts")


def test_a_film_that_cannot_be_read_from_the_middle_is_read_in_one(pictures, ops, step, tmp_path):
    film, found = write_film(tmp_path / "film.mkv", pictures[:150], 24, *CODECS["one key"]), []
    with pytest.raises(Unfit):
        plan_parts(film, MINUTES)
    with pytest.raises(Unfit):
        plan_parts(write_film(tmp_path / "film.ts", pictures[:150], 24, *CODECS["closed"]), MINUTES)
    write_image(tmp_path / "frames/00000.jpg", pictures[0])
    with pytest.raises(Unfit):
        plan_parts(tmp_path / "frames", MINUTES)
    read_job(Job(film, tmp_path / "parts", "film"), ops, step, {}, False, in_parts(ops, step, found))
    assert not found and (tmp_path / "parts/film.json").is_file()


def test_parts_that_saw_other_frames_are_not_joined(pictures, ops, step, tmp_path):
    film = write_film(tmp_path / "film.mkv", pictures[:150], 24, *CODECS["closed"])
    plan = plan_parts(film, MINUTES)
    parts = [read_part(film, plan, number, ops, step, False) for number in range(len(plan.starts))]
    assert len(join(plan, parts).seconds) == 150
    parts[1].seen = {number: checksum + 1 for number, checksum in parts[1].seen.items()}
    with pytest.raises(Unfit, match="alike"):
        join(plan, parts)
    with pytest.raises(Unfit):
        join(plan, parts[:1])


def test_frames_from_the_middle_are_those_from_the_start(pictures, tmp_path):
    for kind in ("closed", "open", "mpeg2"):
        film = write_film(tmp_path / f"{kind}.mkv", pictures[:100], 24, *CODECS[kind])
        index, whole = index_frames(film), list(read_frames(film))
        assert len(index.times) == len(whole) == 100
        for start in (0, 13, 50, 98):
            rest = list(read_frames_from(film, index, start))
            assert [(frame.number, frame.seconds) for frame in rest] == [
                (frame.number, frame.seconds) for frame in whole[start:]]
            assert all((ours.rgb == theirs.rgb).all() for ours, theirs in zip(rest, whole[start:]))
