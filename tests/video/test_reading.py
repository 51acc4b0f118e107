import json
import threading
import time

import numpy as np
import pytest

import create_results
from ops import Tracking
from vtt_emotion import __version__
from vtt_emotion.core.crop import iou
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.drawn.faces import actions, background, draw_head, paste, random_look, random_pose
from vtt_emotion.video import decoding
from vtt_emotion.video.create import is_of
from vtt_emotion.video.detection import CenterFace, make_detector, make_wide
from vtt_emotion.video.emotions import EmotionReader, make_records, smooth_logits
from vtt_emotion.video.faces import FACE, make_faces
from vtt_emotion.video.faces_file import VERSION, describe, fingerprint, read_faces, write_faces
from vtt_emotion.video.frames import Frame as FilmFrame
from vtt_emotion.video.frames import read_frames
from vtt_emotion.video.reading import follow_faces, known_faces, look_at, look_wide, read_through
from vtt_emotion.video.shots import Pace, with_cuts
from vtt_emotion.video.sources import find_videos
from vtt_emotion.video.tracks import Tracker


def find(frames, threads=2, cuts=None, **options):
    """(faces, shots) of frames, by the default options but those given."""
    tracking = Tracking(**options)
    detector = make_detector(tracking.detector, tracking.detect_width, tracking.min_face, tracking.min_score)
    tracker = Tracker(tracking.detect_every, tracking.max_move, tracking.max_gap, tracking.max_hidden,
                      tracking.min_seen)
    cuts = cuts or with_cuts(frames, Pace(), tracking.shot_ratio, tracking.shot_least, tracking.shot_sure)
    return read_through(follow_faces(cuts, detector, tracker, threads), [])[:2]


def uncut(frames):
    return [(frame, False) for frame in frames]


def head(size=(360, 640), side=260, place=(300, 170)):
    """(a picture with a drawn face, the same without)."""
    rng = np.random.default_rng(0)
    empty = background(rng, *size)
    filled = empty.copy()
    paste(filled, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), side), place)
    return filled, empty


def test_one_id_a_character_and_shot_and_none_across_a_cut(sample):
    truth = json.loads((sample / "datasets/Friends/sample_truth.json").read_text())["1"]
    faces, shots = find(read_frames(find_videos(sample / "datasets/Friends")[1]))
    assert shots[0] == 0 and shots[-1] == 72
    bounds = list(zip(shots, shots[1:]))
    for id in set(faces["id"].tolist()):
        mine = faces["frame"][faces["id"] == id]
        assert any(start <= mine[0] and mine[-1] < stop for start, stop in bounds)
    ids = {}
    for face in truth:
        shot = next(start for start, stop in bounds if start <= face["frame"] < stop)
        for row in faces[faces["frame"] == face["frame"]]:
            if iou([row["box_xyxy"]], [face["box"]])[0, 0] > 0.4:
                ids.setdefault((shot, face["name"]), []).append(int(row["id"]))
    assert len(ids) == faces["id"].max() and all(len(set(found)) == 1 for found in ids.values())
    assert sum(map(len, ids.values())) >= 0.97 * len(truth)


def test_in_a_dissolve_no_face_is_taken_into_the_next_shot(make_video, tmp_path):
    rng = np.random.default_rng(4)
    places, still = [background(rng, 360, 640) for _ in range(3)], []
    for place, x in zip(places, (150, 480, 150)):
        paste(place, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 260), (x, 170))
        still.append(place.astype(float))
    shares = np.concatenate([np.zeros(40), np.arange(1, 24) / 24, np.ones(40)])
    path = make_video(tmp_path / "a.mp4", [(one * (1 - share) + other * share).astype(np.uint8)
                                           for one, other in zip(still, still[1:]) for share in shares])
    once, again = (find(read_frames(path), threads) for threads in (1, 3))
    faces, shots = once
    assert once[1] == again[1] and (faces == again[0]).all()
    assert len(shots) == 4 and faces["id"].max() == 3        # with those that fade it would be 5
    assert (faces["id"] == np.searchsorted(shots, faces["frame"], "right")).all() and len(faces) > 0.95 * shots[-1]


