import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.video.test_frames import times, write_at
from vtt_emotion.video import fonts
from vtt_emotion.video.frames import read_frames
from vtt_emotion.video.overlay import draw_records, write_overlay


def record(seconds, box, emotion="happy", name="<b>"):
    return {"class": emotion, "seconds": seconds, "object": {"id": 1, "name": name, "box": box}}


@pytest.mark.parametrize("size", [(180, 320), (181, 321)])
def test_an_overlay_shows_the_boxes_of_each_frame(make_video, tmp_path, size):
    even = make_video(tmp_path / "in.mkv", [np.full((size[0] // 2 * 2, size[1] // 2 * 2, 3), 40, np.uint8)] * 6,
                      Fraction(24000, 1001))
    frames = list(read_frames(even))
    for frame in frames:
        frame.__dict__["rgb"] = np.full((*size, 3), 40, np.uint8)
    seconds = [round(frame.seconds, 3) for frame in frames]
    write_overlay(tmp_path / "out.mp4", frames, [record(seconds[2], [100, 80, 160, 140]),
                                                 record(seconds[2], [200, 80, 260, 140], "sad"),
                                                 record(seconds[4], [100, 80, 160, 140], "angry")])
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        shown = [(picture.time, picture.to_ndarray(format="rgb24")) for picture in container.decode(stream)]
    assert [time for time, _ in shown] == pytest.approx([frame.seconds for frame in frames], abs=1e-3)
    changed = [np.abs(image.astype(int) - 40).max(2) > 60 for _, image in shown]
    assert [mask.any() for mask in changed] == [False, False, True, False, True, False]
    assert changed[2][85:135, 98:103].any() and changed[2][85:135, 198:203].any()
    assert not changed[2][90:130, 110:150].any()                                 # the face itself is left to see


def test_times_that_stand_still_or_go_back_and_records_of_every_other_frame(make_video, tmp_path):
    frames = list(read_frames(make_video(tmp_path / "in.mkv", [np.full((180, 320, 3), 40, np.uint8)] * 5)))
    seconds = [frame.seconds for frame in frames]
    write_overlay(tmp_path / "every.mp4", frames, [record(round(seconds[2], 3), [100, 80, 160, 140])], every=2)
    with av.open(str(tmp_path / "every.mp4")) as container:
        shown = [np.abs(picture.to_ndarray(format="rgb24").astype(int) - 40).max() > 60
                 for picture in container.decode(container.streams.video[0])]
    assert shown == [False, False, True, True, False]
    for frame, time in zip(frames, (0, 0.04, 0.04, 0.12, 0.02)):
        frame.seconds = time
    write_overlay(tmp_path / "out.mp4", frames, [])
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(container.streams.video[0]))) == 5


def test_an_overlay_of_a_late_picture_keeps_its_times(tmp_path):
    path = write_at(tmp_path / "in.mkv", [np.full((180, 320, 3), 40, np.uint8)] * 3, times(3, 0.85), sound=2)
    frames = list(read_frames(path))
    write_overlay(tmp_path / "out.mp4", frames, [record(round(frames[0].seconds, 3), [100, 80, 160, 140])])
    shown = list(read_frames(tmp_path / "out.mp4"))
    assert [frame.seconds for frame in shown] == pytest.approx([0, *(frame.seconds for frame in frames)], abs=1e-3)
    assert [np.abs(frame.rgb.astype(int) - 40).max() > 60 for frame in shown] == [False, True, False, False]


def drawn(name):
    image = np.full((480, 640, 3), 40, np.uint8)
    draw_records(image, [record(0, [200, 200, 300, 300], name=name)])
    return image


def test_names_are_written_in_their_own_letters(monkeypatch):
    images = {name: drawn(name) for name in ("Zoë", "Zoe", "Zo??", "Жанна", "$_$")}
    assert all((images[a] != images[b]).any() for a in images for b in images if a != b)
    assert np.abs(drawn("x" * 200).astype(int) - 40).max() > 60                  # what leaves the picture is cut off
    monkeypatch.setattr(fonts, "find_font", lambda text, real=fonts.find_font: None if "李" in text else real(text))
    assert (drawn("李小龙") == drawn(None)).all()                                 # no font has it


def test_fonts_are_chosen_by_their_letters():
    assert Path(fonts.find_font("Zoë happy")).name == "DejaVuSans.ttf" == Path(fonts.find_font("")).name
    assert fonts.find_font("\U000e0041") is None and fonts.name_shown("\U000e0041", 3) == "3"
    assert fonts.name_shown("Zoë", 3) == "Zoë" and fonts.name_shown(None, 3) == "3"
    chinese = fonts.find_font("李小龙")
    assert chinese is None or {ord(letter) for letter in "李小龙"} <= fonts._letters(chinese)


def test_an_overlay_of_an_anamorphic_video_keeps_its_shape(tmp_path):
    path = write_at(tmp_path / "in.mkv", [np.full((144, 176, 3), 40, np.uint8)] * 3, times(3), aspect=Fraction(16, 11))
    write_overlay(tmp_path / "out.mp4", read_frames(path), [])
    frame = next(read_frames(tmp_path / "out.mp4"))
    assert frame.size == (256, 144) and frame.rgb.shape == (144, 256, 3)


def test_a_disk_that_is_full_is_said_of_the_overlay(make_video, tmp_path):
    frames = list(read_frames(make_video(tmp_path / "in.mkv", [np.full((180, 320, 3), 40, np.uint8)] * 5)))
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, former[1]))
    try:
        with pytest.raises(OSError, match="could not be written") as error:
            write_overlay(tmp_path / "out.mp4", frames, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert error.value.filename == str(tmp_path / "out.mp4") and not list(tmp_path.glob(".out*"))
