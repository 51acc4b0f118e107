"""Where an episode's frames are: its video, or the folder that they were extracted to."""
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import is_image
from vtt_emotion.results.records import episode_of
from vtt_emotion.video.decoding import Film, say_once
from vtt_emotion.video.frames import frame_files, read_marker

VIDEO_SUFFIXES = (".mkv", ".mp4", ".avi", ".mov", ".m4v", ".webm", ".mpg", ".ts", ".wmv", ".mts", ".m2ts", ".m2t",
                  ".mpeg", ".mpe", ".m2v", ".3gp", ".3g2", ".ogv", ".flv", ".f4v", ".vob", ".mxf", ".gif", ".asf",
                  ".dv", ".qt", ".mod", ".tod", ".rm", ".rmvb")
TOLD = 5                                         # names of files left out that are said


def is_video(path: Path) -> bool:
    """Whether FFmpeg finds a film in a file; a picture is none."""
    try:
        with Film(path) as film:
            return not film.container.format.name.endswith("_pipe") and not is_image(path)
    except InputError:
        return False


def choose(folder: Path, files: Iterable[Path], suffixes: Sequence[str], asked: Callable[[Path], bool],
           kind: str) -> list[Path]:
    """Those of a folder's files (of Paths) that have one of the suffixes or that `asked` takes; the rest are said."""
    taken = [path for path in files if path.is_file() and (path.suffix.lower() in suffixes or asked(path))]
    say_left_out(folder, [path.name for path in files if path not in set(taken)], kind)
    return taken


def say_left_out(folder: Path | str, names: Sequence[str], kind: str) -> None:
    """Say on stderr which of a folder's files are not taken, since they are no `kind`."""
    if names:
        others = f" and {len(names) - TOLD:,} others" if len(names) > TOLD else ""
        say_once(f"{folder}: left out, as no {kind} file: {', '.join(names[:TOLD])}{others}")


def find_videos(folder: Path) -> dict[int, Path]:
    """{episode number: video} of a Friends folder, by name: `1x07 - ...` is 7; where none is named so, from 1.

    Beside videos that name their episode others, and a second one of an episode, are left out, and said on stderr.
    """
    files = sorted(path for path in Path(folder).glob("[!.]*") if path.suffix.lower() not in (".json", ".txt"))
    videos = choose(folder, files, VIDEO_SUFFIXES, is_video, "video")
    episodes: dict = {}
    others = []
    for path in videos:
        named = re.match(r"\d{1,2}x(\d{1,3})(?!\d)", path.name)
        number = int(named.group(1)) if named else None
        if named and number not in episodes:
            episodes[number] = path
        else:
            others.append(path.name)
    if episodes and others:
        say_once(f"{folder}: left out, as not, or not the first, of an episode by name: {', '.join(others)}")
    return episodes or dict(enumerate(videos, 1))


def describe_source(source: Path) -> list:
    """What tells a source from another of its name: [name, bytes of the video, or frames in the folder]."""
    marker = read_marker(source)
    return list(marker[:3]) if marker else \
        [source.name, len(frame_files(source)) if source.is_dir() else source.stat().st_size]


def episode_folder(frames_path: str | Path, episode: int) -> Path:
    return Path(frames_path) / f"ep{episode:02d}"


def find_episode(episode: int, friends_path: Path, frames_path: Path | None) -> Path:
    """An episode's source: its extracted frames where they are, its video otherwise, or with `frames_path` None."""
    folder = episode_folder(frames_path, episode) if frames_path else None
    if folder and folder.is_dir() and any(folder.iterdir()):
        return folder
    videos = find_videos(friends_path)
    if episode not in videos:
        have = ", ".join(map(str, sorted(videos))) or "none"
        beside = f", nor {folder}" if folder else ""
        raise InputError(f"{friends_path}: no video of episode {episode}{beside}; videos there: {have}")
    return videos[episode]


def find_source(results: Path, video: str | Path | None, friends_path: Path, frames_path: Path | None,
                episode: int | None = None) -> tuple[Path | None, str]:
    """What results were made from, and where that is None, why: the `video` named, else a Friends episode's.

    `results` names the episode unless `episode` does. Without `frames_path` it is the episode's video.

    Raises:
        InputError: the `video` that is named is not there.
    """
    if video is not None:
        if not (Path(video).exists() if frames_path else Path(video).is_file()):
            raise InputError(f"{video}: no such video {'or folder of frames' if frames_path else 'file'}")
        return Path(video), ""
    episode = episode_of(results) if episode is None else episode
    if episode is None:
        return None, f"{results}: not of a Friends episode; --video names what it was made from"
    try:
        return find_episode(episode, friends_path, frames_path), ""
    except InputError as error:
        return None, str(error)
