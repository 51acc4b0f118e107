"""An episode's page, one HTML file, from the templates in web/."""
import base64
import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
from numpy.typing import ArrayLike

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import AFFECT, COLOURS, INKS, WITH_CONTEMPT
from vtt_emotion.page.pictures import Seen, within
from vtt_emotion.page.readings import Readings

WEB = Path(__file__).parent / "web"
LARGEST = 9_500_000                              # bytes of the page; pictures take what is left, and at most:
SHARE = 3_200_000                                # bytes in base64, of the thumbnails and of the frames each
PORTRAITS = 1000                                 # people, those seen most, who have a thumbnail whatever it takes
SCRIPTS = ("data", "elements", "timeline", "tips", "zoom", "curves", "plane", "player", "tables", "segments", "notes",
           "names", "report")     # joined in this order; the last one starts
PALETTE = "\n".join(f":root {{ --{name}: {COLOURS[name]}; --on-{name}: {INKS[name]}; }}\n"
                    f".{name} {{ --emotion: var(--{name}); --on: var(--on-{name}); }}" for name in WITH_CONTEMPT)
CONFIDENCE = 10_000                              # steps of a confidence in the page: the four decimals of the results
UNKNOWN = -32768 / CONFIDENCE                    # a valence or arousal that a record lacks


def relative_url(video: str | Path, page: Path) -> str:
    """The URL of `video` relative to the page's folder, percent-encoded."""
    steps = Path(os.path.relpath(video, page.parent)).parts
    return "/".join(quote(os.fsencode(step), safe="") for step in steps)


def pack(numbers: ArrayLike, type: str = "<u4") -> str:
    """Numbers as base64 of little-endian `type`."""
    return base64.b64encode(np.asarray(numbers).astype(type).tobytes()).decode()


def row_data(readings: Readings, mine: np.ndarray, frames: np.ndarray, label: str, id_of: dict[int, int],
             size: tuple[int, int] | None) -> dict:
    """One row of the timeline, of the readings `mine`."""
    mine = mine[np.argsort(frames[mine], kind="stable")]
    faces = readings.faces[mine]
    boxes = faces["box_xyxy"].clip(0, [*size, *size] if size else 65535)
    data = {"label": label, "frames": pack(frames[mine]), "emotions": pack(faces["emotion"], "u1"),
            "confidences": pack(np.round(CONFIDENCE * faces["confidence"]), "<u2"),
            "ids": pack([id_of[id] for id in faces["id"]]), "boxes": pack(np.round(boxes), "<u2")}
    if faces["turned"].any():
        data["turned"] = pack(faces["turned"], "u1")
    if readings.scored:
        shares = np.nan_to_num(faces["scores"][:, :len(readings.emotions)])
        data["scores"] = pack(np.round(CONFIDENCE * shares), "<u2")
    if readings.affected:
        data["affect"] = pack(np.round(CONFIDENCE * np.nan_to_num(faces["affect"], nan=UNKNOWN)), "<i2")
    return data | {"named": len(mine) > 0 and readings.named[faces["label"][0]]}


def segment_data(segments: list[dict], id_of: dict[int, int]) -> dict:
    """Segments (list of dicts) as columns: ids (places), emotions, starts, ends and peaks in ms, mean confidences."""
    def column(key, factor, type):
        return pack([round(factor * segment[key]) for segment in segments], type)

    return {"ids": pack([id_of[segment["id"]] for segment in segments]),
            "emotions": pack([WITH_CONTEMPT.index(segment["class"]) for segment in segments], "u1"),
            "starts": column("start", 1000, "<u4"), "ends": column("end", 1000, "<u4"),
            "peaks": column("peak_seconds", 1000, "<u4"), "means": column("confidence", CONFIDENCE, "<u2")}


def speech_data(spoken: list[dict], ids: list[int]) -> dict:
    """What is spoken as the page has it, in ms: `speech`, the film's starts and ends; `turns`, people's, as columns.

    spoken: of vtt_emotion.results.speech's `turns`; ids: those of the page, of which a turn's is a place.
    """
    film, people = ([turn for turn in spoken if (turn["id"] is None) == whole] for whole in (True, False))
    times = {key: [round(1000 * turn[key]) for turn in people] for key in ("start", "end")}
    return {"speech": pack([round(1000 * turn[key]) for turn in film for key in ("start", "end")]),
            "turns": {"ids": pack([ids.index(turn["id"]) for turn in people]), "starts": pack(times["start"]),
                      "ends": pack(times["end"])}}


