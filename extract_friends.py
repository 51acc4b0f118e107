"""Write every frame of the Friends episodes as a JPEG file.

Reads the videos in datasets/Friends; sorted by name they are episodes 1, 2, ... Writes friends/ep01/00000.jpg
on. A finished episode is not done again; an interrupted one is, from its start.

    python extract_friends.py
    python extract_friends.py --episodes 1 2 --jpeg-quality 90
"""
import json
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from ops import Extract, Friends, Place, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_folder
from vtt_emotion.core.images import write_image
from vtt_emotion.video.decoding import falls_short
from vtt_emotion.video.frames import MARKER, count_frames, read_frames, read_marker
from vtt_emotion.video.sources import describe_source, episode_folder, find_videos

ExtractOps = compose(place=Place, friends=Friends, extract=Extract)


def extract(video, folder, quality, workers):
    """Write the frames of `video` as `folder`/00000.jpg on; returns how many.

    The folder appears when all are there.
    """
    expected, seconds, writing = count_frames(video), [], deque()
    with whole_folder(folder) as partial:
        with ThreadPoolExecutor(workers) as pool, \
                tqdm(total=expected, desc=folder.name, unit="frame", disable=None) as bar:
            for frame in read_frames(video):
                writing.append(pool.submit(write_image, partial / f"{frame.number:05d}.jpg", frame.rgb, quality))
                if len(writing) > 4 * workers:   # so many frames in memory at the most
                    writing.popleft().result()
                seconds.append(round(frame.seconds, 6))
                bar.update()
            for job in writing:
                job.result()
        written = len(os.listdir(partial))
        if written != len(seconds):
            raise InputError(f"{partial}: {written} files for {len(seconds)} decoded frames; is another program "
                             "writing there?")
        (partial / MARKER).write_text(json.dumps([*describe_source(video), len(seconds), seconds]))
    return len(seconds)


def finished(folder, video):
    """Whether `folder` holds all frames of `video`. Frames of another video are redone, a stranger's refused."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if (folder / MARKER).is_file():
        marker = read_marker(folder)             # of an earlier version it tells no times
        if marker and [*marker[:3]] == [*describe_source(video), count_frames(folder)]:
            return True
        print(f"{folder}: not the frames of {video.name} as it is now, so they are made again")
        return False
    if falls_short(count_frames(folder), count_frames(video)):
        raise InputError(f"{folder}: holds {count_frames(folder):,} frames that this script did not write, not all of "
                         f"{video.name}; remove them, or give another --frames-path")
    return True


def main(argv=None):
    ops = parse(ExtractOps, argv, __doc__)
    root = ops.friends.friends_path
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --friends-path names the videos', sample_data.py draws small ones")
    videos = find_videos(root)
    missing = sorted(set(ops.extract.episodes) - set(videos))
    if missing or not videos:
        have = ", ".join(map(str, sorted(videos))) or "none"
        raise InputError(f"{root}: no video of {f'episodes {missing}' if missing else 'any episode'}; found: {have}")
    for episode in ops.extract.episodes or sorted(videos):
        folder = episode_folder(ops.friends.frames_path, episode)
        if finished(folder, videos[episode]):
            print(f"{folder}: {count_frames(folder):,} frames, there already")
            continue
        count = extract(videos[episode], folder, ops.extract.jpeg_quality, ops.extract.workers or os.cpu_count())
        print(f"wrote {folder}: {count:,} frames of {videos[episode].name}")


if __name__ == "__main__":
    run_script(main)
