"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads Friends episodes (their extracted frames, or their videos) or a video file, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json), one array, one record a line, by seconds, then id; and beside
it the faces it followed, friends_s01_ep01.faces.npz, which another run, with other weights, takes up.

    python create_results.py --episode 1
    python create_results.py --video interview.mp4
    python create_results.py --episodes 1 2 3 --weights runs/tsm/best.pt --resume
"""
import json
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from backends import make_step
from engine import pick_device
from episode import count_frames, find_episode, read_frames
from faces import crop_face, xyxy_to_xywh
from index import whole_file
from labels import EMOTIONS
from ops import InputError, ResultsOps, parse, run_script
from resnet_tsm import select_rows
from runs import load_network, rooted
from tracks import VERSION, find_tracks, fingerprint, read_faces, write_faces

BRIDGED = 0.5                                    # times the confidence, where the detector missed the face


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
        state = select_rows(self.state, [self.rows.get(key, 0) for key in keys])
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


def read_emotions(blocks, stream, every, smooth):
    """Yield the records of all faces, in order of seconds, then id; see README, "Read an episode"."""
    held = {}                                    # {id: its smoothed logits}
    for block in blocks:
        logits = stream.read([(track.id, number) for number, _, _, track, _ in block], [face[-1] for face in block])
        for (number, seconds, (width, height), track, _), said in zip(block, logits):
            said = held[track.id] = said + smooth * (held.get(track.id, said) - said)
            if number == track.last:
                del held[track.id]
            if number % every:
                continue
            chances, place = softmax(said), number - track.first
            emotion = int(chances.argmax())
            confidence = float(chances[emotion]) * (1 if track.seen[place] else BRIDGED)
            box = np.clip(np.round(track.boxes_xyxy[place]), 0, (width, height, width, height)).astype(int)
            yield {"type": "emotion", "class": EMOTIONS[emotion], "seconds": round(seconds, 3),
                   "object": {"id": track.id, "name": None, "box": box.tolist(), "confidence": round(confidence, 3)}}


def write_records(path, records):
    """Write records as one JSON array, one a line, whole or not at all; returns how many there were."""
    count = 0
    with whole_file(path) as temporary, open(temporary, "w") as file:
        file.write("[")
        for record in records:
            file.write(f"{',' if count else ''}\n{json.dumps(record)}")
            count += 1
        file.write("\n]\n" if count else "]\n")
    return count


def find_sources(source, friends):
    """[(video or folder of frames, name of its results)] that the options ask for."""
    episodes = [*source.episodes, *([] if source.episode is None else [source.episode])]
    if bool(episodes) == (source.video is not None):
        raise InputError("expected --episode N, --episodes N N ... or --video FILE, one of the three")
    if episodes:
        return [(find_episode(episode, friends.friends_path, friends.frames_path), f"friends_s01_ep{episode:02d}")
                for episode in episodes]
    path = Path(source.video)
    if not path.exists():
        raise InputError(f"{path}: no such video")
    return [(path, path.name if path.is_dir() else path.stem)]


def followed_faces(source, path, fps, tracking):
    """(tracks, shots) of a source: from its faces file where that was made of it in this way, else found and kept."""
    made = {"version": VERSION, "source": fingerprint(source),
            "options": {name: value for name, value in vars(tracking).items() if name != "detect_threads"}}
    if path.is_file():
        about, tracks, shots = read_faces(path)
        if about == made:
            print(f"faces from {path}")
            return tracks, shots
        print(f"{path}: of another video, or found with other options; looking for faces again")
    frames = tqdm(read_frames(source, fps), "faces", count_frames(source), unit="frame", disable=None)
    tracks, shots = find_tracks(frames, **vars(tracking))
    write_faces(path, made["source"], made["options"], tracks, shots)
    return tracks, shots


def create(source, path, ops, step, size):
    """Follow the faces of one source and write its results to `path`; `step` takes crops of `size` px."""
    results, framing = ops.results, (ops.margins.hog_margin, ops.margins.hog_lift)
    tracks, shots = followed_faces(source, path.with_suffix(".faces.npz"), ops.source.fps, ops.tracking)
    print(f"{source}: {shots[-1]:,} frames, {len(shots) - 1} shots, {len(tracks)} faces followed")

    frames = tqdm(read_frames(source, ops.source.fps) if tracks else (), "emotions", shots[-1], unit="frame",
                  disable=None)
    blocks = face_blocks(frames, tracks, results.frame_stride, results.every, size, framing)
    stream = EmotionStream(step, results.frame_stride)
    count = write_records(path, read_emotions(blocks, stream, results.every, results.smooth))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")


def main(argv=None):
    ops = parse(ResultsOps, argv, __doc__)
    results, device = ops.results, pick_device(ops.results.device)
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))       # torchrun's
    sources = find_sources(ops.source, ops.friends)[rank::ranks]
    net = load_network(results.weights, ops.place.root, trained=True)
    step = make_step(results.backend, net, device, rooted(results.weights, ops.place.root), results.graphs_path)
    for source, name in sources:
        path = results.results_path / f"{name}.json"
        if results.resume and path.is_file():
            print(f"{path} is there already")
        else:
            create(source, path, ops, step, net.img_sz)


if __name__ == "__main__":
    run_script(main)