def page_data(readings: Readings, segments: list[dict], rows: np.ndarray, labels: list[str], frames: np.ndarray,
              times: ArrayLike, step: int, size: tuple[int, int] | None = None) -> dict:
    """What the page's scripts are given.

    Args:
        segments: of vtt_emotion.results.segments; frames: (N,) the frame of each reading; times: ms of all frames;
        step: ms from a reading to the next; size: (W, H) px of the picture that the boxes lie in, where it is known.
    """
    ids = sorted(set(readings.faces["id"].tolist()))
    id_of = {id: place for place, id in enumerate(ids)}
    order = np.argsort(rows, kind="stable")
    parts = np.split(order, np.searchsorted(rows[order], np.arange(1, len(labels))))
    made = [row_data(readings, mine, frames, label, id_of, size) for mine, label in zip(parts, labels)]
    return {"times": pack(times), "step": step, "emotions": list(readings.emotions), "full": CONFIDENCE, "ids": ids,
            "size": size, "segments": segment_data(segments, id_of), "rows": made} | (
                {"affect": AFFECT} if readings.affected else {})


def alike_data(near: dict[int, list[int]], order: list[int]) -> dict:
    """Who looks like whom as the page has it: ids, those most like each, nearest first, and all by how alike they are.

    near, order: of vtt_emotion.video.likeness.
    """
    return {"order": order, "ids": list(near), "near": [pack(ids) for ids in near.values()]}


def add_pictures(data: dict, seen: Seen, readings: Readings, rows: np.ndarray, frames: np.ndarray, times: ArrayLike,
                 kept: list[int]) -> None:
    """Put the thumbnails, by row, and the frames' pictures into the page's `data`, as many as fit.

    `frames` and `times` are those of `page_data`; `kept` are places of readings whose pictures are kept.
    """
    size = len(json.dumps(data)) + sum(file.stat().st_size for file in WEB.iterdir())
    budget = max(0, min(SHARE, (LARGEST - size) // 2))
    ones = {rows[place]: place for place in seen.faces if rows[place] < PORTRAITS}
    faces, of_row = within(seen.faces, {*kept, *ones.values()}, budget), {}
    id_of = {id: place for place, id in enumerate(data["ids"])}
    for place in sorted(faces, key=lambda place: frames[place]):
        of_row.setdefault(rows[place], []).append(place)
    for row, mine in enumerate(data["rows"]):
        here = of_row.get(row, [])
        mine["thumbs"] = {"frames": frames[here].tolist() if here else [],
                          "ids": [id_of[int(readings.faces["id"][place])] for place in here],
                          "jpegs": [base64.b64encode(faces[place]).decode() for place in here]}
    pictures = within(seen.pictures, {int(times[frames[place]]) for place in kept}, budget)
    data["pictures"] = {"times": list(pictures),
                        "jpegs": [base64.b64encode(picture).decode() for picture in pictures.values()]}


def as_json(data: dict) -> str:
    """JSON that may stand in a script element: nothing in it can end the element, or begin another."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))      # ASCII: U+2028 is escaped already
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write_page(path: str | Path, data: dict, **texts: str) -> None:
    """Write the page as one whole file: the template with its `data` (for the scripts) and `texts`.

    A Content-Security-Policy allows its own two scripts and style, by their hashes, and nothing from a network.
    """
    inlined = {name: (WEB / file).read_text(encoding="utf-8") for name, file in
               (("library", "echarts.min.js"), ("style", "report.css"))}
    inlined["style"] = f"{PALETTE}\n{inlined['style']}"
    scripts = [(WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    inlined["script"] = "\n".join(['"use strict";\n(() => {', *scripts, "})();\n"])
    digests = {name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
               for name, text in inlined.items()}
    web = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB), autoescape=True, undefined=jinja2.StrictUndefined,
                             trim_blocks=True, lstrip_blocks=True)
    text = web.get_template("report.html.j2").render(
        data=as_json(data), digests=digests, emotions=data["emotions"], **inlined, **texts)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
