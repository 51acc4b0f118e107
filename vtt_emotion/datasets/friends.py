"""The Friends metadata: who shows which emotion where, in each annotated period of an episode."""
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vtt_emotion.core.crop import check_pixels, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import CHARACTERS, FRIENDS, NEUTRAL
from vtt_emotion.datasets.layouts import find_files
from vtt_emotion.datasets.parsing import Report

METADATA = re.compile(r"s01_ep(\d+)_.*\.json$", re.IGNORECASE)
FRAME = re.compile(r"(?:frame_|^[a-z])(\d{1,7})(?:_\d+)?(?:\.\w+)*$", re.IGNORECASE)
LAST_NUMBER = re.compile(r"(?<!\d)(\d{1,7})(?:\.\w+)*$")
TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[;:.](\d{1,2})")
CORNERS = ("min_x", "min_y", "max_x", "max_y")


def find_metadata(folder: Path, episodes: Iterable[int], named: str = "") -> dict[int, Path]:
    """{episode: metadata file} of those wanted, all where none are named, in `folder` or up to two levels below.

    Raises:
        InputError: an episode has none, or several of which not just one has `named` in its name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --friends-path names Friends', sample_data.py draws a small one")
    found = {}
    for path in (folder / name for name in find_files(folder, METADATA.match, levels=2)):
        found.setdefault(int(METADATA.sub(r"\1", path.name)), []).append(path)
    missing = sorted(set(episodes) - set(found))
    if missing or not found:
        wanted = f"episodes {missing}" if missing else "any episode"
        raise InputError(f"{folder}: no metadata (s01_ep01_....json) of {wanted}")
    return {episode: _choose(episode, found[episode], named) for episode in sorted(episodes or found)}


def _choose(episode, paths, named):
    fit = [path for path in paths if named in path.name] if len(paths) > 1 else paths
    if len(fit) != 1:
        first, second = (fit or paths)[:2]
        raise InputError(f"{first} and {second}: two metadata files of episode {episode}; expected --metadata with "
                         "a part of the name of the one to read")
    return fit[0]


def read_metadata(path: Path) -> list[dict]:
    """The periods (list of dicts) of an episode's metadata; bytes that are not UTF-8 are replaced.

    Texts may hold tabs and newlines.
    """
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig", errors="replace"), strict=False)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    periods = data.get("visual_results") if isinstance(data, dict) else None
    if not isinstance(periods, list):
        raise InputError(f"{path}: expected one object with a list `visual_results`")
    return periods


def read_frame_number(image: object) -> int:
    """The number in `Frame_01234.jpg`, `Frame_01234_1.jpg` or `Frame_01234.jpg.jpg`, or in a letter and digits."""
    match = FRAME.search(str(image)) or LAST_NUMBER.search(str(image))
    if not match:
        raise ValueError(f"expected an image name that ends in a frame number, found {image!r}")
    return int(match.group(1))


def read_box(rect: dict) -> tuple[list[float] | None, str]:
    """(`[x, y, w, h]` of a rectangle, ""), or (None, reason); of two numbers in one field the first counts."""
    values = [str(rect[corner]).split() for corner in CORNERS]
    given = [bool(value) and value[0].lower() != "none" for value in values]
    if not any(given):
        return None, "no face box"
    if not all(given):
        return None, "half a face box"
    box = xyxy_to_xywh([float(value[0]) for value in values])
    check_pixels(box)
    if not (box[2] > 0 and box[3] > 0):
        return None, "empty or inverted face box"
    return box, ""


def read_period(period: dict, where: str, report: Report, none_is_neutral: bool = False) -> Iterator[dict]:
    """Entries (without img and pos) of the faces in one period; what is dropped goes to the report.

    A face whose emotion is `none` is dropped, or with `none_is_neutral` neutral.
    """
    try:
        frame, number = read_frame_number(period["image"]), int(period["period_num"])
        faces = [(name.strip().lower(), note) for people in period["person"] for name, notes in people.items()
                 for note in notes]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        report.defect(where, f"expected period_num, image and person ({error!r})")
        return
    for name, note in faces:
        try:
            box, reason = read_box(note["face_rect"])
            emotion = note["emotion"].strip().lower()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            report.defect(f"{where}, {name}", f"expected emotion and face_rect with four numbers ({error!r})")
            continue
        label = NEUTRAL if emotion == "none" and none_is_neutral else FRIENDS.get(emotion)
        if box is None:
            report.drop(reason)
        elif name not in CHARACTERS or (label is None and emotion != "none"):
            report.defect(f"{where}, {name}", f"expected a known character and emotion, found {name!r}, {emotion!r}")
        elif label is None:
            report.drop("emotion none beside a face box")
        else:
            yield {"emo": label, "face_rect": box, "period": number, "frame": frame, "character": name}


def read_span(period: dict, frame: int) -> tuple[int, int]:
    """The frames (first, end) a period lasts, its `start_time` and `end_time` (HH:MM:SS;FF) counted at 24 fps.

    Where they cannot be read, or do not hold the annotated `frame`, it is that frame alone.
    """
    span = []
    for key in ("start_time", "end_time"):
        match = TIMECODE.fullmatch(str(period.get(key)).strip())
        if match:
            hours, minutes, seconds, frames = (int(part) for part in match.groups())
            span.append(((hours * 60 + minutes) * 60 + seconds) * 24 + frames)
    return (span[0], span[1]) if len(span) == 2 and span[0] <= frame < span[1] else (frame, frame + 1)
