"""The shots of a film: from when to when, how they are framed, who is in them; and who shares how much of them."""
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping
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
    """The shots beside a results file, as of `find_shots`; none where there is no such file. InputError for another."""
    path = shots_path(results)
    return check_all(path, "shot", read_json(path, ""), SHOT, SHOT_SAYS) if path.is_file() else []


def find_shots(firsts: list[int], seconds: list[float], end: float, faces: Iterable[tuple]) -> list[dict]:
    """A dict a shot: shot (from 1), start and end (s), first_frame and end_frame (it ends before), framing (None
    without a face), people (list of {id, name}).

    Args:
        firsts: the first frames of the shots, and the frame that the last ends before.
        seconds: of every frame; end: of the film.
        faces: of the film, each (frame, id, name or None, its height as a share of the frame's).
    """
    people: list[dict] = [{} for _ in firsts[:-1]]
    largest: list[dict] = [{} for _ in firsts[:-1]]            # {frame: the share of its largest face}
    for frame, id, name, share in faces:
        shot = bisect(firsts, frame, hi=len(people)) - 1
        people[shot][id] = name
        largest[shot][frame] = max(share, largest[shot].get(frame, 0))
    starts = [round(seconds[first], 3) for first in firsts[:-1]] + [round(max(end, seconds[-1]), 3)]
    return [{"shot": number + 1, "start": starts[number], "end": starts[number + 1],
             "first_frame": firsts[number], "end_frame": firsts[number + 1],
             "framing": framing(median(shares.values())) if shares else None, "people": _listed(here)}
            for number, (here, shares) in enumerate(zip(people, largest))]


def _listed(people):
    """{id: name} as a shot tells it."""
    return [{"id": id, "name": name} for id, name in sorted(people.items())]


def with_people(shots: list[dict], records: Iterable[dict], parts: Mapping[int, dict] | None = None) -> list[dict]:
    """The shots with the people of `records`, to whom names were given after the reading; parts: of `apply_names`.

    Who has no record in a shot, where not every frame has some, stays, with the name of the other shots.
    """
    starts, people, names = [shot["start"] for shot in shots], [{} for _ in shots], {}
    for record in records if shots else ():
        face = record["object"]
        people[max(bisect(starts, record["seconds"]) - 1, 0)][face["id"]] = names[face["id"]] = face["name"]
    listed = []
    for shot, here in zip(shots, people):
        split = {entry["id"] for id, entry in (parts or {}).items() if id in here}
        rest = {person["id"]: names.get(person["id"], person["name"]) for person in shot["people"]
                if person["id"] not in split}
        listed.append(shot | {"people": _listed(rest | here)})
    return listed


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
    """Rows of `TOGETHER_COLUMNS`, who shares how many shots with whom, for how long (s), the longest first.

    Ids of one name are one person, and have the first of them.
    """
    ids, names, counts, seconds = {}, {}, Counter(), Counter()
    for shot in shots:
        here = {ids.setdefault(person["name"] or person["id"], person["id"]): person["name"]
                for person in shot["people"]}
        names |= {id: name or names.get(id) for id, name in here.items()}
        for pair in combinations(sorted(here), 2):
            counts[pair] += 1
            seconds[pair] += shot["end"] - shot["start"]
    return [{"id": one, "name": names[one], "other": other, "other_name": names[other], "shots": counts[one, other],
             "seconds": round(lasted, 3)} for (one, other), lasted in seconds.most_common()]
