"""Segments as WebVTT: subtitles, a cue a segment, that browsers and players show over the video."""
from collections.abc import Iterable
from pathlib import Path

from vtt_emotion.core.files import whole_file
from vtt_emotion.results.tiers import person_tiers

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_vtt(path: str | Path, segments: Iterable[dict]) -> None:
    """Write segments as a whole .vtt file, in order of time; a cue reads "rachel: happy"."""
    from webvtt import Caption, WebVTT
    from webvtt.models import Timestamp

    cues = sorted((start, end, f"{person}: {emotion}".translate(ESCAPES))
                  for person, spans in person_tiers(segments).items() for start, end, emotion in spans)
    captions = [Caption(*(str(Timestamp.from_seconds(time / 1000)) for time in (start, end)), text)
                for start, end, text in cues]
    with whole_file(path) as temporary:
        temporary.write_text(WebVTT(captions=captions).content + "\n", encoding="utf-8")
