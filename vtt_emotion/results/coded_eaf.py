"""Annotations of an ELAN file (.eaf), with the times that ELAN shows: EAF 3.0, of older versions too."""
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vtt_emotion.core.errors import InputError


def read_eaf(path: str | Path) -> Iterator[tuple]:
    """Yield (where, tier, word, start, end) of all annotations; s of the video, "no time" where ELAN has none.

    Of slots without a time, and of the parts of a symbolic subdivision, ELAN says no more than their order: they are
    spread evenly, as it draws them. A media offset (TIME_ORIGIN) is where in the video the annotations' time begins.
    """
    from pympi import Eaf

    try:
        document = Eaf(str(path), suppress_version_warning=True)
        origin = _origin(document, Path(path).stem)
        order = {slot: place for place, slot in enumerate(document.timeslots)}
        spans = {}
        for aligned, *_ in document.tiers.values():
            if aligned:
                spans |= _aligned_spans(aligned, document.timeslots, order)
        spans |= _dependent_spans(document.tiers, spans)
        notes = [(tier, note[2 if id in aligned else 1], spans[id])
                 for tier, (aligned, dependent, *_) in document.tiers.items()
                 for id, note in [*aligned.items(), *dependent.items()]]
    except Exception:                            # pympi's own for a damaged file share no class
        raise InputError(f"{path}: not an annotation file of ELAN, or a damaged one") from None
    for tier, word, times in notes:
        start, end = ("no time" if np.isnan(time) else (float(time) + origin) / 1000 for time in times)
        yield f"{path}: tier {tier!r} at {start} s", tier, word or "", start, end


def _origin(document, stem):
    """The media offset, ms: of the video that has the file's name, else of the first."""
    media = document.media_descriptors
    named = [one for one in media if Path(one.get("MEDIA_URL", "")).stem == stem]
    return float((named or media or [{}])[0].get("TIME_ORIGIN", 0))


def _aligned_spans(aligned, slots, order):
    """{id: (start, end)}, ms, of a tier's annotations between time slots; NaN outside the first and last known."""
    ids = sorted(aligned, key=lambda id: order[aligned[id][0]])
    times = np.array([[slots[slot] for slot in aligned[id][:2]] for id in ids], float)
    edges, known = np.arange(len(ids))[:, None] + [0, 1], np.isfinite(times)
    if known.any():
        times[~known] = np.interp(edges[~known], edges[known], times[known], np.nan, np.nan)
    return dict(zip(ids, times))


def _dependent_spans(tiers, spans):
    """{id: (start, end)} of annotations that refer to others: those of one in a tier share its time evenly."""
    groups, found = {}, dict(spans)              # groups: {(tier, id referred to): {id: the one before it}}
    for tier, (_, dependent, *_) in tiers.items():
        for id, (parent, _, before, *_) in dependent.items():
            groups.setdefault((tier, parent), {})[id] = before
    while groups:
        ready = [key for key in groups if key[1] in found] or list(groups)
        for key in ready:
            ids = _in_order(groups.pop(key))
            edges = np.linspace(*found.get(key[1], (np.nan, np.nan)), len(ids) + 1)
            found |= dict(zip(ids, zip(edges, edges[1:])))
    return found


def _in_order(before):
    """The ids of {id: the one before it}. ValueError where they are no chains."""
    after, ids = {former: id for id, former in before.items()}, []
    for id in (id for id, former in before.items() if former not in before):
        while id is not None:
            ids.append(id)
            id = after.get(id)
    if len(ids) != len(before):
        raise ValueError("annotations that follow on each other in no order")
    return ids
