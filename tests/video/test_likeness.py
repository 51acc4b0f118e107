"""Who looks like whom, and what the faces file says of how results were read."""
import json

import numpy as np
import pytest

from vtt_emotion import __version__
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.faces_file import (
    VERSION,
    about_results,
    add_reading,
    provenance,
    read_faces,
    read_reading,
    write_faces,
)
from vtt_emotion.video.likeness import mean_encodings, most_alike

ABOUT = {"version": VERSION, "source": "a", "options": {"detector": "centerface"}}
FACTS = {"program": f"vtt_emotion {__version__}", "weights": "fer.pt", "weights_hash": "c0ffee", "arithmetic": "int8",
         "options": {"every": 2, "link": "true"}}


def at(*places):
    """Encodings (K, 128) on a line."""
    return np.array([[place] + 127 * [0.0] for place in places])


def test_a_persons_encoding_is_the_mean_over_all_faces_of_theirs():
    people = {1: (1, None), 2: (2, "Anna"), 3: (1, None), 4: (3, None)}
    means = mean_encodings({1: at(0.1, 0.3), 2: at(0.5), 3: at(0.8), 4: np.zeros((0, 128))}, people)
    assert {person: mean[0] for person, mean in means.items()} == {1: pytest.approx(0.4), 2: 0.5}


def test_the_nearest_come_first_and_those_seen_together_never():
    """On a line 2 . 9 ... 5 .. 7, where 2 and 9 are seen at one time."""
    encodings = {2: at(0.0)[0], 9: at(0.1)[0], 5: at(0.5)[0], 7: at(0.7)[0]}
    times, ids = [3, 0, 3, 1, 2, 3], [2, 5, 9, 7, 4, 4]      # 4 has no encoding
    near, order = most_alike(encodings, times, ids)
    assert near == {2: [5, 7], 5: [7, 9, 2], 7: [5, 9, 2], 9: [5, 7]}
    assert order[:2] == [5, 7] and order[2] == 9 and set(order) == set(encodings)
    assert most_alike(encodings, times, ids, 1)[0] == {2: [5], 5: [7], 7: [5], 9: [5]}
    assert most_alike({2: encodings[2]}, times, ids) == most_alike({}, [], []) == ({}, [])


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[]\n")
    faces = np.zeros(2, FACE)
    faces["id"] = 1, 2
    write_faces(tmp_path / "a.faces.npz", ABOUT, faces, [0, 1])
    return path


def test_a_faces_file_says_how_the_results_were_read(results):
    kept = results.with_suffix(".faces.npz")
    before = read_faces(kept)
    assert read_reading(results) == ({}, {})
    add_reading(results, FACTS, {3: at(0.25)[0], 5: at(0.5)[0]})
    facts, encodings = read_reading(results)
    assert facts.items() >= FACTS.items() and {id: row[0] for id, row in encodings.items()} == {3: 0.25, 5: 0.5}
    after = read_faces(kept)
    assert after[0] == before[0] and after[1].tobytes() == before[1].tobytes() and after[2] == before[2]
    content = kept.read_bytes()
    add_reading(results, FACTS | {"weights": "other.pt"}, {})
    assert read_reading(results)[0]["weights"] == "other.pt" and read_reading(results)[1] == {}
    add_reading(results, FACTS, {3: at(0.25)[0], 5: at(0.5)[0]})
    assert kept.read_bytes() == content                      # whatever was there before
    short, whole = provenance(results)
    assert short.endswith(", weights fer.pt (SHA-256 c0ffee) in int8") and about_results(results)["weights"] == "fer.pt"
    assert f"; read by vtt_emotion {__version__} with every 2, link true; faces (format {VERSION}) found with " in whole


def test_other_results_are_not_said_to_be_read_so(results):
    add_reading(results, FACTS, {3: at(0.25)[0]})
    results.write_text("[ ]\n")                              # edited, or of a reading that was killed
    assert read_reading(results) == ({}, {}) and "weights" not in provenance(results)[0]


@pytest.mark.parametrize("part,wrong", [("reading", np.array("{}")), ("reading", np.array("[")), ("ids", np.arange(3)),
                                        ("encodings", np.zeros((1, 5))), ("encodings", np.full((1, 128), np.nan)),
                                        ("reading", np.array("3")), ("ids", None)])
def test_what_is_damaged_of_it_is_left_aside(results, part, wrong):
    add_reading(results, FACTS, {3: at(0.25)[0]})
    kept = results.with_suffix(".faces.npz")
    parts = dict(np.load(kept)) | {part: wrong}
    np.savez(kept, **{name: array for name, array in parts.items() if array is not None})
    assert read_reading(results) == ({}, {}) and json.dumps(about_results(results))
