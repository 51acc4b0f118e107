from fractions import Fraction

import av
import numpy as np
import pytest

from video.frames import read_frames
from video.overlay import write_overlay


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
