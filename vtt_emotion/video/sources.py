"""Where an episode's frames are: its video, or the folder that they were extracted to."""
import re
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.video.decoding import say_once
from vtt_emotion.video.frames import frame_files, read_marker

VIDEO_SUFFIXES = (".mkv", ".mp4", ".avi", ".mov", ".m4v", ".webm", ".mpg", ".ts", ".wmv")


def find_videos(folder):
    """{episode number: video} of a Friends folder, by name: `1x07 - ...` is 7; where none is named so, from 1.

    Beside videos that name their episode others, and a second one of an episode, are left out, and said on stderr.
    """
    videos = sorted(path for path in Path(folder).glob("[!.]*") if path.suffix.lower() in VIDEO_SUFFIXES)
    episodes, others = {}, []
    for path in videos:
        named = re.match(r"\d{1,2}x(\d{1,3})(?!\d)", path.name)
        number = int(named.group(1)) if named else None
        if named and number not in episodes:
            episodes[number] = path
        else:
            others.append(path.name)
    if episodes and others:
        say_once(f"warning: {folder}: left out, as not, or not the first, of an episode by name: {', '.join(others)}")
    return episodes or dict(enumerate(videos, 1))


def describe_source(source):
    """What tells a source from another of its name: [name, bytes of the video, or frames in the folder]."""
    marker = read_marker(source)
    return list(marker[:3]) if marker else \
        [source.name, len(frame_files(source)) if source.is_dir() else source.stat().st_size]


def episode_folder(frames_path, episode):
    return Path(frames_path) / f"ep{episode:02d}"


def find_episode(episode, friends_path, frames_path):
    """An episode's source: its extracted frames where they are, its video otherwise."""
    folder = episode_folder(frames_path, episode)
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    videos = find_videos(friends_path)
    if episode not in videos:
        have = ", ".join(map(str, sorted(videos))) or "none"
        raise InputError(f"{friends_path}: no video of episode {episode}, nor {folder}; videos there: {have}")
    return videos[episode]
