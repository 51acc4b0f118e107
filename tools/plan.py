"""How long an archive takes on clusters of several sizes: tasks handed out one by one, in a simulation."""
import heapq
from dataclasses import dataclass

import numpy as np

FPS = 24
START = 5.0                                      # s that a worker takes to start and to load the network


@dataclass
class Forecast:
    """What a simulation tells: hours, dollars, share of the cores' time that they work, and what holds it up."""
    machines: int
    hours: float
    dollars: float
    busy: float
    bottleneck: str


def simulate(milliseconds, machines, plan, seed=0):
    """The `Forecast` of an archive on so many machines.

    Args:
        milliseconds: of a core a frame, measured on some films; every video has that of one of them, at random.
        plan: an ops.ArchivePlan.

    A core that is free takes the next video, fetches it, then reads it. The store gives one after the other what they
    ask for: beside each other they would all come later, and none sooner. All videos are of one length, so the end is
    uneven by what their times differ alone.
    """
    rng, slots = np.random.default_rng(seed), min(machines * plan.plan_cores, plan.plan_videos)
    reading = rng.choice(milliseconds, plan.plan_videos) / 1000 * plan.plan_minutes * 60 * FPS     # s
    fetch, free, store = plan.plan_megabytes / plan.plan_store, [START] * slots, 0.0
    for seconds in reading:
        store = max(store, heapq.heappop(free)) + fetch
        heapq.heappush(free, store + seconds)
    last, cores = max(free), machines * plan.plan_cores
    parts = {"cores": reading.sum() / cores, "the store": fetch * plan.plan_videos}
    parts["the last videos"] = last - START - max(parts.values())
    return Forecast(machines, last / 3600, machines * last / 3600 * plan.plan_price, reading.sum() / (last * cores),
                    max(parts, key=parts.get))
