"""Segments as tiers: a person each, in which nothing overlaps, in whole milliseconds; and the shots as one more."""
from collections.abc import Iterable, Sequence

SHOTS = "shots of the film"
NOTES = "notes on the film"
SPEECH = "speech of"                             # the film, or a person
OURS = SHOTS, NOTES, SPEECH                      # what tiers begin with that exports write beside the emotions'


def person_tiers(segments: Iterable[dict]) -> dict[str, list[tuple[int, int, str]]]:
    """{person: [(start, end, emotion)]} of segments, ms, in order of time.

    A person is a name, else "face" and the id. Where two faces of one name are seen at once, the second has a tier of
    its own, "name (id)".
    """
    tiers = {}
    for segment in sorted(segments, key=lambda segment: segment["start"]):
        start, end = (round(1000 * segment[key]) for key in ("start", "end"))
        name = "".join(letter if letter.isprintable() else " " for letter in segment["name"] or "").strip()
        person = name or f"face {segment['id']}"
        if tiers.get(person) and tiers[person][-1][1] > start:
            person = f"{person} ({segment['id']})"
        if end > start:
            tiers.setdefault(person, []).append((start, end, segment["class"]))
    return tiers


def all_tiers(segments: Iterable[dict], shots: Sequence[dict], notes: Sequence[dict] = (),
              spoken: Iterable[dict] = ()) -> dict[str, list[tuple[int, int, str]]]:
    """`person_tiers`, of shots (dicts, as of `find_shots`) the tier `SHOTS` of how each is framed, and of notes
    `NOTES`, in as many tiers as they overlap; a moment lasts until the next second. Of `spoken`, as `turns` gives, each
    who speaks has a tier, `SPEECH` and the name."""
    tiers = person_tiers(segments)
    spans = [(round(1000 * shot["start"]), round(1000 * shot["end"]), shot["framing"] or "no face")
             for shot in shots if round(1000 * shot["end"]) > round(1000 * shot["start"])]
    tiers |= {SHOTS: spans} if spans else {}     # a film of one frame has none
    for person, turns in person_tiers(turn | {"class": "speech"} for turn in spoken).items():
        tiers[f"{SPEECH} {person}"] = turns
    for note in notes:
        start = round(1000 * note["from"])
        end, name, number = max(start + 1, round(1000 * note["to"])) if note["to"] else start + 1000, NOTES, 1
        while tiers.get(name, [(0, 0)])[-1][1] > start:
            number += 1
            name = f"{NOTES} ({number})"
        tiers.setdefault(name, []).append((start, end, note["text"]))
    return tiers
