"""What is damaged, cut short or odd in a video file: reading ends, and says what was lost."""
import os
import signal
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.conftest import write_film
from tests.video.test_frames import grey
from vtt_emotion.core.errors import InputError
from vtt_emotion.video import decoding
from vtt_emotion.video.frames import Unfit, index_frames, read_frames

CODECS = {"a.mp4": ("libx264", {"movflags": "faststart", "bf": "2"}), "a.mkv": ("libx264", {}), "b.mkv": ("libvpx", {}),
          "c.mkv": ("ffv1", {}), "d.mkv": ("libx265", {"x265-params": "log-level=none"}), "e.avi": ("mpeg4", {}),
          "f.mkv": ("mjpeg", {}), "g.mov": ("prores_ks", {"movflags": "faststart"}), "h.ts": ("mpeg2video", {})}


def noise(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]


def write(path, images, codec, options):
    """A film with the codec; options: its, and movflags the container's."""
    kind, pix_fmt = options.pop("movflags", None), av.Codec(codec, "w").video_formats[0].name
    with av.open(str(path), "w", options={"movflags": kind} if kind else {}) as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def look(path, threads):
    """The seconds of all frames, decoded by one or by many threads; None where there is none."""
    def opened(*args, one_thread=False, real=decoding.Film.__init__):
        real(*args, one_thread=one_thread or threads == 1)
        if threads > 1 and not one_thread:
            args[0].stream.codec_context.thread_count = threads

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding.Film, "__init__", opened)
        try:
            return [frame.seconds for frame in read_frames(path) if frame.rgb.any()]
        except InputError as error:
            assert str(path) in str(error)
            return None


