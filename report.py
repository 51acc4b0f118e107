"""Write the page of an episode's results, to be looked at in a browser: who shows which emotion when.

Reads a results JSON, its segments, the video or frames it was made from, and what is shown beside it: an episode's
metadata, the truth; with --compare other results; with --coded what people coded (.eaf, .csv ...). Writes one HTML
file beside the JSON, which opens from disk; a video stays where it is and is played from there. Without the video the
page has no pictures.

    python report.py --episode 1
    python report.py --results results/interview.json --video interview.mp4
    python report.py --results results/interview.json --video interview.mp4 --names interview.names.json
    python report.py --results results/interview.json --video interview.mp4 --compare other/interview.json
    python report.py --results results/interview.json --video interview.mp4 --coded interview.eaf --people mother any
"""

import hashlib

import numpy as np
from tqdm import tqdm

from ops import Agreement, Coders, Friends, Margins, Metadata, Page, Place, compose
from vtt_emotion import __version__
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.friends import find_metadata
from vtt_emotion.page.coded import add_coded, coded_lines, measure_coded, place_coded
from vtt_emotion.page.html import add_pictures, alike_data, pack, page_data, relative_url, speech_data, write_page
from vtt_emotion.page.pictures import Seen, look, picture_every, spread_faces
from vtt_emotion.page.readings import as_readings, choose_rows, place_frames, strongest, time_step
from vtt_emotion.page.truth import add_truth, as_annotations, read_annotations
from vtt_emotion.results.coded import read_coded
from vtt_emotion.results.names import apply_names, read_all_names
from vtt_emotion.results.poses import facing
from vtt_emotion.results.records import episode_of, read_results, results_name
from vtt_emotion.results.segments import segments_of
from vtt_emotion.results.shots import read_shots, with_people
from vtt_emotion.results.speech import read_speech, turns
from vtt_emotion.video.detection import framing_of
from vtt_emotion.video.faces_file import provenance, read_faces, read_reading, segment_options
from vtt_emotion.video.frames import count_frames, facts_of, read_frames
from vtt_emotion.video.likeness import most_alike
from vtt_emotion.video.sound import A_SECOND, loudness
from vtt_emotion.video.sources import find_source

ReportOps = compose(place=Place, friends=Friends, metadata=Metadata, margins=Margins, coders=Coders, page=Page)
PLAYED = (".mp4", ".m4v", ".webm", ".mov", ".ogv")       # by browsers; not .mkv, .avi, .wmv


def find_results(page):
    """(results file, Friends episode or None) that the options ask for."""
    if page.results is None and page.episode is None:
        raise InputError("expected --episode N or --results FILE")
    path = page.results or page.results_path / f"{results_name(page.episode)}.json"
    if path.suffix == ".html":
        raise InputError(f"{path}: expected results (.json), found the name of a page")
    return path, page.episode if page.episode is not None else episode_of(path)


def find_video(path, source):
    """The video that the page plays, or None: what the results were made from, else the overlay."""
    choices = [source, path.with_suffix(".overlay.mp4")]
    return next((video for video in choices if video and video.is_file() and video.suffix.lower() in PLAYED), None)


def find_framing(path, margins):
    """(margin, lift) of the boxes in `path`: of what found them, as the faces file says, else of CenterFace."""
    try:
        return framing_of(read_faces(path.with_suffix(".faces.npz"))[0]["options"]["detector"], margins)
    except (InputError, KeyError, TypeError):
        return framing_of("centerface", margins)


def find_truth(episode, friends_path, metadata):
    """The annotations of a Friends episode; none, and why, where there is no metadata of it or more than one."""
    if episode is None:
        return []
    try:
        path = find_metadata(friends_path, (episode,), metadata.metadata)[episode]
    except InputError as error:
        print(f"without annotations: {error}")
        return []
    return read_annotations(path, metadata.none_is_neutral)


def add_beside(data, readings, rows, place, times, ops, source, beside):
    """Put under each row what annotators saw or what other results (`beside`) have; returns how they agree, or None."""
    if beside is None:
        annotations = find_truth(find_results(ops.page)[1], ops.friends.friends_path, ops.metadata)
        return add_truth(data, annotations, readings, rows, place if source else None, times, ops.page.fps)
    frames = place_frames(ops.page.compare, beside.faces["time"], times)
    annotations = as_annotations(beside, frames, np.searchsorted(times, beside.faces["time"] + 0.9 * time_step(beside)))
    return add_truth(data, annotations, readings, rows, place, times, ops.page.fps)


def collect_pictures(source, readings, rows, moments, page, framing):
    """(what one pass over the source gave, ms between two thumbnails, places of readings whose pictures stay).

    Args:
        moments: places of the readings that the strongest segments show.
    """
    kept = [*moments, *np.unique(rows, return_index=True)[1][:page.rows].tolist()]
    spread, every = spread_faces(readings.faces) if len(rows) else ([], 0)
    if source is None:
        return Seen(), every, kept
    total = count_frames(source)
    seconds = readings.faces["time"].max() / 1000 if len(rows) else (total or 0) / page.fps
    frames = tqdm(read_frames(source, page.fps), "pictures", total, unit="frame", disable=None)
    wanted = sorted({*spread, *kept})
    return look(frames, readings, wanted, kept, picture_every(seconds), framing), every, kept


def read_beside(ops):
    """(other results as readings, or None; what people coded, spans) that are to be shown beside the results."""
    page = ops.page
    if page.compare and page.coded:
        raise InputError(f"--compare {page.compare}, --coded {page.coded}: expected one of them")
    return (as_readings(read_results(page.compare)) if page.compare else None,
            read_coded(page.coded, ops.coders.tiers, ops.coders.words, ops.coders.coded_fps) if page.coded else [])


