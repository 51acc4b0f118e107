"""Sound decoded on the frames' clock: where it begins late, changes, or is damaged."""
import av
import numpy as np
import pytest

from tests.sounds import RATE, add_film, silent, spoken, write_film
from vtt_emotion.core.errors import InputError
from vtt_emotion.video.sound import A_SECOND, loudness, read_sound

GREY = np.full((48, 64, 64, 3), 90, np.uint8)    # two seconds
TONE = (0.5 * np.sin(np.arange(RATE) * 0.3)).astype(np.float32)


def joined(path, rate=RATE, block=512):
    """(seconds of the first sample, all samples) of a film's sound."""
    times, pieces = zip(*read_sound(path, rate, block))
    assert all(len(piece) == block for piece in pieces[:-1])
    return times[0], np.concatenate(pieces)


def test_samples_come_out_as_they_went_in_and_when(tmp_path):
    sound = np.concatenate([silent(0.5), TONE, silent(0.5)])
    seconds, got = joined(write_film(tmp_path / "a.mkv", GREY, sound, codec="flac"))
    assert seconds == 0 and np.abs(got[:len(sound)] - sound).max() < 1e-3 and len(got) - len(sound) < 600
    begins, late = joined(write_film(tmp_path / "b.mkv", GREY, TONE, begins=0.7, codec="flac"))
    assert begins == pytest.approx(0.7, abs=0.002) and np.abs(late[:RATE] - TONE).max() < 1e-3


def test_a_film_without_sound_a_folder_and_no_video(tmp_path, make_video):
    assert not list(read_sound(make_video(tmp_path / "a.mp4", GREY), RATE, 512))
    assert not list(read_sound(tmp_path, RATE, 512)) and not len(loudness(tmp_path))
    (tmp_path / "b.mp4").write_text("no film")
    with pytest.raises(InputError, match="b.mp4"):
        list(read_sound(tmp_path / "b.mp4", RATE, 512))
    assert not len(loudness(tmp_path / "b.mp4"))


def test_a_broadcast_that_goes_from_mono_to_stereo_and_whose_time_begins_again(tmp_path):
    parts = []
    for place, layout in enumerate(("mono", "stereo")):
        with av.open(str(tmp_path / f"{place}.ts"), "w") as container:
            add_film(container, GREY, np.tile(TONE, 2), codec="mp2", layout=layout)
        parts.append((tmp_path / f"{place}.ts").read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    loud = loudness(tmp_path / "both.ts")
    assert len(loud) == pytest.approx(4 * A_SECOND, abs=2) and (loud > 200).sum() >= 38


def test_what_is_damaged_is_passed_over(tmp_path):
    film = write_film(tmp_path / "a.mp4", GREY, np.tile(TONE, 2))
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    for place, size in packets[15:17]:
        content[place:place + size] = b"\xff" * size
    film.write_bytes(content)
    with av.open(str(film)) as container, pytest.raises(av.error.FFmpegError):
        list(container.decode(audio=0))
    assert 16 <= (loudness(film) > 200).sum() < 20


def test_made_speech_is_heard_as_loud_as_it_is(tmp_path):
    sound, _ = spoken(1)
    loud = loudness(write_film(tmp_path / "a.mp4", GREY, np.concatenate([silent(1), sound])))
    assert loud[:9].max() == 0 and loud[11:19].min() > 60
