"""Detectors: what CenterFace's outputs say, where boxes lie in the frame, what is looked at, how frontal a face is."""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import dlib
import numpy as np
import pytest

import vtt_emotion.video.detection
from vtt_emotion.core.crop import iou
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.drawn.faces import Pose, actions, background, draw_head, face_box, paste, random_look, random_pose
from vtt_emotion.video.detection import STRIDE, decode, frontal, make_detector, open_graph, scaled_width
from vtt_emotion.video.frames import read_frames


def outputs(rng, faces, height=24, width=40):
    """CenterFace's outputs with a heat of `faces`, {(row, column): score}, and random sizes, offsets and landmarks."""
    heat = rng.uniform(0, 0.4, (1, 1, height, width)).astype(np.float32)
    for cell, score in faces.items():
        heat[0, 0, cell[0], cell[1]] = score
    size, offset = rng.uniform(1, 1.5, (1, 2, height, width)), rng.uniform(-0.5, 0.5, (1, 2, height, width))
    return heat, size.astype(np.float32), offset.astype(np.float32), rng.uniform(
        0, 1, (1, 10, height, width)).astype(np.float32)


def plain_decode(heat, size, offset, landmarks, min_score):
    """The same face by face, in loops."""
    found = []
    for row, column in np.ndindex(heat.shape[2:]):
        if heat[0, 0, row, column] > min_score:
            high, wide = (STRIDE * np.exp(size[0, part, row, column]) for part in (0, 1))
            left = STRIDE * (column + offset[0, 1, row, column] + 0.5) - wide / 2
            top = STRIDE * (row + offset[0, 0, row, column] + 0.5) - high / 2
            points = [(left + wide * landmarks[0, 2 * part + 1, row, column],
                       top + high * landmarks[0, 2 * part, row, column]) for part in range(5)]
            found.append((heat[0, 0, row, column], (left, top, left + wide, top + high), points))
    kept = []
    for face in sorted(found, reverse=True):
        if all(iou([face[1]], [other[1]])[0, 0] <= 0.3 for other in kept):
            kept.append(face)
    return kept


def test_the_decoder_says_what_a_plain_loop_says():
    rng = np.random.default_rng(0)
    faces = {(int(row), int(column)): score for row, column, score in
             zip(rng.integers(0, 24, 60), rng.integers(0, 40, 60), rng.permutation(60) / 150 + 0.55)}
    raw = outputs(rng, faces)
    boxes, scores, landmarks = decode(*raw, 0.5)
    expected = plain_decode(*raw, 0.5)
    assert 10 < len(expected) < len(faces)                   # some overlapped
    np.testing.assert_allclose(scores, [face[0] for face in expected])
    np.testing.assert_allclose(boxes, [face[1] for face in expected], atol=1e-3)
    np.testing.assert_allclose(landmarks, [face[2] for face in expected], atol=1e-3)
    assert boxes.dtype == scores.dtype == landmarks.dtype == np.float32
    assert [part.shape for part in decode(*outputs(rng, {}), 0.5)] == [(0, 4), (0,), (0, 5, 2)]


def scene(seed=0, centres=((300, 300), (900, 320))):
    """A drawn picture (720, 1280) with faces about `centres`, from left to right, and their boxes (K, 4)."""
    rng = np.random.default_rng(seed)
    image, boxes = background(rng, 720, 1280), []
    for centre in centres:
        paste(image, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 400), centre)
        x, y, w, h = face_box(centre, 400)
        boxes.append((x, y, x + w, y + h))
    return image, np.array(boxes)


