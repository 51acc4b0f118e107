"""What annotators saw in an episode, beside what its results say: matched by frame and box, and counted."""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vtt_emotion.core.crop import iou
from vtt_emotion.datasets.friends import read_metadata, read_period, read_span
from vtt_emotion.datasets.parsing import Report
from vtt_emotion.page.readings import Readings
from vtt_emotion.results.agreement import count_pairs, figures, or_none

LEAST_IOU = 0.3                                  # of an annotated box with a record's, to be the same face


@dataclass
class Annotation:
    """One annotated face: its frame, the frames (`first`, `end`) it stands for, box, emotion and character."""
    frame: int
    first: int
    end: int
    box_xyxy: list
    emotion: int
    character: str


def read_annotations(path: Path, none_is_neutral: bool = False) -> list[Annotation]:
    """The usable annotations of an episode's metadata file, in order of their frames. InputError where it is none."""
    report, found = Report(), []
    for row, period in enumerate(read_metadata(path)):
        for face in read_period(period, f"{path} period {row}", report, none_is_neutral):
            x, y, w, h = face["face_rect"]
            found.append(Annotation(face["frame"], *read_span(period, face["frame"]), [x, y, x + w, y + h],
                                    face["emo"], face["character"]))
    return sorted(found, key=lambda face: face.frame)


def as_annotations(readings: Readings, frames: np.ndarray, ends: np.ndarray) -> list[Annotation]:
    """Another's `readings` of the same video as annotations, each from its of `frames` to its of `ends`."""
    faces = [Annotation(int(frame), int(frame), int(end), box.tolist(), int(emotion), readings.labels[face])
             for frame, end, box, emotion, face in
             zip(frames, ends, readings.faces["box_xyxy"], readings.faces["emotion"], readings.faces["label"])]
    return sorted(faces, key=lambda face: face.frame)


def match_records(annotations: list[Annotation], numbers: np.ndarray, boxes_xyxy: np.ndarray,
                  every: int = 1) -> np.ndarray:
    """The record (its place, or -1) of each annotation: of its frame, with the greatest overlap of at least 0.3.

    Where every `every`-th frame has records, they stand for those up to the next as well.

    A record is given to one annotation only, to the pair that overlaps most. Names do not count: they may be null.

    Args:
        numbers: int (N,), the records' frame numbers, ascending; boxes_xyxy: float (N, 4), their boxes.
    """
    matched = np.full(len(annotations), -1)
    by_frame = {}
    for place, face in enumerate(annotations):
        by_frame.setdefault(face.frame, []).append(place)
    for frame, places in by_frame.items():
        high = np.searchsorted(numbers, frame, "right")
        if high == 0 or numbers[high - 1] <= frame - every:
            continue
        low = np.searchsorted(numbers, numbers[high - 1])
        overlap = iou([annotations[place].box_xyxy for place in places], boxes_xyxy[low:high])
        while overlap.max() >= LEAST_IOU:
            row, record = np.unravel_index(overlap.argmax(), overlap.shape)
            matched[places[row]] = low + record
            overlap[row], overlap[:, record] = 0, 0
    return matched


def compare_faces(truth: np.ndarray, said: np.ndarray, classes: int = 7) -> dict:
    """Agreement of emotions `said` with the `truth`, both int (A,); -1 in `said` is a face without a record.

    Returns:
        dict: faces, matched, confusion (counts, a row per true one of the classes), agreement and mean_recall of the
        matched (None where there are none); the mean is over the emotions that occur among them.
    """
    found = said >= 0
    confusion = count_pairs(truth[found], said[found], classes)
    return {"faces": len(truth), "matched": int(found.sum()), "confusion": confusion.tolist(),
            **{name: or_none(figures(confusion)[name]) for name in ("agreement", "mean_recall")}}


def truth_rows(annotations: list[Annotation], matched: np.ndarray, rows: np.ndarray, labels: list[str],
               start: Callable[[int], int]) -> list[dict]:
    """What the page draws under each row: dicts of starts, ends (ms) and emotions.

    An annotation goes to the row of its record, else to the one that has its character's name, else nowhere.

    Args:
        matched: as of `match_records`; rows: the row of each record; start: a function from frame number to ms.
    """
    spans = [[] for _ in labels]
    for face, record in zip(annotations, matched):
        row = rows[record] if record >= 0 else labels.index(face.character) if face.character in labels else None
        if row is not None:
            spans[row].append((start(face.first), start(face.end), face.emotion))
    columns = [list(zip(*joined(sorted(mine)))) or [(), (), ()] for mine in spans]
    return [dict(zip(("starts", "ends", "emotions"), three)) for three in columns]


def joined(spans: Iterable[tuple]) -> list[tuple]:
    """Spans (start, end, emotion), in order, those of one emotion that touch as one."""
    made = []
    for start, end, emotion in spans:
        if made and made[-1][2] == emotion and made[-1][1] == start:
            made[-1] = (made[-1][0], end, emotion)
        else:
            made.append((start, end, emotion))
    return made


def add_truth(data: dict, annotations: list[Annotation], readings: Readings, rows: np.ndarray, place: np.ndarray | None,
              times: Any, fps: float) -> dict | None:
    """Put the truth into the rows of the page's `data`; returns how the readings agree with it, or None.

    Args:
        place: the frame of each reading, and `times`, ms of all frames, where the source told them; else None:
            then `fps` tells both.
    """
    def start(frame):
        return round(1000 * frame / fps) if place is None else int(times[min(frame, len(times) - 1)])

    if place is not None:
        annotations = [face for face in annotations if face.frame < len(times)]     # some are past the end
    numbers = np.round(readings.faces["time"] * fps / 1000).astype(int) if place is None else place
    order = np.argsort(numbers, kind="stable")
    frame_ms = 1000 / fps if place is None or len(times) < 2 else float(np.median(np.diff(times)))
    every = max(1, round(data["step"] / frame_ms))
    matched = match_records(annotations, numbers[order], readings.faces["box_xyxy"][order], every)
    matched = np.array([order[record] if record >= 0 else -1 for record in matched], int)
    spans = truth_rows(annotations, matched, rows, [row["label"] for row in data["rows"]], start)
    for row, mine in zip(data["rows"], spans):
        row["truth"] = mine
    said = np.array([readings.faces["emotion"][record] if record >= 0 else -1 for record in matched], int)
    true = np.array([face.emotion for face in annotations], int)
    return compare_faces(true, said, len(readings.emotions)) if annotations else None
