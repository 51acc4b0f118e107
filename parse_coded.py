"""Cut the faces that people coded out of their videos, each as a four-frame buffer, and index them, to train on.

Reads datasets/Coded: a video and beside it, of the same name, what was coded in it (.eaf of ELAN, .csv ...), and
the video's results, which tell where the faces are (create_results.py --video). Writes coded_faces/VIDEO/*.jpg and
dicts/coded_parsed.npy: [emotion][example] -> img (4 crops, oldest first), pos [video number, person number], emo,
video, person, seconds, split. A video is trained on or validated on, never both.

    python parse_coded.py --valid-videos interview3
    python model_tsm_train.py --weights fer --mixture coded 1 --valid-on coded --name mine
"""
from collections import deque

import numpy as np
from tqdm import tqdm

from ops import CodedSplit, Coders, Cutting, Margins, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import crop_face, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import short_name, whole_folder
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.datasets.npy import BUFFER
from vtt_emotion.datasets.parsing import Report, keep_readable
from vtt_emotion.results.agreement import faces_by_person, faces_in
from vtt_emotion.results.coded import SUFFIXES, read_coded
from vtt_emotion.results.records import read_results
from vtt_emotion.video.detection import framing_of
from vtt_emotion.video.frames import count_frames, read_frames
from vtt_emotion.video.sources import VIDEO_SUFFIXES, choose, is_video

ParseCodedOps = compose(place=Place, coded=folders("coded"), split=CodedSplit, coders=Coders, cutting=Cutting,
                        margins=Margins, parse=Parse)
LATE = 0.5                                       # s by which an annotation may outlast its video


def find_coded(folder):
    """{name: (video, coded file)} of a folder, sorted by name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --coded-path names the one with the coded videos")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    names = {path.stem for path in files if path.suffix.lower() in SUFFIXES}
    others = [path for path in files if path.suffix.lower() not in (*SUFFIXES, ".json")]
    videos = {path.stem: path for path in choose(folder, others, VIDEO_SUFFIXES, lambda path: path.stem in names
                                                 and is_video(path), "video")}
    coded = {}
    for path in files:
        if path.suffix.lower() in SUFFIXES:
            if path.stem in coded:
                raise InputError(f"{path}: {coded[path.stem].name} codes this video too; expected one of them")
            if path.stem not in videos and path.suffix.lower() == ".txt":
                print(f"left out {path}, of no video")           # likely a note of somebody's
                continue
            if path.stem not in videos:
                raise InputError(f"{path}: no video of that name beside it")
            coded[path.stem] = path
    if not coded:
        raise InputError(f"{folder}: expected videos with coded files ({', '.join(SUFFIXES)}) of the same names")
    return {name: (videos[name], coded[name]) for name in coded}


def split_videos(names, train_videos, valid_videos):
    """{video: "train" or "valid"}; without training videos all that are not validated on are trained on."""
    both, unknown = (sorted(set(train_videos) & set(valid_videos)), sorted({*train_videos, *valid_videos} - set(names)))
    if both:
        raise InputError(f"videos {', '.join(both)} are both in --train-videos and in --valid-videos")
    if unknown:
        raise InputError(f"--valid-videos, --train-videos: no coded video {unknown[0]}; there are {', '.join(names)}")
    train = train_videos or [name for name in names if name not in valid_videos]
    return {name: "valid" if name in valid_videos else "train" for name in names if name in {*train, *valid_videos}}


def coded_faces(spans, records, people, apart, report):
    """Entries of the faces that were coded, one every `apart` s of an annotation, with their boxes (box_xyxy)."""
    persons, faces = list(dict.fromkeys(span["person"] for span in spans)), faces_by_person(records)
    for span in spans:
        mine = faces_in(faces, span, people)
        count = max(1, round((span["end"] - span["start"]) / apart))
        wanted = span["start"] + (np.arange(count) + 0.5) * (span["end"] - span["start"]) / count
        places = set(np.searchsorted(mine[:, 0], wanted - 1e-6).tolist()) - {len(mine)}
        if not places:
            report.drop("annotation without a face read in it")
        for place in sorted(places):
            yield {"emo": EMOTIONS.index(span["class"]), "person": span["person"], "seconds": float(mine[place, 0]),
                   "box": mine[place, 2:].tolist(), "pos": persons.index(span["person"])}


def cut_faces(entries, video, folder, cutting, framing, end):
    """Write the crops of a video's entries as `folder`, and give each entry its images.

    end: of its last annotation, s. InputError where that is past the video's, or a face's time is none of its frames'.
    """
    wanted, last = {}, 0.0
    for row, entry in enumerate(entries):
        wanted.setdefault(entry["seconds"], []).append((row, entry))
    past = deque(maxlen=cutting.frame_stride * (BUFFER - 1) + 1)
    with whole_folder(folder) as partial:
        for frame in tqdm(read_frames(video), folder.name, count_frames(video), unit="frame", disable=None):
            past.append(frame)
            last = frame.seconds
            for row, entry in wanted.pop(round(frame.seconds, 3), ()):
                entry["img"] = [f"{folder.name}/{row:05d}_{slot}.jpg" for slot in range(BUFFER)]
                for slot in range(BUFFER):
                    back = cutting.frame_stride * (BUFFER - 1 - slot)
                    image = past[max(0, len(past) - 1 - back)].rgb
                    write_image(partial / f"{row:05d}_{slot}.jpg",
                                crop_face(image, xyxy_to_xywh(entry["box"]), cutting.crop_size, *framing),
                                cutting.crop_quality)
        if end > last + LATE:
            raise InputError(f"{video}: was coded up to {end:g} s, past its end at {last:.1f} s")
        if wanted:
            raise InputError(f"{video}: has no frame at {min(wanted)} s, as its results say; make them again")


def parse_video(number, name, video, coded, ops, report):
    """Entries of one video, its crops written; see the script's docstring."""
    coders, framing = ops.coders, framing_of(ops.split.detector, ops.margins)
    spans = read_coded(coded, coders.tiers, coders.words, coders.coded_fps)
    records = read_results(ops.split.results_path / f"{short_name(name)}.json")
    try:
        entries = list(coded_faces(spans, records, dict(coders.people), ops.split.coded_apart, report))
    except InputError as error:
        raise InputError(f"{coded}: {error}") from None
    cut_faces(entries, video, ops.coded.coded_faces_path / short_name(name), ops.cutting, framing,
              max(span["end"] for span in spans))
    return [{"img": entry["img"], "pos": [number, entry["pos"]], "emo": entry["emo"], "video": name,
             "person": entry["person"], "seconds": entry["seconds"]} for entry in entries]


def main(argv=None):
    ops = parse(ParseCodedOps, argv, __doc__)
    folder, faces_path, report, entries = ops.coded.coded_path, ops.coded.coded_faces_path, Report(ops.parse.strict), []
    found = find_coded(folder)
    splits = split_videos(list(found), ops.split.train_videos, ops.split.valid_videos)
    for number, (name, split) in enumerate(splits.items(), 1):
        entries += [entry | {"split": split} for entry in parse_video(number, name, *found[name], ops, report)]
    if ops.parse.verify:
        entries = keep_readable(entries, faces_path, ops.parse.workers, report)
    report.finish(ops.place.dicts_path, "coded", entries, lambda entry: f"{entry['split']} {entry['video']}", folder,
                  "coded face")
    print(f"crops in {faces_path}")


if __name__ == "__main__":
    run_script(main)
