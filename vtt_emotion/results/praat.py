"""Segments as a TextGrid of Praat, for who aligns emotions with sound: a tier a person, and others of
the shots and of who speaks."""
from collections.abc import Iterable, Sequence
from pathlib import Path

from vtt_emotion.core.files import whole_file
from vtt_emotion.results.tiers import all_tiers


def write_textgrid(path: str | Path, segments: Iterable[dict], shots: Sequence[dict] = (),
                   spoken: Sequence[dict] = ()) -> None:
    """Write segments, shots and who speaks (`turns`) as a whole .TextGrid file (long form), with empty intervals
    between them, as Praat's.

    It lasts as long as the film where there are shots, else to the end of the last segment.
    """
    from praatio.data_classes.interval_tier import IntervalTier
    from praatio.textgrid import Textgrid

    tiers = all_tiers(segments, shots, spoken=spoken)
    end = max((spans[-1][1] for spans in tiers.values()), default=1000) / 1000
    grid = Textgrid(0, end)
    for person, spans in tiers.items():
        entries = [(start / 1000, stop / 1000, emotion) for start, stop, emotion in spans]
        grid.addTier(IntervalTier(person, entries, 0, end))
    with whole_file(path) as temporary:
        grid.save(str(temporary), format="long_textgrid", includeBlankSpaces=True, minimumIntervalLength=None)
