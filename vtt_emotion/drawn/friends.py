"""Drawn Friends episodes: videos, metadata in the delivered layout with its known defects, and the truth.

Each episode is a row of shots with cuts between them. A shot shows one or two of the six characters in front
of one backdrop; each character's expression comes, stays and goes. The metadata describe every sixth frame
the way the VTT annotators did; the truth describes every face of every frame.
"""
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import CHARACTERS, EMOTIONS
from vtt_emotion.drawn.faces import EXTENT, Look, Pose, actions, background, draw_head, face_box, paste

WIDTH, HEIGHT, FPS = 1280, 720, Fraction(24000, 1001)
PERIOD = 6                                       # frames from one annotated frame to the next
RAMP = 5                                         # frames an expression takes to come, and to go
TITLES = ("Pilot", "Sonogram at the End", "Thumb", "George Stephanopoulos", "East German Laundry Detergent",
          "Butt", "Blackout", "Nana Dies Twice", "Underdog Gets Away", "Monkey", "Mrs. Bing")
LOOKS = {
    "chandler": Look((226, 184, 152), (72, 48, 32), (90, 100, 120), False, 1.0, 1.02, 1.0, 0.95, 1.1),
    "joey": Look((206, 160, 126), (30, 22, 20), (60, 44, 34), False, 0.92, 1.0, 0.97, 0.95, 1.3),
    "monica": Look((240, 204, 180), (26, 20, 22), (70, 110, 140), True, 1.08, 0.98, 1.0, 1.08, 1.0),
    "phoebe": Look((244, 210, 184), (206, 168, 104), (80, 130, 110), True, 1.05, 1.05, 1.05, 1.0, 0.85),
    "rachel": Look((234, 190, 158), (140, 92, 52), (90, 120, 150), True, 1.06, 1.0, 0.98, 1.05, 0.95),
    "ross": Look((220, 176, 148), (44, 32, 26), (50, 38, 30), False, 0.95, 1.06, 0.96, 0.92, 1.15),
}
# The annotators' words: both forms, any case.
WORDS = {"angry": ("angry", "Anger"), "disgust": ("disgust", "Disgust"), "fear": ("fear", "Fear"),
         "happy": ("happiness", "Happy"), "sad": ("Sadness", "sad"), "surprise": ("surprise", "SURPRISE"),
         "neutral": ("neutral", "Neutral", "NEUTRAL")}


def video_name(episode: int) -> str:
    return f"1x{episode:02d} - The One With the {TITLES[(episode - 1) % len(TITLES)]}.mkv"


def metadata_name(episode: int) -> str:
    return f"s01_ep{episode:02d}_tag2_visual_{'Final_180809' if episode <= 10 else 'final'}.json"


def expressions(rng: np.random.Generator, frames: int, wanted: list[str]) -> tuple[list[str], list[float]]:
    """An emotion and its intensity for each frame of a shot: phases that rise, hold and fall back."""
    emotions, intensities = [], []
    while len(emotions) < frames:
        if not wanted:
            wanted.extend(EMOTIONS[i] for i in rng.permutation(len(EMOTIONS)))
        emotion, length, peak = wanted.pop(), int(rng.integers(20, 34)), rng.uniform(0.75, 1)
        edge = np.minimum(np.arange(length), np.arange(length)[::-1]) / RAMP
        emotions += [emotion] * length
        intensities += list(peak * np.clip(edge, 0, 1))
    return emotions[:frames], intensities[:frames]


def plan_shots(rng: np.random.Generator, frames: int) -> list[dict]:
    """The shots of an episode: length in frames, backdrop, and who is where with which face."""
    shots, left, wanted = [], frames, []
    while left > 0:
        length = int(rng.integers(44, 66))
        length = left if left - length < 30 else length
        people = 1 + int(rng.random() < 0.7)
        if len(shots) == 1 and left > 90:
            people, length = 0, 14               # a short view of the place, with nobody in it
        actors = []
        for slot, name in enumerate(rng.permutation(CHARACTERS)[:people]):
            spread = WIDTH * (slot + 0.5) / people
            size = int(rng.uniform(330, 460) / 2) * 2
            actors.append({"name": str(name), "size": size, "x": spread + rng.uniform(-60, 60),
                           "y": rng.uniform(0.36, 0.5) * HEIGHT, "sway": rng.uniform(4, 22, 2),
                           "phase": rng.uniform(0, 6.28, 4), "light": tuple(rng.uniform(-0.5, 0.5, 2)),
                           "expression": expressions(rng, length, wanted), "vary": int(rng.integers(1 << 31))})
        shots.append({"length": length, "actors": actors, "backdrop": background(rng, HEIGHT, WIDTH)})
        left -= length
    return shots


