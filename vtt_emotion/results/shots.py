"""The shots of a film: from when to when, how they are framed, who is in them; and who shares how much of them."""
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from statistics import median

from vtt_emotion.core.files import read_json
from vtt_emotion.results.checks import SHOT, SHOT_SAYS, check_all

# The least height of a shot's largest face, as a share of the frame's, by the head's share of what is shown of a body.
FRAMINGS = ((0.75, "extreme close-up"), (0.4, "close-up"), (0.25, "medium close-up"), (0.15, "medium shot"),
            (0.1, "medium long shot"), (0.0, "long shot"))
SHOT_COLUMNS = ("shot", "start", "end", "first_frame", "end_frame", "framing", "people")
TOGETHER_COLUMNS = ("id", "name", "other", "other_name", "shots", "seconds")


def shots_path(results: str | Path) -> Path:
    """Where the shots of a results file are: NAME.shots.json beside it."""
    return Path(results).with_suffix(".shots.json")


def read_shots(results: str | Path) -> list[dict]:
    """The shots beside a results file, as of `Shots.rows`; none where there is no such file. InputError for another."""
    path = shots_path(results)
    return check_all(path, "shot", read_json(path, ""), SHOT, SHOT_SAYS) if path.is_file() else []


class Shots:
    """Gathers who is in each shot from records one by one.

    firsts: the first frames of the shots and the frame that the last ends before; seconds: of every frame; end: of the
    film, s; height: of a frame, px.
    """

    def __init__(self, firsts: list, seconds: list, end: float, height: int) -> None:
        self.firsts, self.height = firsts, height
        self.starts = [round(seconds[first], 3) for first in firsts[:-1]] + [round(max(end, seconds[-1]), 3)]
        self.people: list[dict] = [{} for _ in firsts[:-1]]
        self.largest: list[dict] = [{} for _ in firsts[:-1]]               # {seconds: height of the largest face}

    def passing(self, records: Iterable[dict]) -> Iterator[dict]:
        """Yield the records, each taken on its way."""
        for record in records:
            shot, face = bisect(self.starts, record["seconds"], hi=len(self.people)) - 1, record["object"]
            self.people[shot][face["id"]] = face["name"]
            tall, largest = face["box"][3] - face["box"][1], self.largest[shot]
            largest[record["seconds"]] = max(tall, largest.get(record["seconds"], 0))
            yield record

    def rows(self) -> list[dict]:
        """A dict a shot: shot (from 1), start and end (s), first_frame and end_frame (it ends before), framing (None
        without a face), people (list of {id, name})."""
        return [{"shot": number + 1, "start": self.starts[number], "end": self.starts[number + 1],
                 "first_frame": self.firsts[number], "end_frame": self.firsts[number + 1],
                 "framing": framing(median(largest.values()) / self.height) if largest else None,
                 "people": [{"id": id, "name": name} for id, name in sorted(people.items())]}
                for number, (people, largest) in enumerate(zip(self.people, self.largest))]


def framing(share: float) -> str:
    """What a shot is called whose largest face has this share of the frame's height.

    >>> framing(0.5)
    'close-up'
    """
    return next(name for least, name in FRAMINGS if share >= least)


def shot_rows(shots: list[dict]) -> list[dict]:
    """The shots as rows of `SHOT_COLUMNS`, people as one text: names, else ids, with semicolons between."""
    return [shot | {"people": "; ".join(str(person["name"] or person["id"]) for person in shot["people"])}
            for shot in shots]


def together(shots: list[dict]) -> list[dict]:
    """Rows of `TOGETHER_COLUMNS`, who shares how many shots with whom, for how long (s), the longest first."""
    names, counts, seconds = {}, Counter(), Counter()
    for shot in shots:
        names |= {person["id"]: person["name"] for person in shot["people"]}
        for pair in combinations([person["id"] for person in shot["people"]], 2):
            counts[pair] += 1
            seconds[pair] += shot["end"] - shot["start"]
    return [{"id": one, "name": names[one], "other": other, "other_name": names[other], "shots": counts[one, other],
             "seconds": round(lasted, 3)} for (one, other), lasted in seconds.most_common()]
