"""From followed faces to records: each face's crops through the network, frame by frame, with what it remembers."""
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from vtt_emotion.core.crop import Box, crop_face, xyxy_to_xywh
from vtt_emotion.core.labels import AFFECT, EMOTIONS, emotions_of
from vtt_emotion.video.detection import frontal
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.mesh import HOLDS, frontal_by, record_part

AHEAD = 2                                        # blocks that wait for the network while the video is read on


def labels_of(step: Any) -> tuple[str, ...]:
    """The names of a step's logits, in their order: a user's own network may have others."""
    return tuple(getattr(step, "labels", EMOTIONS))


class EmotionStream:
    """The network over faces of several frames at once, each with its own past, kept from call to call.

    The network was trained on buffers of frames `stride` apart, so a face has `stride` interleaved pasts, one for
    each remainder of its frame number, and the logits are those of such a buffer.
    """

    def __init__(self, step: Any, stride: int) -> None:
        self.step, self.stride, self.labels = step, stride, labels_of(step)
        self.state, self.rows = None, {}         # rows: {(id, remainder): row of state}

    def read(self, keys: Sequence[tuple[int, int]], crops: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N, K) of faces `keys`, (id, frame number) of fewer than `stride` frames; absent ones are forgotten.

        crops uint8 (N, H, W, 3).
        """
        keys = [(id, number % self.stride) for id, number in keys]
        rows = [self.rows.get(key, 0) for key in keys]         # a fresh face's may be any
        state = None if self.state is None else tuple(part[rows] for part in self.state)
        fresh = np.array([key not in self.rows for key in keys])
        frames = np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2))
        logits, self.state = self.step(frames, state, fresh)
        self.rows = {key: row for row, key in enumerate(keys)}
        return logits

    def forget(self) -> None:
        """Forget all faces: none is on `stride` frames."""
        self.rows = {}


class EmotionReader:
    """Crops the faces of frames as they come, and reads them in a thread beside, all of `stride` frames at a time.

    Of the frames, those are left out that share no past with one whose number is a multiple of `every`. framing is the
    crops' (margin, lift).
    """

    def __init__(self, step: Any, stride: int, every: int, framing: tuple[float, float]) -> None:
        self.stream, self.size, self.stride, self.framing = EmotionStream(step, stride), step.size, stride, framing
        self.wanted = {number % stride for number in range(0, every * stride, every)}
        self.block, self.current, self.seen, self.rows, self.logits = [], 0, 0, [], []
        self.height = 0                          # px of a frame with a face
        self.pool, self.pending = ThreadPoolExecutor(1), deque()

    def __enter__(self) -> "EmotionReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def take(self, frame: Frame, faces: np.ndarray) -> None:
        """Crop the `faces` (dtype FACE) of the next frame."""
        self.height = self.height or (frame.size[1] if len(faces) else 0)
        if frame.number // self.stride != self.current:
            self._send()
            self.current = frame.number // self.stride
        if frame.number % self.stride in self.wanted:
            for place, face in enumerate(faces, self.seen):
                crop = crop_face(frame.rgb, xyxy_to_xywh(face["box_xyxy"]), self.size, *self.framing)
                self.block.append((place, (int(face["id"]), frame.number), crop))
        self.seen += len(faces)

    def _send(self):
        if self.block:
            rows, keys, crops = zip(*self.block)
            self.rows.append(np.array(rows))
            self.pending.append(self.pool.submit(self.stream.read, keys, crops))
            self.block = []
        else:
            self.pool.submit(self.stream.forget)
        self._take(AHEAD)

    def _take(self, most):
        while len(self.pending) > most:
            self.logits.append(self.pending.popleft().result())

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows among all faces seen (N,), their logits (N, K) float32), in order, of those that were read."""
        self._send()
        self._take(0)
        return (np.concatenate([np.zeros(0, int), *self.rows]),
                np.concatenate([np.zeros((0, len(self.stream.labels)), np.float32), *self.logits]))