def draw_frame(shot: dict, t: int, number: int) -> tuple[np.ndarray, list[dict]]:
    """Frame `t` of a shot as RGB uint8 (720, 1280, 3), and the truth of its faces (list of dicts)."""
    image, faces = shot["backdrop"].copy(), []
    for actor in shot["actors"]:
        emotion, intensity = (values[t] for values in actor["expression"])
        swing = np.sin(t / 13 + actor["phase"])
        x, y = actor["x"] + actor["sway"][0] * swing[0], actor["y"] + actor["sway"][1] * 0.4 * swing[1]
        pose = Pose(0.18 * swing[2], 0.06 * swing[3], 0.05 * swing[0], actor["light"], 0.65, 2.0, number)
        act = actions(emotion, intensity, np.random.default_rng(actor["vary"]))
        size = actor["size"]
        half, top = int(0.62 * size), int(y + 0.36 * size)
        image[max(top, 0):, max(int(x) - half, 0):int(x) + half] = 0.6 * np.array(LOOKS[actor["name"]].eyes) + 40
        paste(image, draw_head(LOOKS[actor["name"]], act, pose, size), (x, y))
        unit = size / (2 * EXTENT)
        bx, by, bw, bh = face_box((x + 0.5 * np.sin(pose.yaw) * unit, y), size)
        faces.append({"frame": number, "name": actor["name"], "emotion": emotion if intensity >= 0.5 else "neutral",
                      "box": [round(v) for v in (bx, by, bx + bw, by + bh)]})
    return image, faces


def _timecode(frame):
    second, rest = divmod(frame, 24)
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d};{rest:02d}"


def _rect(box):
    return dict(zip(("min_x", "min_y", "max_x", "max_y"), box))


def _person(face, rng):
    """One character of a period, absent where `face` is None; coordinates are numbers or strings."""
    if face is None:
        none = _rect(["none"] * 4)
        return [{"emotion": "none", "behavior": "none", "face_rect": none, "full_rect": none}]
    words, box = WORDS[face["emotion"]], face["box"]
    x0, y0, x1, y1 = box
    full = [x0 - 60, y0 - 40, x1 + 60, HEIGHT - 1]
    box = [str(v) for v in box] if rng.integers(2) else box
    return [{"emotion": words[rng.integers(len(words))], "behavior": "stand up", "face_rect": _rect(box),
             "full_rect": _rect(full)}]


def describe(episode: int, frames: int, truth: list[dict], rng: np.random.Generator) -> bytes:
    """The metadata of an episode as bytes, known defects included."""
    periods = []
    for number, frame in enumerate(range(PERIOD // 2, frames, PERIOD)):
        faces = {face["name"]: face for face in truth if face["frame"] == frame}
        image = f"Frame_{frame:05d}.jpg" if episode % 2 else f"a{frame:05d}"
        periods.append({"period_num": number, "start_time": _timecode(frame - PERIOD // 2),
                        "end_time": _timecode(min(frame + PERIOD // 2, frames)), "image": image,
                        "person": [{name: _person(faces.get(name), rng) for name in CHARACTERS}],
                        "object": [{"table": [{"min_x": "10", "min_y": "600", "max_x": "300", "max_y": "700"}]}]})
    _spoil(periods, frames)
    text = json.dumps({"file_name": "Friends\u2122", "visual_results": periods}, ensure_ascii=False, indent=1)
    return text.encode().replace("\u2122".encode(), b"\x99 \xbf\xe3\x81\x88")   # bytes that are not UTF-8


def _spoil(periods, frames):
    """Plant the defects seen in the delivered files, on faces the sample can spare."""
    spare = [(p, n) for p in periods for n in CHARACTERS if p["person"][0][n][0]["face_rect"]["min_x"] != "none"]
    rect = [p["person"][0][n][0]["face_rect"] for p, n in spare]
    rect[0]["min_x"] = f"{rect[0]['min_x']}  34"                         # two numbers: the first one counts
    rect[1]["min_x"], rect[1]["max_x"] = rect[1]["max_x"], rect[1]["min_x"]   # inverted
    rect[2]["max_y"] = rect[2]["min_y"]                                  # empty
    rect[3]["max_x"] = "none"                                            # half given
    rect[4].update(min_x="-30")                                          # leaves the image
    spare[5][0]["person"][0][spare[5][1]][0]["emotion"] = "none"         # no emotion, beside a box
    periods[1]["image"] = f"Frame_{PERIOD + PERIOD // 2:05d}.jpg.jpg"
    periods[2]["image"] = f"Frame_{2 * PERIOD + PERIOD // 2:05d}_1.jpg"
    spare[-1][0]["image"] = f"Frame_{frames + 500:05d}.jpg"              # past the end of the video


def write_episode(folder: Path, episode: int, seconds: float, seed: int) -> list[dict]:
    """Draw episode `episode` into `folder`: its video and metadata. Returns the truth of its faces."""
    rng = np.random.default_rng([seed, 7, episode])
    frames, truth, number = round(seconds * FPS), [], 0
    with whole_file(folder / video_name(episode)) as temporary, \
            av.open(str(temporary), "w", format="matroska", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18"}
        for shot in plan_shots(rng, frames):
            for t in range(shot["length"]):
                image, faces = draw_frame(shot, t, number)
                truth += faces
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                number += 1
        container.mux(stream.encode(None))
    with whole_file(folder / metadata_name(episode)) as temporary:
        temporary.write_bytes(describe(episode, number, truth, rng))
    return truth
