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

from indexes.command_line import InputError
from indexes.crop import iou
from indexes.npy import BUFFER
from indexes.results import write_records
from indexes.weights import find_weights, load_network
from video.backends import OnnxStep, int8_graph
from video.detection import make_detector
from video.emotions import EmotionStream, face_blocks, read_emotions
from video.frames import read_frames
from video.shots import with_cuts
from video.tracks import find_tracks

KEPT = 60                                        # frames that HOG, and blocks that the network, is timed on
MEASURE = ("import os, subprocess, sys; process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL); "
           "_, status, usage = os.wait4(process.pid, 0); print(usage.ru_maxrss); sys.exit(status != 0)")


def seconds_of(work):
    """(seconds that a call takes, what it returns)."""
    since = time.perf_counter()
    done = work()
    return time.perf_counter() - since, done


def time_parts(source, tracking, net, framing, stride):
    """Milliseconds a frame of each part, one after the other.

    Returns:
        (dict, the last frame, tracks, faces in all, the first blocks of them).
    """
    spent = {}
    spent["decode"], (last,) = seconds_of(lambda: deque(read_frames(source), 1))
    count = last.number + 1
    both, _ = seconds_of(lambda: sum(1 for _ in with_cuts(read_frames(source), tracking.shot_ratio,
                                                          tracking.shot_least, tracking.shot_sure)))
    spent["shots"] = both - spent["decode"]
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    some = {round(number) for number in np.linspace(0, last.number, KEPT)}
    pictures = [detector.prepare(frame) for frame in read_frames(source) if frame.number in some]
    looking, _ = seconds_of(lambda: [detector.find(picture) for picture in pictures])
    spent["detection, one thread"] = looking / len(pictures) * count / tracking.detect_every
    spent["faces pass, all of it"], (tracks, shots) = seconds_of(lambda: find_tracks(read_frames(source),
                                                                                     **vars(tracking)))
    if not tracks:
        raise InputError(f"{source}: no face was found in it, so there is no more to measure")
    reading, blocks, faces, waited = read_frames(source), [], 0, [0.0]

    def timed():
        while True:
            taken, frame = seconds_of(lambda: next(reading, None))
            waited[0] += taken
            if frame is None:
                return
            yield frame

    def crops():
        nonlocal blocks, faces
        for block in face_blocks(timed(), tracks, stride, 1, net.img_sz, framing):
            blocks, faces = (blocks + [block])[:KEPT], faces + len(block)

    spent["colour and crops"] = seconds_of(crops)[0] - waited[0]
    return {name: 1000 * value / count for name, value in spent.items()}, last, tracks, faces, blocks


def time_network(net, weights, blocks, stride, folder):
    """Milliseconds a face and frame of each way to run the network, over the first of the blocks."""
    faces = sum(map(len, blocks))
    import torch

    from video.torch_backend import TorchStep, export

    steps = {"streaming, PyTorch": TorchStep(net, "cpu")}
    export(net, folder / "bench.onnx")
    steps["streaming, ONNX float32"] = OnnxStep(folder / "bench.onnx")
    if int8_graph(weights).is_file():
        steps["streaming, ONNX int8"] = OnnxStep(int8_graph(weights))

    def windows():
        with torch.inference_mode():
            for block in blocks[:15]:
                for face in block:
                    window = torch.from_numpy(face[-1]).permute(2, 0, 1).float().div(255)
                    net(window.expand(BUFFER, -1, -1, -1))

    def streaming(step):
        stream = EmotionStream(step, stride)
        for block in blocks:
            stream.read_block(block)

    windows()                                    # warms up
    spent = {"four-frame window, PyTorch": 1000 * seconds_of(windows)[0] / sum(map(len, blocks[:15]))}
    for name, step in steps.items():
        streaming(step)                          # warms up
        spent[name] = 1000 * seconds_of(partial(streaming, step))[0] / faces
    return spent