def picture_logits(image: np.ndarray, boxes_xywh: Sequence[Box], step: Any, *framing: float) -> np.ndarray:
    """Logits (N, K) of the faces in N > 0 boxes of one picture, RGB uint8 (H, W, 3); framing: margin, and lift."""
    crops = np.stack([crop_face(image, box, step.size, *framing) for box in boxes_xywh])
    logits, _ = step(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)), None, np.ones(len(crops), bool))
    return logits


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares (N, K) of logits (N, K)."""
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def smooth_logits(faces: np.ndarray, logits: np.ndarray, stride: int, smooth: float) -> np.ndarray:
    """Logits (N, K) of `faces` (N,), dtype FACE by frame, with what is carried over from a face's frames before.

    smooth: the share, to the next frame. What a face said is forgotten where it is not there for `stride` frames.
    """
    held, smoothed = {}, logits.copy()           # held: {id: (frame number, its smoothed logits)}
    for row, (id, number) in enumerate(zip(faces["id"].tolist(), faces["frame"].tolist())):
        last, former = held.get(id, (number, smoothed[row]))
        if number - last <= stride:
            smoothed[row] += smooth ** (number - last) * (former - smoothed[row])
        held[id] = number, smoothed[row]
    return smoothed


def make_records(faces: np.ndarray, logits: np.ndarray, seconds: Sequence[float], people: dict[int, tuple],
                 scores: bool = True, labels: Sequence[str] = EMOTIONS,
                 meshes: np.ndarray | None = None) -> Iterator[dict]:
    """Yield the records of `faces` (N,), dtype FACE, in order of seconds, then id.

    Args:
        logits: (N, K), of K `labels`: emotions, and of some networks valence and arousal, which are told as they are;
            seconds: of every frame of the video.
        people: {face's id: (id in the records, name or None)}.
        scores: whether each has the probabilities of all emotions by name, rounded so that they still sum to 1.
        meshes: (N,), dtype MESH, of the same faces, where their meshes are wanted.

    `confidence` is the emotion's share times (1 + score) / 2: the detector's score of the face counts half, since one
    that it missed between two looks, score 0, is likely still there.
    """
    persons = np.array([people[id][0] for id in faces["id"].tolist()], int)
    known = len(emotions_of(tuple(labels)))
    chances, affect, straight = softmax(logits[:, :known]), logits[:, known:].clip(-1, 1), frontal(faces["landmarks"])
    marked = np.isfinite(faces["landmarks"]).all((1, 2))
    if meshes is not None:
        straight, marked = frontal_by(meshes, straight), marked | (meshes["mesh"] >= HOLDS)
    for row in np.lexsort((persons, faces["frame"])).tolist():
        face, emotion = faces[row], int(chances[row].argmax())
        confidence = float(chances[row, emotion]) * (1 + float(face["score"])) / 2
        about = {"id": int(persons[row]), "name": people[int(face["id"])][1],
                 "box": np.round(face["box_xyxy"]).astype(int).tolist(), "confidence": round(confidence, 3)}
        if marked[row]:
            about["frontal"] = round(float(straight[row]), 2)
        about |= {name: round(float(value), 3) for name, value in zip(AFFECT, affect[row])}
        if meshes is not None:
            about |= record_part(meshes[row])
        if scores:
            parts = [round(float(chance), 4) for chance in chances[row]]
            rest = 1 - sum(parts)                # of rounding: the emotion's, so long as it stays the largest
            second = max((place for place in range(len(parts)) if place != emotion), key=parts.__getitem__)
            parts[emotion if parts[emotion] + rest >= parts[second] else second] += rest
            about["scores"] = {name: round(part, 4) for name, part in zip(labels, parts)}
        yield {"type": "emotion", "class": labels[emotion], "seconds": round(seconds[face["frame"]], 3),
               "object": about}
