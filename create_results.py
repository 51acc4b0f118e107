"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads Friends episodes (their extracted frames, or their videos), video files, or photos, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json), one array, one record a line, by seconds, then id; beside it who
shows which emotion from when to when, friends_s01_ep01.segments.json, and the faces it followed,
friends_s01_ep01.faces.npz, which another run, with other weights, takes up.

    python create_results.py --episode 1
    python create_results.py --video interview.mp4
    python create_results.py --videos interviews/
    python create_results.py --images photos/
    python create_results.py --episodes 1 2 3 --weights runs/tsm/best.pt --resume
"""
import os
from pathlib import Path

from tqdm import tqdm

from indexes.command_line import InputError, parse, run_script, settle, torchrun_places
from indexes.files import short_name
from indexes.results import read_results, results_name, write_records
from indexes.segments import Timelines, longest_lines, segments_path
from indexes.weights import find_weights, name_device
from ops import ResultsOps
from video.backends import make_step
from video.batch import find_videos_in, read_photos, table_lines
from video.detection import make_detector
from video.emotions import EmotionReader, make_records, smooth_logits
from video.faces_file import describe, fingerprint, read_faces, write_faces
from video.frames import count_frames, read_frames
from video.names import GALLERY, Portraits, identify, read_gallery
from video.overlay import write_overlay
from video.reading import follow_faces, known_faces, read_through
from video.shots import with_cuts
from video.sources import find_episode
from video.tracks import Tracker


def find_sources(source, friends):
    """[(video or folder of frames, name of its results)] that the options ask for; a folder of photos is none."""
    episodes = [*source.episodes, *([] if source.episode is None else [source.episode])]
    if sum(map(bool, (episodes, source.video is not None, source.videos, source.images))) != 1:
        raise InputError("expected --episode N, --episodes N N ... or --video FILE, --videos FILE FOLDER ... or "
                         "--images FOLDER, one of them")
    if source.images:
        return []
    if source.videos:
        return find_videos_in(source.videos)
    if episodes:
        return [(find_episode(episode, friends.friends_path, friends.frames_path), results_name(episode))
                for episode in episodes]
    path = Path(source.video)
    if not path.exists():
        raise InputError(f"{path}: no such video")
    name = Path(os.path.abspath(path)).name or "frames"          # of ".", the folder's
    return [(path, short_name(name if path.is_dir() else path.stem))]


def is_done(source, path, overlay):
    """Whether the results at `path` are there and, as far as the faces file beside them tells, are of this source."""
    if not path.is_file() or not segments_path(path).is_file() or (
            overlay and not path.with_suffix(".overlay.mp4").is_file()):
        return False
    kept = path.with_suffix(".faces.npz")
    if kept.is_file() and read_faces(kept)[0]["source"] != fingerprint(source):
        print(f"{path}: of another video than {source}, so it is made again")
        return False
    return True


def find_gallery(gallery, friends, dicts_path):
    """{name: encodings} to name people by: the gallery asked for, else Friends' own where it is there, else none."""
    own = Path(dicts_path) / GALLERY
    return read_gallery(gallery or own) if gallery or (friends and own.is_file()) else {}


def follow(source, path, fps, tracking):
    """A source's frames with the faces on them, and what a new faces file is to tell; None where `path` has them.

    path is None where no such file is wanted.
    """
    made = describe(source, {name: value for name, value in vars(tracking).items() if name != "detect_threads"})
    frames = tqdm(read_frames(source, fps), "faces", count_frames(source), unit="frame", disable=None)
    if path and path.is_file():
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


def read_source(source, ops, step, gallery, kept=None):
    """The records of one source, read once; `kept` is the file of its faces, None where none is to be kept."""
    results, names = ops.results, ops.names
    followed, made = follow(source, kept, ops.source.fps, ops.tracking)
    portraits = Portraits(names.name_crops) if gallery or names.link else None
    framing = ops.margins.by_source()[ops.tracking.detector]
    with EmotionReader(step, results.frame_stride, results.every, framing) as emotions:
        faces, shots, seconds = read_through(followed, [emotions, portraits] if portraits else [emotions])
        places, logits = emotions.finish()
    if made and kept:
        write_faces(kept, made, faces, shots)
    people = identify(faces, portraits.finish() if portraits else {}, gallery, names.name_distance,
                      names.link_distance if names.link else None)
    print(f"{source}: {shots[-1]:,} frames, {len(shots) - 1} shots, {len(people)} faces followed")
    logits = smooth_logits(faces[places], logits, results.frame_stride, results.smooth)
    told = faces["frame"][places] % results.every == 0
    return make_records(faces[places][told], logits[told], seconds, people, results.scores == "true")


