import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.drawn import friends as drawn_friends
from vtt_emotion.video import frames as video_frames
from vtt_emotion.video.frames import count_frames, read_frames
from vtt_emotion.video.shots import Pace, with_cuts
from vtt_emotion.video.sources import find_episode, find_videos


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


def lay(path, matrix):
    """Write a display matrix (a, b, c, d) into an .mp4 file's track header."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    data[place:place + 36] = struct.pack(">9i", *(int(number * 65536) for number in (*matrix[:2], 0, *matrix[2:], 0)),
                                         0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (-1, 0, 0, -1), (0, 1, -1, 0), (0, -1, 1, 0),
                                    (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_a_phones_video_stands_upright_and_unmirrored(make_video, tmp_path, matrix):
    """A matrix (a b, c d) puts what lies at (x, y) from the middle at (ax + cy, bx + dy)."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[16:32, 96:112] = 255                               # at (40, -8)
    path = make_video(tmp_path / "a.mp4", [image])
    lay(path, matrix)
    a, b, c, d = matrix
    frame = next(read_frames(path))
    assert frame.size == frame.rgb.shape[1::-1] == ((64, 128) if a == 0 else (128, 64))
    for pixels in (frame.rgb[..., 0], frame.scaled(frame.size[0])[..., 0], frame.grey(frame.size[0])):
        y, x = np.argwhere(pixels > 128).mean(0) + 0.5 - np.array(pixels.shape) / 2
        assert (x, y) == pytest.approx((40 * a - 8 * c, 40 * b - 8 * d), abs=1)


def test_a_display_matrix_of_no_picture_is_passed_over(make_video, tmp_path):
    path = make_video(tmp_path / "a.mp4", [grey(20)[0]])
    lay(path, (0, 0, 0, 0))
    assert next(read_frames(path)).rgb.shape == (72, 128, 3)


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


def test_episodes_are_numbered_by_name(tmp_path, capsys):
    for name in ("1x07 - g.mkv", "1x02 - b.mp4", "notes.txt"):
        (tmp_path / name).touch()
    names = {number: path.name for number, path in find_videos(tmp_path).items()}
    assert names == {2: "1x02 - b.mp4", 7: "1x07 - g.mkv"}
    (tmp_path / "._1x02 - b.mp4").touch()                    # a Mac's shadow of a file
    assert list(find_videos(tmp_path)) == [2, 7]
    for name in ("0 trailer.mp4", "2x07 - h.mkv"):           # one of no episode, a second one of an episode
        (tmp_path / name).touch()
    assert {number: path.name for number, path in find_videos(tmp_path).items()} == names
    assert "left out" in (said := capsys.readouterr().err) and "0 trailer.mp4, 2x07 - h.mkv" in said
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "1x02 - b.mp4"
    (tmp_path / "friends/ep02").mkdir(parents=True)
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "1x02 - b.mp4"
    (tmp_path / "friends/ep02/00000.jpg").touch()
    assert find_episode(2, tmp_path, tmp_path / "friends").name == "ep02"
    with pytest.raises(InputError, match="no video of episode 9.*videos there: 2, 7"):
        find_episode(9, tmp_path, tmp_path / "friends")
    for name in ("pilot.avi", "thumb.avi"):                  # where no name tells the episode they count in their order
        (tmp_path / "unnamed").mkdir(exist_ok=True)
        (tmp_path / "unnamed" / name).touch()
    assert [path.name for path in find_videos(tmp_path / "unnamed").values()] == ["pilot.avi", "thumb.avi"]
    assert list(find_videos(tmp_path / "unnamed")) == [1, 2]


def cuts(frames):
    return [frame.number for frame, begins in with_cuts(frames, Pace(), 3.0, 8.0, 45.0) if begins]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_shots_of_a_sample_episode(sample, number):
    """The cuts found are the cuts drawn."""
    planned = drawn_friends.plan_shots(np.random.default_rng([0, 7, number]), 72)
    starts = np.cumsum([shot["length"] for shot in planned])[:-1].tolist()
    assert cuts(read_frames(find_videos(sample / "datasets/Friends")[number])) == starts


def test_memory_does_not_grow_with_length(make_video, tmp_path):
    """Frames are read one at a time: the pixels of 300 frames of 4 MB would be 1.2 GB."""
    image = np.zeros((1080, 1280, 3), np.uint8)
    path = make_video(tmp_path / "a.mp4", [image] * 300)
    code = ("from vtt_emotion.video.frames import read_frames; import sys\n"
            "def peak(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
            "for frame in read_frames(sys.argv[1]):\n"
            "    frame.rgb\n"
            "    if frame.number == 60: early = peak()\n"
            "print(peak() - early)\n")
    import sys
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])
    assert int(done.stdout) < 60_000                         # kB


