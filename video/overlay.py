"""A video with its results drawn in: boxes, names and emotions. H.264, as browsers play it."""
from fractions import Fraction

import av
import cv2
import numpy as np
from PIL import ImageColor

from indexes.files import whole_file
from indexes.labels import COLOURS, INKS

TICKS = 90000                                    # a second, so that frames keep their own times


def draw_records(image, records):
    """Draw the records of one frame into its RGB picture (H, W, 3), in place."""
    height = image.shape[0]
    line, scale, stroke = max(1, height // 240), height / 1000, max(1, height // 500)
    for record in records:
        x0, y0, x1, y1 = record["object"]["box"]
        colour, ink = (ImageColor.getrgb(table[record["class"]]) for table in (COLOURS, INKS))
        text = f"{record['object']['name'] or record['object']['id']} {record['class']}"
        (wide, high), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
        top = max(y0 - high - below - line, 0)
        cv2.rectangle(image, (x0, y0), (x1, y1), colour, line)
        cv2.rectangle(image, (x0, top), (x0 + wide + 2 * line, top + high + below + line), colour, cv2.FILLED)
        cv2.putText(image, text, (x0 + line, top + high + line), cv2.FONT_HERSHEY_SIMPLEX, scale, ink,
                    stroke, cv2.LINE_AA)


def write_overlay(path, frames, records, every=1):
    """Write `frames` with their `records`, both in order of time, as a whole .mp4 file, without sound.

    What a frame shows stays for `every` frames.
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
            if frame.number % every == 0:
                shown = []
                while place < len(records) and records[place]["seconds"] < frame.seconds + 0.002:
                    if records[place]["seconds"] > frame.seconds - 0.002:
                        shown.append(records[place])
                    place += 1
            draw_records(image, shown)
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            last = max(round(frame.seconds * TICKS), last + 1)         # damaged files have times that go back
            picture.pts, picture.time_base = last, Fraction(1, TICKS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
