"""The numbers and pictures of an episode's page, and the page itself, one HTML file (templates in web/).

Times are whole milliseconds. A reading is one record of the results; a row is a line of the timeline, one person.
"""
import base64
import hashlib
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import jinja2
import numpy as np
from PIL import Image

from faces import crop_face, xyxy_to_xywh
from index import whole_file
from labels import COLOURS, EMOTIONS
from ops import InputError

WEB = Path(__file__).parent / "web"
NEAR = 2                                         # ms by which a record's time may miss its frame's
LONGEST = 4_000_000_000                          # ms; times are 32 bits in the page
GAP = 1.6                                        # steps between two readings that break a run
STRONGEST, APART = 5, 3000                       # moments an emotion, and ms between two of one person
FACE, FACES, FACE_EVERY = 64, 1600, 250          # px of a thumbnail, how many at most, ms between two at least
PICTURE, PICTURES, PICTURE_EVERY = 320, 300, 250     # the same of whole frames; px of the longer side
LARGEST = 9_500_000                              # bytes of the page; pictures take what is left, and at most:
SHARE = 3_200_000                                # bytes in base64, of the thumbnails and of the frames each
CONFIDENCE = 200                                 # steps of a confidence in the page: a byte that keeps two decimals


@dataclass
class Readings:
    """The records of an episode as arrays of N, in the order of the results."""
    times: np.ndarray                            # ms, int64
    emotions: np.ndarray                         # 0 to 6
    confidences: np.ndarray                      # 0 to 1
    boxes_xyxy: np.ndarray                       # float (N, 4)
    faces: np.ndarray                            # place in `labels`: a name, or an id without one
    labels: list
    named: list                                  # bool, of each label


@dataclass
class Seen:
    """What one pass over the source gave."""
    times: list = field(default_factory=list)    # ms of every frame
    faces: dict = field(default_factory=dict)    # {place of a reading: JPEG}
    pictures: dict = field(default_factory=dict)     # {ms of a frame: JPEG}


def as_readings(path, records):
    """The records of the results in `path` as `Readings`. InputError names the first one that is not as expected."""
    labels, rows = {}, []
    for place, record in enumerate(records):
        face = record["object"]
        try:
            box, confidence = [float(value) for value in face["box"]], float(face["confidence"])
            time, name = round(1000 * record["seconds"]), face["name"]
            good = np.isfinite(box).all() and 0 <= confidence <= 1 and time < LONGEST and isinstance(face["id"], int) \
                and isinstance(name, str | None)
        except (KeyError, TypeError, ValueError, OverflowError):
            good = False
        if not good:
            raise InputError(f"{path}: record {place}: expected seconds, a box of four numbers, a confidence from 0 "
                             "to 1, a whole number as id and a name or null")
        key = (True, name) if name else (False, face["id"])
        rows.append((time, EMOTIONS.index(record["class"]), confidence, labels.setdefault(key, len(labels))))
    times, emotions, confidences, faces = (np.array(column) for column in zip(*rows)) if rows else np.zeros((4, 0), int)
    boxes = np.array([record["object"]["box"] for record in records], float).reshape(-1, 4)
    return Readings(times.astype(np.int64), emotions, confidences.astype(float), boxes, faces,
                    [name if named else f"face {name}" for named, name in labels], [named for named, _ in labels])


def choose_rows(readings, most):
    """(row of each reading, labels of the rows): a row a person, the named ones first, those seen most first.

    Then faces without a name, in the order they come. Beyond `most` rows those seen least share one more, whose
    label says how many they are.
    """
    counts, named = Counter(readings.faces.tolist()), readings.named
    order = sorted(counts, key=lambda face: (not named[face], -counts[face]))
    most += len(order) == most + 1                           # a single one needs no row for the rest
    chosen = sorted(order[:most], key=lambda face: (not named[face], -counts[face] if named[face] else face))
    row_of = {face: row for row, face in enumerate(chosen)} | dict.fromkeys(order[most:], most)
    labels = [readings.labels[face] for face in chosen]
    if len(order) > most:
        labels.append(f"{len(order) - most} others")
    return np.array([row_of[face] for face in readings.faces.tolist()], int), labels


