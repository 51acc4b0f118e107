"""Read the emotions of the faces in an episode, or in any video, into JSON: who shows which emotion when.

Reads a Friends episode (its extracted frames, or its video) or a video file, and a trained network. Writes
results/friends_s01_ep01.json (or results/VIDEO.json): one array, one record a line, by seconds, then id.

    python create_results.py --episode 1
    python create_results.py --video interview.mp4
    python create_results.py --episode 1 --weights runs/tsm/best.pt
"""
import json
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from engine import autocast, pick_device
from episode import count_frames, find_episode, find_tracks, read_frames
from faces import crop_face, xyxy_to_xywh
from index import whole_file
from labels import EMOTIONS
from ops import InputError, ResultsOps, parse, run_script
from resnet_tsm import select_rows
from runs import load_network


class EmotionStream:
    """The network over all faces of a frame at once, each with its own past, kept from frame to frame.

    The network was trained on buffers of frames `stride` apart, so there are `stride` interleaved pasts: a frame
    continues that of the frame `stride` before it, and the logits are those of such a buffer.
    """

    def __init__(self, net, device, stride):
        self.net, self.device, self.stride = net.to(device).eval(), device, stride
        self.pasts = [(None, [])] * stride                   # (state, ids of its rows)

    @torch.inference_mode()
    def read(self, number, ids, crops):
        """Probabilities (N, 7) of faces `ids` on frame `number`, crops uint8 (N, H, W, 3); absent ids are forgotten."""
        state, former = self.pasts[number % self.stride]
        rows = {id: row for row, id in enumerate(former)}
        state = select_rows(state, [rows.get(id, 0) for id in ids])
        fresh = torch.tensor([id not in rows for id in ids], device=self.device)
        frames = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))).to(self.device)
        with autocast(self.device):
            logits, state = self.net.step(frames.float().div_(255), state, fresh)
        self.pasts[number % self.stride] = state, list(ids)
        return logits.float().softmax(1).cpu().numpy()


def frame_records(frame, tracks, stream, img_sz, framing):
    """The records of one frame's faces, in order of id."""
    boxes = [track.boxes_xyxy[frame.number - track.first] for track in tracks]
    crops = np.stack([crop_face(frame.rgb, xyxy_to_xywh(box), img_sz, *framing) for box in boxes])
    height, width = frame.rgb.shape[:2]
    read = stream.read(frame.number, [track.id for track in tracks], crops)
    for track, box, chances in zip(tracks, boxes, read):
        emotion = int(chances.argmax())
        box = np.clip(np.round(box), 0, (width, height, width, height)).astype(int)
        yield {"type": "emotion", "class": EMOTIONS[emotion], "seconds": round(frame.seconds, 3),
               "object": {"id": track.id, "name": None, "box": box.tolist(),
                          "confidence": round(float(chances[emotion]), 3)}}


def write_results(path, frames, tracks, stream, img_sz, framing):
    """Write the results of all frames as one JSON array, whole or not at all; returns the number of records."""
    tracks, live, count = list(tracks), [], 0
    with whole_file(path) as temporary, open(temporary, "w") as file:
        file.write("[")
        for frame in frames:
            live = [track for track in live if track.last >= frame.number]
            while tracks and tracks[0].first <= frame.number:
                live.append(tracks.pop(0))
            if not live:
                continue
            live.sort(key=lambda track: track.id)
            for record in frame_records(frame, live, stream, img_sz, framing):
                file.write(f"{',' if count else ''}\n{json.dumps(record)}")
                count += 1
        file.write("\n]\n" if count else "]\n")
    return count


def find_source(source, friends):
    """(video or folder of frames, name of its results) that the options ask for."""
    if (source.episode is None) == (source.video is None):
        raise InputError("expected --episode N or --video FILE, one of the two")
    if source.video is not None:
        path = Path(source.video)
        if not path.exists():
            raise InputError(f"{path}: no such video")
        return path, path.name if path.is_dir() else path.stem
    path = find_episode(source.episode, friends.friends_path, friends.frames_path)
    return path, f"friends_s01_ep{source.episode:02d}"


def main(argv=None):
    ops = parse(ResultsOps, argv, __doc__)
    source, name = find_source(ops.source, ops.friends)
    device = pick_device(ops.results.device)
    net = load_network(ops.results.weights, ops.place.root, trained=True)
    total = count_frames(source)
    faces = tqdm(read_frames(source, ops.source.fps), "faces", total, unit="frame", disable=None)
    tracks, shots = find_tracks(faces, **vars(ops.tracking))
    print(f"{source}: {shots[-1]:,} frames, {len(shots) - 1} shots, {len(tracks)} faces followed")
    emotions = read_frames(source, ops.source.fps) if tracks else ()
    emotions = tqdm(emotions, "emotions", total, unit="frame", disable=None)
    path = ops.results.results_path / f"{name}.json"
    stream = EmotionStream(net, device, ops.results.frame_stride)
    count = write_results(path, emotions, tracks, stream, net.img_sz,
                          (ops.margins.hog_margin, ops.margins.hog_lift))
    if not count:
        print(f"no face was found in {source}")
    print(f"wrote {path}: {count:,} records")


if __name__ == "__main__":
    run_script(main)
