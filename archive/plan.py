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

    A core that is free takes the next video; it fetches it with its share of the store's speed, then reads it. All
    videos are of one length, so none is the longest: the end is uneven by what their times differ.
    """
    rng, slots = np.random.default_rng(seed), machines * plan.plan_cores
    reading = rng.choice(milliseconds, plan.plan_videos) / 1000 * plan.plan_minutes * 60 * FPS     # s
    total = plan.plan_megabytes * plan.plan_videos
    share = plan.plan_store / min(slots, plan.plan_videos)   # MB/s of each, where all fetch at once
    free, store = [START] * min(slots, plan.plan_videos), 0.0
    for seconds in reading:
        core = heapq.heappop(free)
        # Its own share at the least; what the store has given to all before it bounds what it can have given by then.
        store = max(store, core) + plan.plan_megabytes / plan.plan_store
        fetched = max(store, core + plan.plan_megabytes / max(share, plan.plan_store / 8))
        heapq.heappush(free, fetched + seconds)
    last = max(free)
    busy = reading.sum() / (last * slots)
    parts = {"the store": total / plan.plan_store, "cores": reading.sum() / slots,
             "the last videos": last - reading.sum() / slots - START}
    return Forecast(machines, last / 3600, machines * last / 3600 * plan.plan_price, float(busy),
                    max(parts, key=parts.get))
