"""Videos read on a Ray cluster: a task a video, with the cores that it says it needs.

Ray hands them out, to machines that join later too, and hands out again what a worker or a machine did not finish.
Results are written by the tasks, each file whole, so a driver that is killed loses what was being read, no more: its
next run leaves out what is there.
"""
import io
import os
import platform
import re
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from vtt_emotion.archive.cores import Cores
from vtt_emotion.archive.places import is_url, size_of
from vtt_emotion.archive.work import Job, is_there, read_job, shown
from vtt_emotion.core.command_line import print_log
from vtt_emotion.core.errors import InputError
from vtt_emotion.video.backends import make_step
from vtt_emotion.video.create import load_step
from vtt_emotion.video.parts import Part, Plan, read_in_parts, read_part

RETRIES = 3                                      # times that a video is handed out again where its worker is lost
AHEAD = 2                                        # times the tasks that run at once are handed to Ray; at least
LEAST = 16                                       # so many, so that a cluster that grows by what waits does
WAIT = 10                                        # s, for a cluster to answer
JOIN = 20                                        # s, for a machine that has what a task needs to join it
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))     # and empty settings: HTTP/2's
SETTINGS = 4                                     # the type of the frame that a server answers with (RFC 9113, 3.4)
_loaded = cache(make_step)                       # in a worker's process a network is loaded once, for all its videos


@dataclass
class Outcome:
    """What became of a job: its frames and the film's length, s, where it was read; else why not."""
    there: bool = False                          # already, so that it was left out
    records: int = 0
    frames: int = 0
    seconds: float = 0.0
    failed: str = ""
    warnings: str = ""
    host: str = ""


@dataclass
class Progress:
    """How far all is: videos, hours of film, film's hours an hour."""
    videos: int
    done: int = 0
    film: float = 0.0                            # s
    since: float = 0.0

    def __str__(self) -> str:
        hours = (time.perf_counter() - self.since) / 3600
        return (f"{self.done:,} of {self.videos:,} videos, {self.film / 3600:,.2f} hours of film, "
                f"{self.film / 3600 / hours:,.1f} an hour")


def connect(address: str) -> Any:
    """Join the cluster at an address; returns ray. "auto": the one that this machine is part of; "local": a new one."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError("--cluster needs ray, which is not installed: pip install -r requirements-cluster.txt") \
            from None
    stop = signal.getsignal(signal.SIGTERM)
    try:
        asked = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
        if named := re.fullmatch(r"([\w.-]+):(\d+)", asked):
            greet(named[1], int(named[2]))       # Ray itself would ask for many minutes
        more = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **more)
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        raise InputError(f"--cluster {address}: no Ray cluster there ({str(error).splitlines()[0]}); `ray start "
                         "--head` starts one, --cluster local one of this machine alone") from None
    signal.signal(signal.SIGTERM, stop)          # Ray's own would leave without a word
    return ray


def greet(host: str, port: int) -> None:
    """OSError where no server there answers as Ray's does, which speaks gRPC over HTTP/2."""
    with socket.create_connection((host, port), WAIT) as line:
        line.sendall(GREETING)
        if line.recv(9)[3:4] != bytes([SETTINGS]):
            raise OSError("what answers there speaks no gRPC")


def check_room(ray: Any, cpus: float, gpus: float, patience: float) -> None:
    """InputError where no machine of the cluster has what a task asks for, nor a joining one, for `patience` s."""
    end = time.monotonic() + patience
    while True:
        machines = [(int(node["Resources"].get("CPU", 0)), node["Resources"].get("GPU", 0)) for node in ray.nodes()
                    if node["Alive"]]
        if any(cpus <= cores and gpus <= mine for cores, mine in machines):
            return
        if time.monotonic() > end:
            have = ", ".join(f"{cores} cores and {mine:g} GPUs" for cores, mine in sorted(set(machines)))
            raise InputError(f"--task-cpus {cpus}, --task-gpus {gpus:g}: no machine of the cluster has so many; they "
                             f"have {have}")
        time.sleep(1)


def attempt(job: Job, ops: Any, gallery: dict[str, np.ndarray], options: Any) -> Outcome:
    """The `Outcome` of a job, in a worker's process; what is wrong with the video is in it, and ends nothing.

    options: an ops.Cluster.
    """
    said, ops = io.StringIO(), with_threads(ops, options.task_cpus)
    print_log()
    with Cores(options.task_cpus) as cores, redirect_stdout(said), redirect_stderr(said):      # its own are Ray's logs
        cv2.setNumThreads(options.task_cpus)
        try:
            if is_there(job, ops.results.overlay, True, ops.results.speech):
                outcome = Outcome(there=True)
            else:
                step = load_step(ops, options.task_cpus, _loaded)
                beside = partial(read_beside, ops=ops, options=options, cores=cores, here=is_url(job.source))
                read = partial(read_in_parts, minutes=options.part_minutes, read_parts=beside)
                outcome = Outcome(False, *read_job(job, ops, step, gallery, True, read))
        except (InputError, OSError) as error:
            outcome = Outcome(failed=str(error))
    outcome.warnings = "\n".join(line for line in said.getvalue().splitlines() if line.startswith("warning: "))
    outcome.host = platform.node()
    return outcome


