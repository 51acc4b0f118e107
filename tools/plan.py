"""How long an archive takes on clusters of several sizes: tasks handed out one by one, in a simulation."""
import heapq
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ops import Count, Limit

FPS = 24
START = 5.0                                      # s that a worker takes to start and to load the network


@dataclass
class ArchivePlan:
    plan_films: Annotated[int, Limit(2, 1000)] = 12
    """Films drawn to measure how far apart their times are."""
    plan_videos: Count = 10000
    """Videos of the archive planned for, and of the made-up one whose table is summed up."""
    plan_minutes: Annotated[float, Limit(0.1, 10000)] = 22.0
    """Length of each, min."""
    plan_machines: tuple[int, ...] = (1, 16, 256)
    """Machines that it is planned on."""
    plan_cores: Annotated[int, Limit(1, 1024)] = 16
    """Cores of each, a task a core."""
    plan_price: Annotated[float, Limit(0)] = 0.8
    """Assumed price of a machine for an hour, dollars: 5 cents a core."""
    plan_megabytes: Annotated[float, Limit(0)] = 300.0
    """Assumed size of a video, MB; 22 minutes of 1280x720 at 1.8 Mbit/s."""
    plan_store: Annotated[float, Limit(1)] = 2000.0
    """Assumed speed of what the videos lie on, to all machines together, MB/s."""


@dataclass
class Forecast:
    """What a simulation tells: hours, dollars, share of the cores' time that they work, and what holds it up."""
    machines: int
    hours: float
    dollars: float
    busy: float
    bottleneck: str


def simulate(milliseconds, machines, plan):
    """The `Forecast` of an archive on so many machines.

    Args:
        milliseconds: of a core a frame, measured on some films; every video has that of one of them, at random.
        plan: an `ArchivePlan`.

    A free core takes the next video, fetches it, then reads it. The store serves one request after the other: served
    side by side, all would take longer and none less. All videos are of one length, so cores finish at different times
    only because reading times differ.
    """
    rng, slots = np.random.default_rng(0), min(machines * plan.plan_cores, plan.plan_videos)
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
