"""A source read into its results: looked at once, its faces named, its records, segments and faces written.

In two halves, so that a long film can be read in parts (parts.py): a `Reading` of what was seen, and the records that
are made of all of it.
"""
from bisect import bisect
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ops import Tracking
from vtt_emotion import __version__
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.core.weights import find_weights, name_device
from vtt_emotion.results.records import read_results, remove_made_of, write_records
from vtt_emotion.results.segments import Timelines, longest_lines, segments_path
from vtt_emotion.results.shots import find_shots, shots_path
from vtt_emotion.results.speech import speech_path, with_speech
from vtt_emotion.video.backends import make_step
from vtt_emotion.video.decoding import say_once
from vtt_emotion.video.detection import find_detector, framing_of, make_detector, make_wide
from vtt_emotion.video.emotions import EmotionReader, make_records, smooth_logits
from vtt_emotion.video.faces_file import add_reading, describe, is_found_in, read_faces, write_faces
from vtt_emotion.video.frames import Facts, facts_of, read_frames
from vtt_emotion.video.likeness import mean_encodings
from vtt_emotion.video.mesh import Mesher, MeshReader, mouths, with_speaking
from vtt_emotion.video.names import GALLERY, identify, read_gallery
from vtt_emotion.video.onnx_backend import checkpoint_hash
from vtt_emotion.video.overlay import write_overlay
from vtt_emotion.video.portraits import Portraits
from vtt_emotion.video.reading import follow_faces, known_faces, read_through
from vtt_emotion.video.shots import frames_at, pace_of, with_cuts
from vtt_emotion.video.speech import find_speaking, find_speech
from vtt_emotion.video.tracks import Tracker

FEWEST = 5                                       # frames a second, below which shots are hardly told
ELSEWHERE = {"weights", "backend", "device", "graphs_path", "results_path", "resume", "overlay", "gallery"}


@dataclass
class Reading:
    """What was seen in a source, or in a part of one that begins and ends at cuts."""
    faces: np.ndarray                            # dtype FACE, by frame, then id
    shots: list                                  # first frames of shots, and the end
    seconds: list                                # of every frame
    read_rows: np.ndarray                        # (N,) rows of `faces` that the network read
    logits: np.ndarray                           # (N, 7) float32
    encodings: dict = field(default_factory=dict)                      # {id: (K, 128)}, where people are told apart
    colours: dict = field(default_factory=dict)                        # {id: (512,)} of what they wear, likewise
    labels: tuple = EMOTIONS                     # of the logits
    heights: list = field(default_factory=list)                        # px of a frame of each shot
    meshes: np.ndarray | None = None             # dtype MESH, of `faces`, where they are wanted
    speech: list[dict] | None = None             # of the whole source, where it is looked for
    people: dict = field(default_factory=dict)   # {id: (person, name)}, once they are told apart


def is_of(source: Path, path: Path) -> bool:
    """Whether the results at `path` are of this source, as far as the faces file beside them tells."""
    kept = path.with_suffix(".faces.npz")
    if kept.is_file() and not is_found_in(read_faces(kept)[0], source):
        print(f"{path}: of another video than {source}, so it is made again")
        return False
    return True


def find_gallery(gallery: Path | None, friends: bool, dicts_path: Path) -> dict[str, np.ndarray]:
    """{name: encodings} to name people by: the gallery asked for, else Friends' own where it is there, else none."""
    own = Path(dicts_path) / GALLERY
    return read_gallery(gallery or own) if gallery or (friends and own.is_file()) else {}


def at_rate(ops: Any, rate: float) -> Any:
    """The options for a film of `rate` frames a second: those that count frames are of one of 24, and mean times."""
    def scaled(concern, *names):
        return replace(concern, **{name: value and frames_at(value, rate)
                                   for name in names for value in [getattr(concern, name)]})
    return replace(ops, tracking=scaled(ops.tracking, "detect_every", "max_gap", "max_hidden"),
                   results=scaled(ops.results, "frame_stride"))


def about_faces(source: Path, ops: Any) -> dict:
    """What a faces file tells of a source's faces: `describe`, with the options that they depend on as asked for.

    The rate of a folder of frames is one of them.
    """
    options = {name: value for name, value in vars(ops.tracking).items() if name != "detect_threads"}
    return describe(source, options | ({"fps": ops.source.fps} if source.is_dir() else {}))