def test_a_face_that_leaves_ends_with_it(make_video, tmp_path):
    filled, empty = head()
    path = make_video(tmp_path / "a.mp4", [filled] * 20 + [empty] * 20)
    for every, last in ((4, (17, 21)), (1, (19, 19))):
        faces, _ = find(None, cuts=uncut(read_frames(path)), detect_every=every)
        assert set(faces["id"]) == {1} and faces["frame"][0] == 0 and last[0] <= faces["frame"][-1] <= last[1]


def test_small_faces_are_found_where_asked_for(make_video, tmp_path):
    path = make_video(tmp_path / "a.mp4", [head((720, 1280), 84, (600, 300))[0]] * 8)             # 40 px
    assert len(find(read_frames(path), detector="hog")[0]) == 0
    for detector, least in (("centerface", 24), ("hog", 36)):
        faces, _ = find(read_frames(path), detector=detector, min_face=least)
        x0, y0, x1, y1 = faces["box_xyxy"][0]
        assert 25 < x1 - x0 < 50 and abs((x0 + x1) / 2 - 600) < 8 and len(faces) == 8


def test_a_frame_of_another_size_begins_a_shot(make_video, tmp_path):
    image, _ = head()
    frames = list(read_frames(make_video(tmp_path / "a.mp4", [image] * 8)))
    halves = list(read_frames(make_video(tmp_path / "b.mp4", [image[::2, ::2]] * 8)))
    for frame in halves:
        frame.number += 8
    faces, shots = find(None, cuts=uncut([*frames, *halves]))
    assert shots == [0, 8, 16] and faces["frame"].tolist() == list(range(16))
    assert faces["id"].tolist() == [1] * 8 + [2] * 8 and faces["box_xyxy"][8:].max() <= 320


class Frame:
    """A frame of which only the number is known."""
    size, seconds, alive, most = (640, 360), 0.0, 0, 0

    def __init__(self, number):
        self.number = number
        Frame.alive += 1
        Frame.most = max(Frame.most, Frame.alive)

    def __del__(self):
        Frame.alive -= 1


def test_frames_wait_in_a_queue_that_does_not_grow_and_each_is_handed_on_once(monkeypatch):
    rng, lock, looked = np.random.default_rng(0), threading.Lock(), []

    def look_at(frame, _):
        with lock:
            looked.append(frame.number)
            pause = rng.random() / 500
        time.sleep(pause)
        count = int(frame.number % 12 != 0)
        return make_faces([[100, 100, 150, 150]] * count, landmarks=0)

    monkeypatch.setattr("vtt_emotion.video.reading.look_at", look_at)
    found = {}
    for threads in (1, 2, 4):
        Frame.alive = Frame.most = 0
        looked.clear()
        tracker = Tracker(4, 1.0, 8, 24, 2)
        frames = ((Frame(number), number % 151 == 0) for number in range(600))
        faces, shots, seconds, _ = read_through(follow_faces(frames, None, tracker, threads), [])
        assert sorted(looked) == [number for start in (0, 151, 302, 453)
                                  for number in range(start, min(start + 151, 600), 4)]
        assert shots == [0, 151, 302, 453, 600] and len(seconds) == 600
        assert 12 <= Frame.most <= tracker.delay + 4 * (threads + 4)
        found[threads] = faces
    assert (found[1] == found[2]).all() and (found[1] == found[4]).all() and len(found[1]) > 500


def test_looks_stay_wide_where_a_wide_look_found_small_faces(monkeypatch):
    near, looked = CenterFace(), []
    glancing, wide = make_wide(near)
    names = {near: "near", glancing: "glancing", wide: "wide"}

    def look_at(frame, detector):
        looked.append((frame.number, names[detector]))
        signs, small = frame.number >= 24 and detector is glancing, frame.number >= 48 and detector is wide
        sides = np.array([100] + [30] * signs + [20] * small, np.float32)
        places = 200 * np.arange(len(sides), dtype=np.float32)
        boxes = np.stack([places, places, places + sides, places + sides], 1)
        return make_faces(boxes, np.where(sides == 30, 0.2, 0.9))

    monkeypatch.setattr("vtt_emotion.video.reading.look_at", look_at)
    monkeypatch.setattr(Frame, "size", (1280, 720))
    frames = ((Frame(number), number == 80) for number in range(88))
    faces, *_ = read_through(follow_faces(frames, near, Tracker(4, 1.0, 8, 24, 2), 1, (glancing, wide)), [])
    glances = [(number, "glancing") for number in (0, 24, 48, 72, 80)]
    narrow = [(number, "near") for number in range(0, 48, 4) if number % 24]
    assert sorted(looked) == sorted(glances + narrow + [(number, "wide") for number in (24, *range(48, 88, 4))])
    assert set(faces["frame"][faces["id"] == 2]) == set(range(46, 80)) and faces["score"].min() > 0.5


