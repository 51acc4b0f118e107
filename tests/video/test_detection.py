"""Detectors: what CenterFace's outputs say, where boxes lie in the frame, what is looked at."""

import cv2
import numpy as np
import pytest

from drawn.faces import actions, background, draw_head, face_box, paste, random_look, random_pose
from indexes.crop import iou
from video.detection import STRIDE, decode, make_detector


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
        assert (np.diag(iou(found.boxes_xyxy, truth)) > 0.5).all() and len(found) == 2
    assert found.boxes_xyxy.dtype == found.scores.dtype == found.landmarks.dtype == np.float32
    assert found.scores.shape == (2,) and found.landmarks.shape == (2, 5, 2)
    empty = detector.find(background(np.random.default_rng(0), 200, 300))
    assert empty.boxes_xyxy.shape == (0, 4) and empty.landmarks.shape == (0, 5, 2) and len(empty) == 0