def place_frames(source, times, frames):
    """The frame (its place in `frames`, ascending ms) of each of `times`; InputError where one has none."""
    after = np.clip(np.searchsorted(frames, times), 1, max(len(frames) - 1, 1))
    place = np.where(times - frames[after - 1] <= frames[after % len(frames)] - times, after - 1, after % len(frames))
    missed = np.flatnonzero(np.abs(frames[place] - times) > NEAR)
    if len(missed):
        raise InputError(f"{source}: has no frame at {times[missed[0]] / 1000} s; the results were made from another "
                         "video")
    return place


def time_step(readings):
    """ms from one reading of a face to its next: the median, 42 where no face has two."""
    order = np.lexsort((readings.times, readings.faces))
    steps = np.diff(readings.times[order])[np.diff(readings.faces[order]) == 0]
    return int(np.median(steps[steps > 0])) if (steps > 0).any() else 42


def strongest(readings, rows, step):
    """For each emotion the places of up to 5 readings: the most confident first, each of another run.

    A run is one row's readings of one emotion, `step` ms apart; two of a row are at least 3 s apart.
    """
    order = np.lexsort((readings.times, rows))
    new = np.diff(rows[order], prepend=-1) != 0
    new |= np.diff(readings.emotions[order], prepend=-1) != 0
    new |= np.diff(readings.times[order], prepend=0) > GAP * step
    run = np.zeros(len(order), int)
    run[order] = np.cumsum(new)
    found, used = [[] for _ in EMOTIONS], set()
    for place in np.lexsort((readings.times, -readings.confidences)).tolist():
        taken = found[readings.emotions[place]]
        apart = all(rows[other] != rows[place] or abs(readings.times[other] - readings.times[place]) >= APART
                    for other in taken)
        if len(taken) < STRONGEST and run[place] not in used and apart:
            taken.append(place)
            used.add(run[place])
    return found


