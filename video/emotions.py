"""From followed faces to records: each face's crops through the network, frame by frame, with what it remembers."""
import numpy as np

from indexes.crop import crop_face, xyxy_to_xywh
from indexes.labels import EMOTIONS

BRIDGED = 0.5                                    # times the confidence, where the detector missed the face


class EmotionStream:
    """The network over faces of several frames at once, each with its own past, kept from call to call.

    The network was trained on buffers of frames `stride` apart, so a face has `stride` interleaved pasts, one for
    each remainder of its frame number, and the logits are those of such a buffer.
    """

    def __init__(self, step, stride):
        self.step, self.stride = step, stride
        self.state, self.rows = None, {}         # rows: {(id, remainder): row of state}

    def read_block(self, block):
        """`read` of a block of `face_blocks`."""
        return self.read([(track.id, number) for number, _, _, track, _ in block], [face[-1] for face in block])

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


def face_blocks(frames, tracks, stride, every, size, framing):
    """Yield lists of (number, seconds, (width, height), track, crop) of all faces on `stride` frames at a time.

    Of the frames, those are left out that share no past with one whose number is a multiple of `every`.
    """
    wanted = {number % stride for number in range(0, every * stride, every)}
    tracks, live, block, current = list(tracks), [], [], 0
    for frame in frames:
        if frame.number // stride != current:
            if block:
                yield block
            block, current = [], frame.number // stride
        live = [track for track in live if track.last >= frame.number]
        while tracks and tracks[0].first <= frame.number:
            live.append(tracks.pop(0))
            live.sort(key=lambda track: track.person)
        if not live and not tracks:              # nothing to read any more
            break
        if frame.number % stride in wanted:
            for track in live:
                box = xyxy_to_xywh(track.boxes_xyxy[frame.number - track.first])
                block.append((frame.number, frame.seconds, frame.size, track,
                              crop_face(frame.rgb, box, size, *framing)))
    if block:
        yield block


def softmax(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def named_scores(chances):
    """Probabilities (7,) by their emotions' names, rounded so that they still sum to 1."""
    parts = [round(float(chance), 4) for chance in chances]
    parts[int(chances.argmax())] += 1 - sum(parts)
    return {name: round(part, 4) for name, part in zip(EMOTIONS, parts)}


def read_emotions(blocks, stream, every, smooth, scores=True):
    """Yield the records of all faces, in order of seconds, then id; see README, "Read an episode".

    `scores` adds the seven probabilities by name.
    """
    held = {}                                    # {id: (frame number, its smoothed logits)}
    for block in blocks:
        held = {track.id: held[track.id] for _, _, _, track, _ in block if track.id in held}
        logits = stream.read_block(block)
        for (number, seconds, (width, height), track, _), said in zip(block, logits):
            last, former = held.get(track.id, (number, said))
            said = said + smooth ** (number - last) * (former - said)
            held[track.id] = number, said
            if number % every:
                continue
            chances, place = softmax(said), number - track.first
            emotion = int(chances.argmax())
            confidence = float(chances[emotion]) * (1 if track.seen[place] else BRIDGED)
            box = np.clip(np.round(track.boxes_xyxy[place]), 0, (width, height, width, height)).astype(int)
            yield {"type": "emotion", "class": EMOTIONS[emotion], "seconds": round(seconds, 3),
                   "object": {"id": track.person, "name": track.name, "box": box.tolist(),
                              "confidence": round(confidence, 3),
                              **({"scores": named_scores(chances)} if scores else {})}}
