"""Cut the annotated faces out of the Friends episodes, each as a four-frame buffer, and index them.

Reads the metadata (s01_ep01_....json) and the extracted frames, or the videos where frames were not extracted.
Writes friends_faces/ep01/*.jpg and dicts/friends_parsed_new.npy: [emotion][example] -> img (4 crops, oldest
first), pos [episode, character id], emo, period, frame, character, face_rect (x, y, w, h in the frame). An
episode that is done already, with the same options, is not cut again. A face whose emotion is `none` is dropped.

    python parse_friends.py
    python parse_friends.py --episodes 1 2 --frame-stride 4 --crop-size 224 --metadata for_merge
"""
import hashlib
import json
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ops import Buffer, Friends, Margins, Metadata, Parse, Place, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.crop import crop_face
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file, whole_folder
from vtt_emotion.core.images import read_image, write_image
from vtt_emotion.core.labels import CHARACTERS
from vtt_emotion.datasets.friends import find_metadata, read_metadata, read_period
from vtt_emotion.datasets.npy import BUFFER, write_arrays
from vtt_emotion.datasets.parsing import Report, keep_readable
from vtt_emotion.video.frames import frame_files, read_frames
from vtt_emotion.video.names import GALLERY, encode_pictures
from vtt_emotion.video.sources import describe_source, find_episode

ParseFriendsOps = compose(place=Place, friends=Friends, metadata=Metadata, buffer=Buffer, margins=Margins, parse=Parse)


def buffer_frames(frame, stride):
    """The four frame numbers of the buffer that ends at `frame`; before the start the first repeats."""
    return [max(0, frame - stride * back) for back in reversed(range(BUFFER))]


def wanted_frames(source, numbers):
    """(number, RGB image) of those wanted frames that a source has, in order; a video is decoded past all others."""
    if source.is_dir():
        for path in frame_files(source):
            if int(path.stem) in numbers:
                yield int(path.stem), read_image(path)
        return
    last = max(numbers, default=-1)
    for frame in read_frames(source):
        if frame.number in numbers:
            yield frame.number, frame.rgb
        if frame.number >= last:
            return


def cut_faces(entries, source, folder, stride, size, quality, margin):
    """Write the crops of an episode's entries as `folder`; returns {row in entries: why it has none}.

    The folder appears when all are there.
    """
    uses, left, outside = {}, dict.fromkeys(range(len(entries)), BUFFER), set()
    for row, entry in enumerate(entries):
        for slot, number in enumerate(buffer_frames(entry["frame"], stride)):
            uses.setdefault(number, []).append((row, slot))
    with whole_folder(folder) as partial:
        for number, image in tqdm(wanted_frames(source, uses), folder.name, len(uses), unit="frame", disable=None):
            for row, slot in uses[number]:
                try:
                    face = crop_face(image, entries[row]["face_rect"], size, margin)
                except InputError:
                    outside.add(row)
                    continue
                write_image(partial / Path(entries[row]["img"][slot]).name, face, quality)
                left[row] -= 1
        lost = {row: "face box outside the image" if row in outside else "frame past the end of the video"
                for row, slots in left.items() if slots}
        for row in lost:
            for name in entries[row]["img"]:
                (partial / Path(name).name).unlink(missing_ok=True)
    return lost


def earlier_cut(folder, done, key, count):
    """What an earlier run noted of an episode's crops (dict), or None where they are to be cut."""
    try:
        earlier = json.loads(done.read_text())
        whole = earlier["key"] == key and len(os.listdir(folder)) == BUFFER * (count - len(earlier["lost"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return earlier if whole else None


def parse_episode(episode, metadata, source, faces_path, cutting, none_is_neutral, report):
    """Entries of one episode. Its crops are written unless an earlier run did, with the same `cutting` options."""
    name, entries = f"ep{episode:02d}", []
    for row, period in enumerate(read_metadata(metadata)):
        entries += read_period(period, f"{metadata} period {row}", report, none_is_neutral)
    for row, entry in enumerate(entries):
        stem = f"{name}/{entry['frame']:05d}_{entry['character']}_{row}"
        entry["img"] = [f"{stem}_{slot}.jpg" for slot in range(BUFFER)]
        entry["pos"] = [episode, CHARACTERS.index(entry["character"])]
    digest = hashlib.sha256(metadata.read_bytes()).hexdigest()
    key = cutting | {"source": describe_source(source), "metadata": digest, "none": none_is_neutral}
    folder, done = faces_path / name, faces_path / f"{name}.json"
    earlier = earlier_cut(folder, done, key, len(entries))
    if earlier is None:
        done.unlink(missing_ok=True)
        lost = cut_faces(entries, source, folder, **cutting)
        earlier = {"key": key, "lost": {str(row): why for row, why in lost.items()}}
        with whole_file(done) as temporary:                  # written last: an interrupted episode is cut again
            temporary.write_text(json.dumps(earlier))
    for why in earlier["lost"].values():
        report.drop(why)
    return [entry for row, entry in enumerate(entries) if str(row) not in earlier["lost"]]


def make_gallery(entries, faces_path, count):
    """Encodings of up to `count` faces of each character, spread over the entries; {name: (K, 128)}."""
    pictures = []
    for character in CHARACTERS:
        mine = [entry["img"][-1] for entry in entries if entry["character"] == character]
        picked = np.unique(np.linspace(0, len(mine) - 1, min(count, len(mine))).astype(int)) if mine else ()
        pictures += [(character, faces_path / mine[row]) for row in picked]
    return encode_pictures(pictures, "gallery")


def main(argv=None):
    ops = parse(ParseFriendsOps, argv, __doc__)
    friends, buffer, report, entries = ops.friends, ops.buffer, Report(ops.parse.strict), []
    metadata = find_metadata(friends.friends_path, buffer.episodes, ops.metadata.metadata)
    sources = {episode: find_episode(episode, friends.friends_path, friends.frames_path) for episode in metadata}
    names = [path.relative_to(friends.friends_path).as_posix() for path in metadata.values()]
    print(f"Friends: {len(names)} episodes, {names[0]}" + (f" to {names[-1]}" if len(names) > 1 else "")
          + f", {sum(source.is_dir() for source in sources.values())} with extracted frames")
    cutting = {"stride": buffer.frame_stride, "size": buffer.crop_size, "quality": buffer.crop_quality,
               "margin": ops.margins.friends_margin}
    for episode, path in metadata.items():
        entries += parse_episode(episode, path, sources[episode], friends.faces_path, cutting,
                                 ops.metadata.none_is_neutral, report)
    if ops.parse.verify:
        entries = keep_readable(entries, friends.faces_path, ops.parse.workers, report)
    report.finish(ops.place.dicts_path, "friends", entries, lambda entry: f"episode {entry['pos'][0]:02d}",
                  friends.friends_path, "face")
    print(f"crops in {friends.faces_path}")
    if buffer.gallery_faces:
        path = ops.place.dicts_path / GALLERY
        gallery = make_gallery(entries, friends.faces_path, buffer.gallery_faces)
        write_arrays(path, gallery)
        print(f"wrote {path}: {', '.join(f'{name} {len(rows)}' for name, rows in gallery.items())}")


if __name__ == "__main__":
    run_script(main)