def compare(source, tracks, every):
    """How the tracks' boxes agree with HOG's, upsampled once at full size, on every `every`-th frame."""
    detector, found, matched, ours, alone = make_detector("hog"), 0, 0, 0, 0
    for frame in tqdm(read_frames(source), "reference", unit="frame", disable=None):
        if frame.number % every:
            continue
        width = 2 * frame.size[0]
        theirs = detector.find(frame.grey(width), 0.5).boxes_xyxy
        mine = np.array([track.boxes_xyxy[frame.number - track.first] for track in tracks
                         if track.first <= frame.number <= track.last]).reshape(-1, 4)
        overlap = iou(mine, theirs) if len(mine) and len(theirs) else np.zeros((len(mine), len(theirs)))
        found, ours = found + len(theirs), ours + len(mine)
        matched += int((overlap >= 0.5).any(0).sum()) if len(mine) else 0
        alone += int((overlap < 0.5).all(1).sum()) if len(theirs) else len(mine)
    return {"reference_faces": found, "matched": matched / max(found, 1), "without_a_face": alone / max(ours, 1)}


def peak_memory(source, weights, folder, root):
    """Peak memory in MB of create_results.py as a process of its own, faces found anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    command = [sys.executable, str(Path(__file__).parents[1] / "create_results.py"), "--root", str(root), "--video",
               str(source), "--weights", str(weights), "--results-path", str(folder.absolute()), "--device", "cpu"]
    # Started by a small process: a child's peak counts its parent's memory from before it became a program of its own.
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def time_emotions(source, tracks, net, weights, framing, stride, folder):
    """(seconds of the emotions pass as create_results.py runs it in a warm process, number of records)."""
    step = OnnxStep(int8_graph(weights)) if int8_graph(weights).is_file() else OnnxStep(folder / "bench.onnx")
    blocks = face_blocks(read_frames(source), tracks, stride, 1, net.img_sz, framing)
    return seconds_of(lambda: write_records(folder / "bench_records.json",
                                            read_emotions(blocks, EmotionStream(step, stride), 1, 0.0)))


def measure_episode(bench, tracking, framing, root, source, longer):
    """All figures of reading `source`, as a dict; `longer`, None or another video, tells how memory grows."""
    import torch

    folder, torch_threads = bench.output.parent, torch.get_num_threads()
    weights, net, stride = find_weights(bench.weights, root), load_network(bench.weights, root, trained=True), \
        bench.frame_stride
    net.eval()
    parts, last, tracks, faces, blocks = time_parts(source, tracking, net, framing, stride)
    network = time_network(net, weights, blocks, stride, folder)
    count = last.number + 1
    second, records = time_emotions(source, tracks, net, weights, framing, stride, folder)
    first = parts["faces pass, all of it"] * count / 1000
    fps = last.number / last.seconds if last.seconds else 24.0
    figures = {"video": str(source), "size": list(last.size), "frames": count, "fps": fps, "cores": os.cpu_count(),
               "torch_threads": torch_threads, "faces_a_frame": faces / count, "records": records,
               "ms_a_frame": parts, "ms_a_face_and_frame": network,
               "whole": {"first_run_ms_a_frame": 1000 * (first + second) / count,
                         "second_run_ms_a_frame": 1000 * second / count,
                         "times_playback": count / fps / (first + second)}}
    if longer:
        lengths = {"1x": source, "4x": longer}
        figures["peak_memory_mb"] = {name: peak_memory(video, weights, folder / "bench_runs", root)
                                     for name, video in lengths.items()}
    if bench.reference_every:
        figures["against_hog_on_every_frame"] = compare(source, tracks, bench.reference_every)
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
    print(f"{'whole, first run':32}{whole['first_run_ms_a_frame']:9.2f} ms a frame, {whole['times_playback']:.1f} "
          "times as fast as it plays")
    print(f"{'whole, with the faces kept':32}{whole['second_run_ms_a_frame']:9.2f} ms a frame")
    for name, value in figures.get("peak_memory_mb", {}).items():
        print(f"{'peak memory, length ' + name:32}{value:9.0f} MB")
    if "against_hog_on_every_frame" in figures:
        against = figures["against_hog_on_every_frame"]
        print(f"of {against['reference_faces']:,} faces that HOG finds, upsampled, at full size: "
              f"{against['matched']:.1%} matched; {against['without_a_face']:.1%} of ours without one")
