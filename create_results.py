"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads Friends episodes (their extracted frames, or their videos) or a video file, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json), one array, one record a line, by seconds, then id; and beside
it the faces it followed, friends_s01_ep01.faces.npz, which another run, with other weights, takes up. The video is
read once: faces are looked for, followed, cropped, and shown to the network on the way.

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
from indexes.weights import find_weights, name_device
from ops import ResultsOps
from video.backends import make_step
from video.detection import make_detector
from video.emotions import EmotionReader, make_records, smooth_logits
from video.faces_file import describe, read_faces, write_faces
from video.frames import count_frames, read_frames
from video.names import GALLERY, Portraits, identify, read_gallery
from video.overlay import write_overlay
from video.reading import follow_faces, known_faces, read_through
from video.shots import with_cuts
from video.sources import find_episode
from video.tracks import Tracker


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


def follow(source, path, fps, tracking):
    """A source's frames with the faces on them, and what a new faces file is to tell; None where `path` has them."""
    made = describe(source, {name: value for name, value in vars(tracking).items() if name != "detect_threads"})
    frames = tqdm(read_frames(source, fps), "faces", count_frames(source), unit="frame", disable=None)
    if path.is_file():
        about, faces, shots = read_faces(path)
        if about == made:
            print(f"faces from {path}")
            return known_faces(frames, faces, shots), None
        print(f"{path}: of another video, found with other options or by an earlier version; looking for faces again")
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    tracker = Tracker(tracking.detect_every, tracking.max_move, tracking.max_gap, tracking.max_hidden,
                      tracking.min_seen)
    cut = with_cuts(frames, tracking.shot_ratio, tracking.shot_least, tracking.shot_sure)
    return follow_faces(cut, detector, tracker, 1 if tracking.detector == "cnn" else tracking.detect_threads), made


def create(source, path, ops, step, gallery):
    """Read one source, its faces and their emotions at once, and write its results to `path`."""
    results, names, kept = ops.results, ops.names, path.with_suffix(".faces.npz")
    followed, made = follow(source, kept, ops.source.fps, ops.tracking)
    portraits = Portraits(names.name_crops) if gallery or names.link else None
    framing = ops.margins.by_source()[ops.tracking.detector]
    with EmotionReader(step, results.frame_stride, results.every, framing) as emotions:
        faces, shots, seconds = read_through(followed, [emotions, portraits] if portraits else [emotions])
        places, logits = emotions.finish()
    if made:
        write_faces(kept, made, faces, shots)
    encodings, clear = portraits.finish() if portraits else ({}, set())
    people = identify(faces, encodings, clear, gallery, names.name_distance,
                      names.link_distance if names.link else None)
    print(f"{source}: {shots[-1]:,} frames, {len(shots) - 1} shots, {len(people)} faces followed")
    logits = smooth_logits(faces[places], logits, results.frame_stride, results.smooth)
    told = faces["frame"][places] % results.every == 0
    drawn = path.with_suffix(".overlay.mp4")
    drawn.unlink(missing_ok=True)                # of the results before
    count = write_records(path, make_records(faces[places][told], logits[told], seconds, people))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")
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
