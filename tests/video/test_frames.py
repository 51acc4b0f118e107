import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drawn import friends as drawn_friends
from indexes.command_line import InputError
from indexes.images import write_image
from video import frames as video_frames
from video.frames import count_frames, read_frames
from video.shots import with_cuts
from video.sources import find_episode, find_videos


def grey(level, count=1):
    return [np.full((72, 128, 3), level, np.uint8)] * count


def test_frames_of_a_video(make_video, tmp_path):
    path = make_video(tmp_path / "a.mkv", [*grey(20, 5), *grey(200, 5)], Fraction(24000, 1001))
    frames = list(read_frames(path))
    assert [frame.number for frame in frames] == list(range(10))
    assert [frame.seconds for frame in frames] == pytest.approx([n * 1001 / 24000 for n in range(10)], abs=6e-4)
    assert abs(frames[0].rgb.mean() - 20) < 3 and abs(frames[9].rgb.mean() - 200) < 3
    assert frames[0].rgb.shape == (72, 128, 3) and frames[0].grey(64).shape == (36, 64)
    assert frames[0].size == (128, 72)
    assert frames[0].small(64).shape == (36, 64, 3) and count_frames(path) == 10


def test_frames_of_a_folder(tmp_path, capsys):
    for number in (0, 1, 2, 10):
        write_image(tmp_path / f"{number:05d}.jpg", grey(10 * number)[0])
    frames = list(read_frames(tmp_path, fps=10))
    assert [(frame.number, frame.seconds) for frame in frames] == [(0, 0), (1, 0.1), (2, 0.2), (3, 1.0)]
    assert "frames are missing between 00000.jpg and 00010.jpg" in capsys.readouterr().err
    assert abs(frames[3].grey(64).mean() - 100) < 2 and count_frames(tmp_path) == 4
    assert frames[3].small(64).shape == (36, 64, 3)
    write_image(tmp_path / "10.png", grey(0)[0])
    with pytest.raises(InputError, match="two files for one frame"):
        list(read_frames(tmp_path))
    (tmp_path / "cover.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="expected frames named 00000.jpg, .* found cover.jpg"):
        list(read_frames(tmp_path))


def test_a_phones_video_stands_upright(make_video, tmp_path, monkeypatch):
    """The container says how far to turn; PyAV reports it on each frame."""
    image = np.zeros((72, 128, 3), np.uint8)
    image[:, 64:] = 255                                      # the right half is white
    path = make_video(tmp_path / "a.mp4", [image])
    frame = next(read_frames(path))

    class Turned:
        rotation = 90

        def to_ndarray(self, format):
            return frame._picture.to_ndarray(format=format)

    turned = video_frames.Frame(0, 0.0, Turned()).rgb             # a quarter turn counter-clockwise: white is on top
    assert turned.shape == (128, 72, 3) and turned[:60].mean() > 250 and turned[68:].mean() < 5


def test_what_is_no_video(make_video, tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(InputError, match=r"a\.mp4: not a readable video"):
        next(read_frames(tmp_path / "a.mp4"))
    with pytest.raises(InputError, match=r"b\.mp4: not a readable video"):
        next(read_frames(tmp_path / "b.mp4"))
    _write_sound(tmp_path / "c.m4a")
    with pytest.raises(InputError, match="holds no video, only sound"):
        next(read_frames(tmp_path / "c.m4a"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found none"):
        next(read_frames(tmp_path / "empty"))


def _write_sound(path):
    import av
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_video_cut_short_is_read_and_said_once(make_video, tmp_path, capsys):
    rng = np.random.default_rng(0)
    path = make_video(tmp_path / "a.mkv", [rng.integers(0, 255, (72, 128, 3), np.uint8) for _ in range(60)])
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    for _ in range(2):
        assert 10 < len(list(read_frames(path))) < 50
    assert capsys.readouterr().err.count("is it cut short?") == 1


def test_episodes_are_numbered_by_name(tmp_path):
    for name in ("1x07 - g.mkv", "1x02 - b.mp4", "notes.txt"):
        (tmp_path / name).touch()
    names = {number: path.name for number, path in find_videos(tmp_path).items()}
    assert names == {2: "1x02 - b.mp4", 7: "1x07 - g.mkv"}
    (tmp_path / "._1x02 - b.mp4").touch()                    # a Mac's shadow of a file
    assert list(find_videos(tmp_path)) == [2, 7]
    (tmp_path / "pilot.avi").touch()                         # names without numbers count in their order
    assert [path.name for path in find_videos(tmp_path).values()] == ["1x02 - b.mp4", "1x07 - g.mkv", "pilot.avi"]
    assert list(find_videos(tmp_path)) == [1, 2, 3]
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "1x07 - g.mkv"
    (tmp_path / "friends/ep02").mkdir(parents=True)
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "1x07 - g.mkv"
    (tmp_path / "friends/ep02/00000.jpg").touch()
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "ep02"
    with pytest.raises(InputError, match="no video of episode 9.*videos there: 1, 2, 3"):
        find_episode(9, tmp_path, tmp_path / "friends")


def cuts(frames):
    return [frame.number for frame, begins in with_cuts(frames, 3.0, 15.0, 45.0) if begins]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_shots_of_a_sample_episode(sample, number):
    """The cuts found are the cuts drawn."""
    planned = drawn_friends.plan_shots(np.random.default_rng([0, 7, number]), 72)
    starts = np.cumsum([shot["length"] for shot in planned])[:-1].tolist()
    assert cuts(read_frames(find_videos(sample / "datasets/Friends")[number])) == starts


class _Picture:
    def __init__(self, number, image):
        self.number, self.image = number, image

    def small(self):
        return self.image


def test_cuts_at_the_very_ends_and_none_for_a_moving_camera():
    rng = np.random.default_rng(0)
    a, b = (np.repeat(rng.integers(0, 255, (36, 8, 3), np.uint8), 32, 1) for _ in range(2))

    def found(images):
        frames = [_Picture(number, image) for number, image in enumerate(images)]
        assert [frame for frame, _ in with_cuts(frames, 3.0, 15.0, 45.0)] == frames            # none lost, in order
        return cuts(frames)

    assert found([a, b, b, b, b, b]) == [1] and found([a, a, a, a, a, b]) == [5]
    assert found([a] * 6 + [b] * 6 + [a] * 6) == [6, 12]
    assert found([a]) == [] and found([]) == [] and found([a, b]) == [1]
    assert found([a] * 5 + [b] + [a // 2] * 5) == [5, 6]                                 # two in a row
    soft = a // 6 + 100
    assert found([np.roll(soft, 24 * step, 1) for step in range(12)]) == []              # changes as much all along


def test_memory_does_not_grow_with_length(make_video, tmp_path):
    """Frames are read one at a time: the pixels of 300 frames of 4 MB would be 1.2 GB."""
    image = np.zeros((1080, 1280, 3), np.uint8)
    path = make_video(tmp_path / "a.mp4", [image] * 300)
    code = ("from video.frames import read_frames; import sys\n"
            "def peak(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
            "for frame in read_frames(sys.argv[1]):\n"
            "    frame.rgb\n"
            "    if frame.number == 60: early = peak()\n"
            "print(peak() - early)\n")
    import sys
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])
    assert int(done.stdout) < 60_000                         # kB
