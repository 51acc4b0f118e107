"""What bench.py measures of an archive: how far apart films' times are, a plan from that, and the sum of its table."""
import io
import itertools
import os
import shutil
import time
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ops import Cluster, Place, Results, ResultsOps, Tracking
from tools.bench_reading import HERE, run_script
from tools.plan import simulate
from vtt_emotion.archive.cluster import attempt, connect
from vtt_emotion.archive.cores import Cores
from vtt_emotion.archive.table import part_path, read_parts, write_part
from vtt_emotion.archive.work import Job, read_job
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.video.create import load_step

CAST, NAMED, NAMELESS, RECORDS = 300, 12, 25, 30000          # of all; of a made-up video: people by name, without


def core_times(films, weights, root):
    """Milliseconds of a core a frame of each film, read on one core as a task of a cluster does; start-up aside."""
    ops = ResultsOps(Place(root), tracking=Tracking(detect_threads=1), results=Results(weights=weights, device="cpu"))
    results, spent = root / "bench/archive_films", []
    shutil.rmtree(results, ignore_errors=True)
    with Cores(1), redirect_stdout(io.StringIO()):
        step = load_step(ops, 1)
        for film in tqdm([films[0], *films], "films", unit="film", disable=None):            # the first warms up
            since = time.process_time()
            _, frames, _ = read_job(Job(film, results, film.stem), ops, step, {}, True)
            spent.append(1000 * (time.process_time() - since) / frames)
            shutil.rmtree(results)
    return spent[1:]


def timed_attempt(job, ops):
    """A worker's (seconds of a core, start, end by the clock) of a film, all of it read."""
    since, before = time.monotonic(), time.process_time()
    outcome = attempt(job, ops, {}, ops.cluster)
    if outcome.failed:
        raise RuntimeError(outcome.failed)
    return time.process_time() - before, since, time.monotonic()


def measure_workers(film, weights, root, address="local", rounds=3):
    """What two workers of one core read against one, each round by the clock and by the time they had a core for.

    Returns:
        dict: by_clock, by_core_time (lists, 2 is twice as much), cores_of_a_worker (list, of each film read), at_once,
        whether two worked at one time.
    """
    ops = ResultsOps(Place(root), results=Results(weights=weights, device="cpu"), cluster=Cluster(part_minutes=0))
    names = (f"film{number}" for number in itertools.count())
    figures = {"by_clock": [], "by_core_time": [], "cores_of_a_worker": [], "at_once": False}
    os.environ.setdefault("PYTHONPATH", str(HERE))           # where a local cluster's workers find this file
    ray = connect(address)
    try:
        task = ray.remote(num_cpus=ray.cluster_resources()["CPU"] / 2)(timed_attempt)

        def read(count):
            since = time.monotonic()
            spent = ray.get([task.remote(Job(film, root / "bench/workers", next(names)), ops) for _ in range(count)])
            seconds = time.monotonic() - since
            figures["cores_of_a_worker"] += [core / (end - start) for core, start, end in spent]
            figures["at_once"] |= any(one[1] < other[1] < one[2] for one in spent for other in spent)
            return np.array([seconds, sum(core for core, *_ in spent)])

        read(4)                                  # the workers start, and load
        for _ in range(rounds):
            one, two = sum(read(1) for _ in range(4)), read(4)
            figures["by_clock"].append(one[0] / two[0])
            figures["by_core_time"].append(2 * one[1] / two[1])
    finally:
        ray.shutdown()
        shutil.rmtree(root / "bench/workers", ignore_errors=True)
    return figures


def make_up(folder, videos):
    """Write the table's files of a made-up archive: each video's of 30,000 records, some hundred segments."""
    rng = np.random.default_rng(0)
    for number in tqdm(range(videos), "made-up table", unit="video", disable=None):
        names = rng.choice(CAST, NAMED, replace=False)
        people = [*(f"person {name}" for name in names), *[None] * NAMELESS]
        count = int(rng.integers(250, 400))
        who, what = rng.integers(len(people), size=count), rng.choice(len(EMOTIONS), count)
        frames = np.diff(np.r_[0, np.sort(rng.integers(RECORDS, size=count - 1)), RECORDS]).tolist()
        segments = [{"id": int(person) + 1, "name": people[person], "class": EMOTIONS[emotion], "start": 0.0,
                     "end": shown / 24, "frames": shown} for person, emotion, shown in zip(who, what, frames)]
        write_part(folder / f"video{number:06d}.parquet", f"video{number:06d}", segments, [], 22 * 60.0, RECORDS)


def measure_archive(films, weights, plan, root):
    """All figures of an archive, as a dict; the made-up table is removed again."""
    times = core_times(films, weights, root)
    workers = measure_workers(films[0].absolute(), weights, Path(root).absolute())
    folder = part_path(Path(root) / "bench/archive_table/made_up.json").parent
    shutil.rmtree(folder.parent, ignore_errors=True)
    make_up(folder, plan.plan_videos)
    try:
        summed = run_script("export_results.py", "--archive", folder.absolute())
        size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
        rows = len(read_parts(folder))
    finally:
        shutil.rmtree(folder.parent)
    forecasts = [asdict(simulate(times, count, plan)) for count in plan.plan_machines]
    return {"core_ms_a_frame": times, "two_workers": workers, "forecasts": forecasts,
            "table": {"videos": plan.plan_videos, "records": plan.plan_videos * RECORDS, "rows": rows,
                      "megabytes": size / 1e6, **summed}}


def show_archive(figures, plan):
    """Print the figures."""
    times, table = figures["core_ms_a_frame"], figures["table"]
    print(f"{len(times)} films of 1280x720 on one core: {np.median(times):.1f} ms of it a frame, from {min(times):.1f} "
          f"to {max(times):.1f}")
    workers = figures["two_workers"]
    print(f"two workers of one core read {np.median(workers['by_clock']):.2f} times as much as one by the clock, "
          f"{np.median(workers['by_core_time']):.2f} by the time that they had a core for")
    print(f"{plan.plan_videos:,} videos of {plan.plan_minutes:g} min, {plan.plan_megabytes:g} MB each; machines of "
          f"{plan.plan_cores} cores at ${plan.plan_price:g} an hour; {plan.plan_store:,g} MB/s from the store")
    print(f"{'machines':>8}{'hours':>10}{'dollars':>10}{'cores busy':>12}  held up by")
    for one in figures["forecasts"]:
        print(f"{one['machines']:8,}{one['hours']:10.2f}{one['dollars']:10.0f}{one['busy']:12.0%}  {one['bottleneck']}")
    print(f"table of {table['videos']:,} videos, {table['records']:,} records: {table['rows']:,} rows in "
          f"{table['megabytes']:,.0f} MB, summed up in {table['seconds']:.1f} s, {table['mb']:,.0f} MB of memory")