def spread_faces(times, faces, most=FACES):
    """(places of readings to show a thumbnail of, ms between two): each face evenly in time, `most` in all."""
    every = FACE_EVERY
    while True:
        _, first = np.unique(np.stack([faces, times // every]), axis=1, return_index=True)
        if len(first) <= max(most, len(set(faces.tolist()))):
            return np.sort(first).tolist(), int(every)
        every *= 1.3


def as_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()


def shrink(image, longest=PICTURE):
    """An RGB image (H, W, 3) scaled so that its longer side is at most `longest` px."""
    scale = min(1, longest / max(image.shape[:2]))
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def look(frames, readings, wanted, kept, every, framing):
    """One pass over the source's `frames`: the times of all, and the pictures the page is to have.

    Args:
        wanted: places of readings to cut a thumbnail of; kept: those whose whole frame is wanted too.
        every: ms between two pictures of whole frames; framing: (margin, lift) of a thumbnail.
    """
    seen, due, place, at = Seen(), 0, 0, {}
    for reading in wanted:
        at.setdefault(int(readings.times[reading]), []).append(reading)
    times, kept = sorted(at), {int(readings.times[reading]) for reading in kept}
    for frame in frames:
        now = round(1000 * frame.seconds)
        seen.times.append(now)
        while place < len(times) and times[place] < now - NEAR:
            place += 1
        here = times[place] if place < len(times) and times[place] <= now + NEAR else None
        for reading in at.get(here, ()):
            try:
                face = crop_face(frame.rgb, xyxy_to_xywh(readings.boxes_xyxy[reading]), FACE, *framing)
            except InputError:                   # a box outside the picture, of another video's results
                continue
            seen.faces[reading] = as_jpeg(face, 72)
        if now >= due or here in kept:
            seen.pictures[now] = as_jpeg(shrink(frame.rgb), 62)
            due = now + every if now >= due else due
    return seen


def base64_bytes(pictures):
    return sum((len(picture) + 2) // 3 * 4 + 3 for picture in pictures)


def within(pictures, kept, budget):
    """`pictures` ({key: bytes}), in order, so many that they take `budget` bytes in base64; those `kept` stay.

    The others are thinned evenly.
    """
    pictures = dict(sorted(pictures.items()))
    spare = [key for key in pictures if key not in kept]
    while spare and (size := base64_bytes(pictures.values())) > budget:
        fewer = min(len(spare) - 1, int(len(spare) * budget / size))
        places = {round(place) for place in np.linspace(0, len(spare) - 1, fewer)}
        spare = [key for place, key in enumerate(spare) if place in places]
        stays = kept | set(spare)
        pictures = {key: picture for key, picture in pictures.items() if key in stays}
    return pictures


def pack(numbers, type="<u4"):
    """Numbers as base64 of little-endian `type`."""
    return base64.b64encode(np.asarray(numbers).astype(type).tobytes()).decode()


def row_data(readings, mine, frames, label, shared):
    """One row of the timeline, of the readings `mine`; of a `shared` one, whose faces they are as well."""
    mine = mine[np.argsort(frames[mine], kind="stable")]
    data = {"label": label, "frames": pack(frames[mine]), "emotions": pack(readings.emotions[mine], "u1"),
            "confidences": pack(np.round(CONFIDENCE * readings.confidences[mine]), "u1")}
    return data | ({"faces": pack(readings.faces[mine]), "names": readings.labels} if shared else {})


def page_data(readings, rows, labels, frames, times, step):
    """(what the page's scripts are given, the shares of the emotions in each row for its tables).

    Args:
        frames: (N,) the frame of each reading; times: ms of all frames; step: ms from a reading to the next.
    """
    data = {"times": pack(times), "step": step, "emotions": list(EMOTIONS), "colours": list(COLOURS.values()),
            "full": CONFIDENCE, "rows": []}
    shares = []
    for row, label in enumerate(labels):
        mine = np.flatnonzero(rows == row)
        several = len(set(readings.faces[mine].tolist())) > 1
        data["rows"].append(row_data(readings, mine, frames, label, several))
        counts = np.bincount(readings.emotions[mine], minlength=len(EMOTIONS))
        shares.append({"label": label, "readings": len(mine), "shares": (counts / len(mine)).tolist()})
    return data, shares


def table_of(moments, readings, rows, frames):
    """The strongest moments for the page's table: for each emotion, dicts of row, frame, face, time, confidence."""
    return [[{"row": int(rows[place]), "frame": int(frames[place]), "face": int(readings.faces[place]),
              "label": readings.labels[readings.faces[place]], "time": int(readings.times[place]),
              "confidence": float(readings.confidences[place])} for place in places] for places in moments]


def picture_every(seconds):
    """ms between two pictures of whole frames, of an episode of so many seconds."""
    return max(PICTURE_EVERY, int(1000 * seconds / PICTURES) + 1)


def add_pictures(data, seen, readings, rows, frames, times, kept):
    """Put the thumbnails, by row, and the frames' pictures into the page's `data`, as many as fit.

    `frames` and `times` are those of `page_data`; `kept` are places of readings whose pictures are kept.
    """
    size = len(json.dumps(data)) + sum(file.stat().st_size for file in WEB.iterdir())
    budget = max(0, min(SHARE, (LARGEST - size) // 2))
    faces = within(seen.faces, set(kept), budget)
    for row, mine in enumerate(data["rows"]):
        here = sorted((place for place in faces if rows[place] == row), key=lambda place: frames[place])
        mine["thumbs"] = {"frames": frames[here].tolist() if here else [],
                          "faces": readings.faces[here].tolist() if here else [],
                          "jpegs": [base64.b64encode(faces[place]).decode() for place in here]}
    pictures = within(seen.pictures, {int(times[frames[place]]) for place in kept}, budget)
    data["pictures"] = {"times": list(pictures),
                        "jpegs": [base64.b64encode(picture).decode() for picture in pictures.values()]}


def as_json(data):
    """JSON that may stand in a script element: nothing in it can end the element, or begin another."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))      # ASCII: U+2028 is escaped already
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def clock(time):
    """Milliseconds as 1:02.34."""
    hundredths = round(time / 10)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def write_page(path, data, **texts):
    """Write the page as one whole file: the template with its `data` (for the scripts) and `texts`.

    A Content-Security-Policy allows its own two scripts and style, by their hashes, and nothing from a network.
    """
    inlined = {name: (WEB / file).read_text(encoding="utf-8") for name, file in
               (("library", "echarts.min.js"), ("script", "report.js"), ("style", "report.css"))}
    digests = {name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
               for name, text in inlined.items()}
    web = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB), autoescape=True, undefined=jinja2.StrictUndefined,
                             trim_blocks=True, lstrip_blocks=True)
    web.filters["clock"] = clock
    text = web.get_template("report.html.j2").render(
        data=as_json(data), digests=digests, emotions=EMOTIONS, colours=COLOURS, **inlined, **texts)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