def read_beside(source: Path, plan: Plan, encode: bool, ops: Any, options: Any, cores: Cores, here: bool) -> list[Part]:
    """The `Part`s of a film's plan, each a task of its own; meanwhile this task's cores are left to them.

    here: whether the film is a copy that this machine alone has.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False) if here else "SPREAD"
    task = ray.remote(num_cpus=options.task_cpus, num_gpus=options.task_gpus, max_retries=RETRIES,
                      scheduling_strategy=where)(attempt_part)
    shared = ray.put(plan), ray.put(ops)
    try:
        with cores.left():
            return ray.get([task.remote(source, *shared, number, encode, options.task_cpus)
                            for number in range(len(plan.starts))])
    except ray.exceptions.RayTaskError as error:             # what went wrong in a part, as if it had here
        raise error.cause from None


def attempt_part(source: Path, plan: Plan, ops: Any, number: int, encode: bool, cores: int) -> Part:
    """`read_part` in a worker's process."""
    ops = with_threads(ops, cores)
    with Cores(cores), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        cv2.setNumThreads(cores)
        return read_part(source, plan, number, ops, load_step(ops, cores, _loaded), encode)


def with_threads(ops: Any, count: int) -> Any:
    """The options with so many threads that look for faces."""
    return replace(ops, tracking=replace(ops.tracking, detect_threads=count))


def absolute(ops: Any) -> Any:
    """The options with all their paths absolute: a worker's current folder is another."""
    concerns = {item.name: getattr(ops, item.name) for item in fields(ops)}
    return replace(ops, **{name: replace(concern, **{path: value.absolute() for path, value in vars(concern).items()
                                                     if isinstance(value, Path)})
                           for name, concern in concerns.items()})


def read_on_cluster(jobs: Sequence[Job], ops: Any, gallery: dict[str, np.ndarray],
                    options: Any) -> tuple[list[Job], list[str]]:
    """Read jobs (list of `Job`) on a cluster, the largest first; returns (jobs that have results, what failed).

    gallery: {name: encodings} to name people by. options: an ops.Cluster.
    """
    ray = connect(options.cluster)
    try:
        check_room(ray, options.task_cpus, options.task_gpus, 0 if options.cluster == "local" else JOIN)
        if ops.results.device == "auto" and not options.task_gpus:
            ops = replace(ops, results=replace(ops.results, device="cpu"))       # a GPU not asked for is not its own
        job_of, failed, results = {}, {}, []
        task = ray.remote(num_cpus=options.task_cpus, num_gpus=options.task_gpus, max_retries=RETRIES)(attempt)
        shared = ray.put(absolute(ops)), ray.put(gallery)
        waiting = sorted(jobs, key=lambda job: job.size)
        progress = Progress(len(jobs), since=time.perf_counter())
        with tqdm(total=sum(job.size for job in jobs), unit="B", disable=None, bar_format="{percentage:3.0f}%|{bar}| "
                  "{postfix} [{elapsed}<{remaining}]") as bar:
            while waiting or job_of:
                for _ in range(min(len(waiting), _room(ray, options.task_cpus) - len(job_of))):
                    job = waiting.pop()
                    job_of[task.remote(job, *shared, options)] = job
                for done in ray.wait(list(job_of), num_returns=1, timeout=5)[0]:
                    job = job_of.pop(done)
                    outcome = _outcome(ray, done, job)
                    progress.done, progress.film = progress.done + 1, progress.film + outcome.seconds
                    _say(job, outcome)
                    failed |= {job.name: outcome.failed} if outcome.failed else {}
                    results += [] if outcome.failed else [job]
                    bar.set_postfix_str(str(progress), refresh=False)
                    bar.update(job.size)
        print(progress)
        order = {job.name: place for place, job in enumerate(jobs)}
        return sorted(results, key=lambda job: order[job.name]), [failed[name] for name in order if name in failed]
    finally:
        ray.shutdown()


def _room(ray, task_cpus):
    """How many tasks are to be with Ray now: some more than its machines, as many as there are now, run at once."""
    return max(LEAST, AHEAD * int(ray.cluster_resources().get("CPU", 0) / task_cpus))


def _outcome(ray, done, job):
    """The `Outcome` of a task that ended, also where its worker was lost too often, or fell over an error of ours."""
    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        last = lines[-1] if isinstance(error, ray.exceptions.RayTaskError) else lines[0]
        return Outcome(failed=f"{job.source}: its task ended with {type(error).__name__} ({last.strip()})")


def _say(job, outcome):
    """Print a line of a job that ended."""
    if outcome.warnings:
        tqdm.write(outcome.warnings, file=sys.stderr)
    if outcome.failed:
        tqdm.write(f"{job.name}: failed: {outcome.failed}")
    elif outcome.there:
        tqdm.write(f"{shown(job)} is there already")
    else:
        tqdm.write(f"wrote {shown(job)}: {outcome.records:,} records of {outcome.frames:,} frames, on {outcome.host}")


def make_jobs(sources: Iterable[tuple], folder: Path | str) -> list[Job]:
    """`Job`s of [(source, name)], absolute, with their sizes."""
    folder = folder.absolute() if isinstance(folder, Path) else folder
    return [Job(source.absolute() if isinstance(source, Path) else source, folder, name, size_of(source))
            for source, name in sources]
