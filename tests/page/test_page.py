import base64
import hashlib
import json
import re

import av
import numpy as np
import pytest

import report
from ops import Margins, Metadata
from report import find_framing, find_video
from vtt_emotion import __version__
from vtt_emotion.core.crop import crop_face
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.page.html import as_json, relative_url
from vtt_emotion.page.pictures import base64_bytes, look, shrink, spread_faces, within
from vtt_emotion.page.readings import READING, Readings, as_readings, choose_rows, place_frames, strongest, time_step
from vtt_emotion.page.truth import (
    Annotation,
    add_truth,
    as_annotations,
    compare_faces,
    joined,
    match_records,
    truth_rows,
)
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.faces_file import VERSION, add_reading, write_faces
from vtt_emotion.video.frames import Frame
from vtt_emotion.video.sound import loudness


def record(seconds, emotion="happy", id=1, name=None, confidence=0.9, box=(20, 20, 60, 60)):
    return {"type": "emotion", "class": emotion, "seconds": seconds,
            "object": {"id": id, "name": name, "box": list(box), "confidence": confidence}}


def readings(times, emotions=None, confidences=None, faces=None, named=False):
    rows = np.zeros(len(times), READING)
    rows["label"] = rows["id"] = faces if faces is not None else 0
    rows["time"], rows["emotion"] = times, emotions if emotions is not None else 3
    rows["confidence"], rows["box_xyxy"] = confidences if confidences is not None else 0.9, (20, 20, 60, 60)
    rows["scores"], rows["affect"], rows["frontal"] = np.nan, np.nan, 1
    count = rows["label"].max(initial=-1) + 1
    return Readings(rows, [f"face {face}" for face in range(count)], [named] * count)


def page_data(path):
    """What the page at `path` gives its scripts."""
    text = path.read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text).group(1))


def test_records_become_arrays():
    got = as_readings([record(0.042, "sad", 3, "joey"), record(0.042, "fear", 4),
                                 record(0.083, "sad", 7, "joey")])
    assert got.faces["time"].tolist() == [42, 42, 83] and got.faces["emotion"].tolist() == [4, 2, 4]
    assert got.faces["label"].tolist() == [0, 1, 0]                   # joey is one person under two ids
    assert got.labels == ["joey", "face 4"] and got.named == [True, False]
    assert len(as_readings([]).faces) == 0


@pytest.mark.parametrize("edit", [
    lambda r: r["object"].pop("confidence"), lambda r: r["object"].update(confidence=1.5),
    lambda r: r["object"].update(confidence=float("nan")), lambda r: r["object"].update(name=5),
    lambda r: r["object"].update(box=[1, 2, "a", 4]), lambda r: r["object"].update(box=[1, 2, float("inf"), 4]),
    lambda r: r["object"].update(id=None), lambda r: r.update(seconds=float("inf")), lambda r: r.update(seconds=1e12),
    *[lambda r, bad=bad: r["object"].update(scores=bad) for bad in ({"happy": 1}, dict.fromkeys(EMOTIONS, 2), 5)]])
def test_a_record_that_is_not_as_expected_is_named(edit, tmp_path):
    bad = record(1)
    edit(bad)
    (tmp_path / "a.json").write_text(json.dumps([record(0), bad]))
    with pytest.raises(InputError, match="a.json: record 1: expected class .*; found "):
        report.main(["--root", str(tmp_path), "--results", "a.json"])


def test_a_row_a_person_those_seen_most_first():
    faces = [0] * 2 + [1] * 5 + [2] * 3 + [3] * 1
    got = readings(range(11), faces=faces)
    rows, labels = choose_rows(got)
    assert labels == ["face 1", "face 2", "face 0", "face 3"] and rows.tolist() == [2, 2, 0, 0, 0, 0, 0, 1, 1, 1, 3]
    got.named[3] = True                                      # a name comes before any id, however short
    assert choose_rows(got)[1] == ["face 3", "face 1", "face 2", "face 0"]


