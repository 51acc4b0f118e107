"""What bench.py measures of reading an episode: each part by itself, the whole, its memory, and what it finds."""
import os
import subprocess
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vtt_emotion.core.crop import crop_face, iou, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import find_weights, load_network
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.video.create import look_for_faces, make_tracker
from vtt_emotion.video.detection import make_detector
from vtt_emotion.video.emotions import EmotionStream
from vtt_emotion.video.frames import count_frames, facts_of, read_frames
from vtt_emotion.video.onnx_backend import OnnxStep, int8_graph
from vtt_emotion.video.reading import known_faces, read_through
from vtt_emotion.video.shots import pace_of, with_cuts

KEPT = 60                                        # frames that are looked at, and blocks that the network is timed on
HERE = Path(__file__).parents[1]
MEASURE = ("import os, subprocess, sys, time; since = time.perf_counter(); "
           "process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
           "_, status, usage = os.wait4(process.pid, 0); print(time.perf_counter() - since, usage.ru_utime + "
           "usage.ru_stime, usage.ru_maxrss / 1024); sys.exit(status != 0)")


def seconds_of(work):
    """(seconds that a call takes, what it returns)."""
    since = time.perf_counter()
    done = work()
    return time.perf_counter() - since, done


class Crops:
    """Keeps the first blocks of crops, (keys, crops) of `stride` frames, as the network sees them, and the time."""

    def __init__(self, stride, size, framing):
        self.stride, self.size, self.framing, self.blocks, self.spent = stride, size, framing, {}, 0.0

    def take(self, frame, faces):
        spent, crops = seconds_of(lambda: [crop_face(frame.rgb, xyxy_to_xywh(face["box_xyxy"]), self.size,
                                                     *self.framing) for face in faces])
        self.spent += spent
        if crops and frame.number // self.stride < KEPT:
            keys, kept = self.blocks.setdefault(frame.number // self.stride, ([], []))
            keys += [(int(id), frame.number) for id in faces["id"]]
            kept += crops


def time_parts(source, tracking, size, framing, stride):
    """Milliseconds a frame of each part, one after the other.

    Returns:
        (dict, the last frame, faces, the first blocks of their crops).
    """
    spent = {}
    spent["decode"], (last,) = seconds_of(lambda: deque(read_frames(source), 1))
    count = last.number + 1
    cuts = pace_of(facts_of(source).rate), tracking.shot_ratio, tracking.shot_least, tracking.shot_sure
    both, _ = seconds_of(lambda: deque(with_cuts(read_frames(source), *cuts), 0))
    spent["shots"] = both - spent["decode"]
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    some = {round(number) for number in np.linspace(0, last.number, KEPT)}
    frames = [frame for frame in read_frames(source) if frame.number in some]
    looking, _ = seconds_of(lambda: [detector.find(detector.prepare(frame)) for frame in frames])
    spent["looks, one thread"] = looking / len(frames) * count / tracking.detect_every
    followed = look_for_faces(with_cuts(read_frames(source), *cuts), tracking, make_tracker(tracking))
    spent["decode, shots, looks, threads"], (faces, shots, *_) = seconds_of(lambda: read_through(followed, []))
    if not len(faces):
        raise InputError(f"{source}: no face was found in it, so there is no more to measure")
    crops = Crops(stride, size, framing)
    read_through(known_faces(read_frames(source), faces, shots), [crops])
    spent["colour and crops"] = crops.spent
    return {name: 1000 * value / count for name, value in spent.items()}, last, faces, list(crops.blocks.values())


def time_network(net, weights, blocks, stride, folder):
    """Milliseconds a face and frame of each way to run the network, over the first of the blocks."""
    faces = sum(len(keys) for keys, _ in blocks)
    import torch

    from vtt_emotion.video.torch_backend import TorchStep, export

    steps = {"streaming, PyTorch": TorchStep(net, "cpu")}
    export(net, folder / "bench.onnx")
    steps["streaming, ONNX float32"] = OnnxStep(folder / "bench.onnx")
    if int8_graph(weights).is_file():
        steps["streaming, ONNX int8"] = OnnxStep(int8_graph(weights))

    def windows():
        with torch.inference_mode():
            for _, crops in blocks[:15]:
                for crop in crops:
                    window = torch.from_numpy(crop).permute(2, 0, 1).float().div(255)
                    net(window.expand(BUFFER, -1, -1, -1))

    def streaming(step):
        stream = EmotionStream(step, stride)
        for keys, crops in blocks:
            stream.read(keys, crops)

    windows()                                    # warms up
    spent = {"four-frame window, PyTorch": 1000 * seconds_of(windows)[0] / sum(len(keys) for keys, _ in blocks[:15])}
    for name, step in steps.items():
        streaming(step)                          # warms up
        spent[name] = 1000 * seconds_of(partial(streaming, step))[0] / faces
    return spent


def compare_with_hog(source, faces, every):
    """How the faces' boxes agree with HOG's, upsampled once at full size, on every `every`-th frame."""
    detector, found, matched, ours, alone = make_detector("hog"), 0, 0, 0, 0
    for frame in tqdm(read_frames(source), "reference", unit="frame", disable=None):
        if frame.number % every:
            continue
        theirs = detector.find(frame.grey(2 * frame.size[0]), 0.5)["box_xyxy"]
        mine = faces["box_xyxy"][faces["frame"] == frame.number]
        overlap = iou(mine, theirs) if len(mine) and len(theirs) else np.zeros((len(mine), len(theirs)))
        found, ours = found + len(theirs), ours + len(mine)
        matched += int((overlap >= 0.35).any(0).sum()) if len(mine) else 0
        alone += int((overlap < 0.35).all(1).sum()) if len(theirs) else len(mine)
    return {"reference_faces": found, "matched": matched / max(found, 1), "without_a_face": alone / max(ours, 1)}


def run_script(script, *options):
    """{seconds, cpu_seconds, mb: peak memory} of a script as a process of its own."""
    # Started by a small process: a child's peak counts its parent's memory from before it became a program of its own.
    command = [sys.executable, "-c", MEASURE, sys.executable, str(HERE / script), *map(str, options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(zip(("seconds", "cpu_seconds", "mb"), map(float, done.stdout.split())))


def run_twice(source, weights, folder, root):
    """[figures of create_results.py where it looks for the faces, and where they are kept], see `run_script`."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    return [run_script("create_results.py", "--root", root, "--video", source, "--weights", weights, "--results-path",
                       folder.absolute(), "--device", "cpu") for _ in range(2)]


def whole_runs(source, short, longer, weights, folder, root):
    """Figures of create_results.py as a process of its own, start-up aside: that of a `short` video is taken off."""
    folder = folder / "bench_runs"
    counts = [count_frames(video) for video in (source, short)]
    run_twice(short, weights, folder, root)      # weights without a graph are exported by the first run of all
    starts, runs = (run_twice(video, weights, folder, root) for video in (short, source))
    figures = {"startup": starts[0], "help_seconds": min(run_script("create_results.py", "--help")["seconds"]
                                                         for _ in range(3))}
    for name, run, start in zip(("first_run", "second_run"), runs, starts):
        spent = {key: run[key] - start[key] for key in ("seconds", "cpu_seconds")}
        figures |= {f"{name}_ms_a_frame": 1000 * spent["seconds"] / (counts[0] - counts[1]),
                    f"{name}_cpu_ms_a_frame": 1000 * spent["cpu_seconds"] / (counts[0] - counts[1])}
    figures["peak_memory_mb"] = {"1x": runs[0]["mb"]}
    if longer:
        figures["peak_memory_mb"]["4x"] = run_twice(longer, weights, folder, root)[0]["mb"]
    return figures


def measure_episode(bench, tracking, framing, root, source, short, longer):
    """All figures of reading `source`, as a dict.

    short: a video of a second or so, for what start-up takes; longer, None or another, tells how memory grows.
    """
    import torch

    folder, torch_threads = bench.output.parent, torch.get_num_threads()
    weights, net, stride = find_weights(bench.weights, root), load_network(bench.weights, root, trained=True), \
        bench.frame_stride
    net.eval()
    whole = whole_runs(source, short, longer, weights, folder, root)
    parts, last, faces, blocks = time_parts(source, tracking, net.img_sz, framing, stride)
    count = last.number + 1
    fps = last.number / last.seconds if last.seconds else 24.0
    whole["times_playback"] = 1000 / fps / whole["first_run_ms_a_frame"]
    figures = {"video": str(source), "size": list(last.size), "frames": count, "fps": fps, "cores": os.cpu_count(),
               "torch_threads": torch_threads, "faces_a_frame": len(faces) / count, "ms_a_frame": parts,
               "ms_a_face_and_frame": time_network(net, weights, blocks, stride, folder), "whole": whole}
    if bench.reference_every:
        figures["against_hog_on_every_frame"] = compare_with_hog(source, faces, bench.reference_every)
    return figures


def show(figures):
    """Print the figures as a table."""
    print(f"{figures['video']}: {figures['frames']:,} frames of {figures['size'][0]}x{figures['size'][1]}, "
          f"{figures['faces_a_frame']:.2f} faces a frame; {figures['cores']} cores")
    for name, value in figures["ms_a_frame"].items():
        print(f"{name:32}{value:9.2f} ms a frame")
    slowest = figures["ms_a_face_and_frame"]["four-frame window, PyTorch"]
    for name, value in figures["ms_a_face_and_frame"].items():
        print(f"{name:32}{value:9.2f} ms a face and frame, {slowest / value:.1f} times as fast")
    whole = figures["whole"]
    for name, title in (("first_run", "whole, first run"), ("second_run", "whole, with the faces kept")):
        print(f"{title:32}{whole[f'{name}_ms_a_frame']:9.2f} ms a frame, {whole[f'{name}_cpu_ms_a_frame']:.2f} of CPU")
    print(f"{'first run':32}{whole['times_playback']:9.1f} times as fast as it plays")
    print(f"{'start-up':32}{whole['startup']['seconds']:9.2f} s, {whole['startup']['mb']:.0f} MB; --help "
          f"{whole['help_seconds']:.2f} s")
    for name, value in whole["peak_memory_mb"].items():
        print(f"{'peak memory, length ' + name:32}{value:9.0f} MB")
    if "against_hog_on_every_frame" in figures:
        against = figures["against_hog_on_every_frame"]
        print(f"of {against['reference_faces']:,} faces that HOG finds, upsampled, at full size: "
              f"{against['matched']:.1%} matched; {against['without_a_face']:.1%} of ours without one")