@pytest.mark.parametrize("name,width", [("centerface", 480), ("hog", 1280)])
def test_boxes_are_in_the_frames_own_pixels(name, width):
    image, truth = scene()
    detector = make_detector(name)
    for wide in (width, width // 2):
        found = detector.find(cv2.resize(image, (wide, wide * 9 // 16), interpolation=cv2.INTER_AREA), 1280 / wide)
        assert (np.diag(iou(found["box_xyxy"], truth)) > 0.5).all() and len(found) == 2
    assert found["box_xyxy"].dtype == found["score"].dtype == found["landmarks"].dtype == np.float32
    assert found["score"].shape == (2,) and found["landmarks"].shape == (2, 5, 2)
    empty = detector.find(background(np.random.default_rng(0), 200, 300))
    assert empty["box_xyxy"].shape == (0, 4) and empty["landmarks"].shape == (0, 5, 2) and len(empty) == 0


def test_boxes_end_where_the_frame_does():
    """At a picture's edge, also where it is padded to sides that the network takes."""
    image, _ = scene(0, ((50, 330), (640, 640), (1230, 330)))
    found = make_detector("centerface").find(cv2.resize(image, (470, 264), interpolation=cv2.INTER_AREA), 1280 / 470)
    boxes = found["box_xyxy"]
    assert len(found) == 3 and boxes.min() == 0
    assert boxes[2, 2] == pytest.approx(1280) and boxes[:, 3].max() < 720
    assert (np.diff(boxes[:, 0]) >= 0).all()                 # from left to right


def test_several_looks_at_once_find_the_same_bytes():
    pictures = [cv2.resize(scene(seed)[0], (480, 270), interpolation=cv2.INTER_AREA) for seed in range(4)] * 3
    for name in ("centerface", "hog"):
        found = []
        for threads in (1, 3):
            detector = make_detector(name)
            with ThreadPoolExecutor(threads) as pool:
                found.append([(one["box_xyxy"].tobytes(), one["score"].tobytes(), one["landmarks"].tobytes())
                              for one in pool.map(detector.find, pictures)])
        assert found[0] == found[1] and found[0][0][0]


def test_dlibs_network_is_asked_in_its_own_terms(monkeypatch):
    """It takes RGB; the real one needs minutes without CUDA."""
    asked = []

    def network(picture, upsample):
        asked.append((picture.shape, upsample))
        return [SimpleNamespace(rect=dlib.rectangle(8, 2, 18, 12)), SimpleNamespace(rect=dlib.rectangle(1, 1, 5, 6))]

    monkeypatch.setattr(vtt_emotion.video.detection, "load_model", lambda kind: network)
    found = make_detector("cnn").find(np.zeros((10, 20), np.uint8), 2)
    assert asked == [((10, 20, 3), 0)]
    assert found["box_xyxy"].tolist() == [[2, 2, 10, 12], [16, 4, 36, 20]]        # the second clipped
    assert found["score"].tolist() == [1, 1] and np.isnan(found["landmarks"]).all()


@pytest.mark.parametrize("name,size,options,wide", [
    ("centerface", (1280, 720), {}, 480), ("centerface", (720, 1280), {}, 270), ("hog", (1280, 720), {}, 1280),
    ("centerface", (1280, 720), {"detect_width": 640}, 640), ("centerface", (1280, 720), {"min_face": 32}, 640),
    ("centerface", (1920, 1080), {"min_face": 32}, 960), ("hog", (1280, 720), {"min_face": 40}, 2560),
    ("cnn", (1280, 720), {"min_face": 80, "detect_width": 99}, 1280),
    ("centerface", (1280, 720), {"min_face": 1}, 5120), ("centerface", (640, 360), {"min_face": 24}, 480)])
def test_what_is_looked_at(name, size, options, wide):
    """The longer side is scaled to the width, or so that the least face is as large as the detector wants it."""
    assert scaled_width(size, make_detector(name, **options)) == wide


def test_what_is_prepared_is_of_the_frame_as_it_is_shown(make_video, tmp_path):
    image, truth = scene()
    frame = next(read_frames(make_video(tmp_path / "a.mp4", [image] * 2)))
    for name, shape in (("centerface", (270, 480, 3)), ("hog", (720, 1280))):
        detector = make_detector(name)
        picture = detector.prepare(frame)
        assert picture.shape == shape and picture.dtype == np.uint8
        found = detector.find(picture, frame.size[0] / picture.shape[1])
        assert (np.diag(iou(found["box_xyxy"], truth)) > 0.5).all()
    write_image(tmp_path / "frames/00000.png", image)
    (picture,) = (make_detector("centerface").prepare(frame) for frame in read_frames(tmp_path / "frames"))
    assert np.abs(picture.astype(int) - cv2.resize(image, (480, 270), interpolation=cv2.INTER_AREA)).max() == 0


def test_small_faces_are_found_where_asked_for():
    rng = np.random.default_rng(0)
    image = background(rng, 720, 1280)
    paste(image, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 84), (600, 300))       # 40 px
    for options, found in (({}, 0), ({"min_face": 24}, 1)):
        detector = make_detector("centerface", **options)
        wide = scaled_width((1280, 720), detector)
        assert len(detector.find(cv2.resize(image, (wide, wide * 9 // 16), interpolation=cv2.INTER_AREA))) == found


def test_a_score_is_asked_for():
    picture = cv2.resize(scene()[0], (480, 270), interpolation=cv2.INTER_AREA)
    scores = np.sort(make_detector("centerface").find(picture)["score"])
    assert (scores > 0.5).all() and (scores < 1).all()
    assert len(make_detector("centerface", min_score=float(scores.mean())).find(picture)) == 1


def test_how_frontal_faces_are():
    front = np.array([[-1, 0], [1, 0], [0, 1], [-0.8, 2], [0.8, 2.0]])
    turned = front + [[0.6, 0], [0, 0], [0.6, 0], [0.5, 0], [0, 0]]             # towards the right of the picture
    profile = front + [[1, 0], [0, 0], [1.2, 0], [1, 0], [0, 0]]
    tilted = front @ np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]]) * 7 + 50
    mirrored = turned * (-1, 1)
    mirrored = mirrored[[1, 0, 2, 4, 3]]
    nothing = np.full((5, 2), np.nan)
    shares = frontal(np.stack([front, turned, profile, tilted, mirrored, nothing, np.zeros((5, 2))]))
    assert shares.dtype == np.float32
    # Turned: sides at -0.35 and 0.9, the nose at 0.6, 0.3 from one and 0.95 from the other.
    np.testing.assert_allclose(shares, [1, 0.3 / 0.95, 0, 1, 0.3 / 0.95, 1, 0], atol=1e-5)
    assert frontal(np.zeros((0, 5, 2))).shape == (0,)


def test_a_drawn_face_is_less_frontal_the_more_it_is_turned():
    detector, shares = make_detector("centerface"), []
    for yaw in (0, 0.2, 0.45, 0.7):
        mine = []
        for seed in range(6):
            rng = np.random.default_rng(seed)
            image, pose = background(rng, 256, 256), Pose(yaw * (-1) ** seed, 0, rng.uniform(-0.3, 0.3))
            paste(image, draw_head(random_look(rng), actions("neutral", 1), pose, 320), (128, 128))
            found = detector.find(image)
            mine.append(frontal(found["landmarks"][found["score"].argmax()])[0])
        shares.append(mine)
    assert min(shares[0]) > 0.85 and max(shares[3]) < 0.2
    assert (np.diff(np.mean(shares, 1)) < -0.15).all()


def test_a_graph_of_something_else_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"junk")
    for path in (tmp_path / "a.onnx", tmp_path / "none.onnx", SHIPPED / "fer.int8.onnx"):
        with pytest.raises(InputError, match="not the face detector's graph, or a damaged one") as error:
            open_graph(path)
        assert path.name in str(error.value) and "\n" not in str(error.value)


def test_faces_are_found_where_torch_and_dlib_are_absent():
    code = ("import sys; sys.modules |= dict.fromkeys(('torch', 'dlib', 'onnx', 'onnxscript'))\n"
            "import numpy as np\nfrom vtt_emotion.video.detection import make_detector\n"
            "print(len(make_detector('centerface').find(np.zeros((270, 480, 3), np.uint8))))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=Path(vtt_emotion.video.detection.__file__).parents[2])
    assert done.stdout == "0\n", done.stderr
