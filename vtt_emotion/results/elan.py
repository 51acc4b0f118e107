"""Segments as an annotation file of ELAN (.eaf, EAF 3.0): a tier a person, and others of the shots and of who
speaks."""
import mimetypes
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vtt_emotion.core.files import whole_file
from vtt_emotion.results.tiers import all_tiers

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


def write_eaf(path: str | Path, segments: Iterable[dict], video: Path | None = None, shots: Sequence[dict] = (),
              notes: Sequence[dict] = (), spoken: Sequence[dict] = ()) -> None:
    """Write segments, shots, notes and who speaks (`turns`) as a whole .eaf file; `video`, if any, is linked,
    absolutely and from `path`."""
    from pympi import Eaf

    document = Eaf(author="")
    now = datetime.now().astimezone().isoformat(timespec="seconds")     # pympi's own is no date in half-hour time zones
    document.adocument |= {"DATE": now, "VERSION": "3.0", "FORMAT": "3.0", "xsi:noNamespaceSchemaLocation": SCHEMA}
    document.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    document.remove_tier("default")
    if video:
        relative = Path(os.path.relpath(video, Path(path).parent)).as_posix()
        document.add_linked_file(Path(video).resolve().as_uri(), quote(os.fsencode(f"./{relative}")),
                                 mimetypes.guess_type(video)[0] or "unknown")
    for person, spans in all_tiers(segments, shots, notes, spoken).items():
        document.add_tier(person, part=person)
        for start, end, emotion in spans:
            document.add_annotation(person, start, end, emotion)
    document.properties = [("lastUsedAnnotationId", document.maxaid)]
    order_slots(document)
    with whole_file(path) as temporary:
        document.to_file(str(temporary))


def order_slots(document: Any) -> None:
    """Number the time slots in order of time, as ELAN has them; pympi numbers them tier by tier."""
    slots = sorted(document.timeslots.items(), key=lambda slot: slot[1])
    new = {old: f"ts{place}" for place, (old, _) in enumerate(slots, 1)}
    document.timeslots = {new[old]: time for old, time in slots}
    for annotations, *_ in document.tiers.values():
        for id, (start, end, *rest) in annotations.items():
            annotations[id] = (new[start], new[end], *rest)