def create(source, path, ops, step, gallery):
    """Read one source and write its results to `path`, its segments and what else was asked for beside it."""
    results, timelines, drawn = ops.results, Timelines(), path.with_suffix(".overlay.mp4")
    records = read_source(source, ops, step, gallery, path.with_suffix(".faces.npz"))
    drawn.unlink(missing_ok=True)                # of the results before
    count = write_records(path, timelines.passing(records))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")
    segments = timelines.segments(**ops.segments.plain())
    write_records(segments_path(path), segments)
    print(f"wrote {segments_path(path)}: {len(segments):,} segments", *longest_lines(segments), sep="\n")
    if results.overlay:
        frames = tqdm(read_frames(source, ops.source.fps), "overlay", unit="frame", disable=None)
        write_overlay(drawn, frames, read_results(path), results.every)
        print(f"wrote {drawn}")


def create_photos(folder, ops, step):
    """Read a folder of photos and write its results; an InputError names those that could not be read."""
    path, failed, tracking = ops.results.results_path / f"{short_name(folder.resolve().name)}.json", [], ops.tracking
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    framing = ops.margins.by_source()[tracking.detector]
    count = write_records(path, read_photos(folder, detector, step, framing, ops.results.scores == "true", failed))
    print(f"wrote {path}: {count:,} records")
    if failed:
        raise InputError(f"{len(failed)} photos were left out: {'; '.join(failed)}")


def make_reader(ops):
    """(step, gallery) of the options: the network's step, and whom to name people by."""
    results, device = ops.results, name_device(ops.results.device)
    *_, here, beside = torchrun_places()
    threads = max(1, os.cpu_count() // beside)
    if device == "cuda":                         # without a number: this process's own
        import torch
        device = f"cuda:{here % torch.cuda.device_count()}"
    ops.tracking.detect_threads = ops.tracking.detect_threads or threads
    weights = find_weights(results.weights, ops.place.root)
    step = make_step(results.backend, device, weights, results.graphs_path, threads)
    friends = bool(ops.source.episodes) or ops.source.episode is not None
    return step, find_gallery(ops.names.gallery, friends, ops.place.dicts_path)


def read_video(video, **options):
    """The records of a video as a pandas DataFrame, a row a face and frame; no file is read or written beside it.

    Args:
        video: a video file, or a folder of frames.
        options: as of the command line, by name: read_video("a.mp4", weights="runs/tsm/best.pt", every=4, link=True).

    Returns:
        DataFrame: seconds (presentation time, s), id, name (or missing), class (category of the seven emotions),
        confidence, a score from 0 to 1 for each emotion, and the face's xmin, ymin, xmax, ymax (px).

    Raises:
        InputError: no such video, or a wrong option.
    """
    from exports.parquet import as_frame
    from exports.tables import RECORD_COLUMNS, record_rows

    ops = ResultsOps()
    for name, value in {**options, "video": str(video)}.items():
        concern = next((concern for concern in vars(ops).values() if name in vars(concern)), None)
        if concern is None:
            raise InputError(f"read_video: no option {name!r}; create_results.py --help lists them")
        setattr(concern, name, value)
    (source, _), = find_sources(settle(ops).source, ops.friends)
    return as_frame(RECORD_COLUMNS, record_rows(read_source(source, ops, *make_reader(ops))))


def main(argv=None):
    ops = parse(ResultsOps, argv, __doc__)
    results, (rank, ranks, *_), many = ops.results, torchrun_places(), bool(ops.source.videos)
    sources, failed, paths = find_sources(ops.source, ops.friends)[rank::ranks], [], []
    step, gallery = make_reader(ops)
    if ops.source.images:
        return create_photos(ops.source.images, ops, step)
    for number, (source, name) in enumerate(sources, 1):
        path = results.results_path / f"{name}.json"
        if many:
            print(f"{number} of {len(sources)}: {source}")
        if (results.resume or many) and is_done(source, path, results.overlay):
            print(f"{path} is there already")
        else:
            try:
                create(source, path, ops, step, gallery)
            except (InputError, OSError) as error:
                if not many:
                    raise
                failed.append(str(error))
                print(error)
                continue
        paths.append(path)
    if many:
        print(*table_lines(paths), sep="\n")
    if failed:
        raise InputError(f"{len(failed)} of {len(sources)} videos could not be read: {'; '.join(failed)}")


if __name__ == "__main__":
    run_script(main)
