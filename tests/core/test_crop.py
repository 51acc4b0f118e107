import cv2
import numpy as np
import pytest
from PIL import Image

import ops
from tests.conftest import often
from vtt_emotion.core.crop import crop_face, iou, square_around, touches
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import image_size, read_image, write_image
from vtt_emotion.drawn.faces import ACTIONS, actions, background, draw_head, face_box, paste, random_look, random_pose
from vtt_emotion.video.detection import framing_of, make_detector


def test_crop_of_a_hand_worked_case():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = np.arange(8)[None] * 10                  # red tells the column
    image[..., 1] = np.arange(8)[:, None] * 10               # green tells the row
    # Box 2 wide and 4 high at (3, 2): its square is 4x4, columns 2 to 5, rows 2 to 5.
    crop = crop_face(image, [3, 2, 2, 4], 4)
    assert crop[..., 0].tolist() == [[20, 30, 40, 50]] * 4
    assert crop[:, 0, 1].tolist() == [20, 30, 40, 50]
    # Halved: each pixel is the mean of 2x2.
    assert crop_face(image, [3, 2, 2, 4], 2)[0, :, 0].tolist() == [25, 45]
    # A margin of 1/4 on each side makes it 6x6, columns 1 to 6.
    assert crop_face(image, [3, 2, 2, 4], 6, margin=0.25)[0, :, 0].tolist() == [10, 20, 30, 40, 50, 60]


def test_crop_repeats_the_edge_outside_the_image():
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = np.arange(4)[None] * 10
    assert crop_face(image, [-2, 0, 4, 4], 4)[0, :, 0].tolist() == [0, 0, 0, 10]
    assert crop_face(image, [2, 0, 4, 4], 4)[0, :, 0].tolist() == [20, 30, 30, 30]


def test_crop_refuses_a_box_outside():
    for box in ([10, 0, 2, 2], [0, -9, 3, 3], [0, 0, 1e9, 4], [0, float("inf"), 2, 2], [float("nan"), 0, 2, 2],
                [0, 0, 0, 0]):
        with pytest.raises(InputError, match="outside its image of 4x4"):
            crop_face(np.zeros((4, 4, 3), np.uint8), box, 4)


def test_box_geometry():
    assert square_around([0, 0, 10, 20], 0.5) == (-15.0, -10.0, 40.0)
    np.testing.assert_allclose(iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]), [[1 / 3, 0]])
    assert touches([-5, -5, 6, 6], 10, 10)
    assert not touches([-5, -5, 5, 5], 10, 10) and not touches([10, 0, 5, 5], 10, 10)


def test_images_come_back_as_written(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    write_image(tmp_path / "a.jpg", np.full((20, 30, 3), 90, np.uint8))
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - 90).max() <= 2
    assert image_size(tmp_path / "a.jpg") == (30, 20)
    for suffix in (".tif", ".bmp", ".TIFF"):
        Image.fromarray(image).save(tmp_path / f"b{suffix}")
        np.testing.assert_array_equal(read_image(tmp_path / f"b{suffix}"), image)
    Image.fromarray(image[..., 0]).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png").shape == (20, 30, 3)


def test_unreadable_images_are_named(tmp_path):
    write_image(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:3000])
    with pytest.raises(InputError, match=r"a\.jpg: not a readable image"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"b\.jpg: no such image"):
        read_image(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_text("text")
    for read in (read_image, image_size):
        with pytest.raises(InputError, match=r"c\.jpg: not a readable image"):
            read(tmp_path / "c.jpg")


@pytest.mark.parametrize("name,side", [("centerface", 256), ("hog", 512)])
@often(5, 20)
def test_detectors_find_drawn_faces_where_they_are_and_crops_frame_them_alike(name, side, times):
    """At least 95 percent of 140 random faces; a detector's crop of a face is the annotated box's, by their margins."""
    detector, margins = make_detector(name), ops.Margins()
    rng, found, sides, middles = np.random.default_rng(3), 0, [], []
    faces = [(random_look(rng), emotion) for _ in range(times) for emotion in ACTIONS]
    for look, emotion in faces:
        image, centre, size = background(rng, 256, 256), 128 + rng.uniform(-10, 10, 2), 320
        paste(image, draw_head(look, actions(emotion, rng.uniform(0.6, 1), rng), random_pose(rng), size), centre)
        x, y, w, h = face_box(centre, size)
        boxes = detector.find(cv2.resize(image, (side, side)), 256 / side)["box_xyxy"]
        overlap = iou(boxes, [[x, y, x + w, y + h]])[:, 0] if len(boxes) else np.zeros(1)
        if overlap.max() > 0.5:
            found += 1
            x0, y0, x1, y1 = boxes[overlap.argmax()]
            seen = square_around((x0, y0, x1 - x0, y1 - y0), *framing_of(name, margins))
            own = square_around((x, y, w, h), *margins.by_source()["affectnet"])
            sides.append(seen[2] / own[2])
            middles.append([(seen[i] + seen[2] / 2 - own[i] - own[2] / 2) / own[2] for i in range(2)])
    assert found >= 0.95 * len(faces)
    assert 0.93 < np.mean(sides) < 1.07
    assert np.abs(np.mean(middles, 0)).max() < 0.03
