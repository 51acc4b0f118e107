"""A long film read in parts, that begin and end at cuts, and joined: the same faces, ids and numbers as read in one.

Everything begins anew at a cut: faces are followed within a shot, the network's memory is of followed faces, and the
detector looks every few frames from a shot's first. Two counts go on over cuts: that of frames, which the film's index
gives, and that of ids, which joining corrects. Parts meet only at cuts whose frame number is a multiple of the frame
stride, so that the network gets the same faces in the same batches: the last digits of its sums depend on that.

Neighbouring parts meet at the first such cut at or after the planned frame; each finds it by the same rule, so both
decode the frames between. Finding all cuts first would be simpler, but would decode the whole film before anything
else, on one core: a fifth of all the time. A part that holds no such cut is empty, and the one before it goes on.
"""
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vtt_emotion.video.create import (
    Reading,
    about_faces,
    at_rate,
    look_for_faces,
    make_tracker,
    read_followed,
    read_source,
    records_of,
)
from vtt_emotion.video.faces_file import read_faces, write_faces
from vtt_emotion.video.frames import Index, Unfit, facts_of, index_frames, read_frames_from
from vtt_emotion.video.shots import CUT, pace_of, with_cuts

FEWEST = 3                                       # parts that a film is read in, unless in one
ALIKE = 8                                        # frames, from where a part may begin, that both are to see alike


@dataclass
class Plan:
    """From which frames on the parts of a film begin, at the next cut; the first at 0."""
    index: Index
    starts: list


@dataclass
class Part:
    """What was read of a part; reading None of an empty one. seen: {number: checksum} of frames that others see too."""
    first: int
    reading: Reading | None
    seen: dict


def plan_parts(source: Path, minutes: float) -> Plan:
    """The `Plan` of parts of about so many minutes; Unfit where the film can, or need, not be read in parts.

    It need not where it has fewer than three: with what they cost, two save little.
    """
    facts = facts_of(source)
    if round(facts.length / (60 * minutes)) < FEWEST:
        raise Unfit(source)
    index = index_frames(source)
    seconds = (index.times - index.times[0]) / index.second
    count = round(seconds[-1] / (60 * minutes))
    starts = [0]
    planned: Any = np.searchsorted(seconds, seconds[-1] * np.arange(1, count) / count)
    warm_up = pace_of(facts.rate).warm_up
    for start in planned.tolist():
        keys = index.keys[index.keys <= start - warm_up]
        if len(keys) > 1 and keys[-2] > starts[-1]:          # else it would decode what the part before decodes
            starts.append(start)
    if len(starts) < 2:
        raise Unfit(source)
    return Plan(index, starts)


def read_part(source: Path, plan: Plan, number: int, ops: Any, step: Any, encode: bool) -> Part:
    """The `Part` of a plan by its number from 0; step, encode: as of `read_followed`."""
    rate = facts_of(source, ops.source.fps).rate
    ops, pace, start = at_rate(ops, rate), pace_of(rate), plan.starts[number]
    tracking = ops.tracking
    stop = plan.starts[number + 1] if number + 1 < len(plan.starts) else None
    first, seen = max(0, start - pace.warm_up), {}     # cuts are found by the frames before
    cut = with_cuts(read_frames_from(source, plan.index, first), pace, tracking.shot_ratio, tracking.shot_least,
                    tracking.shot_sure)
    frames = _between(cut, start, stop, ops.results.frame_stride, seen)
    head = next(frames, None)
    if head is None:
        return Part(start, None, seen)
    tracker = make_tracker(tracking)
    tracker.due = head[0].number
    reading = read_followed(look_for_faces(chain([head], frames), tracking, tracker), ops, step, encode)
    reading.shots[-1] += head[0].number
    return Part(head[0].number, reading, seen)


def _between(cut, start, stop, stride, seen):
    """Yield those of (frame, whether it begins a shot) that lie between the first fitting cuts from start and stop on.

    seen: as of `Part`, filled on the way.
    """
    inside = start == 0
    for frame, begins in cut:
        if any(edge and edge <= frame.number < edge + ALIKE for edge in (start, stop)):
            seen[frame.number] = zlib.crc32(np.ascontiguousarray(frame.small()))
        fits = begins == CUT and frame.number % stride == 0      # a dissolve needs both sides
        if stop is not None and frame.number >= stop and (fits or not inside):
            return
        inside = inside or (fits and frame.number >= start)
        if inside:
            yield frame, begins


def join(plan: Plan, parts: list[Part]) -> Reading:
    """One `Reading` of all parts (list of `Part`) of a plan.

    Raises:
        Unfit: they do not follow on each other, or two did not see alike what both saw.
    """
    readings, seen, ids, rows, following = [], {}, 0, 0, 0
    for part in parts:
        if any(seen.get(number, checksum) != checksum for number, checksum in part.seen.items()) or (
                part is not parts[0] and not seen.keys() & part.seen.keys()):
            raise Unfit("its parts do not look alike")
        seen |= part.seen
        if part.reading is None:
            continue
        one = part.reading
        if part.first != following:
            raise Unfit("its parts do not follow on each other")
        faces = one.faces.copy()
        faces["id"] += ids
        readings.append(replace(one, faces=faces, shots=one.shots[:-1], read_rows=one.read_rows + rows,
                                encodings={id + ids: found for id, found in one.encodings.items()},
                                colours={id + ids: found for id, found in one.colours.items()}))
        ids, rows, following = max(ids, faces["id"].max(initial=0)), rows + len(faces), one.shots[-1]
    if following != len(plan.index.times):
        raise Unfit("its parts are not all")
    arrays = {name: np.concatenate([getattr(one, name) for one in readings])
              for name in ("faces", "read_rows", "logits", "meshes") if getattr(readings[0], name) is not None}
    return Reading(shots=[first for one in readings for first in one.shots],
                   seconds=[time for one in readings for time in one.seconds],
                   encodings={id: found for one in readings for id, found in one.encodings.items()},
                   colours={id: found for one in readings for id, found in one.colours.items()},
                   labels=readings[0].labels, heights=[height for one in readings for height in one.heights], **arrays)


def read_in_parts(source: Path, ops: Any, step: Any, gallery: dict[str, np.ndarray], kept: Path | None, minutes: float,
                  read_parts: Callable) -> tuple[Iterator[dict], Reading]:
    """`read_source`, in parts of about so many minutes where the film has them and its faces are not known yet.

    read_parts: called with (source, plan, encode), gives the `Part`s of a plan in order, read side by side or not.
    """
    made, encode = about_faces(source, ops), bool(gallery) or ops.names.link == "true"
    if not minutes or (kept and kept.is_file() and read_faces(kept)[0] == made):
        return read_source(source, ops, step, gallery, kept)
    try:
        plan = plan_parts(source, minutes)
        reading = join(plan, read_parts(source, plan, encode))
    except Unfit:
        return read_source(source, ops, step, gallery, kept)
    reading.shots.append(len(reading.seconds))
    if kept:
        write_faces(kept, made, reading.faces, reading.shots)
    return records_of(source, reading, at_rate(ops, facts_of(source, ops.source.fps).rate), gallery), reading
