import cv2
import numpy as np
import pytest

from tests.video.test_names import FRONTAL, _Frame, draw, seen
from vtt_emotion.drawn.faces import random_look
from vtt_emotion.video import portraits as module
from vtt_emotion.video.portraits import Portraits, below, colours_of, goodness, sharpness_share


def test_sharp_faces_are_told_from_blurred_ones_whatever_their_contrast():
    rng = np.random.default_rng(0)
    sharp = cv2.resize(draw(rng, random_look(rng), "neutral"), (64, 64), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(sharp, None, 3)
    assert sharpness_share(sharp) > 0.9 and sharpness_share(sharp // 3) > 0.9 and sharpness_share(blurred) == 0
    assert sharpness_share(np.full((64, 64, 3), 90, np.uint8)) == 0
    assert sharpness_share((sharp / sharp.max() * 20).astype(np.uint8)) == 0     # in the dark


def test_a_face_is_better_frontal_large_and_surely_there():
    turned = FRONTAL.copy()
    turned[2, 0] = 38
    good = [goodness(seen([0], **kind))[0] for kind in ({}, {"side": 50}, {"landmarks": turned}, {"side": 300})]
    assert good[2] < good[1] < good[0] < good[3] == 1
    turned[2, 0] = 30
    assert goodness(seen([0], landmarks=turned))[0] == pytest.approx(0.3 * good[0])
    unsure = seen([0])
    unsure["score"] = 0.5
    assert goodness(unsure)[0] == good[0] / 2


def test_people_are_encoded_by_the_box_that_their_detector_says():
    picture = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)                 # not blurred
    faces = seen([0], side=100)
    portraits = Portraits(1, lambda box: box + 20)
    portraits.take(_Frame(0, picture), faces)
    (_, _, crop, box, _), = portraits.held[1]
    wanted, placed = module.cut_out(picture, faces["box_xyxy"][0] + 20)
    assert crop.shape == wanted.shape and box.tolist() == placed.tolist()


def test_the_colours_below_a_face_are_what_is_worn():
    picture = np.full((300, 300, 3), (200, 150, 130), np.uint8)
    picture[160:] = np.where(np.arange(300)[:, None] % 20 < 10, (200, 30, 30), (30, 30, 200))    # striped
    face = np.array([100., 60., 180., 140.])
    colours = colours_of(below(picture, face))
    assert colours.shape == (512,) and colours.sum() == pytest.approx(1) and np.sort(colours)[-2:].min() > 0.4
    assert (colours_of(below(picture, face + (20, 0, 20, 0))) @ colours) > 0.4
    assert below(picture, face + (0, 140, 0, 140)) is None                       # below the frame
    assert below(picture, face - 250) is None
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert colours_of(below(grey, face)) is None                                 # all wear the same there


def test_portraits_keep_the_colours_of_the_crops_that_are_encoded(monkeypatch):
    monkeypatch.setattr(module, "encode_faces", lambda faces: np.zeros((len(faces), 128)))
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (300, 300, 3), np.uint8) // np.uint8([1 + number, 1, 2]) for number in range(2)]
    portraits, faces = Portraits(2, lambda box: box), seen([0], side=100)
    for number, picture in enumerate(pictures):
        portraits.take(_Frame(12 * number, picture), faces)
    encodings, colours = portraits.finish()
    expected = np.mean([colours_of(below(picture, faces["box_xyxy"][0])) for picture in pictures], 0)
    assert encodings[1].shape == (2, 128) and np.allclose(colours[1], expected) and colours.keys() == {1}


class _Watched(_Frame):
    """A frame that notes in `asked` that its pixels were asked for."""
    def __init__(self, number, asked):
        self.number, self.asked = number, asked

    @property
    def rgb(self):
        self.asked.add(self.number)
        return np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)


def test_every_other_frame_is_asked_for_a_better_picture_of_a_face():
    portraits, asked = Portraits(1, lambda box: box), set()
    for number in range(9):
        faces = seen([number])
        faces["score"] = 0.5 + number / 20       # ever better
        portraits.take(_Watched(number, asked), faces)
    assert list(portraits.held) == [1] and asked == {0, 2, 4, 6, 8}