def write_at(path, images, seconds, format=None, aspect=None, sound=0.0, codecs=("libx264", "aac")):
    """Write images at their own `seconds`, with `sound` seconds of silence from 0 on; codecs: of picture and sound."""
    import av

    with av.open(f"file:{path}", "w", format=format) as container:
        stream = container.add_stream(codecs[0], rate=24)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 90000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        track = container.add_stream(codecs[1], rate=16000, layout="mono") if sound else None
        for start in range(0, round(sound * 16000), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(track.encode(frame))
        for image, time in zip(images, seconds):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            picture.pts, picture.time_base = round(time * 90000), Fraction(1, 90000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if track:
            container.mux(track.encode(None))
    return path


def times(count, start=0.0):
    return [start + number / 24 for number in range(count)]


@pytest.mark.parametrize("sides,aspect,shown", [((704, 576), Fraction(16, 11), (1024, 576)),
                                                ((720, 480), Fraction(8, 9), (720, 540)),
                                                ((128, 72), Fraction(1, 200), (128, 72))])
def test_pixels_are_square_as_a_player_shows_them(tmp_path, sides, aspect, shown):
    image = np.zeros((sides[1], sides[0], 3), np.uint8)
    image[:, sides[0] // 2:] = 255
    frame = next(read_frames(write_at(tmp_path / "a.mkv", [image] * 3, times(3), aspect=aspect)))
    assert frame.size == shown and frame.rgb.shape[1::-1] == shown
    assert frame.rgb[:, :shown[0] // 2 - 8].mean() < 5 and frame.rgb[:, shown[0] // 2 + 8:].mean() > 250
    high = round(256 * shown[1] / shown[0])
    assert frame.grey(256).shape == (high, 256) and frame.small(256).shape == (high, 256, 3)


@pytest.mark.parametrize("name", ["2024-05-01T10:30:00.mp4", "http:x.mp4", "concat:a|b.mp4"])
def test_a_path_is_a_path(make_video, tmp_path, monkeypatch, name):
    make_video(tmp_path / "a.mp4", grey(20, 3)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(list(read_frames(name))) == count_frames(name) == 3


@pytest.mark.parametrize("name,start,sound,first", [("a.ts", 40000, 0, 0), ("a.mkv", 7, 0, 0), ("a.mp4", 0.85, 2, 0.85),
                                                    ("a.mkv", 0.85, 2, 0.85), ("a.ts", 0.85, 2, 0.85)])
def test_times_are_of_a_players_clock(tmp_path, name, start, sound, first):
    """It is 0 at the file's start; the picture may start after the sound."""
    path = write_at(tmp_path / name, grey(20, 10), times(10, start), sound=sound)
    seconds = [frame.seconds for frame in read_frames(path)]
    assert seconds == pytest.approx(times(10, first), abs=0.07)      # AAC begins up to 0.064 s before its sound
    assert np.diff(seconds) == pytest.approx(1 / 24, abs=2e-3)


def test_frames_before_the_files_start_are_at_it():
    clock = video_frames.Clock("a.avi", 24.0, False, 10.0)
    assert [clock.seconds(SimpleNamespace(time=time)) for time in (9.9, 9.95, 10.5)] == pytest.approx([0, 0.001, 0.5])


@pytest.mark.parametrize("first,second,word", [(40000, 39980, "back"), (40000, 100, "ahead"), (1, 200, "ahead")])
def test_two_recordings_put_together_count_on(tmp_path, capsys, first, second, word):
    parts = [write_at(tmp_path / f"{start}.ts", grey(level, 24), times(24, start), "mpegts")
             for start, level in ((first, 20), (second, 200))]       # far back is taken for a clock run over
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(read_frames(path))
    assert [frame.seconds for frame in frames] == pytest.approx(times(48), abs=0.03)
    assert f"its time leaps {word} at 1.00 s; counted on from there" in capsys.readouterr().err


def test_frames_of_one_time_come_one_after_the_other():
    clock = video_frames.Clock("a.avi", 24.0, False)
    pictures = [SimpleNamespace(time=time) for time in (5.0, 5.1, 5.05, 5.1, None, 5.3)]
    seconds = [clock.seconds(picture) for picture in pictures]
    assert seconds == pytest.approx([0, 0.1, 0.101, 0.102, 0.102 + 1 / 24, 0.3])


def test_one_damaged_packet_costs_no_more_than_itself(tmp_path, capsys):
    import av

    rng = np.random.default_rng(0)
    path = write_at(tmp_path / "a.mp4", [rng.integers(0, 255, (72, 128, 3), np.uint8) for _ in range(60)], times(60))
    assert len(list(read_frames(path))) == 60 and not capsys.readouterr().err
    with av.open(str(path)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][30]
    data = bytearray(path.read_bytes())
    data[place:place + 60] = b"\xff" * 60
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert [frame.number for frame in frames] == list(range(59)) and frames[-1].seconds > 2.4
    assert "damaged; 59 frames were read, 1 of its packets could not be" in capsys.readouterr().err


@pytest.mark.parametrize("seconds,sound", [(times(48, 5), 7.0), ([*times(24), *times(24, 31)], 0), (times(48), 20.0)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_sound_video_is_not_called_cut_short(tmp_path, capsys, seconds, sound, suffix):
    """It begins after its sound, nothing moves for half a minute, or the sound goes on."""
    path = write_at(tmp_path / f"a.{suffix}", grey(20, 48), seconds, sound=sound)
    assert len(list(read_frames(path))) == 48
    assert not capsys.readouterr().err