def make_tracker(tracking: Tracking) -> Tracker:
    return Tracker(tracking.detect_every, tracking.max_move, tracking.max_gap, tracking.max_hidden, tracking.min_seen)


def look_for_faces(cut: Iterator, tracking: Tracking, tracker: Tracker) -> Iterator[tuple]:
    """`follow_faces` over `with_cuts`' frames, by the options."""
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    return follow_faces(cut, detector, tracker, detector.threads or tracking.detect_threads, make_wide(detector))


def follow(source: Path, path: Path | None, ops: Any, facts: Facts) -> tuple[Iterator[tuple], dict | None]:
    """A source's frames with the faces on them, and what a new faces file is to tell; None where `path` has them.

    path is None where no such file is wanted; ops: as they were asked for; facts: of the source.
    """
    made, tracking = about_faces(source, ops), at_rate(ops, facts.rate).tracking
    frames = tqdm(read_frames(source, ops.source.fps), "faces", facts.frames, unit="frame", disable=None)
    if path and path.is_file():
        about, faces, shots = read_faces(path)
        if about == made:
            print(f"faces from {path}")
            return known_faces(frames, faces, shots), None
        print(f"{path}: of another video, found with other options or by an earlier version; looking for faces again")
    cut = with_cuts(frames, pace_of(facts.rate), tracking.shot_ratio, tracking.shot_least, tracking.shot_sure)
    return look_for_faces(cut, tracking, make_tracker(tracking)), made


def read_followed(followed: Iterator[tuple], ops: Any, step: Any, encode: bool) -> Reading:
    """The `Reading` of frames with their faces; encode: whether people are to be told apart."""
    results = ops.results
    name = ops.tracking.detector
    hog_box, framing = find_detector(name).hog_box, framing_of(name, ops.margins)
    portraits = Portraits(ops.names.name_crops, hog_box) if encode else None
    with EmotionReader(step, results.frame_stride, results.every, framing) as emotions, \
            MeshReader(Mesher(hog_box), results.every) if results.mesh else nullcontext() as meshes:
        consumers = [part for part in (emotions, portraits, meshes) if part]
        faces, shots, seconds, heights = read_through(followed, consumers)
        read_rows, logits = emotions.finish()
        laid = meshes.finish() if meshes else None
    return Reading(faces, shots, seconds, read_rows, logits, *(portraits.finish() if portraits else ({}, {})),
                   emotions.stream.labels, heights, laid)


def read_source(source: Path, ops: Any, step: Any, gallery: dict[str, np.ndarray],
                kept: Path | None = None) -> tuple[Iterator[dict], Reading]:
    """(records of one source, its `Reading`), read once; `kept` is the file of its faces, None where none is kept."""
    facts = facts_of(source, ops.source.fps)
    followed, made = follow(source, kept, ops, facts)
    ops = at_rate(ops, facts.rate)
    reading = read_followed(followed, ops, step, bool(gallery) or ops.names.link == "true")
    if made and kept:
        write_faces(kept, made, reading.faces, reading.shots)
    return records_of(source, reading, ops, gallery), reading


def records_of(source: Path, reading: Reading, ops: Any, gallery: dict[str, np.ndarray]) -> Iterator[dict]:
    """The records of a whole source's `Reading`, with its people named; its speech is found, where that is wanted."""
    results, names, faces = ops.results, ops.names, reading.faces
    warn_of_few_frames(source, reading.seconds)
    reading.speech = find_speech(source) if results.speech else None
    if reading.speech is not None and reading.meshes is not None:
        reading.meshes = with_speaking(reading.meshes, find_speaking(
            np.array(reading.seconds)[faces["frame"]], faces["id"], mouths(reading.meshes), reading.speech))
    people = identify(faces, reading.encodings, reading.colours, gallery, names.name_distance,
                      names.link_distance if names.link == "true" else None)
    reading.people = people
    read = faces[reading.read_rows]
    logits = smooth_logits(read, reading.logits, results.frame_stride, results.smooth)
    written = read["frame"] % results.every == 0
    meshes = None if reading.meshes is None else reading.meshes[reading.read_rows][written]
    return make_records(read[written], logits[written], reading.seconds, people, results.scores == "true",
                        reading.labels, meshes)


