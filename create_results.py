"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads Friends episodes (their extracted frames, or their videos) or a video file, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json), one array, one record a line, by seconds, then id; and beside
it the faces it followed, friends_s01_ep01.faces.npz, which another run, with other weights, takes up.

    python create_results.py --episode 1
    python create_results.py --video interview.mp4
    python create_results.py --episodes 1 2 3 --weights runs/tsm/best.pt --resume
"""
import os
from pathlib import Path

from tqdm import tqdm

from indexes.command_line import InputError, parse, run_script, torchrun_places
from indexes.files import short_name
from indexes.results import read_results, results_name, write_records
from indexes.segments import Timelines, longest_lines, segments_path
from indexes.weights import find_weights, name_device
from ops import ResultsOps
from video.backends import make_step
from video.emotions import EmotionStream, face_blocks, read_emotions
from video.faces_file import VERSION, fingerprint, read_faces, write_faces
from video.frames import count_frames, read_frames
from video.names import GALLERY, encode_tracks, identify, read_gallery
from video.overlay import write_overlay
from video.sources import find_episode
from video.tracks import find_tracks


def find_sources(source, friends):
    """[(video or folder of frames, name of its results)] that the options ask for."""
    episodes = [*source.episodes, *([] if source.episode is None else [source.episode])]
    if bool(episodes) == (source.video is not None):
        raise InputError("expected --episode N, --episodes N N ... or --video FILE, one of the three")
    if episodes:
        return [(find_episode(episode, friends.friends_path, friends.frames_path), results_name(episode))
                for episode in episodes]
    path = Path(source.video)
    if not path.exists():
        raise InputError(f"{path}: no such video")
    return [(path, short_name(path.name if path.is_dir() else path.stem))]


def find_gallery(gallery, friends, dicts_path):
    """{name: encodings} to name people by: the gallery asked for, else Friends' own where it is there, else none."""
    own = Path(dicts_path) / GALLERY
    return read_gallery(gallery or own) if gallery or (friends and own.is_file()) else {}


def followed_faces(source, path, fps, tracking):
    """(tracks, shots) of a source: from its faces file where that was made of it in this way, else found and kept."""
    made = {"version": VERSION, "source": fingerprint(source),
            "options": {name: value for name, value in vars(tracking).items() if name != "detect_threads"}}
    if path.is_file():
        about, tracks, shots = read_faces(path)
        if about == made:
            print(f"faces from {path}")
            return tracks, shots
        print(f"{path}: of another video, or found with other options; looking for faces again")
    frames = tqdm(read_frames(source, fps), "faces", count_frames(source), unit="frame", disable=None)
    tracks, shots = find_tracks(frames, **vars(tracking))
    write_faces(path, made["source"], made["options"], tracks, shots)
    return tracks, shots


def create(source, path, ops, step, gallery):
    """Follow the faces of one source and write its results to `path`."""
    results, framing = ops.results, ops.margins.by_source()["hog"]
    tracks, shots = followed_faces(source, path.with_suffix(".faces.npz"), ops.source.fps, ops.tracking)
    print(f"{source}: {shots[-1]:,} frames, {len(shots) - 1} shots, {len(tracks)} faces followed")
    if gallery or ops.names.link:
        frames = tqdm(read_frames(source, ops.source.fps), "names", shots[-1], unit="frame", disable=None)
        identify(tracks, encode_tracks(frames, tracks, ops.names.name_crops), gallery, ops.names.name_distance,
                 ops.names.link_distance if ops.names.link else None)
    frames = tqdm(read_frames(source, ops.source.fps) if tracks else (), "emotions", shots[-1], unit="frame",
                  disable=None)
    blocks = face_blocks(frames, tracks, results.frame_stride, results.every, step.size, framing)
    drawn = path.with_suffix(".overlay.mp4")
    drawn.unlink(missing_ok=True)                # of the results before
    stream, timelines = EmotionStream(step, results.frame_stride), Timelines()
    records = read_emotions(blocks, stream, results.every, results.smooth, results.scores == "true")
    count = write_records(path, timelines.passing(records))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")
    segments = timelines.segments(**ops.segments.plain())
    write_records(segments_path(path), segments)
    print(f"wrote {segments_path(path)}: {len(segments):,} segments", *longest_lines(segments), sep="\n")
    if results.overlay:
        frames = tqdm(read_frames(source, ops.source.fps), "overlay", shots[-1], unit="frame", disable=None)
        write_overlay(drawn, frames, read_results(path), results.every)
        print(f"wrote {drawn}")


def main(argv=None):
    ops = parse(ResultsOps, argv, __doc__)
    results, device = ops.results, name_device(ops.results.device)
    rank, ranks, here, beside = torchrun_places()
    threads = max(1, os.cpu_count() // beside)
    if device == "cuda":                         # without a number: this process's own
        import torch
        device = f"cuda:{here % torch.cuda.device_count()}"
    ops.tracking.detect_threads = ops.tracking.detect_threads or threads
    sources = find_sources(ops.source, ops.friends)[rank::ranks]
    weights = find_weights(results.weights, ops.place.root)
    step = make_step(results.backend, device, weights, results.graphs_path, threads)
    gallery = find_gallery(ops.names.gallery, ops.source.video is None, ops.place.dicts_path)
    for source, name in sources:
        path = results.results_path / f"{name}.json"
        whole = path.is_file() and (not results.overlay or path.with_suffix(".overlay.mp4").is_file())
        if results.resume and whole:
            print(f"{path} is there already")
        else:
            create(source, path, ops, step, gallery)


if __name__ == "__main__":
    run_script(main)
