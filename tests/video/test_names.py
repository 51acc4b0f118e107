import dlib
import numpy as np
import pytest
from PIL import Image

from vtt_emotion.core.dlib_models import load_model
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, write_image
from vtt_emotion.datasets.npy import write_arrays
from vtt_emotion.drawn.faces import actions, background, draw_head, paste, random_look, random_pose
from vtt_emotion.video import names
from vtt_emotion.video.detection import CenterFace
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.names import (
    agreeing,
    clothes_apart,
    identify,
    link_faces,
    name_face,
    read_gallery,
    seen_together,
)
from vtt_emotion.video.portraits import Portraits

FRONTAL = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def seen(*spans, side=100.0, landmarks=FRONTAL):
    """Faces, dtype FACE, of ids 1 and on, each on the frames of its span."""
    rows = np.array([(frame, id, (0, 0, side, side), 1, landmarks)
                     for id, span in enumerate(spans, 1) for frame in span], FACE)
    return rows[np.lexsort((rows["id"], rows["frame"]))]


def cluster(rng, centre, count):
    return centre + rng.normal(0, 0.01, (count, 128))


@pytest.fixture
def people():
    """Two persons' encodings, about 0.8 apart."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.05, (2, 128))
    return [lambda count, centre=centre: cluster(rng, centre, count) for centre in centres]


def test_a_name_is_given_where_it_is_near_and_clearly_so(people):
    a, b = people
    gallery = {"anna": a(5), "bert": b(5)}
    assert name_face(a(3), gallery, 0.5)[0] == "anna" and name_face(b(1), gallery, 0.5)[0] == "bert"
    assert 0.1 < name_face(a(3), gallery, 0.5)[1] < 0.3
    assert name_face((a(3) + b(3)) / 2, gallery, 0.9) == (None, np.inf)          # both alike
    assert name_face(a(3) + 1, gallery, 0.5)[0] is None                          # far from either
    assert name_face(np.zeros((0, 128)), gallery, 0.5)[0] is None and name_face(a(2), {}, 0.5)[0] is None


def test_a_bad_crop_is_left_out_of_its_faces_encodings(people):
    a, b = people
    rows = a(5)
    assert (agreeing(np.concatenate([rows[:2], b(1), rows[2:]]), 0.5) == rows).all()
    assert len(agreeing(rows, 0.5)) == 5 and len(agreeing(rows[:1], 0.5)) == 1 and len(agreeing(rows[:0], 0.5)) == 0


def test_who_is_seen_with_whom():
    together = seen_together(seen(range(10), range(5, 8), range(7, 12), range(20, 30)))
    assert together.tolist() == [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert seen_together(np.zeros(0, FACE)).shape == (0, 0)


def persons(faces, encodings, gallery=None, link_distance=0.5, colours=None):
    found = identify(faces, dict(enumerate(encodings, 1)), colours or {}, gallery or {}, 0.5, link_distance)
    return [found[id] for id in sorted(found)]


def test_faces_of_one_person_are_linked_but_never_two_seen_together(people):
    a, b = people
    faces = seen(range(10), range(10), range(20, 30), range(40, 45), range(42, 47), range(60, 65))
    said = persons(faces, [a(4), b(4), a(4), a(4), a(4), np.zeros((0, 128))])
    numbers = [person for person, _ in said]
    assert numbers[0] == numbers[2] == 1 and numbers[1] == 2                     # in order of appearance
    assert numbers[3] != numbers[4] and 1 in numbers[3:5]                        # 42 to 44 show both
    assert numbers[5] not in numbers[:5]                                         # nothing known of it
    assert link_faces([a(1)], np.zeros((1, 1), bool), 0.5) == [1] and link_faces([], np.zeros((0, 0), bool), 0.5) == []


@pytest.mark.parametrize("seed", range(5))
def test_six_scenes_of_four_people_are_four_persons(seed):
    """Each comes back in every scene, seen a little otherwise there, with a crop that shows nobody."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 0.055, (4, 128))                                     # 0.85 apart or so
    scenes = rng.normal(0, 0.02, (6, 4, 128))                                    # 0.3 from scene to scene
    encodings, spans, truth = [], [], []
    for scene in range(6):
        for person in rng.permutation(4):
            rows = centres[person] + scenes[scene, person] + rng.normal(0, 0.018, (6, 128))
            rows[rng.integers(6)] = rng.normal(0, 0.055, 128)
            encodings.append(rows)
            first = 1000 * scene + (0 if person < 2 else 500)                    # two at a time
            spans.append(range(first, first + 100))
            truth.append(int(person))
    order = np.argsort([span[0] for span in spans], kind="stable")
    encodings, spans, truth = ([part[row] for row in order] for part in (encodings, spans, truth))
    numbers = [person for person, _ in persons(seen(*spans), encodings)]
    assert len(set(zip(truth, numbers))) == 4 == len(set(numbers))
    gallery = {name: centres[row] + rng.normal(0, 0.02, (3, 128)) for row, name in enumerate(("ann", "bob", "cy"))}
    named = persons(seen(*spans), encodings, gallery)
    assert len(set(zip(truth, named))) == 4
    assert all(name == (*gallery, None)[person] for person, (_, name) in zip(truth, named))


