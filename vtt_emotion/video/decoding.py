"""A video file opened and decoded: FFmpeg's choice of stream, past what is damaged, deinterlaced where it is."""
import logging
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import av

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import check_regular

NARROWEST = 0.25                                 # a pixel's width by its height, or the other way: beyond, not believed
STUCK = 20                                       # failures to read on, one after the other, that end a video
# What names other files, or devices, in place of holding a film; a text (tty) is drawn letter by letter.
NAMES_OTHERS = {"concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp", "tty", "vobsub",
                "webm_dash_manifest", "alsa", "fbdev", "kmsgrab", "oss", "video4linux2,v4l2", "x11grab"}


class Film:
    """A video file that is open: `container`, `stream`, and what they say of it.

    promised: its frames, or None; length: s, or 0; start: s, where a player's clock is 0, or None; aspect: a pixel's
    width by its height; leaps: whether time may leap in a file of its kind, as where two recordings are put together.

    Raises:
        InputError: no such file, none that holds a video, or one that names others.
    """

    def __init__(self, path: str | Path, one_thread: bool = False) -> None:
        self.path, self.container = path, _open(path)
        self.stream = _choose(path, self.container)
        if one_thread:
            self.stream.codec_context.thread_count = 1
        else:
            self.stream.thread_type = "AUTO"
        container, stream = self.container, self.stream
        self.length = (container.duration or 0) / av.time_base
        self.start = None if container.start_time is None else container.start_time / av.time_base
        seconds = float(stream.duration * stream.time_base) if stream.duration else self.length
        self.promised = stream.frames or (round(seconds * stream.average_rate)
                                          if seconds and stream.average_rate else None)
        aspect = stream.sample_aspect_ratio or 1
        self.aspect = aspect if NARROWEST <= aspect <= 1 / NARROWEST else 1
        self.leaps = bool(container.format.flags & av.format.Flags.ts_discont.value)

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()


@cache
def _formats():
    """The formats that are read, as FFmpeg takes them."""
    return ",".join(sorted(av.format.formats_available - NAMES_OTHERS))


def _open(path):
    check_regular(path)
    try:                                         # without "file:" the name "10:30.mp4" asks for the protocol 10
        return av.open(f"file:{path}", metadata_errors="replace", container_options={"format_whitelist": _formats()})
    except av.error.ArgumentError:
        raise InputError(f"{path}: not a readable video; lists that name other files, as playlists and scripts do, are "
                         "not followed") from None
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a readable video ({getattr(error, 'strerror', error)})") from None


def _choose(path, container):
    """The video stream that FFmpeg would play: the default one, else the best; covers are none."""
    streams = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    best = container.streams.best("video")
    if streams and best not in streams:          # a cover
        best = max(streams, key=lambda stream: stream.disposition & stream.disposition.default)
    problem = "holds no video, only sound or other data" if not streams else \
        "no decoder for its video is known" if best.codec_context is None else None
    if problem:
        container.close()
        raise InputError(f"{path}: {problem}")
    return best


class _Damaged(Exception):
    """A packet could not be decoded."""


def decode(film: Film, met: dict) -> Iterator[av.VideoFrame]:
    """Yield a film's pictures (av.VideoFrame), past what is damaged, deinterlaced.

    A decoder of many threads loses good pictures with a damaged one, and how many hangs on the threads. So from the
    first damage on a film is decoded by one, from its start again.

    met: a Counter, of "damaged" packets, and of the seconds to the "end" of the last packet, of sound too.
    """
    return deinterlaced(_past_damage(film, met), film.path)


def _past_damage(film, met):
    number = 0
    try:
        for picture in decode_strictly(film, met):
            yield picture
            number += 1
    except _Damaged:
        met.clear()
        with Film(film.path, one_thread=True) as again:
            yield from islice(decode_strictly(again, met, damage=None), number, None)


def decode_strictly(film: Film, met: dict, damage: Any = _Damaged, stream: Any = None) -> Iterator[Any]:
    """Yield a film's pictures from where it stands; `damage` is raised at the first damage, None: it is counted.

    stream: another of its streams than its pictures', as its sound, whose frames are then given.
    """
    stream = stream or film.stream
    packets, failures = film.container.demux(), 0
    while failures < STUCK:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:             # an error ends a generator, not what it reads
            packets, failures = film.container.demux(), failures + 1
            met["damaged"] += 1
            continue
        if packet is None:
            break
        if packet.size:                          # an empty one would end the decoder
            failures = 0
            if packet.pts is not None:
                met["end"] = max(met["end"], float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == stream.index:
                yield from _pictures(stream, packet, met, damage)
    last = av.Packet()
    last.time_base = stream.time_base
    yield from _pictures(stream, last, met, damage)


def _pictures(stream, packet, met, damage):
    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        if damage:
            raise damage from None
        met["damaged"] += 1
        return ()


def deinterlaced(pictures: Iterable[av.VideoFrame], path: str | Path) -> Iterator[av.VideoFrame]:
    """Pictures, those that are interlaced without their combs: FFmpeg's bwdif, a picture for a picture."""
    graph, shape = None, None
    for picture in pictures:
        now = picture.width, picture.height, picture.format.name
        if graph and now != shape:
            yield from _filtered(graph, None)
            graph = None
        if graph is None and picture.interlaced_frame:
            say_once(f"{path}: interlaced; its frames are deinterlaced")
            graph, shape = _make_filter(picture), now
        if graph is None:
            yield picture
        else:
            yield from _filtered(graph, picture)
    if graph:
        yield from _filtered(graph, None)


def _make_filter(picture):
    graph = av.filter.Graph()
    graph.link_nodes(graph.add_buffer(width=picture.width, height=picture.height, format=picture.format,
                                      time_base=picture.time_base),
                     graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")).configure()
    return graph


def _filtered(graph, picture):
    """What comes out of a filter for a picture, or, of None, at the end."""
    graph.vpush(picture)
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def falls_short(frames: int, promised: int | None) -> bool:
    """Whether `frames` are fewer than a container promises (None: nothing), beyond the few that it may hide."""
    return promised is not None and frames < 0.98 * promised - 5


@cache
def say_once(message: str) -> None:
    """Warn of it once, however often the video is read."""
    logging.getLogger(__name__).warning(message)