def create(source: Path, path: Path, ops: Any, step: Any, gallery: dict[str, np.ndarray],
           read: Callable = read_source) -> tuple[int, list[dict], int, float]:
    """Read one source and write its results to `path`, its segments and what else was asked for beside it.

    read: `read_source`, or what gives the same in another way.

    Returns:
        (records written, the segments, frames, length of the film, s).
    """
    results, timelines, drawn = ops.results, Timelines(), path.with_suffix(".overlay.mp4")
    records, reading = read(source, ops, step, gallery, path.with_suffix(".faces.npz"))
    print(f"{source}: {reading.shots[-1]:,} frames, {len(reading.shots) - 1} shots, "
          f"{reading.faces['id'].max(initial=0)} faces followed")
    remove_made_of(path)                         # of the results before
    count = write_records(path, timelines.passing(records))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")
    add_reading(path, facts_of_reading(ops, step), mean_encodings(reading.encodings, reading.people))
    end = film_end(reading.seconds)
    shots = find_shots(reading.shots, reading.seconds, end, people_seen(reading))
    segments = with_speech(timelines.segments(**ops.segments.plain(), shots=shots), reading.speech)
    write_records(segments_path(path), segments)
    print(f"wrote {segments_path(path)}: {len(segments):,} segments", *longest_lines(segments), sep="\n")
    write_records(shots_path(path), shots)
    print(f"wrote {shots_path(path)}: {len(shots):,} shots")
    if reading.speech is not None:
        write_records(speech_path(path), reading.speech)
        print(f"wrote {speech_path(path)}: {len(reading.speech):,} stretches of speech")
    if results.overlay:
        frames = tqdm(read_frames(source, ops.source.fps), "overlay", unit="frame", disable=None)
        write_overlay(drawn, frames, read_results(path), results.every)
        print(f"wrote {drawn}")
    return count, segments, len(reading.seconds), end - reading.seconds[0]


def facts_of_reading(ops: Any, step: Any) -> dict:
    """How results are read, as a faces file tells it: the version, the weights, and the options that records and
    segments depend on beside those of faces, as they were asked for. None names a place on this machine."""
    weights, framed = find_weights(ops.results.weights, ops.place.root), find_detector(ops.tracking.detector).options
    options = {name: value for concern in (ops.results, ops.names, ops.segments)
               for name, value in vars(concern).items() if name not in ELSEWHERE}
    options |= {name: value for name, value in vars(ops.margins).items() if framed and name.startswith(f"{framed}_")}
    options |= {"gallery": ops.names.gallery.name} if ops.names.gallery else {}
    return {"program": f"vtt_emotion {__version__}", "weights": weights.name, "weights_hash": checkpoint_hash(weights),
            "arithmetic": step.arithmetic, "options": options}


def people_seen(reading: Reading) -> Iterator[tuple]:
    """The faces of a reading as `find_shots` takes them, those of frames without a record, too."""
    frames, ids, boxes = (reading.faces[name].tolist() for name in ("frame", "id", "box_xyxy"))
    for frame, id, (_, top, _, bottom) in zip(frames, ids, boxes):
        yield frame, *reading.people[id], (bottom - top) / reading.heights[bisect(reading.shots, frame) - 1]


def warn_of_few_frames(source: Path, seconds: list[float]) -> None:
    """Say where so few frames a second were read, by the times of all of them, that shots are hardly told."""
    count, length = len(seconds) - 1, seconds[-1] - seconds[0]
    if count < 0.999 * FEWEST * length:          # times are rounded
        say_once(f"{source}: {count / length:.3g} frames a second; below {FEWEST} its shots are hardly told, "
                 f"as none is shorter than {pace_of(FEWEST).near} frames")


def film_end(seconds: list[float]) -> float:
    """When a film ends, s, by the times of its frames: the last is shown as long as one is on average."""
    return seconds[-1] + (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else seconds[0]


def load_step(ops: Any, threads: int, make: Callable = make_step) -> Any:
    """The network's step by the options, in `threads` threads; make: `make_step`, or what keeps what it made."""
    results = ops.results
    return make(results.backend, name_device(results.device), find_weights(results.weights, ops.place.root),
                results.graphs_path, threads)
