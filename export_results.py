"""Write results for other tools: tables, tiers of ELAN and Praat, subtitles.

Reads results/NAME.json and its segments, NAME.segments.json (found anew where that is not there). Writes beside it,
as `--to` asks: NAME.csv and NAME.segments.csv; NAME.parquet and NAME.segments.parquet; NAME.eaf, for ELAN, with the
video linked; NAME.vtt, subtitles; NAME.TextGrid, for Praat; and NAME.provenance.json, what all are made of. `--names`
gives people the names that a page has saved. `--most-turn` leaves faces that are turned further out of the segments, of
results read with --mesh. `--baseline` and `--synchrony` write further tables: each person's scores less their rest, and
how two people's curves go together.
`--archive` sums up the table of an archive, results/archive/, who showed which emotion for how long in all videos, into
archive.people.csv and archive.videos.csv beside it.

    python export_results.py --results results/interview.json --video interview.mp4
    python export_results.py --results results/friends_s01_ep01.json --to csv elan
    python export_results.py --archive results/archive
"""
from pathlib import Path

from ops import Export, Friends, Place, compose
from vtt_emotion import __version__
from vtt_emotion.archive.places import as_place, is_url, reaching
from vtt_emotion.archive.table import PEOPLE_COLUMNS, VIDEO_COLUMNS, read_parts, sum_up, summary_lines
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import write_json
from vtt_emotion.results.curves import (
    BASELINE_COLUMNS,
    REST_COLUMNS,
    baseline_rows,
    curves_of,
    emotions_in,
    rest_rows,
)
from vtt_emotion.results.elan import write_eaf
from vtt_emotion.results.names import apply_names, read_all_names
from vtt_emotion.results.parquet import write_parquet
from vtt_emotion.results.praat import write_textgrid
from vtt_emotion.results.records import episode_of, read_results
from vtt_emotion.results.segments import segments_of
from vtt_emotion.results.shots import SHOT_COLUMNS, TOGETHER_COLUMNS, read_shots, shot_rows, together, with_people
from vtt_emotion.results.speech import SPEECH_COLUMNS, read_speech, turns
from vtt_emotion.results.subtitles import write_vtt
from vtt_emotion.results.synchrony import SYNCHRONY_COLUMNS, synchrony_rows
from vtt_emotion.results.tables import columns_of, record_rows, segment_columns, write_csv
from vtt_emotion.video.faces_file import about_results, is_found_in, read_faces, segment_options
from vtt_emotion.video.sources import find_source

ExportOps = compose(place=Place, friends=Friends, export=Export)
TABLES = {"csv": write_csv, "parquet": write_parquet}        # what photos have too
NOTE_COLUMNS = ("from", "to", "text")
TIMED = {"elan": (".eaf", write_eaf), "vtt": (".vtt", write_vtt), "textgrid": (".TextGrid", write_textgrid)}


def check_video(video, results):
    """InputError where the faces file beside the results is of another video than the one named.

    An episode's may be of its extracted frames, and the overlay is of these results.
    """
    kept, overlay = results.with_suffix(".faces.npz"), results.with_suffix(".overlay.mp4")
    if kept.is_file() and episode_of(results) is None and video.name != overlay.name \
            and not is_found_in(read_faces(kept)[0], video):
        raise InputError(f"{video}: not the video that {results} was read from; without {kept.name} any is linked")


def find_tables(path, records, segments, shots, speech, notes, wanted):
    """[(ending, columns, rows)] of the tables of the results in `path`. `segments` is None for photos.

    Where a reading has written its shots also those, and who shares them with whom; likewise its speech. wanted: as
    of ops.Export.
    """
    tables = [("", columns_of(records), list(record_rows(records)))]
    if segments is not None:
        tables.append((".segments", segment_columns(segments), segments))
    if shots:
        tables += [(".shots", SHOT_COLUMNS, shot_rows(shots)), (".together", TOGETHER_COLUMNS, together(shots))]
    if speech is not None:
        tables.append((".speech", SPEECH_COLUMNS, speech))
    if notes:
        tables.append((".notes", NOTE_COLUMNS, notes))
    curves = curves_of(path, records) if wanted.baseline or wanted.synchrony else []
    if wanted.baseline:
        emotions = emotions_in(curves)
        tables += [(".baseline", (*BASELINE_COLUMNS, *emotions), baseline_rows(curves)),
                   (".rest", (*REST_COLUMNS, *emotions), list(rest_rows(curves)))]
    if wanted.synchrony:
        tables.append((".synchrony", SYNCHRONY_COLUMNS, synchrony_rows(curves, wanted.synchrony_lag)))
        if not tables[-1][-1]:
            print("no two people share enough time for --synchrony; a shorter --synchrony-lag needs less")
    return tables


def check_formats(path, photos, named, wanted):
    """InputError where photos, or formats that are no tables, are to be written as what they cannot be."""
    timed = [format for format in wanted.to if format in TIMED]
    if photos and timed:
        raise InputError(f"{path}: of photos, which have no times for {' or '.join(timed)}; --to csv parquet has them")
    if photos and (named or wanted.most_turn is not None):
        raise InputError(f"{path}: of photos; {'--names' if named else '--most-turn'} is for the faces of a video")
    if (wanted.baseline or wanted.synchrony) and (photos or set(wanted.to) <= set(TIMED)):
        raise InputError(f"{path}: --baseline and --synchrony write tables of a video's results; expected those, and "
                         "csv or parquet in --to")


def export(path, wanted, video, names=(), notes=()):
    """Write one results file as `wanted` (ops.Export), with names files' `names` and `notes`; yields each file."""
    records = read_results(path, photos=True)
    photos = bool(records) and "file" in records[0]
    check_formats(path, photos, names, wanted)
    records, parts = apply_names(records, names)
    segments, shots, speech = None, [], None
    if not photos:
        shots, speech = read_shots(path), read_speech(path)
        shots = with_people(shots, records, parts) if names else shots
        segments = segments_of(path, records, shots, bool(names), wanted.most_turn, segment_options)
    spoken = turns(speech or (), records)
    tables = find_tables(path, records, segments, shots, speech, notes, wanted) if set(wanted.to) & set(TABLES) else ()
    for format in dict.fromkeys(wanted.to):
        if format in TABLES:
            for ending, columns, rows in tables:
                file = path.with_suffix(f"{ending}.{format}")
                TABLES[format](file, columns, rows)
                yield file
            continue
        suffix, write = TIMED[format]
        more = {"elan": {"video": video, "shots": shots, "notes": notes, "spoken": spoken},
                "textgrid": {"shots": shots, "spoken": spoken}}
        write(path.with_suffix(suffix), segments, **more.get(format, {}))
        yield path.with_suffix(suffix)
    write_json(path.with_suffix(".provenance.json"), about_results(path) | {
        "exported_by": f"vtt_emotion {__version__}", "most_turn": wanted.most_turn,
        "names": [file.name for file in wanted.names]})
    yield path.with_suffix(".provenance.json")


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
        write_csv(path, [name for name in columns if "contempt" not in name or rows and name in rows[0]], rows)
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
        for file in export(path, ops.export, video, names, notes):
            unlinked = file.suffix == ".eaf" and video is None
            print(f"wrote {file}{', without a video; --video links one' if unlinked else ''}")


if __name__ == "__main__":
    run_script(main)