def page_texts(path, page, source, video):
    """What the page's template is told of the files that it shows; other results of the same name by their folder."""
    other = page.compare and (page.compare.stem if page.compare.stem != path.stem else
                              f"{page.compare.absolute().parent.name}/{page.compare.stem}")
    return {"title": path.stem, "results": path.name, "source": source and source.name, "video": video and video.name,
            "burnt": video is not None and video.name.endswith(".overlay.mp4"),      # has the boxes drawn in
            "other": other, "coded": page.coded and page.coded.name}


def film_data(path, source, video, texts, shots, made):
    """What the page's scripts are told of the film: its video, sound and cuts, and what is `made` of it, in short."""
    sound = loudness(source) if source else []
    return {"title": path.stem, "video": video and relative_url(video, path), "videoName": texts["video"],
            "start": 1000 * facts_of(video).start if video else 0, "burnt": texts["burnt"],
            "numbered": source is not None, "loudness": pack(sound, "u1"), "soundsASecond": A_SECOND,
            "cuts": pack([round(1000 * shot["start"]) for shot in shots[1:]]),
            "madeOf": f"{made}, vtt_emotion {__version__}"}


def names_data(path, readings, named, parts, made):
    """What they are told of people: who looks like whom, the names given and the parts that they made, and notes."""
    names, notes = named
    return {"names": names, "parts": parts, "notes": notes,
            "alike": alike_data(*most_alike(read_reading(path)[1], readings.faces["time"], readings.faces["id"])),
            "identity": hashlib.sha256(f"{made} {names}".encode()).hexdigest()[:16]}


def remarks(path, source, video, labels, truth, whose):
    """Sentences on what the page lacks, and how what is beside the results agrees; whose: None of people coded."""
    return [source is None and "no video, so no pictures; --video names it",
            source and not video and "no video that browsers play; create_results.py --overlay writes one",
            truth and whose and f"{truth['faces']} {whose}, {truth['matched']} of them in the results",
            not labels and f"{path}: holds no record, no face was found"]


def write(path, records, named, source, ops):
    """Write the page beside the results in `path`; returns what there is to say of it, lines. named: (names, notes)."""
    page, people, (beside, spans) = ops.page, dict(ops.coders.people), read_beside(ops)
    records, parts = apply_names(records, named[0])
    ahead = facing(path, records, page.most_turn)
    readings = as_readings(records, ahead)
    readings.emotions = max((one.emotions for one in (readings, beside) if one), key=len)
    shots = read_shots(path)
    shots = with_people(shots, records, parts) if named[0] else shots
    segments = segments_of(path, records, shots, bool(named[0]), page.most_turn, segment_options)
    rows, labels = choose_rows(readings)
    placed, own = place_coded(spans, readings, rows, people) if labels else ({}, {})
    labels += [f"{person} (coded)" for person in own]
    pictured = source if labels else None        # there is nothing to show of no one
    seen, every, kept = collect_pictures(pictured, readings, rows, strongest(segments, readings), page,
                                         find_framing(path, ops.margins))
    times = seen.times if pictured else np.concatenate([one.faces["time"] for one in (readings, beside) if one])
    times = np.unique(times).astype(np.int64)
    place = place_frames(source or path, readings.faces["time"], times)
    data = page_data(readings, segments, rows, labels, place, times, time_step(readings), seen.size)
    if spans:
        truth = measure_coded(spans, records, people, Agreement.block, Agreement.resamples)
        add_coded(data, placed, own)
    else:
        truth = add_beside(data, readings, rows, place, times, ops, source, beside)
    output, video, (short, made) = path.with_suffix(".html"), find_video(path, source), provenance(path)
    texts = page_texts(path, page, source, video)
    data |= speech_data(turns(read_speech(path) or (), records), data["ids"])
    data |= film_data(path, source, video, texts, shots, short) | names_data(path, readings, named, parts, short) | {
        "reach": max(2000, 2 * every), "inView": page.rows,
        "truthSays": f"{texts['other']}:" if beside else "coded" if spans else "annotated"}
    add_pictures(data, seen, readings, rows, place, times, kept)
    write_page(output, data, people=len(labels), truth=truth, scored=readings.scored, made=made, version=__version__,
               affect=readings.affected, sound=bool(data["loudness"]), speech=bool(data["speech"]),
               alike=bool(data["alike"]["order"]), **texts)
    whose = None if spans else f"faces of {texts['other']}" if beside else "annotated faces"
    return [*remarks(path, source, video, labels, truth, whose),
            *(coded_lines(page.coded, spans, own, readings, people, times, truth) if spans else ()),
            page.most_turn is not None and f"{ahead.count(False):,} of {len(records):,} records are of faces "
            f"turned by more than {page.most_turn:g} degrees, or of an unknown turn: dimmed, and in no segment",
            f"wrote {output}: {len(readings.faces):,} records, {output.stat().st_size / 1e6:.1f} MB"]


def main(argv=None):
    ops = parse(ReportOps, argv, __doc__)
    path, episode = find_results(ops.page)
    names, notes = read_all_names(ops.page.names)
    records = read_results(path)
    source, missing = find_source(path, ops.page.video, ops.friends.friends_path, ops.friends.frames_path, episode)
    overlay = path.with_suffix(".overlay.mp4")
    if source is None and episode is not None:
        print(missing)
    if source is None and overlay.is_file():
        source = overlay
    for line in write(path, records, (names, notes), source, ops):
        if line:
            print(line)


if __name__ == "__main__":
    run_script(main)