@pytest.mark.parametrize("side,is_small", [(84, True), (400, False)])
def test_a_wide_look_is_taken_where_a_glance_sees_signs_of_small_faces(tmp_path, monkeypatch, side, is_small):
    rng = np.random.default_rng(0)
    image = background(rng, 720, 1280)
    paste(image, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), side), (600, 300))     # half of it
    write_image(tmp_path / "0.png", image)
    frame, detector, looked = FilmFrame(0, 0.0, tmp_path / "0.png"), make_detector("centerface"), []
    glancing, wide = make_wide(detector)
    assert glancing.session is wide.session is detector.session
    alone = look_at(frame, detector)
    monkeypatch.setattr(wide, "find", lambda *given: looked.append(1) or CenterFace.find(wide, *given))
    found, small = look_wide(frame, detector, glancing, wide)
    assert (len(looked), small, len(found), len(alone)) == ((1, True, 1, 0) if is_small else (0, False, 1, 1))
    assert is_small or (found == alone).all()


def test_a_look_that_fails_ends_the_reading(monkeypatch):
    def look_at(frame, _):
        raise InputError("no such luck")

    monkeypatch.setattr("vtt_emotion.video.reading.look_at", look_at)
    with pytest.raises(InputError, match="no such luck"):
        read_through(follow_faces(((Frame(number), False) for number in range(99)), None, Tracker(4, 1, 8, 24, 2)), [])


def some_faces(*rows):
    """Faces of (frame, id), boxes and landmarks made up."""
    faces = np.zeros(len(rows), FACE)
    faces["frame"], faces["id"] = np.array(rows, int).reshape(-1, 2).T
    faces["box_xyxy"], faces["score"] = (10, 10, 60, 60), 1
    return faces


def test_known_faces_come_with_their_frames():
    faces = some_faces((1, 1), (1, 2), (3, 1))
    frames = [Frame(number) for number in range(5)]
    seen = [(frame.number, begins, rows["id"].tolist())
            for frame, begins, rows in known_faces(frames, faces, [0, 3, 5])]
    assert seen == [(0, True, []), (1, False, [1, 2]), (2, False, []), (3, True, [1]), (4, False, [])]
    again, shots, *_ = read_through(known_faces(frames, faces, [0, 3, 5]), [])
    assert (again == faces).all() and shots == [0, 3, 5]


class Step:
    """A network that says how often it has seen a face's past, and the crop's mean."""
    size = 16

    def __call__(self, frames, state, fresh):
        count = np.where(fresh, 0, 0 if state is None else state[0]) + 1
        logits = np.zeros((len(frames), 7), np.float32)
        logits[:, 0], logits[:, 1] = count, frames.mean((1, 2, 3))
        return logits, (count,)


class Grey(Frame):
    @property
    def rgb(self):
        return np.full((360, 640, 3), self.number, np.uint8)


