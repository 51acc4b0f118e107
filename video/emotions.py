"""From followed faces to records: each face's crops through the network, frame by frame, with what it remembers."""
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from indexes.crop import crop_face, xyxy_to_xywh
from indexes.labels import EMOTIONS
from video.detection import frontal

AHEAD = 2                                        # blocks that wait for the network while the video is read on


class EmotionStream:
    """The network over faces of several frames at once, each with its own past, kept from call to call.

    The network was trained on buffers of frames `stride` apart, so a face has `stride` interleaved pasts, one for
    each remainder of its frame number, and the logits are those of such a buffer.
    """

    def __init__(self, step, stride):
        self.step, self.stride = step, stride
        self.state, self.rows = None, {}         # rows: {(id, remainder): row of state}

    def read(self, keys, crops):
        """Logits (N, 7) of faces `keys`, (id, frame number) of fewer than `stride` frames; absent ones are forgotten.

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


class EmotionReader:
    """Crops the faces of frames as they come, and reads them in a thread beside, all of `stride` frames at a time.

    Of the frames, those are left out that share no past with one whose number is a multiple of `every`. framing is the
    crops' (margin, lift).
    """

    def __init__(self, step, stride, every, framing):
        self.stream, self.size, self.stride, self.framing = EmotionStream(step, stride), step.size, stride, framing
        self.wanted = {number % stride for number in range(0, every * stride, every)}
        self.block, self.current, self.seen, self.rows, self.logits = [], 0, 0, [], []
        self.pool, self.pending = ThreadPoolExecutor(1), deque()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown(cancel_futures=True)

    def see(self, frame, faces):
        """Crop the `faces` (dtype FACE) of the next frame."""
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
        self._take(AHEAD)

    def _take(self, most):
        while len(self.pending) > most:
            self.logits.append(self.pending.popleft().result())

    def finish(self):
        """(places among all faces seen (N,), their logits (N, 7)), in order."""
        self._send()
        self._take(0)
        return np.concatenate([np.zeros(0, int), *self.rows]), np.concatenate([np.zeros((0, 7)), *self.logits])


def softmax(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def smooth_logits(faces, places, logits, stride, smooth):
    """Logits (N, 7) of faces at `places`, each with what is carried over from that face's frames before, float32.

    smooth: share that is carried over to the next frame. What a face said is forgotten while it is out of sight.
    """
    held, smoothed = {}, np.array(logits, np.float32)      # {id: (frame number, its smoothed logits)}
    for row, (id, number) in enumerate(zip(faces["id"][places].tolist(), faces["frame"][places].tolist())):
        last, former = held.get(id, (-1, None))
        if former is not None and number // stride - last // stride <= 1:
            smoothed[row] += np.float32(smooth ** (number - last)) * (former - smoothed[row])
        held[id] = number, smoothed[row]
    return smoothed


def make_records(faces, seconds, said, people, every):
    """Yield the records of all faces, in order of seconds, then id; see README, "Read an episode".

    Args:
        faces: dtype FACE, by frame; seconds: of each frame.
        said: {place among the faces: logits (7,)}.
        people: {face's id: (id in the records, name or None)}.
        every: frames between two whose faces are told.
    """
    straight = frontal(faces["landmarks"])
    chosen = [row for row in range(len(said[0])) if faces["frame"][said[0][row]] % every == 0]
    chosen.sort(key=lambda row: (faces["frame"][said[0][row]], people[faces["id"][said[0][row]]][0]))
    for row in chosen:
        place = said[0][row]
        face, chances = faces[place], softmax(said[1][row])
        id, name = people[int(face["id"])]
        emotion = int(chances.argmax())
        # How sure the detector is counts half: a face that it missed between two looks is likely still there.
        confidence = float(chances[emotion]) * (1 + float(face["score"])) / 2
        about = {"id": id, "name": name, "box": np.round(face["box_xyxy"]).astype(int).tolist(),
                 "confidence": round(confidence, 3)}
        if not np.isnan(straight[place]):
            about["frontal"] = round(float(straight[place]), 2)
        yield {"type": "emotion", "class": EMOTIONS[emotion], "seconds": round(seconds[face["frame"]], 3),
               "object": about}