@pytest.mark.parametrize("name", CODECS)
def test_a_film_cut_or_damaged_anywhere_ends_alike_on_one_thread_and_on_many(tmp_path, name, capsys):
    codec, options = CODECS[name]
    whole, path, told = write(tmp_path / name, noise(30), codec, dict(options)), tmp_path / name, 0
    assert len(look(path, 1)) == 30
    cuts = [whole[:len(whole) * part // 8] for part in range(1, 8)]
    for place in (len(whole) // 2, len(whole) - len(whole) // 40 - 60):
        cuts.append(whole[:place] + b"\xff" * 40 + whole[place + 40:])
    for data in cuts:
        path.write_bytes(data)
        decoding.say_once.cache_clear()
        capsys.readouterr()
        found = look(path, 1)
        said = capsys.readouterr().err
        assert found == look(path, 4)
        assert found is None or len(found) <= 30
        told += f"{len(found or ())} frames" in said
    assert told >= 2 or name == "h.ts"           # that tells no length


def test_the_last_packet_damaged_costs_one_frame(tmp_path, capsys):
    data = bytearray(write(tmp_path / "a.mkv", noise(30), "libx264", {"bf": "0"}))
    with av.open(str(tmp_path / "a.mkv")) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
    place = data.index(bytes(last))
    data[place:place + last.size] = b"\xff" * last.size
    (tmp_path / "a.mkv").write_bytes(data)
    assert len(look(tmp_path / "a.mkv", 4)) == 29
    assert "damaged; 29 frames were read, 1 of its packets could not be" in capsys.readouterr().err


def write_streams(path, order, default=None):
    """A film of streams of the kinds in `order`: black and white are videos; `default` is the default stream's kind."""
    (path.parent / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n\n")
    with av.open(str(path), "w") as container, av.open(str(path.parent / "a.srt")) as words:
        streams = {}
        for kind in order:
            if kind == "attachment":
                container.add_attachment("font.ttf", "application/x-truetype-font", b"font" * 99)
            elif kind == "subtitles":
                streams[kind] = container.add_stream_from_template(words.streams[0])
            elif kind == "sound":
                streams[kind] = container.add_stream("aac", rate=16000, layout="mono")
            else:
                streams[kind] = stream = container.add_stream("libx264", rate=24)
                stream.width, stream.height, stream.pix_fmt = (64, 48, "yuv420p") if kind == "white" else \
                    (128, 96, "yuv420p")
            if kind in streams and default:
                streams[kind].disposition = int(kind == default)
            if kind == "timed":
                streams[kind].metadata["timecode"] = "01:00:00:00"
        for kind in ("black", "white", "timed"):
            if kind in streams:
                for number in range(10):
                    size = streams[kind].height, streams[kind].width, 3
                    picture = av.VideoFrame.from_ndarray(np.full(size, 20 if kind == "black" else 220, np.uint8))
                    picture.pts, picture.time_base = number, Fraction(1, 24)
                    container.mux(streams[kind].encode(picture))
                container.mux(streams[kind].encode(None))
        if "sound" in streams:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate = 16000
            container.mux([*streams["sound"].encode(sound), *streams["sound"].encode(None)])
        if "subtitles" in streams:
            packet = next(words.demux())
            packet.stream = streams["subtitles"]
            container.mux(packet)
    return path


@pytest.mark.parametrize("order", [("black", "white"), ("white", "black"), ("sound", "black", "white")])
def test_the_default_stream_is_read(tmp_path, order):
    frames = list(read_frames(write_streams(tmp_path / "a.mkv", order, "white")))
    assert len(frames) == 10 and frames[0].rgb.mean() > 200


@pytest.mark.parametrize("name,order", [("a.mov", ("timed",)), ("a.mov", ("sound", "timed")),
                                        ("a.mov", ("timed", "sound")), ("a.mkv", ("subtitles", "white")),
                                        ("a.mkv", ("attachment", "sound", "white")),
                                        ("a.mkv", ("white", "subtitles", "sound", "attachment"))])
def test_streams_of_other_kinds_lie_beside_it_in_any_order(tmp_path, name, order):
    path = write_streams(tmp_path / name, order)
    assert len(list(read_frames(path))) == 10


def test_a_codec_that_is_not_known_is_said(tmp_path):
    path = write_film(tmp_path / "a.mp4", grey(20, 3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9"))
    with pytest.raises(InputError, match=r"a\.mp4: no decoder for its video is known"):
        next(read_frames(path))


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile b.mp4\n", "#EXTM3U\n#EXTINF:9,\nb.mp4\n",
                                  "v=0\nm=video 5004 RTP/AVP 96\n", "hello\n"])
@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.ffconcat", "a.m3u8", "a.sdp"])
def test_lists_of_other_files_are_not_followed(tmp_path, text, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "b.mp4", grey(20, 3))
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}: not a readable video"):
        next(read_frames(name))


def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    for path in (tmp_path / "a.mp4", "/dev/zero"):
        with pytest.raises(InputError, match="expected a file, found a pipe, a device or a socket"):
            next(read_frames(path))


def combed(count):
    """Fields of a bar that moves 8 px a field, woven: a line of the one, a line of the other."""
    def bar(field):
        image = np.full((96, 128, 3), 40, np.uint8)
        image[:, 8 * field % 96:8 * field % 96 + 24] = 220
        return image
    for number in range(count):
        image = bar(2 * number)
        image[1::2] = bar(2 * number + 1)[1::2]
        yield image


def combs(image):
    """How much lines differ from both their neighbours, which are alike."""
    lines = image[..., 0].astype(int)
    return np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean()


def test_an_interlaced_film_is_deinterlaced(tmp_path, capsys):
    options = {"flags": "+ildct+ilme", "x264-params": "interlaced=1:tff=1"}
    path = write_film(tmp_path / "a.mkv", list(combed(12)), 25, options=options)
    frames = list(read_frames(path))
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 25 for number in range(12)], abs=2e-3)
    assert max(combs(frame.rgb) for frame in frames[1:-1]) < 0.25 * min(combs(image) for image in combed(12))
    assert frames[5].rgb[:, :70].mean() < 60 < frames[5].rgb[:, 80:104].mean()          # its own field, not another's
    assert capsys.readouterr().err.count("a.mkv: interlaced; its frames are deinterlaced") == 1
    with pytest.raises(Unfit):                   # the first frame of a part would lack the one before
        index_frames(path)
    plain = write_film(tmp_path / "b.mkv", list(combed(3)), 25)
    assert combs(next(read_frames(plain)).rgb) > 10 and not capsys.readouterr().err


def test_a_film_that_turns_interlaced_and_changes_its_size(tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "interlaced=1:tff=1"}
    parts = [write_film(tmp_path / "a.ts", list(combed(6)), 25), write_film(tmp_path / "b.ts", list(combed(6)), 25,
                                                                          options=options),
             write_film(tmp_path / "c.ts", [image[:64] for image in combed(6)], 25, options=options)]
    (tmp_path / "all.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(read_frames(tmp_path / "all.ts"))
    assert [frame.size[1] for frame in frames] == [96] * 12 + [64] * 6
    assert combs(frames[2].rgb) > 10 > 3 > combs(frames[9].rgb)


def mutated(data, rng):
    """Bytes of which some are changed, removed or repeated, half of the time near the start, where headers are."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 3, 10, 40])):
        place = int(rng.integers(min(len(data), 2000) if rng.random() < 0.5 else len(data)))
        kind = rng.integers(3)
        if kind == 0:
            data[place] = rng.integers(256)
        elif kind == 1:
            del data[place:place + rng.integers(1, 64)]
        else:
            data[place:place] = data[place:place + rng.integers(1, 64)]
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("name", CODECS)
def test_a_film_of_mutated_bytes_is_read_or_refused(tmp_path, name):
    """Times go on, pictures have the size that they say; one that never ends is an error."""
    def late(*_):
        raise AssertionError("it never ends")

    codec, options = CODECS[name]
    whole, path = write(tmp_path / name, noise(12), codec, dict(options)), tmp_path / name
    rng, former = np.random.default_rng(0), signal.signal(signal.SIGALRM, late)
    try:
        for _ in range(20):
            path.write_bytes(mutated(whole, rng))
            signal.alarm(60)
            try:
                frames = list(read_frames(path))
                seconds = [frame.seconds for frame in frames]
                assert seconds[0] >= 0 and (np.diff(seconds) > 0).all()
                assert frames[0].rgb.shape[1::-1] == frames[0].size
            except InputError as error:
                assert str(path) in str(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
