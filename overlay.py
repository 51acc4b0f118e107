"""A video with its results drawn in: boxes, names and emotions. H.264, as browsers play it."""
from fractions import Fraction

import av
import cv2
import numpy as np
from matplotlib.colors import to_rgb

from index import whole_file
from labels import COLOURS

TICKS = 90000                                    # a second, so that frames keep their own times


def draw_records(image, records):
    """Draw the records of one frame into its RGB picture (H, W, 3), in place."""
    height = image.shape[0]
    line, scale, stroke = max(1, height // 240), height / 1000, max(1, height // 500)
    for record in records:
        x0, y0, x1, y1 = record["object"]["box"]
        colour = [round(255 * part) for part in to_rgb(COLOURS[record["class"]])]
        text = f"{record['object']['name'] or record['object']['id']} {record['class']}"
        (wide, high), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
        top = max(y0 - high - below - line, 0)
        cv2.rectangle(image, (x0, y0), (x1, y1), colour, line)
        cv2.rectangle(image, (x0, top), (x0 + wide + 2 * line, top + high + below + line), colour, cv2.FILLED)
        cv2.putText(image, text, (x0 + line, top + high + line), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255),
                    stroke, cv2.LINE_AA)


def write_overlay(path, frames, records, rate=24):
    """Write `frames` with their `records`, both in order of time, as a whole .mp4 file."""
    records, place = list(records), 0
    with whole_file(path) as temporary, \
            av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
        stream.codec_context.time_base = Fraction(1, TICKS)
        for frame in frames:
            width, height = frame.size[0] // 2 * 2, frame.size[1] // 2 * 2             # H.264 wants even sides
            if frame.number == 0:
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            image = np.array(frame.rgb[:height, :width])
            while place < len(records) and records[place]["seconds"] < frame.seconds - 0.002:
                place += 1
            mine = place
            while mine < len(records) and records[mine]["seconds"] < frame.seconds + 0.002:
                mine += 1
            draw_records(image, records[place:mine])
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = round(frame.seconds * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
