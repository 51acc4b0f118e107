"""Write small sample datasets, drawn, in exactly the layouts of the real ones, known defects included.

Reads nothing. Writes datasets/AffectNet, AffectNet2021, RAF-DB, FER2013, CK+ and Friends (videos, metadata
and sample_truth.json, what was drawn on each frame); with --interviews also Coded, videos in another style with what
was coded in them; with --clips DFEW, FERV39k and MAFW. A folder that this script did not make is left alone. RAF-DB
comes as macOS leaves it.
tests/forms.py makes the other forms in which copies lie on people's disks.

    python sample_data.py
    python sample_data.py --root demo --stills 20 --seconds 4
"""
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed

import cv2
import numpy as np
from tqdm import tqdm

from ops import Datasets, Place, Sample, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.drawn.clips import write_dfew, write_ferv39k, write_mafw
from vtt_emotion.drawn.coded import write_interview
from vtt_emotion.drawn.friends import write_episode
from vtt_emotion.drawn.stills import write_affectnet, write_affectnet_2021, write_ck, write_fer, write_raf

SampleOps = compose(place=Place, datasets=Datasets, sample=Sample)
MARK = "SAMPLE.txt"


def leave_by_macos(root):
    """What macOS leaves: `._name` beside the first picture and the first text of a folder, and a .DS_Store in each."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        for name in {path.suffix: path.name for path in reversed(files)}.values():
            (folder / f"._{name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
        (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (root / "__MACOSX").mkdir()


def make_room(folder):
    """An empty folder for a sample; one that holds anything but an earlier sample is refused."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise InputError(f"{folder}: holds files that sample_data.py did not write; give another --root")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("Drawn by sample_data.py; no photograph, nobody's data. It may be deleted.\n")


def main(argv=None):
    ops = parse(SampleOps, argv, __doc__)
    where, sample = ops.datasets, ops.sample
    stills = {where.affectnet_path: write_affectnet, where.raf_path: write_raf, where.fer_path: write_fer,
              where.affectnet_path.with_name(where.affectnet_path.name + "2021"): write_affectnet_2021,
              where.ck_path: write_ck}
    clips = {where.dfew_path: write_dfew, where.ferv39k_path: write_ferv39k, where.mafw_path: write_mafw}
    clips = clips if sample.clips else {}
    folders = [*stills, *clips, where.friends_path, *([where.coded_path] if sample.interviews else [])]
    for folder in folders:
        make_room(folder)
    episodes = range(1, sample.sample_episodes + 1)
    cv2.setNumThreads(1)                         # a pool of OpenCV's own would not survive the fork
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(write, folder, sample.stills, np.random.default_rng([sample.seed, number])): None
                for number, (folder, write) in enumerate(stills.items())}
        jobs |= {pool.submit(write, folder, sample.clips, np.random.default_rng([sample.seed, 100 + number])): None
                 for number, (folder, write) in enumerate(clips.items())}
        jobs |= {pool.submit(write_episode, where.friends_path, episode, sample.seconds, sample.seed): episode
                 for episode in episodes}
        jobs |= {pool.submit(write_interview, where.coded_path, number, sample.seconds, sample.seed): None
                 for number in range(1, sample.interviews + 1)}
        truth = {}
        for job in tqdm(as_completed(jobs), "draw", len(jobs), unit="dataset or episode", disable=None):
            if jobs[job] is None:
                job.result()
            else:
                truth[jobs[job]] = job.result()
    leave_by_macos(where.raf_path)
    with whole_file(where.friends_path / "sample_truth.json") as temporary:
        temporary.write_text(json.dumps({str(episode): truth[episode] for episode in episodes}))
    for folder in folders:
        files = sum(len(names) for _, _, names in os.walk(folder))
        print(f"wrote {folder}: {files:,} files")


if __name__ == "__main__":
    run_script(main)
