"""Segments as an annotation file of ELAN (.eaf, EAF 2.8): a tier a person."""
import mimetypes
import os
from pathlib import Path
from urllib.parse import quote

from exports.tiers import person_tiers
from indexes.files import whole_file


def write_eaf(path, segments, video=None):
    """Write segments as a whole .eaf file; `video`, a file or None, is linked, absolutely and relatively to `path`."""
    from pympi import Eaf

    document = Eaf(author="")
    document.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    document.remove_tier("default")
    if video:
        relative = Path(os.path.relpath(video, Path(path).parent)).as_posix()
        document.add_linked_file(Path(video).resolve().as_uri(), quote(f"./{relative}"),
                                 mimetypes.guess_type(video)[0] or "unknown")
    count = 0
    for person, spans in person_tiers(segments).items():
        document.add_tier(person, part=person)
        for start, end, emotion in spans:
            document.add_annotation(person, start, end, emotion)
        count += len(spans)
    document.properties = [("lastUsedAnnotationId", count)]
    with whole_file(path) as temporary:
        document.to_file(str(temporary))