def test_readings_find_their_frames_and_miss_those_of_another_video():
    frames = np.array([0, 42, 83, 125])
    assert place_frames("a", np.array([0, 83, 41, 127]), frames).tolist() == [0, 2, 1, 3]
    assert place_frames("a", np.array([7]), np.array([7])).tolist() == [0]
    assert place_frames("a", np.array([], int), np.array([], int)).tolist() == []
    with pytest.raises(InputError, match="a: has no frame at 0.06 s; the results were made from another video"):
        place_frames("a", np.array([42, 60]), frames)


def test_the_strongest_segments_keep_their_pictures():
    times = np.arange(500) * 40
    got = readings(times, np.where((times // 4000) % 2 == 0, 3, 4))          # happy and sad in turn, 4 s each
    assert time_step(got) == 40

    def segment(start, end, confidence, peak, emotion="happy"):
        return {"id": 0, "class": emotion, "start": start, "end": end, "confidence": confidence, "peak_seconds": peak}

    runs = [segment(n, n + 0.5 + 0.1 * n, 0.5, n + 0.2) for n in range(7)]
    peaks = strongest([*runs, segment(8, 8.3, 1.0, 8.2), segment(1, 9, 0.2, 5, "sad")], got)
    assert got.faces["time"][peaks].tolist() == [6200, 5200, 4200, 3200, 2200, 5000]       # by length times confidence


def test_scores_and_ids_are_read():
    scores = {name: 0.1 for name in EMOTIONS} | {"happy": 0.4}
    one = record(0.5, id=7)
    one["object"]["scores"] = scores
    got = as_readings([one])
    assert got.faces["scores"][:, :7].tolist() == [[0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1]]
    assert got.faces["id"].tolist() == [7]
    assert got.scored
    assert not as_readings([one, record(1)]).scored            # not of all: of none
    one["object"] |= {"scores": None, "frontal": None}                   # as other programs leave them out
    got = as_readings([one])
    assert not got.scored and got.faces["frontal"].tolist() == [1]


def test_thumbnails_are_spread_and_bounded():
    times = np.repeat(np.arange(0, 600000, 40), 3)
    faces = np.tile([0, 1, 2], len(times) // 3)
    got = readings(times, faces=faces).faces
    places, every = spread_faces(got, most=300)
    assert 200 < len(places) <= 300
    for face in range(3):
        mine = times[[place for place in places if faces[place] == face]]
        assert np.diff(mine).max() <= 2 * every and mine[0] == 0 and mine[-1] > 600000 - 2 * every
    many = readings(range(1000), faces=range(1000)).faces
    assert len(spread_faces(many, most=300)[0]) == 1000      # one of each person at the least
    frontal = np.random.default_rng(0).random(len(times))
    got["frontal"] = frontal
    places, every = spread_faces(got, most=10 ** 6)
    parts = {(faces[place], times[place] // every): frontal[place] for place in places}
    assert len(parts) == len(places)
    assert all(share <= parts[face, time // every] for face, time, share in zip(faces, times, frontal))


def test_pictures_are_thinned_to_the_budget_but_those_kept_stay():
    pictures = {key: bytes(300) for key in range(100)}
    kept = within(pictures, {7, 50}, 8000)
    assert base64_bytes(kept.values()) <= 8000 and {7, 50} <= set(kept) and len(kept) > 10
    assert max(np.diff(list(kept))) < 20                     # evenly, not from one end
    assert set(within(pictures, {7}, 0)) == {7} and within(pictures, set(), 1e6) == pictures


def test_one_pass_takes_faces_and_frames(tmp_path, make_video):
    images = [np.full((180, 320, 3), 3 * n, np.uint8) for n in range(60)]
    for image in images:
        image[20:60, 20:60] = (200, 60, 60)
    got = readings([1000 * n // 24 for n in range(60)])
    frames = [Frame(n, n / 24, FakePicture(image)) for n, image in enumerate(images)]
    seen = look(frames, got, [0, 30, 31], [31], 1000, (0.1, 0.0))
    assert len(seen.times) == 60 and list(seen.faces) == [0, 30, 31]
    (tmp_path / "face.jpg").write_bytes(seen.faces[30])
    face = read_image(tmp_path / "face.jpg").astype(int)
    assert face.shape == (64, 64, 3)
    assert np.abs(face - crop_face(images[30], [20, 20, 40, 40], 64, 0.1)).mean() < 6
    assert list(seen.pictures) == [0, 1000, 1292, 2000]      # one a second, and the frame of the reading kept
    assert frames[5]._picture.asked == 0                     # other frames are not so much as converted


class FakePicture:
    """Stands in for a decoded frame, and counts how often its pixels are asked for."""
    rotation = 0

    def __init__(self, image):
        self.image, self.asked = image, 0

    def to_ndarray(self, format):
        self.asked += 1
        return self.image


def test_a_page_without_faces_has_no_pictures(tmp_path, make_video):
    (tmp_path / "none.json").write_text("[]")
    video = make_video(tmp_path / "none.mp4", [np.zeros((96, 160, 3), np.uint8)] * 12)
    report.main(["--results", str(tmp_path / "none.json"), "--video", str(video)])
    data = page_data(tmp_path / "none.html")
    assert data["pictures"] == {"times": [], "jpegs": []} and data["rows"] == []


def test_other_results_of_the_same_name_are_called_by_their_folder(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json").write_text(json.dumps([record(0)]))
    report.main(["--results", str(tmp_path / "one/a.json"), "--compare", str(tmp_path / "two/a.json")])
    assert "Against two/a" in (tmp_path / "one/a.html").read_text()
    (tmp_path / "two/b.json").write_text(json.dumps([record(0)]))
    report.main(["--results", str(tmp_path / "one/a.json"), "--compare", str(tmp_path / "two/b.json")])
    assert "Against b<" in (tmp_path / "one/a.html").read_text()


def test_a_page_says_how_its_faces_were_found(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([record(0)]))
    report.main(["--results", str(path)])
    assert "found with" not in path.with_suffix(".html").read_text()
    about = {"version": VERSION, "source": "x", "options": {"detector": "hog", "every": 2}}
    write_faces(tmp_path / "a.faces.npz", about, np.zeros(0, FACE), [0, 1])
    report.main(["--results", str(path)])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    text = path.with_suffix(".html").read_text()
    assert f"SHA-256 {digest}; faces (format {VERSION}) found with detector hog, every 2" in text
    add_reading(path, {"weights": "mine.pt", "weights_hash": "c0ffee", "arithmetic": "float32", "program": "p 1",
                       "options": {"smooth": 0.5}}, {})
    report.main(["--results", str(path)])
    text, weights = path.with_suffix(".html").read_text(), "weights mine.pt (SHA-256 c0ffee) in float32"
    assert f"SHA-256 {digest}, {weights}; read by p 1 with smooth 0.5; faces (format {VERSION}) found with" in text
    assert page_data(path.with_suffix(".html"))["madeOf"].endswith(f"{weights}, vtt_emotion {__version__}")


def test_sound_cuts_and_notes_reach_the_page(tmp_path):
    """A second of silence, one of a tone at half of full scale."""
    tone = np.concatenate([np.zeros(24000), 0.5 * np.sin(np.arange(24000) * 0.2)]).astype(np.float32)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream, sound = container.add_stream("libx264", rate=24), container.add_stream("aac", rate=24000)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        sound.layout = "mono"
        for _ in range(48):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8))))
        for place in range(0, 48000, 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, place:place + 1000], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 24000, place
            container.mux(sound.encode(frame))
        container.mux([*stream.encode(None), *sound.encode(None)])
    got = loudness(tmp_path / "a.mp4")
    assert 18 <= len(got) <= 22 and got[:9].max() == 0 and loudness(tmp_path).size == 0
    assert got[11:19] == pytest.approx(255 * (1 + 20 * np.log10(0.5 / 2 ** 0.5) / 60), abs=4)
    (tmp_path / "a.json").write_text(json.dumps([record(0), record(1)]))
    people = [{"id": 1, "name": None}]
    (tmp_path / "a.shots.json").write_text(json.dumps(
        [{"shot": n + 1, "start": n, "end": n + 1, "first_frame": 24 * n, "end_frame": 24 * n + 24, "framing": None,
          "people": people} for n in (0, 1)]))
    (tmp_path / "b.names.json").write_text('{"names": [], "notes": [{"from": 0.5, "text": "looks up"}]}')
    report.main(["--results", str(tmp_path / "a.json"), "--video", str(tmp_path / "a.mp4"), "--names",
                 str(tmp_path / "b.names.json")])
    data = page_data(tmp_path / "a.html")
    assert '--results "results/a.json" --video "a.mp4" --names "a.names.json"' in (tmp_path / "a.html").read_text()
    assert np.frombuffer(base64.b64decode(data["cuts"]), "<u4").tolist() == [1000]
    assert base64.b64decode(data["loudness"]) == got.tobytes()
    assert data["notes"] == [{"from": 0.5, "to": None, "text": "looks up"}]


def test_boxes_outside_the_picture_have_no_thumbnail():
    got = readings([0])
    got.faces["box_xyxy"][0] = (900, 900, 950, 950)
    assert not look([Frame(0, 0.0, FakePicture(np.zeros((90, 160, 3), np.uint8)))], got, [0], [], 1, (0, 0)).faces


def test_pictures_keep_their_shape():
    assert shrink(np.zeros((720, 1280, 3), np.uint8)).shape == (180, 320, 3)
    assert shrink(np.zeros((1280, 720, 3), np.uint8)).shape == (320, 180, 3)
    assert shrink(np.zeros((90, 160, 3), np.uint8)).shape == (90, 160, 3)


def test_json_cannot_leave_its_script_element():
    text = "</script><!--<script>&\u2028'\""
    packed = as_json({"a": text})
    assert not set("<>&\u2028") & set(packed) and json.loads(packed) == {"a": text}
    with pytest.raises(ValueError):
        as_json({"a": float("nan")})


def test_urls_are_relative_and_encoded(tmp_path):
    page = tmp_path / "results/a.html"
    assert relative_url(tmp_path / "results/b c.mp4", page) == "b%20c.mp4"
    assert relative_url(tmp_path / "films/ü#?%.mp4", page) == "../films/%C3%BC%23%3F%25.mp4"
    assert relative_url(tmp_path / 'results/a "b" <img src=x onerror=alert(1)>.mp4', page) == \
        "a%20%22b%22%20%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.mp4"
    assert relative_url(tmp_path / "results/javascript:alert(1).mp4", page) == "javascript%3Aalert%281%29.mp4"


def test_the_video_played_is_one_that_browsers_play(tmp_path):
    path = tmp_path / "a.json"
    mkv, mp4, overlay = tmp_path / "a.mkv", tmp_path / "a.MP4", tmp_path / "a.overlay.mp4"
    for video in (mkv, mp4):
        video.touch()
    assert find_video(path, mkv) is None and find_video(path, mp4) == mp4
    assert find_video(path, None) is None and find_video(path, tmp_path) is None
    overlay.touch()
    assert find_video(path, mkv) == overlay and find_video(path, mp4) == mp4     # boxes are drawn over the original


def annotation(frame, box, emotion=3, character="joey"):
    return Annotation(frame, max(0, frame - 1), frame + 2, list(box), emotion, character)


def test_annotations_are_matched_by_frame_and_place():
    numbers = np.array([5, 5, 6, 9])
    boxes = np.array([[0, 0, 10, 10], [50, 0, 60, 10], [0, 0, 10, 10], [0, 0, 10, 10]], float)
    faces = [annotation(5, (51, 0, 61, 10)), annotation(5, (0, 1, 10, 11)), annotation(6, (8, 8, 18, 18)),
             annotation(7, (0, 0, 10, 10))]
    assert match_records(faces, numbers, boxes).tolist() == [1, 0, -1, -1]
    twice = [annotation(9, (0, 0, 10, 10)), annotation(9, (0, 0, 10, 11))]
    assert match_records(twice, numbers, boxes).tolist() == [3, -1]          # one record, one annotation
    assert match_records(faces, np.array([], int), np.zeros((0, 4))).tolist() == [-1] * 4
    late = [annotation(frame, (0, 0, 10, 10)) for frame in (4, 7, 8, 11, 12)]
    assert match_records(late, numbers, boxes, 3).tolist() == [-1, 2, 2, 3, -1]


def test_agreement_mean_recall_and_confusion():
    got = compare_faces(np.array([3, 3, 3, 4, 0]), np.array([3, 3, 4, 4, -1]))
    assert got["faces"] == 5 and got["matched"] == 4 and got["agreement"] == 0.75
    assert got["mean_recall"] == pytest.approx((2 / 3 + 1) / 2)              # of happy and sad; angry has no reading
    assert got["confusion"][3] == [0, 0, 0, 2, 1, 0, 0] and np.sum(got["confusion"]) == 4
    assert compare_faces(np.array([1]), np.array([-1]))["agreement"] is None


def test_truth_goes_to_the_row_of_its_record_else_of_its_name():
    faces = [annotation(5, (0,) * 4), annotation(2, (0,) * 4, 4), annotation(7, (0,) * 4, 1, "ross")]
    spans = truth_rows(faces, [0, -1, -1], np.array([1]), ["joey", "face 2"], lambda frame: 40 * frame)
    assert spans[1] == {"starts": (160,), "ends": (280,), "emotions": (3,)}
    assert spans[0] == {"starts": (40,), "ends": (160,), "emotions": (4,)}   # ross has no row


def test_truth_of_readings_that_are_not_in_order_of_frames():
    got = readings([80, 0], [4, 3])
    data = {"rows": [{"label": "face 0"}], "step": 40}
    place, times = np.array([2, 0]), np.array([0, 40, 80])
    faces = [annotation(0, (20, 20, 60, 60), 3), annotation(2, (20, 20, 60, 60), 4), annotation(3, (20, 20, 60, 60), 4)]
    said = add_truth(data, faces, got, np.array([0, 0]), place, times, 25)
    assert said["faces"] == 2 and said["agreement"] == 1     # frame 3 is past the end of the video
    assert data["rows"][0]["truth"]["starts"] == (0, 40)
    said = add_truth(data, faces, got, np.array([0, 0]), None, times, 25)
    assert said["faces"] == 3 and said["matched"] == 2       # without a video its end is not known
    data["step"] = 80                                        # a reading of every other frame stands for both
    assert add_truth(data, faces, got, np.array([0, 0]), None, times, 25)["matched"] == 3


def test_other_results_stand_in_the_place_of_annotations():
    got, times = readings([0, 40, 80, 120], [3, 3, 4, 4]), np.array([0, 40, 80, 120])
    other = readings([0, 80], [3, 3])                        # of every other frame
    faces = as_annotations(other, np.array([0, 2]), np.array([2, 4]))
    data = {"rows": [{"label": "face 0"}], "step": 40}
    said = add_truth(data, faces, got, np.zeros(4, int), np.arange(4), times, 25)
    assert said["faces"] == said["matched"] == 2 and said["agreement"] == 0.5
    assert data["rows"][0]["truth"] == {"starts": (0,), "ends": (120,), "emotions": (3,)}
    assert joined([(0, 5, 1), (5, 9, 1), (9, 12, 2), (13, 15, 2)]) == [(0, 9, 1), (9, 12, 2), (13, 15, 2)]


def test_compared_with_other_results(tmp_path, capsys):
    mine, other = tmp_path / "mine.json", tmp_path / "other.json"
    mine.write_text(json.dumps([record(n / 24) for n in range(48)]))
    other.write_text(json.dumps([record(n / 24, "sad" if n < 12 else "happy") for n in range(0, 60, 2)]))
    report.main(["--results", str(mine), "--compare", str(other)])
    assert "30 faces of other, 24 of them in the results" in capsys.readouterr().out
    data, text = page_data(tmp_path / "mine.html"), (tmp_path / "mine.html").read_text()
    assert data["rows"][0]["truth"]["emotions"] == [4, 3] and data["truthSays"] == "other:"
    assert "Against other" in text and 'id="agreement">75.0 %' in text
    (tmp_path / "second").mkdir()
    other.rename(tmp_path / "second/mine.json")              # of the same name: told by its folder
    report.main(["--results", str(mine), "--compare", str(tmp_path / "second/mine.json")])
    assert page_data(tmp_path / "mine.html")["truthSays"] == "second/mine:"


@pytest.fixture(scope="module")
def drawn(parsed, tmp_path_factory):
    """Root with results of sample episode 1 that name what was drawn, but every happy face sad."""
    truth = json.loads((parsed / "datasets/Friends/sample_truth.json").read_text())["1"]
    records = [record(round(face["frame"] * 1001 / 24000, 3),
                      "sad" if face["emotion"] == "happy" else face["emotion"], number, face["name"], 0.75, face["box"])
               for number, face in enumerate(truth)]
    path = tmp_path_factory.mktemp("drawn") / "friends_s01_ep01.json"
    path.write_text(json.dumps(records))
    return parsed, path


def test_a_friends_episode(drawn, capsys):
    root, path = drawn
    report.main(["--root", str(root), "--results", str(path)])
    out, html = capsys.readouterr().out, path.with_suffix(".html")
    said = re.search(r"(\d+) annotated faces, (\d+) of them in the results\nwrote .*friends_s01_ep01.html: ", out)
    faces, matched = int(said.group(1)), int(said.group(2))
    assert 0 < matched <= faces and matched >= faces - 2     # a defect moves a box of the sample's
    data, text = page_data(html), html.read_text()
    assert {row["label"] for row in data["rows"]} == {row["object"]["name"] for row in json.loads(path.read_text())}
    assert all(row["thumbs"]["jpegs"] and row["truth"]["starts"] for row in data["rows"])
    assert len(np.frombuffer(base64.b64decode(data["times"]), "<u4")) == 72
    assert data["video"] is None and data["numbered"] and data["pictures"]["times"][0] == 0
    happy = re.search(r'</span>happy</th>(.*?)</tr>', text[text.index('id="confusion"'):]).group(1)
    counts = [int(count) for count in re.findall(r">(\d+)</td>", happy)]
    assert counts[3] == 0 and counts[4] == sum(counts)       # each happy face was read as sad
    agreement = float(re.search(r'id="agreement">([\d.]+) %', text).group(1))
    assert agreement == pytest.approx(100 * (1 - counts[4] / matched), abs=0.06)


def test_by_its_number_from_the_video_alone(drawn, tmp_path, capsys):
    """No frames extracted: the .mkv tells the same times, and is not played."""
    root, path = drawn
    (tmp_path / "results").mkdir()
    (tmp_path / "results/friends_s01_ep01.json").write_text(path.read_text())
    report.main(["--root", str(tmp_path), "--episode", "1", "--friends-path", str(root / "datasets/Friends")])
    data = page_data(tmp_path / "results/friends_s01_ep01.html")
    assert data["video"] is None and data["pictures"]["jpegs"]
    assert "annotated faces" in capsys.readouterr().out


def test_without_its_video_it_has_no_pictures_and_says_so(drawn, tmp_path, capsys):
    _, path = drawn
    (tmp_path / "friends_s01_ep01.json").write_text(path.read_text())
    report.main(["--root", str(tmp_path), "--results", str(tmp_path / "friends_s01_ep01.json")])
    out, html = capsys.readouterr().out, tmp_path / "friends_s01_ep01.html"
    assert "no video of episode 1" in out and "no video, so no pictures" in out
    data = page_data(html)
    assert not data["pictures"]["jpegs"] and not any(row["thumbs"]["jpegs"] for row in data["rows"])
    assert not data["numbered"] and "No video was at hand" in html.read_text()


def test_the_overlay_serves_where_the_source_is_gone(tmp_path, make_video, capsys):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps([record(n / 24) for n in range(24)]))
    make_video(tmp_path / "talk.overlay.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 24)
    report.main(["--results", str(path)])
    data = page_data(tmp_path / "talk.html")
    assert data["video"] == "talk.overlay.mp4" and data["rows"][0]["thumbs"]["jpegs"]
    assert "no video" not in capsys.readouterr().out


def test_thumbnails_are_framed_as_what_found_the_faces_wants(tmp_path):
    """As the faces file says it; CenterFace's way where there is none, or a damaged one."""
    path, margins = tmp_path / "a.json", Margins(hog_margin=0.5, hog_lift=0.1, centerface_margin=0.2)
    assert find_framing(path, margins) == (0.2, 0)
    write_faces(tmp_path / "a.faces.npz", {"version": VERSION, "source": "", "options": {"detector": "hog"}},
                np.zeros(0, FACE), [0, 9])
    assert find_framing(path, margins) == (0.5, 0.1)
    (tmp_path / "a.faces.npz").write_bytes(b"PK")
    assert find_framing(path, margins) == (0.2, 0)


def test_no_face_gives_a_page_too(tmp_path, make_video, capsys):
    path = tmp_path / "empty.json"
    path.write_text("[]\n")
    for more in ([], ["--video", str(make_video(tmp_path / "empty.mp4", [np.zeros((64, 64, 3), np.uint8)] * 5))]):
        report.main(["--results", str(path), *more])
        assert "holds no record, no face was found" in capsys.readouterr().out
        assert "No face was found: the results hold no record." in (tmp_path / "empty.html").read_text()


def test_names_are_escaped(tmp_path):
    name = "<script>alert(1)</script>"
    path = tmp_path / "a & <b>.json"
    path.write_text(json.dumps([record(0, name=name), record(0, name="\u2028", id=2)]))
    report.main(["--results", str(path)])
    text = (tmp_path / "a & <b>.html").read_text()
    assert name not in text
    assert "<b>" not in text and "a &amp; &lt;b&gt;" in text
    assert page_data(tmp_path / "a & <b>.html")["rows"][0]["label"] == name


def test_the_page_is_whole_and_asks_nobody(drawn):
    """Nothing in it is loaded from elsewhere, and its policy forbids it."""
    root, path = drawn
    report.main(["--root", str(root), "--results", str(path)])
    text = path.with_suffix(".html").read_text()
    page = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert not re.search(r'(src|href)="', page) and "@import" not in page and "url(" not in page
    assert "default-src 'none'" in text and "unsafe-inline" not in text and "Licensed to the Apache" in text


def test_errors(tmp_path, trained, make_video, run_main, capsys):
    def said(*argv):
        return run_main(report.main, ["--root", trained, *argv], capsys)[0]

    path = tmp_path / "a.json"
    assert "expected --episode N or --results FILE" in said()
    assert f"{path}: no such results" in said("--results", path)
    assert "friends_s01_ep77.json: no such results" in said("--episode", "77")
    path.write_text("{")
    assert f"{path}: not JSON" in said("--results", path)
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: not JSON" in said("--results", path)
    path.write_text('[{"class": "bored"}]')
    assert f"{path}: record 0: expected class (an emotion)" in said("--results", path)
    assert "error: " in said("--results", tmp_path)
    path.write_text(json.dumps([record(0), record(99)]))
    assert "b.mp4: no such video or folder of frames" in said("--results", path, "--video", tmp_path / "b.mp4")
    assert "a.json: holds no video" in said("--results", path, "--video", path)
    (tmp_path / "c.mp4").write_bytes(bytes(500))
    assert "c.mp4: not a readable video" in said("--results", path, "--video", tmp_path / "c.mp4")
    (tmp_path / "none").mkdir()
    assert "none: expected frames named 00000.jpg" in said("--results", path, "--video", tmp_path / "none")
    video = make_video(tmp_path / "b.mp4", [np.zeros((64, 64, 3), np.uint8)] * 5)
    assert "b.mp4: has no frame at 99.0 s; the results were made from another video" in \
        said("--results", path, "--video", video)
    (tmp_path / "page.html").write_text("[]")
    assert "page.html: expected results (.json)" in said("--results", tmp_path / "page.html")
    assert "c.json: no such names" in said("--results", path, "--names", tmp_path / "c.json")
    assert "c.json: no such results" in said("--results", path, "--compare", tmp_path / "c.json")
    assert "--rows 0: expected from 1 to 200" in said("--results", path, "--rows", "0")
    assert not path.with_suffix(".html").exists()


def test_broken_metadata_are_named(drawn, tmp_path, run_main, capsys):
    _, path = drawn
    (tmp_path / "s01_ep01_tag.json").write_text("[")
    said, _ = run_main(report.main, ["--root", tmp_path, "--results", path, "--friends-path", tmp_path], capsys)
    assert f"error: {tmp_path / 's01_ep01_tag.json'}: not JSON" in said


def test_of_two_metadata_files_one_is_asked_for(tmp_path, parsed, capsys):
    (source,) = (parsed / "datasets/Friends").glob("s01_ep01_*.json")
    for part in ("Final_180809", "for_merge"):
        (tmp_path / f"s01_ep01_tag2_visual_{part}.json").write_bytes(source.read_bytes())
    assert report.find_truth(1, tmp_path, Metadata()) == []
    assert "without annotations: " in (out := capsys.readouterr().out) and "expected --metadata" in out
    faces = report.find_truth(1, tmp_path, Metadata("for_merge"))
    assert len(report.find_truth(1, tmp_path, Metadata("for_merge", True))) == len(faces) + 1       # one is of `none`
    assert report.find_truth(None, tmp_path, Metadata()) == []


def test_emotions_are_in_the_projects_order(drawn):
    root, path = drawn
    report.main(["--root", str(root), "--results", str(path)])
    assert page_data(path.with_suffix(".html"))["emotions"] == list(EMOTIONS)


def test_turned_faces_are_dimmed_and_in_no_segment(tmp_path, capsys):
    records = [record(round(number / 10, 1)) for number in range(40)]
    for number, one in enumerate(records):
        one["object"] |= {"pose": {"yaw": 50.0 if number < 20 else 5.0, "pitch": 0.0, "roll": 0.0}, "mesh": 0.9}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))
    report.main(["--root", str(tmp_path), "--results", str(path)])
    assert "turned" not in page_data(tmp_path / "a.html")["rows"][0]
    capsys.readouterr()
    report.main(["--root", str(tmp_path), "--results", str(path), "--most-turn", "30"])
    assert "20 of 40 records are of faces turned by more than 30 degrees" in capsys.readouterr().out
    data = page_data(tmp_path / "a.html")
    assert list(base64.b64decode(data["rows"][0]["turned"])) == [1] * 20 + [0] * 20
    assert np.frombuffer(base64.b64decode(data["segments"]["starts"]), "<u4").tolist() == [2000]


def test_valence_and_arousal_reach_the_page_where_there_are_any(tmp_path):
    records = [record(number / 10) for number in range(4)]
    path, page = tmp_path / "a.json", tmp_path / "a.html"
    path.write_text(json.dumps(records))
    report.main(["--results", str(path)])
    data = page_data(page)
    assert "affect" not in data and "affect" not in data["rows"][0] and 'id="affect"' not in page.read_text()
    for one, valence, arousal in zip(records, (-1, 0.123, 1), (0.5, -0.877, 0)):     # the last one has none
        one["object"] |= {"valence": valence, "arousal": arousal}
    path.write_text(json.dumps(records))
    report.main(["--results", str(path)])
    data = page_data(page)
    assert data["affect"] == ["valence", "arousal"] and 'id="affect"' in page.read_text()
    assert np.frombuffer(base64.b64decode(data["rows"][0]["affect"]), "<i2").tolist() == [
        -10000, 5000, 1230, -8770, 10000, 0, -32768, -32768]
