"""The mesh: poses of turned heads, mouths that open, what records tell of it, and what a reading makes with it."""
import json
import shutil

import cv2
import numpy as np
import onnx
import pytest
from scipy.spatial import Delaunay

import create_results
from tests.conftest import write_film
from vtt_emotion import find_faces, read_emotions
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.drawn.faces import Look, Pose, actions, background, draw_head, paste, random_look
from vtt_emotion.results.poses import facing, turn_of
from vtt_emotion.results.records import read_results
from vtt_emotion.video import mesh
from vtt_emotion.video.detection import frontal, make_detector
from vtt_emotion.video.emotions import make_records
from vtt_emotion.video.faces import make_faces
from vtt_emotion.video.mesh import (
    CHIN,
    CROPS,
    LIDS,
    LIPS,
    MESH,
    OUTPUTS,
    POINTS,
    SIDE,
    TOP,
    Mesher,
    frontal_by,
    record_part,
    rolled,
)

FIVE = (33, 263, 1, 61, 291)                     # points of the mesh near a detector's landmarks
NAMES = ("yaw", "pitch", "roll")


@pytest.fixture(scope="module")
def mesher():
    return Mesher(make_detector("centerface").hog_box)


@pytest.fixture(scope="module")
def metric():
    return np.load(mesh.METRIC).astype(float)


def turn(yaw, pitch, roll):
    """The rotation (3, 3) of a head, x to the right of the picture, y up, z to the camera: it nods, turns, tilts."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    nod, look = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]]), np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]]) @ look @ nod


def seen(face, scale=7.0, middle=SIDE / 2):
    """Points (468, 3) as the graph gives them, of a face in cm, px of a crop."""
    return (face * (1, -1, -1)) * scale + (middle, middle, 0)


@pytest.mark.parametrize("pose", [(0, 0, 0), (30, 0, 0), (-50, 10, 0), (0, 25, 0), (10, -30, 20), (20, 5, -170)])
def test_the_pose_of_a_face_turned_by_known_angles(metric, pose):
    one = mesh.measure(seen(metric[:, :3] @ turn(*pose).T), 0.9, 0.0, metric)
    assert [one[name] for name in NAMES] == pytest.approx(pose, abs=1e-3) and one["mesh"] == np.float32(0.9)
    other = mesh.measure(seen(metric[:, :3] @ turn(*pose[:2], 0).T, 3, 50), 0.9, np.radians(pose[2]), metric)
    assert other.item() == pytest.approx(one.item(), abs=1e-3)


def test_which_way_the_angles_count(metric):
    """As the picture is seen: right of it, up, clockwise."""
    nose, between, top, chin = 1, 168, TOP, CHIN
    right, up, tilted = (seen(metric[:, :3] @ turn(*pose).T) for pose in ((30, 0, 0), (0, 30, 0), (0, 0, 30)))
    assert right[nose, 0] > right[between, 0] + 5
    assert up[nose, 1] < seen(metric[:, :3])[nose, 1] - 5
    assert tilted[top, 0] > tilted[chin, 0] + 20


def test_mouth_and_eyes_are_measured_in_heights_of_the_face_however_it_is_turned(metric):
    height, rest = metric[TOP, 1] - metric[CHIN, 1], mesh.measure(seen(metric[:, :3]), 1, 0, metric)
    face = metric[:, :3].copy()
    face[LIPS[:, 1], 1] -= 3
    face[LIDS[:, 0], 1] += 0.5
    for pose in ((0, 0, 0), (40, 0, 0), (0, -25, 10)):
        one = mesh.measure(seen(face @ turn(*pose).T), 1, 0, metric)
        assert one["mouth"] - rest["mouth"] == pytest.approx(3 / height, abs=0.01)
        assert one["eyes"] - rest["eyes"] == pytest.approx(0.5 / height, abs=0.005)
    face[LIPS[:, 1], 1] += 9                     # lips that cross are shut
    assert mesh.measure(seen(face), 1, 0, metric)["mouth"] == 0


def test_roll_goes_by_eyes_and_mouth():
    upright = np.array([[40, 50], [80, 50], [60, 70], [45, 95], [75, 95]], float)
    profile = upright * (0.05, 1)                # of which the eyes say nothing
    for angle in (-40, 0, 25):
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        for points in (upright, profile):
            assert np.degrees(rolled(points @ [[cos, sin], [-sin, cos]])) == pytest.approx(angle, abs=0.01)
    profile[0, 1] += 2                           # one eye found lower than the other
    assert abs(np.degrees(rolled(profile))) < 5
    assert rolled(np.full((5, 2), np.nan)) == 0


def drawn(look=None, act=(), pose=None, side=360):
    """A picture of a drawn head."""
    image = background(np.random.default_rng(0), side, side)
    paste(image, draw_head(look or Look(), actions("neutral", 1) | dict(act), pose or Pose(), side * 2 // 3),
          np.array([side / 2, side / 2]))
    return image


def render(picture, points, face, side=360):
    """A head in cm, seen from 1 m away, that wears a picture of a face with its mesh's points (468, 2)."""
    away = 100 - face[:, 2]
    placed = (side / 2 + 900 * face[:, :2] * (1, -1) / away[:, None]).astype(np.float32)
    image = cv2.GaussianBlur(cv2.resize(picture, (side, side)), None, 20)
    corners = Delaunay(points).simplices
    for corner in corners[np.argsort(face[corners, 2].mean(1))]:       # from behind
        mask = np.zeros((side, side), np.uint8)
        cv2.fillConvexPoly(mask, np.round(placed[corner]).astype(int), 1)
        left, top, wide, high = cv2.boundingRect(mask)
        move = cv2.getAffineTransform(points[corner].astype(np.float32), placed[corner] - np.float32([left, top]))
        patch, inside = cv2.warpAffine(picture, move, (wide, high)), mask[top:top + high, left:left + wide] > 0
        image[top:top + high, left:left + wide][inside] = patch[inside]
    return image, placed