def test_faces_are_read_in_their_order_and_who_was_away_begins_anew():
    spans = {1: [*range(10), *range(20, 30)], 2: range(5, 14)}
    faces = some_faces(*sorted((frame, id) for id, span in spans.items() for frame in span))
    with EmotionReader(Step(), 4, 1, (0.0, 0.0)) as emotions:
        read_through(known_faces(map(Grey, range(30)), faces, [0, 30]), [emotions])
        places, logits = emotions.finish()
    assert places.tolist() == list(range(len(faces)))
    assert logits[:, 1].tolist() == faces["frame"].tolist()
    said = {(int(face["frame"]), int(face["id"])): int(count) for face, count in zip(faces, logits[:, 0])}
    assert [said[frame, 1] for frame in (0, 3, 4, 8, 9, 20, 24, 29)] == [1, 1, 2, 3, 3, 1, 2, 3]
    assert [said[frame, 2] for frame in (5, 8, 9, 13)] == [1, 1, 2, 3]
    with EmotionReader(Step(), 4, 8, (0.0, 0.0)) as emotions:                    # a quarter is enough
        read_through(known_faces(map(Grey, range(30)), faces, [0, 30]), [emotions])
        places, _ = emotions.finish()
    assert set(faces["frame"][places] % 4) == {0}


def test_smoothing_carries_over_and_forgets():
    faces = some_faces((0, 1), (1, 1), (3, 1), (9, 1))
    logits = np.zeros((4, 7), np.float32)
    logits[:, 0] = 8, 0, 0, 0
    assert smooth_logits(faces, logits, 4, 0.5)[:, 0].tolist() == [8, 4, 1, 0]
    assert (smooth_logits(faces, logits, 4, 0.0) == logits).all()


def test_records_tell_score_and_frontal():
    faces = some_faces((0, 1), (0, 2), (1, 1))
    faces["score"] = 1, 0.5, 0
    faces["landmarks"][:2] = [[20, 25], [50, 25], [35, 35], [25, 45], [45, 45]]
    faces["landmarks"][1, 2, 0] = 28
    faces["landmarks"][2] = np.nan
    logits = np.zeros((3, 7), np.float32)
    logits[:, 3] = 20
    records = list(make_records(faces, logits, [0.5, 0.75], {1: (7, "anna"), 2: (3, None)}))
    assert [record["object"]["id"] for record in records] == [3, 7, 7]
    assert [record["seconds"] for record in records] == [0.5, 0.5, 0.75]
    assert [record["object"]["confidence"] for record in records] == [0.75, 1.0, 0.5]
    assert records[1]["object"]["frontal"] == 1 and 0 < records[0]["object"]["frontal"] < 0.7
    assert "frontal" not in records[2]["object"] and records[2]["object"]["name"] == "anna"
    assert records[0]["class"] == "happy" and records[0]["object"]["box"] == [10, 10, 60, 60]


def test_scores_sum_to_one_and_the_emotions_is_the_largest():
    """Also where rounding four decimals leaves some over, or too few, and two are nearly alike."""
    logits = np.random.default_rng(0).normal(0, 0.0003, (3000, 7)).astype(np.float32)
    logits[1500:] *= 20000
    faces = some_faces(*((frame, 1) for frame in range(3000)))
    for record in make_records(faces, logits, [0.0] * 3000, {1: (1, None)}):
        scores = record["object"]["scores"]
        assert sum(scores.values()) == pytest.approx(1, abs=1e-9) and min(scores.values()) >= 0
        assert scores[record["class"]] == max(scores.values())


def test_a_faces_file_holds_the_faces(make_video, tmp_path):
    source = make_video(tmp_path / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2)
    for faces in (some_faces((0, 1), (1, 1), (1, 2)), some_faces()):
        faces["landmarks"] = np.nan
        write_faces(tmp_path / "a.faces.npz", describe(source, {"detect_every": 6}), faces, [0, 2])
        about, again, shots = read_faces(tmp_path / "a.faces.npz")
        assert about == {"version": VERSION, "source": fingerprint(source), "options": {"detect_every": 6}}
        assert again.tobytes() == faces.tobytes() and again.dtype == FACE and shots == [0, 2]


def test_an_old_faces_file_is_told_by_its_version(tmp_path):
    about = json.dumps({"version": 1, "source": "hash", "options": {}})
    np.savez(tmp_path / "a.npz", about=np.array(about), shots=np.array([0, 3]), first=np.array([0]),
             length=np.array([3]), boxes=np.zeros((3, 4), np.float32), seen=np.ones(3, bool))
    assert read_faces(tmp_path / "a.npz") == ({"version": 1, "source": "hash", "options": {}}, None, [0, 3])


