"""Write results for other tools: tables, tiers of ELAN and Praat, subtitles.

Reads results/NAME.json and its segments, NAME.segments.json (found anew where that is not there). Writes beside it,
as `--to` asks: NAME.csv and NAME.segments.csv; NAME.parquet and NAME.segments.parquet; NAME.eaf, for ELAN, with the
video linked; NAME.vtt, subtitles; NAME.TextGrid, for Praat. `--names` gives people the names that a page has saved.
`--archive` sums up the table of an archive, results/archive/, who showed which emotion for how long in all videos, into
archive.people.csv and archive.videos.csv beside it.

    python export_results.py --results results/interview.json --video interview.mp4
    python export_results.py --results results/friends_s01_ep01.json --to csv elan
    python export_results.py --archive results/archive
"""
from pathlib import Path

from ops import Export, Friends, Place, compose
from vtt_emotion.archive.places import as_place, is_url, reaching
from vtt_emotion.archive.table import PEOPLE_COLUMNS, VIDEO_COLUMNS, read_parts, sum_up, summary_lines
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.results.elan import write_eaf
from vtt_emotion.results.names import apply_names, read_all_names
from vtt_emotion.results.parquet import write_parquet
from vtt_emotion.results.praat import write_textgrid
from vtt_emotion.results.records import episode_of, read_results
from vtt_emotion.results.segments import segments_of, segments_path
from vtt_emotion.results.shots import SHOT_COLUMNS, TOGETHER_COLUMNS, read_shots, shot_rows, shots_path, together
from vtt_emotion.results.subtitles import write_vtt
from vtt_emotion.results.tables import SEGMENT_COLUMNS, columns_of, record_rows, write_csv
from vtt_emotion.video.faces_file import fingerprint, read_faces
from vtt_emotion.video.sources import find_source

ExportOps = compose(place=Place, friends=Friends, export=Export)
TABLES = ("csv", "parquet")                      # what photos have too
NOTE_COLUMNS = ("from", "to", "text")
TIMED = {"elan": (".eaf", write_eaf), "vtt": (".vtt", write_vtt), "textgrid": (".TextGrid", write_textgrid)}


def check_video(video, results):
    """InputError where the faces file beside the results is of another video than the one named.

    An episode's may be of its extracted frames, and the overlay is of these results.
    """
    kept, overlay = results.with_suffix(".faces.npz"), results.with_suffix(".overlay.mp4")
    if kept.is_file() and episode_of(results) is None and video.name != overlay.name \
            and read_faces(kept)[0]["source"] != fingerprint(video):
        raise InputError(f"{video}: not the video that {results} was read from; without {kept.name} any is linked")


def write_tables(path, format, records, segments, shots, notes):
    """Write the tables of results, as CSV or Parquet; yields each file. `segments` is None for photos.

    Where a reading has written its shots also those, and who shares them with whom.
    """
    tables = [(path.with_suffix(f".{format}"), columns_of(records), record_rows(records))]
    if segments is not None:
        tables.append((segments_path(path).with_suffix(f".{format}"), SEGMENT_COLUMNS, segments))
    if shots:
        tables += [(shots_path(path).with_suffix(f".{format}"), SHOT_COLUMNS, shot_rows(shots)),
                   (path.with_suffix(f".together.{format}"), TOGETHER_COLUMNS, together(shots))]
    if notes:
        tables.append((path.with_suffix(f".notes.{format}"), NOTE_COLUMNS, notes))
    for file, columns, rows in tables:
        (write_csv if format == "csv" else write_parquet)(file, columns, rows)
        yield file


def export(path, formats, video, names=(), notes=()):
    """Write one results file in the formats named, with names files' `names` and `notes`; yields each file written."""
    records = read_results(path, photos=True)
    photos = bool(records) and "file" in records[0]
    timed = [format for format in formats if format in TIMED]
    if photos and timed:
        raise InputError(f"{path}: of photos, which have no times for {' or '.join(timed)}; --to csv parquet has them")
    if photos and names:
        raise InputError(f"{path}: of photos; --names is for the faces of a video")
    records = apply_names(records, names)[0]
    segments, shots = (None, []) if photos else (segments_of(path, records, bool(names)), read_shots(path))
    for format in dict.fromkeys(formats):
        if format in TABLES:
            yield from write_tables(path, format, records, segments, shots, notes)
            continue
        suffix, write = TIMED[format]
        more = {"elan": {"video": video, "shots": shots, "notes": notes}, "textgrid": {"shots": shots}}
        write(path.with_suffix(suffix), segments, **more.get(format, {}))
        yield path.with_suffix(suffix)


def sum_up_archive(place):
    """Print the sums of an archive's table (Path or URL), and write them beside it, of a URL here."""
    if is_url(place):
        with reaching(place) as (files, path):
            table = read_parts(path, files)
    else:
        table = read_parts(place)
    people, videos, totals = sum_up(table)
    print(*summary_lines(people, totals), sep="\n")
    beside = Path(place.rpartition("/")[2]) if is_url(place) else place
    for what, columns, rows in (("people", PEOPLE_COLUMNS, people), ("videos", VIDEO_COLUMNS, videos)):
        path = beside.with_name(f"{beside.name}.{what}.csv")
        write_csv(path, [name for name in columns if not rows or name in rows[0]], rows)
        print(f"wrote {path}")


def main(argv=None):
    ops = parse(ExportOps, argv, __doc__)
    paths = [ops.place.root / name for name in ops.export.results]
    if bool(paths) == bool(ops.export.archive):
        raise InputError("expected --results FILE, one or several, or --archive FOLDER")
    if ops.export.archive:
        return sum_up_archive(as_place(ops.export.archive, ops.place.root))
    if ops.export.video is not None and len(paths) > 1:
        raise InputError(f"--video {ops.export.video}: expected one --results with it, found {len(paths)}")
    if ops.export.names and len(paths) > 1:
        raise InputError(f"--names {ops.export.names[0]}: expected one --results with it, found {len(paths)}")
    names, notes = read_all_names(ops.export.names)
    for path in paths:
        video, _ = find_source(path, ops.export.video, ops.friends.friends_path, None)
        if ops.export.video is not None:
            check_video(video, path)
        for file in export(path, ops.export.to, video, names, notes):
            unlinked = file.suffix == ".eaf" and video is None
            print(f"wrote {file}{', without a video; --video links one' if unlinked else ''}")


if __name__ == "__main__":
    run_script(main)
