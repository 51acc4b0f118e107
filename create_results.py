"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads Friends episodes (their extracted frames, or their videos), video files, or photos, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json), one array, one record a line, by seconds, then id; beside it who
shows which emotion from when to when, friends_s01_ep01.segments.json, and the faces it followed,
friends_s01_ep01.faces.npz, which another run, with other weights, takes up. A video is read once: faces are looked for,
followed, cropped, and shown to the network on the way. --cluster reads many on Ray's machines; --table also writes each
one's part of the archive's table, archive/VIDEO.parquet.

    python create_results.py --episode 1
    python create_results.py --video interview.mp4
    python create_results.py --videos interviews/
    python create_results.py --videos s3://films/one --results-path s3://readings/one --cluster auto
    python create_results.py --images photos/
    python create_results.py --episodes 1 2 3 --weights runs/tsm/best.pt --resume
"""
import os
from dataclasses import replace
from pathlib import Path

from ops import ResultsOps
from vtt_emotion.archive.places import as_place, find_videos, is_url
from vtt_emotion.archive.work import Job, is_there, read_job, shown
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import check_regular, locked, short_name
from vtt_emotion.core.weights import find_weights
from vtt_emotion.results.records import remove_made_of, results_name, write_records
from vtt_emotion.video.batch import photo_detectors, read_photos, table_lines
from vtt_emotion.video.create import find_gallery, load_step
from vtt_emotion.video.detection import find_detector, framing_of
from vtt_emotion.video.library import read_video
from vtt_emotion.video.mesh import Mesher
from vtt_emotion.video.sources import find_episode

__all__ = ["read_video"]                         # for who imports it from here


def find_sources(source, friends):
    """[(video or folder of frames, name of its results)] that the options ask for; a folder of photos is none."""
    episodes = [*source.episodes, *([] if source.episode is None else [source.episode])]
    if sum(map(bool, (episodes, source.video is not None, source.videos, source.images))) != 1:
        raise InputError("expected --episode N, --episodes N N ... or --video FILE, --videos FILE FOLDER ... or "
                         "--images FOLDER, one of them")
    if source.images:
        return []
    if source.videos:
        return find_videos(source.videos)
    if episodes:
        return [(find_episode(episode, friends.friends_path, friends.frames_path), results_name(episode))
                for episode in episodes]
    path = Path(source.video)
    if not path.exists():
        raise InputError(f"{source.video}: no such video")
    if not path.is_dir():
        check_regular(path)
    name = Path(os.path.abspath(path)).name or "frames"          # of ".", the folder's
    return [(path, short_name(name if path.is_dir() else path.stem))]


def create_photos(folder, path, ops, step):
    """Read a folder of photos and write its results; an InputError names those that could not be read."""
    failed, tracking = [], ops.tracking
    detectors = photo_detectors(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    framing, scores = framing_of(tracking.detector, ops.margins), ops.results.scores == "true"
    mesher = Mesher(find_detector(tracking.detector).hog_box) if ops.results.mesh else None
    with locked(path, "written"):
        remove_made_of(path)                     # of a video of that name
        count = write_records(path, read_photos(folder, detectors, step, framing, scores, failed, mesher))
    print(f"wrote {path}: {count:,} records")
    if failed:
        raise InputError(f"{len(failed)} photos were left out: {'; '.join(failed)}")


def gallery_of(ops):
    """Whom to name people by, {name: encodings}."""
    friends = bool(ops.source.episodes) or ops.source.episode is not None
    return find_gallery(ops.names.gallery, friends, ops.place.dicts_path)


def make_reader(ops):
    """(step, gallery) of the options, to read on this machine: the network's step, and whom to name people by."""
    return load_step(ops, os.cpu_count()), gallery_of(ops)


def read_here(sources, folder, ops):
    """Read sources one after the other on this machine; returns (jobs that have results, what failed)."""
    many, table, done, failed = bool(ops.source.videos), ops.cluster.table, [], {}
    step, gallery = make_reader(ops)
    for number, (source, name) in enumerate(sources, 1):
        job = Job(source, folder, name)
        if many:
            print(f"{number} of {len(sources)}: {source}")
        try:
            if (ops.results.resume or many) and is_there(job, ops.results.overlay, table, ops.results.speech):
                print(f"{shown(job)} is there already")
            else:
                read_job(job, ops, step, gallery, table)
        except Exception as error:               # whatever a film may lead to, the others are read
            if len(sources) == 1 and not many:
                raise
            known, reason = isinstance(error, InputError | OSError), " ".join(str(error).split())[:300]
            failed[name] = str(error) if known else f"{source}: ended with {type(error).__name__} ({reason})"
            print(failed[name])
        else:
            done.append(job)
    return done, list(failed.values())


def read_there(sources, folder, ops):
    """The same on a cluster."""
    from vtt_emotion.archive.cluster import make_jobs, read_on_cluster

    weights = str(find_weights(ops.results.weights, ops.place.root).absolute())
    ops = replace(ops, results=replace(ops.results, weights=weights))
    return read_on_cluster(make_jobs(sources, folder), ops, gallery_of(ops), ops.cluster)


def main(argv=None):
    ops = parse(ResultsOps, argv, __doc__)
    folder, photos = as_place(ops.results.results_path, ops.place.root), ops.source.images
    if photos and (ops.cluster.cluster or is_url(folder)):
        raise InputError(f"--images {photos}: expected neither --cluster nor a URL as --results-path with it")
    sources = find_sources(ops.source, ops.friends)
    if photos:
        return create_photos(photos, folder / f"{short_name(photos.resolve().name)}.json", ops, make_reader(ops)[0])
    done, failed = (read_there if ops.cluster.cluster else read_here)(sources, folder, ops)
    if ops.source.videos and not ops.cluster.cluster and not is_url(folder):
        print(*table_lines([shown(job) for job in done]), sep="\n")
    if failed:
        raise InputError(f"{len(failed)} of {len(sources)} videos could not be read: {'; '.join(failed)}")


if __name__ == "__main__":
    run_script(main)
