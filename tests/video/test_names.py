import numpy as np
import pytest
from PIL import Image

from drawn.faces import actions, background, draw_head, paste, random_look, random_pose
from indexes.command_line import InputError
from indexes.images import read_image, write_image
from video import names
from video.names import encode_tracks, identify, link_tracks, name_face, pick_frames, read_gallery, write_gallery
from video.tracks import Track


def track(id, first, length, side=10.0):
    return Track(id, first, np.tile(np.array([0, 0, side, side], np.float32), (length, 1)), np.ones(length, bool))


def cluster(rng, centre, count):
    return centre + rng.normal(0, 0.01, (count, 128))


@pytest.fixture
def people():
    """Two persons' encodings, about 0.8 apart."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.05, (2, 128))
    return [lambda count, centre=centre: cluster(rng, centre, count) for centre in centres]


def test_frames_are_spread_and_where_the_face_is_largest_and_seen():
    one = track(1, 100, 20)
    one.boxes_xyxy[3, 2] = one.boxes_xyxy[12, 2] = 30
    assert pick_frames(one, 2) == [103, 112]
    one.seen[:] = False
    one.seen[[7, 8]] = True
    assert pick_frames(one, 5) == [107, 108]


def test_a_name_is_given_where_it_is_near_and_clearly_so(people):
    a, b = people
    gallery = {"anna": a(5), "bert": b(5)}
    assert name_face(a(3), gallery, 0.5) == "anna" and name_face(b(1), gallery, 0.5) == "bert"
    assert name_face((a(3) + b(3)) / 2, gallery, 0.9) is None                    # both alike
    assert name_face(a(3) + 1, gallery, 0.5) is None                             # far from either
    assert name_face(np.zeros((0, 128)), gallery, 0.5) is None and name_face(a(2), {}, 0.5) is None


def test_tracks_of_one_person_are_linked_but_never_two_seen_together(people):
    a, b = people
    tracks = [track(1, 0, 10), track(2, 0, 10), track(3, 20, 10), track(4, 40, 5), track(5, 42, 5), track(6, 60, 5)]
    encodings = [a(4), b(4), a(4), a(4), a(4), np.zeros((0, 128))]
    persons = link_tracks(tracks, encodings, 0.5)
    assert persons[0] == persons[2] == 1 and persons[1] == 2                     # in order of appearance
    assert persons[3] != persons[4] and 1 in persons[3:5]                        # 42 to 44 show both
    assert persons[5] not in persons[:5]                                         # nothing known of it
    assert link_tracks(tracks[:1], encodings[:1], 0.5) == [1] and link_tracks([], [], 0.5) == [1] * 0


def test_identify_names_whole_persons(people):
    a, b = people
    tracks, encodings = [track(1, 0, 10), track(2, 0, 10), track(3, 20, 10)], [a(4), b(4), a(1) + 0.02]
    identify(tracks, encodings, {"anna": a(5)}, 0.5, 0.5)
    assert [(one.person, one.name) for one in tracks] == [(1, "anna"), (2, None), (1, "anna")]
    identify(tracks, encodings, {}, 0.5, None)
    assert [(one.person, one.name) for one in tracks] == [(1, None), (2, None), (3, None)]


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
    faces = [Track(1, 0, np.tile(np.array([50, 55, 150, 155], np.float32), (4, 1)), np.ones(4, bool))]
    reads = []

    def frames():
        for number in range(50):
            reads.append(number)
            yield _Frame(number, draw(rng, looks["bert"], "angry"))

    (encodings,) = encode_tracks(frames(), faces, 2)
    assert encodings.shape == (2, 128) and len(reads) <= 4                       # no further than needed
    far = {name: np.linalg.norm(encodings[:, None] - rows[None], axis=2).mean() for name, rows in gallery.items()}
    assert far["bert"] < far["anna"]
    write_gallery(tmp_path / "g.npz", gallery)
    assert all((read_gallery(tmp_path / "g.npz")[name] == rows).all() for name, rows in gallery.items())


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
    write_gallery(tmp_path / "good.npz", {"anna": np.zeros((2, 128))})
    write_gallery(tmp_path / "odd.npz", {"anna": np.zeros((2, 5))})
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
    (tmp_path / "bert/z.heic").write_bytes(b"photo")
    taken = []
    monkeypatch.setattr(names, "encode_pictures", lambda pictures, _: taken.extend(pictures) or {"bert": None})
    names.read_gallery(tmp_path)
    assert taken == [("bert", tmp_path / "bert/x.webp")] and read_image(taken[0][1]).shape == (64, 64, 3)
    assert "bert/z.heic: left out, as no picture by its name" in capsys.readouterr().err