def test_one_far_scene_splits_nobody_whom_the_others_hold_together(people):
    """Complete linkage would: the two farthest scenes of a person are too far apart."""
    a, _ = people
    aside = np.zeros(128)
    aside[0] = 1
    scenes = [a(4) + shift * aside for shift in (0, 0.15, 0.3, 0.45)]
    assert np.linalg.norm(scenes[0].mean(0) - scenes[3].mean(0)) > 0.4
    numbers = [person for person, _ in persons(seen(*(range(100 * n, 100 * n + 10) for n in range(4))), scenes,
                                               link_distance=0.42)]
    assert numbers == [1, 1, 1, 1]


def test_identify_names_whole_persons(people):
    a, b = people
    faces, encodings = seen(range(10), range(10), range(20, 30)), [a(4), b(4), a(1) + 0.02]
    assert persons(faces, encodings, {"anna": a(5)}) == [(1, "anna"), (2, None), (1, "anna")]
    assert persons(faces, encodings, link_distance=None) == [(1, None), (2, None), (3, None)]
    assert identify(np.zeros(0, FACE), {}, {}, {}, 0.5, 0.5) == {}


def test_a_face_without_an_encoding_is_a_person_of_its_own(people):
    a, _ = people
    found = identify(seen(range(10), range(20, 30), range(40, 50)), {1: a(4), 3: a(4)}, {}, {}, 0.5, 0.5)
    assert [found[id] for id in (1, 2, 3)] == [(1, None), (2, None), (1, None)]


def worn(*shares):
    """The colours of clothes, (512,), of some shares of the first ones."""
    return np.array([*shares, *[0] * (512 - len(shares))], np.float32)


def test_clothes_tell_people_apart_within_a_scene(people):
    a, _ = people
    red, blue = worn(0.9, 0.1), worn(0, 0.1, 0.9)
    aside = np.eye(128)[0]
    alike, same = [a(4), a(4) + 0.4 * aside], [a(4), a(4) + 0.55 * aside]        # strangers, and one seen otherwise
    near, far = seen(range(10), range(500, 510)), seen(range(10), range(900, 910))
    assert [person for person, _ in persons(near, alike)] == [1, 1]
    assert [person for person, _ in persons(near, alike, colours={1: red, 2: blue})] == [1, 2]
    assert [person for person, _ in persons(near, alike, colours={2: blue})] == [1, 1]
    assert [person for person, _ in persons(far, alike, colours={1: red, 2: blue})] == [1, 1]    # changed since
    assert [person for person, _ in persons(near, same)] == [1, 2]
    assert [person for person, _ in persons(near, same, colours={1: red, 2: red})] == [1, 1]
    np.testing.assert_allclose(clothes_apart(near, {1: red, 2: blue}), [[-0.09, 0.18], [0.18, -0.09]], atol=1e-6)


def test_names_never_cross(people):
    a, b = people
    gallery = {"anna": a(5), "bert": b(5)}
    between = 0.7 * a(4) + 0.3 * b(4)                                            # looks like Anna, who is there already
    said = persons(seen(range(10), range(10), range(20, 30)), [between, a(4), b(4)], gallery, None)
    assert [name for _, name in said] == [None, "anna", "bert"]
    said = persons(seen(range(10), range(20, 30), range(40, 50)), [a(4), b(4), a(4)], gallery, 1.5)
    assert said == [(1, "anna"), (2, "bert"), (1, "anna")]                       # however much may be linked
    tinted = a(4) + 0.03
    said = persons(seen(range(10), range(20, 30)), [a(4), tinted], {"anna": np.concatenate([a(5), tinted])}, 0.2)
    assert said == [(1, "anna"), (1, "anna")]                                    # of one name, so one person


def test_a_box_of_centerface_becomes_one_like_hogs():
    x0, y0, x1, y1 = CenterFace.hog_box([100, 100, 200, 220])
    assert x1 - x0 == pytest.approx(y1 - y0) == pytest.approx(106.3, abs=0.1)
    assert (x0 + x1) / 2 == pytest.approx(150) and (y0 + y1) / 2 == pytest.approx(165, abs=0.1)


class _Frame:
    def __init__(self, number, rgb):
        self.number, self.rgb = number, rgb