def test_a_damaged_faces_file_is_refused_in_a_sentence(tmp_path):
    path, about = tmp_path / "a.faces.npz", {"version": VERSION, "source": "hash", "options": {}}
    wrong = []
    for field, value in (("frame", [1, 0]), ("frame", [0, 3]), ("id", [0, 1]), ("box_xyxy", np.nan), ("score", np.inf),
                         ("score", 1e30), ("score", -0.1), ("box_xyxy", 1e30), ("landmarks", np.inf)):
        faces = some_faces((0, 1), (1, 1))
        faces[field] = value if np.ndim(value) == 0 else np.array(value)
        write_faces(path, about, faces, [0, 3])
        wrong.append(path.read_bytes())
    write_faces(path, about | {"source": 5}, some_faces((0, 1)), [0, 3])
    wrong.append(path.read_bytes())
    for shots in ([2, 1], []):
        write_faces(path, about, some_faces((0, 1)), shots)
        wrong.append(path.read_bytes())
    np.savez(tmp_path / "pickled.npz", about=np.array([{}], object), allow_pickle=True)
    write_faces(path, about, some_faces((0, 1), (1, 1)), [0, 3])
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:200], whole[:-30], (tmp_path / "pickled.npz").read_bytes(), *wrong):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.faces\.npz: not a faces file, or a damaged one") as error:
            read_faces(path)
        assert "\n" not in str(error.value)


def test_a_fingerprint_tells_videos_and_folders_apart(make_video, tmp_path):
    images = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(5)]
    first, second = (make_video(tmp_path / name, images[:count]) for name, count in (("a.mp4", 4), ("b.mp4", 5)))
    (tmp_path / "c.mp4").write_bytes(first.read_bytes())
    assert fingerprint(first) == fingerprint(tmp_path / "c.mp4") != fingerprint(second)
    (tmp_path / "frames").mkdir()
    seen = []
    for number, image in enumerate(images[:2]):
        write_image(tmp_path / f"frames/{number:05d}.jpg", image)
        seen.append(fingerprint(tmp_path / "frames"))
    assert seen[0] != seen[1]


def test_a_fingerprint_tells_tapes_of_one_length_with_black_ends_and_frames_of_one_size(tmp_path):
    black, films = bytes(2 << 20), []
    for name, level in (("a", 30), ("b", 90)):
        films.append(tmp_path / f"{name}.avi")
        films[-1].write_bytes(black + bytes([level]) * 500_000 + black)
        write_image(tmp_path / name / "00000.bmp", np.full((64, 64, 3), level, np.uint8))
    assert fingerprint(films[0]) != fingerprint(films[1])
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")


def test_faces_of_earlier_versions_are_still_known_to_be_of_their_source(tmp_path):
    """Else `--resume` would read every film again, and exports would refuse its video."""
    film, of_film = tmp_path / "a.avi", "880bff1f5d39f625a4b9cd2b42072384eabbb644ebe3f2fb2c3aa6961a37bd9d"
    film.write_bytes(b"film" * 1_000_000)
    np.savez(tmp_path / "a.faces.npz", shots=np.array([0, 3]),
             about=np.array(json.dumps({"version": 4, "source": of_film, "options": {}})))
    assert is_of(film, tmp_path / "a.json")
    film.write_bytes(b"mlif" * 1_000_000)
    assert not is_of(film, tmp_path / "a.json")


def test_a_faces_file_says_what_wrote_it(tmp_path):
    write_faces(tmp_path / "a.faces.npz", {"version": VERSION, "source": "a", "options": {}}, np.zeros(0, FACE), [0])
    assert np.load(tmp_path / "a.faces.npz")["program"] == f"vtt_emotion {__version__}"


def test_a_film_is_opened_once_to_ask_and_once_to_read(make_video, tmp_path, monkeypatch):
    opened, film = [], make_video(tmp_path / "a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 3)
    monkeypatch.setattr(decoding, "_open", lambda path, open_it=decoding._open: opened.append(path) or open_it(path))
    create_results.main(["--root", str(tmp_path), "--video", str(film), "--device", "cpu"])
    assert opened == [film] * 2
