"""An episode's page, one HTML file, from the templates in web/."""
import base64
import hashlib
import json
from pathlib import Path

import jinja2
import numpy as np

from indexes.files import whole_file
from indexes.labels import COLOURS, EMOTIONS
from page.pictures import within

WEB = Path(__file__).parent / "web"
LARGEST = 9_500_000                              # bytes of the page; pictures take what is left, and at most:
SHARE = 3_200_000                                # bytes in base64, of the thumbnails and of the frames each
CONFIDENCE = 200                                 # steps of a confidence in the page: a byte that keeps two decimals


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