def test_drawn_heads_turned_by_known_angles(mesher, metric):
    """Pictures of drawn faces worn by the face in cm: perspective, and what the graph sees, are in it."""
    errors = []
    for seed in range(2):
        picture = drawn(random_look(np.random.default_rng(seed)))
        face, = make_detector("centerface").find(picture)[:1]
        crop, roll = mesher.crop(picture, face)
        points = mesher.session.run(OUTPUTS, {CROPS: crop[None]})[0][0, :, :2]
        for pose in ((0, 0, 0), (35, 0, 0), (-35, 0, 15), (0, 20, 0), (0, -20, -15)):
            image, placed = render(crop, points, metric[:, :3] @ turn(*pose).T)
            box = np.concatenate([placed.min(0), placed.max(0)])[None]
            one, = mesher.lay_on(image, make_faces(box, 1.0, placed[None, FIVE]))
            assert one["mesh"] > 0.9
            errors.append([abs(one[name] - angle) for name, angle in zip(NAMES, pose)])
    assert np.max(errors, 0) == pytest.approx(0, abs=13) and np.mean(errors, 0) == pytest.approx(0, abs=5)


def test_a_drawn_mouth_opens_and_lids_fall(mesher):
    def look(**act):
        image = drawn(act=act)
        return mesher.lay_on(image, make_detector("centerface").find(image)[:1])[0]

    mouths = [look(open=share)["mouth"] for share in (0, 0.4, 0.8)]
    assert mouths[0] < 0.02 and np.diff(mouths).min() > 0.01
    assert look(lid=-0.9)["eyes"] < look()["eyes"] - 0.005


def test_a_mesh_does_not_hold_where_there_is_no_face(mesher):
    image = background(np.random.default_rng(0), 200, 200)
    one, = mesher.lay_on(image, make_faces([[40, 40, 140, 150]]))
    assert record_part(one) == {"mesh": round(float(one["mesh"]), 2)} and one["mesh"] < 0.5
    held = np.array([(30, 40, 5, 0.04, 0.05, 0.9), (0, 0, 0, 0, 0, 0.9), (20, 0, 0, 0, 0, 0.4)], MESH)
    assert record_part(held[0]) == {"pose": {"yaw": 30.0, "pitch": 40.0, "roll": 5.0}, "mouth": 0.04, "eyes": 0.05,
                                    "mesh": 0.9}
    np.testing.assert_allclose(frontal_by(held, np.array([0.7, 0.7, 0.7])), [0, 1, 0.7], atol=1e-6)
    faces = make_faces([[0, 0, 9, 9]] * 3)       # HOG's, without landmarks, have it by the mesh alone
    faces["id"] = 1, 2, 3
    records = make_records(faces, np.eye(7)[:3], [0.0], {id: (id, None) for id in (1, 2, 3)}, meshes=held)
    assert [one["object"].get("frontal") for one in records] == [0, 1, None]