def draw(rng, look, emotion):
    image = background(rng, 200, 200)
    paste(image, draw_head(look, actions(emotion, 0.8, rng), random_pose(rng), 230), (100, 100))
    return image


def test_a_folder_of_pictures_names_a_drawn_face(tmp_path):
    rng = np.random.default_rng(5)
    looks = {"anna": random_look(rng), "bert": random_look(rng)}
    for name, look in looks.items():
        for number, emotion in enumerate(("happy", "neutral", "sad")):
            write_image(tmp_path / "gallery" / name / f"{number}.jpg", draw(rng, look, emotion))
    gallery = read_gallery(tmp_path / "gallery")
    assert {name: rows.shape for name, rows in gallery.items()} == {"anna": (3, 128), "bert": (3, 128)}
    portraits = Portraits(2, CenterFace.hog_box)
    for number in range(40):
        faces = seen([number], side=100)
        faces["box_xyxy"], faces["landmarks"] = (50, 55, 150, 155), np.nan
        faces["score"] = 1 if number in (8, 28) else 0.8
        portraits.take(_Frame(number, draw(rng, looks["bert"], "angry")), faces if number < 36 else faces[:0])
    assert not portraits.held                                # encoded when it was gone, and its pictures let go
    encodings = portraits.finish()[0][1]
    assert encodings.shape == (2, 128)
    far = {name: np.linalg.norm(encodings[:, None] - rows[None], axis=2).mean() for name, rows in gallery.items()}
    assert far["bert"] < far["anna"]
    write_arrays(tmp_path / "g.npz", gallery)
    assert all((read_gallery(tmp_path / "g.npz")[name] == rows).all() for name, rows in gallery.items())


def test_encodings_are_dlibs():
    rng = np.random.default_rng(5)
    for emotion in ("happy", "neutral", "sad"):
        image, box = draw(rng, random_look(rng), emotion), (50, 55, 150, 155)
        expected = load_model("face_recognition_model_v1").compute_face_descriptor(
            image, load_model("shape_predictor")(image, dlib.rectangle(*box)))
        found, = names.encode_faces([(image, box)])
        assert np.abs(found - np.array(expected)).max() < 2e-3                   # numbers of about 0.1


def test_a_gallerys_pictures_are_turned_as_their_note_says(tmp_path):
    picture = Image.fromarray(draw(np.random.default_rng(5), random_look(np.random.default_rng(5)), "neutral"))
    note = Image.Exif()
    note[0x0112] = 6                                                             # to be turned by a quarter
    (tmp_path / "anna").mkdir()
    picture.rotate(90).save(tmp_path / "anna/0.jpg", exif=note)
    assert read_gallery(tmp_path)["anna"].shape == (1, 128)


def test_galleries_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such gallery"):
        read_gallery(tmp_path / "none.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected folders of pictures, one a person"):
        read_gallery(tmp_path / "empty")
    write_image(tmp_path / "faceless/anna/0.jpg", np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no face was found in the pictures of anna"):
        read_gallery(tmp_path / "faceless")
    write_arrays(tmp_path / "good.npz", {"anna": np.zeros((2, 128))})
    write_arrays(tmp_path / "odd.npz", {"anna": np.zeros((2, 5))})
    np.save(tmp_path / "array.npy", np.zeros(3))
    whole = (tmp_path / "good.npz").read_bytes()
    for content in (b"junk", b"", whole[:-40], (tmp_path / "odd.npz").read_bytes(),
                    (tmp_path / "array.npy").read_bytes()):
        (tmp_path / "g.npz").write_bytes(content)
        with pytest.raises(InputError, match="g.npz: not a gallery"):
            read_gallery(tmp_path / "g.npz")
    assert read_image(tmp_path / "faceless/anna/0.jpg").shape == (200, 200, 3)


def test_a_gallery_as_it_is_downloaded(tmp_path, monkeypatch, capsys):
    """.webp is a picture, a Mac's shadows are none, and what is left out is said."""
    for folder in ("bert", "__MACOSX", ".thumbs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "._x.jpg").write_bytes(b"shadow")
    (tmp_path / "__MACOSX/y.jpg").write_bytes(b"shadow")
    Image.new("RGB", (64, 64)).save(tmp_path / "bert/x.webp")
    (tmp_path / "bert/z.pdf").write_bytes(b"photo")
    taken = []
    monkeypatch.setattr(names, "encode_pictures", lambda pictures, _: taken.extend(pictures) or {"bert": None})
    names.read_gallery(tmp_path)
    assert taken == [("bert", tmp_path / "bert/x.webp")] and read_image(taken[0][1]).shape == (64, 64, 3)
    assert "bert/z.pdf: left out, as no picture by its name" in capsys.readouterr().err
