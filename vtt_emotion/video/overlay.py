"""A video with its results drawn in: boxes, names and emotions. H.264, as browsers play it."""
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import COLOURS, INKS
from vtt_emotion.video.fonts import find_font, name_shown
from vtt_emotion.video.frames import Frame

TICKS = 90000                                    # a second, so that frames keep their own times


def draw_records(image: np.ndarray, records: Iterable[dict]) -> None:
    """Draw the records of one frame into its RGB picture (H, W, 3), in place."""
    height = image.shape[0]
    line, size = max(1, height // 240), max(8, height // 32)
    for record in records:
        x0, y0, x1, y1 = record["object"]["box"]
        colour, ink = (ImageColor.getrgb(table[record["class"]]) for table in (COLOURS, INKS))
        letters = _letters(f"{name_shown(record['object']['name'], record['object']['id'])} {record['class']}", size)
        high, wide = letters.shape[:2]
        top = max(y0 - high - line, 0)
        cv2.rectangle(image, (x0, y0), (x1, y1), colour, line)
        cv2.rectangle(image, (x0, top), (x0 + wide + 2 * line, top + high), colour, cv2.FILLED)
        under = image[top:top + high, x0 + line:x0 + line + wide]              # what leaves the picture is cut off
        cover = letters[:under.shape[0], :under.shape[1]]
        under[:] = under + cover * (np.array(ink) - under.astype(float))


@lru_cache(256)
def _letters(text, size):
    """A line of text, `size` px to the em: float (H, W, 1), 1 where it is wholly ink."""
    font = ImageFont.truetype(find_font(text) or find_font(""), size)
    high, wide = sum(font.getmetrics()), max(1, round(font.getlength(text)))
    mask = Image.new("L", (wide, high))
    ImageDraw.Draw(mask).text((0, 0), text, 255, font)
    return np.asarray(mask, float)[..., None] / 255


def write_overlay(path: Path, frames: Iterable[Frame], records: Iterable[dict], every: int = 1) -> None:
    """Write `frames` with their `records`, both in order of time, as a whole .mp4 file, without sound.

    What a frame shows stays for `every` frames. Where the first comes late it is shown from 0 on, without records: a
    player's clock is 0 where a file starts, which without the sound is at its first frame.
    """
    records, place, shown, last = list(records), 0, [], -1
    with whole_file(path) as temporary, \
            av.open(f"file:{temporary}", "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "veryfast", "crf": "23"})
        stream.codec_context.time_base = Fraction(1, TICKS)
        for frame in frames:
            if frame.number == 0:
                width, height = (max(2, side // 2 * 2) for side in frame.size)             # H.264 wants even sides
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            image = np.zeros((height, width, 3), np.uint8)
            part = frame.rgb[:height, :width]                          # a frame of another size keeps to the corner
            image[:part.shape[0], :part.shape[1]] = part
            if frame.number == 0 and frame.seconds >= 0.002:
                last = 0
                container.mux(stream.encode(_picture(image, last)))
            if frame.number % every == 0:
                shown = []
                while place < len(records) and records[place]["seconds"] < frame.seconds + 0.002:
                    if records[place]["seconds"] > frame.seconds - 0.002:
                        shown.append(records[place])
                    place += 1
            draw_records(image, shown)
            last = max(round(frame.seconds * TICKS), last + 1)         # damaged files have times that go back
            container.mux(stream.encode(_picture(image, last)))
        container.mux(stream.encode(None))


def _picture(image, ticks):
    picture = av.VideoFrame.from_ndarray(image, format="rgb24")
    picture.pts, picture.time_base = ticks, Fraction(1, TICKS)
    return picture