def test_a_reading_with_and_without(tmp_path, capsys):
    """The records are the same but for what the mesh adds; so it is whatever the threads, and from the faces kept."""
    rng = np.random.default_rng(1)
    head, place = draw_head(random_look(rng), actions("happy", 1), Pose(yaw=0.2), 170), background(rng, 180, 320)
    images = []
    for number in range(16):
        images.append(place.copy())
        paste(images[-1], head, (140 + 2 * number, 90))
    video = write_film(tmp_path / "a.mp4", images)
    read = {}
    for name, options in (("plain", ()), ("mesh", ["--mesh"]), ("again", ["--mesh", "--detect-threads", "1"]),
                          ("thin", ["--mesh", "--every", "3"])):
        if name == "again":
            (tmp_path / name).mkdir()
            shutil.copy(tmp_path / "mesh/a.faces.npz", tmp_path / name)
        create_results.main(["--root", str(tmp_path), "--video", str(video), "--results-path", name, *options])
        read[name] = read_results(tmp_path / name / "a.json")
    assert read["mesh"] == read["again"] and len(read["plain"]) == len(read["mesh"]) == 16
    assert read["thin"] == [one for number, one in enumerate(read["mesh"]) if number % 3 == 0]
    for plain, one in zip(read["plain"], read["mesh"]):
        face = one["object"]
        assert face.keys() - plain["object"].keys() == {"pose", "mouth", "eyes", "mesh"}
        assert face["frontal"] == pytest.approx(max(0, 1 - turn_of(face) / 45), abs=0.011)
        assert 5 < face["pose"]["yaw"] < 20 and abs(face["pose"]["roll"]) < 5 and face["mesh"] > 0.9
        assert {name: face[name] for name in plain["object"]} | {"frontal": 0} == plain["object"] | {"frontal": 0}


def test_photos_and_pictures(tmp_path, capsys):
    write_image(tmp_path / "photos/a.png", picture := drawn())
    create_results.main(["--root", str(tmp_path), "--images", "photos", "--mesh"])
    record, = json.loads((tmp_path / "results/photos.json").read_text())
    faces = find_faces(picture)
    frame = read_emotions(picture, faces, mesh=True)
    assert frame["yaw"][0] == pytest.approx(record["object"]["pose"]["yaw"])
    assert frame["mouth"][0] == pytest.approx(record["object"]["mouth"]) and frame["mesh"].dtype == "float32"
    assert "yaw" not in read_emotions(picture, faces)


def test_which_records_face_the_camera():
    def record(**face):
        return {"object": face}

    records = [record(pose={"yaw": 0, "pitch": -20, "roll": 80}, mesh=0.9), record(mesh=0.2),
               record(pose={"yaw": 40.0, "pitch": 30.0, "roll": 0.0}, mesh=0.9)]
    assert [turn_of(one["object"]) for one in records] == [20, None, 48.4]
    for most, ahead in ((30, [True, False, False]), (50, [True, False, True]), (None, [True] * 3)):
        assert facing("a.json", records, most) == ahead
    assert facing("a.json", [], 30) == []
    with pytest.raises(InputError, match="a.json: expected records with poses .*--mesh gives them"):
        facing("a.json", [record(id=1)], 30)


@pytest.mark.parametrize("name", ["GRAPH", "METRIC"])
def test_what_is_no_mesh_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setattr(mesh, name, tmp_path / "a")
    for content in (None, b"junk"):
        if content:
            (tmp_path / "a").write_bytes(content)
        with pytest.raises(InputError, match=f"{tmp_path}/a: not the face.*tools.ship_mesh makes it"):
            Mesher(lambda box: box)


def test_a_face_without_landmarks_or_beyond_the_edge_has_a_crop(mesher):
    image = drawn()
    for face in make_faces([[-50, -40, 90, 120], [300, 300, 300, 300]]):
        crop, roll = mesher.crop(image, face)
        assert crop.shape == (SIDE, SIDE, 3) and roll == 0 and frontal(face["landmarks"])[0] == 1


def test_the_shipped_graph_and_face(mesher, metric):
    nodes, path = {node.op_type for node in onnx.load(mesh.GRAPH).graph.node}, SHIPPED / "face_mesh.LICENSE"
    assert mesh.GRAPH.stat().st_size < 1.3e6 and "PRelu" not in nodes and "Apache License" in path.read_text()
    assert metric.shape == (POINTS, 4) and 15 < metric[TOP, 1] - metric[CHIN, 1] < 20
    np.testing.assert_allclose((metric[:, :3] * metric[:, 3:]).sum(0)[0], 0, atol=1e-5)        # as far left as right
    points, sure = mesher.session.run(OUTPUTS, {CROPS: np.zeros((3, SIDE, SIDE, 3), np.uint8)})
    assert points.shape == (3, POINTS, 3) and sure.shape == (3,) and (sure < 0.5).all()
