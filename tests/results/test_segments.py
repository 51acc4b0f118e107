import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.records import write_records
from vtt_emotion.results.segments import clock, find_segments, longest_lines, read_segments, segments_path


def record(seconds, emotion, share=0.9, id=1, name=None, scores=True):
    rest = (1 - share) / 6
    face = {"id": id, "name": name, "box": [0, 0, 9, 9], "confidence": share}
    if scores:
        face["scores"] = {other: share if other == emotion else rest for other in EMOTIONS}
    return {"type": "emotion", "class": emotion, "seconds": seconds, "object": face}


def run(*parts, **more):
    """Records at 10 a second: (emotion, frames) after (emotion, frames)."""
    emotions = [emotion for emotion, frames in parts for _ in range(frames)]
    return [record(place / 10, emotion, **more) for place, emotion in enumerate(emotions)]


SHARP = {"window": 0.0, "lead": 0.0, "least": 0.0, "gap": 0.5}


def test_a_hand_worked_case():
    records = run(("happy", 10), ("sad", 5), ("happy", 10), name="ross")
    records[3] = record(0.3, "happy", 0.97, name="ross")
    assert find_segments(records, **SHARP) == [
        {"id": 1, "name": "ross", "class": "happy", "start": 0.0, "end": 1.0, "confidence": 0.907, "peak": 0.97,
         "peak_seconds": 0.3, "frames": 10},
        {"id": 1, "name": "ross", "class": "sad", "start": 1.0, "end": 1.5, "confidence": 0.9, "peak": 0.9,
         "peak_seconds": 1.0, "frames": 5},
        {"id": 1, "name": "ross", "class": "happy", "start": 1.5, "end": 2.5, "confidence": 0.9, "peak": 0.9,
         "peak_seconds": 1.5, "frames": 10}]
    merged, = find_segments(records, **{**SHARP, "least": 0.6})
    assert (merged["class"], merged["start"], merged["end"], merged["frames"]) == ("happy", 0.0, 2.5, 25)
    assert merged["confidence"] == pytest.approx((19 * 0.9 + 0.97 + 5 * 0.1 / 6) / 25, abs=1e-3)
    assert find_segments(records[:4], **{**SHARP, "least": 0.5}) == []         # it has no neighbour


def test_none_runs_over_a_shot_of_others_or_its_own_end():
    def shot(start, end, *people):
        return {"start": start, "end": end, "people": [{"id": id, "name": None} for id in people]}

    records = run(("happy", 30))
    del records[10:14]                           # of a cutaway, shorter than the gap
    shots = [shot(0.0, 1.0, 1), shot(1.0, 1.4, 2), shot(1.4, 2.95, 1)]
    spans = [(segment["start"], segment["end"]) for segment in find_segments(records, **SHARP, shots=shots)]
    assert spans == [(0.0, 1.0), (1.4, 2.95)]    # the last frame begins at 2.9, the film ends sooner than a step later
    shots[1] = shot(1.0, 1.4, 1, 2)              # it is there, but no record
    assert [segment["start"] for segment in find_segments(records, **SHARP, shots=shots)] == [0.0]
    assert [segment["end"] for segment in find_segments(records, **SHARP)] == [3.0]


def test_another_emotion_takes_over_only_by_the_lead():
    records = [record(place / 10, ("happy", "sad")[place % 2], 0.3) for place in range(20)]
    for item in records:                         # 0.30 against 0.26: a face between two emotions
        other = "sad" if item["class"] == "happy" else "happy"
        item["object"]["scores"][other] = 0.26
    assert len(find_segments(records, **SHARP)) == 20
    only, = find_segments(records, **{**SHARP, "lead": 0.05})
    assert only["class"] == "happy" and only["frames"] == 20
    assert len(find_segments(records, **{**SHARP, "lead": 0.02})) == 20
    assert len(find_segments(records, **{**SHARP, "lead": 0.02, "window": 0.4})) == 1


def test_ids_gaps_and_records_without_scores():
    records = sorted(run(("happy", 8)) + run(("angry", 8), id=2, scores=False), key=lambda item: item["seconds"])
    late = [record(item["seconds"] + 5, "happy") for item in run(("happy", 8))]
    found = find_segments(records + late, **SHARP)
    assert [(item["id"], item["class"], item["start"], item["end"]) for item in found] == [
        (1, "happy", 0.0, 0.8), (2, "angry", 0.0, 0.8), (1, "happy", 5.0, 5.8)]
    thinned = [record(2.0 * place, "happy") for place in range(9)]             # a record every two seconds is no gap
    assert len(find_segments(thinned)) == 1
    assert find_segments([]) == [] and find_segments([record(1.0, "sad")]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(EMOTIONS), st.floats(0.2, 1), st.booleans()), max_size=80),
       st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 1))
def test_segments_are_long_enough_apart_and_of_changing_emotion(faces, window, lead, least):
    records = [record(place / 10, emotion, share) for place, (emotion, share, there) in enumerate(faces) if there]
    found = find_segments(records, window, lead, least, 0.25)
    for one, other in zip(found, found[1:]):
        assert one["end"] <= other["start"] and (one["end"] < other["start"] or one["class"] != other["class"])
    for item in found:
        assert item["end"] - item["start"] >= least - 2e-3 and item["start"] <= item["peak_seconds"] < item["end"]
        assert item["confidence"] <= item["peak"] and item["frames"] >= 1


def test_the_file_comes_back_and_a_wrong_one_is_named(tmp_path):
    found = find_segments(run(("happy", 10), ("sad", 9)), **SHARP)
    path = segments_path(tmp_path / "a.json")
    write_records(path, found)
    assert path.name == "a.segments.json" and read_segments(path) == found
    with pytest.raises(InputError, match="no such segments"):
        read_segments(tmp_path / "b.segments.json")
    for wrong in ("{", "{}", '[{"id": 1}]', json.dumps([{**found[0], "class": "bored"}]),
                  json.dumps([{**found[0], "end": -1}]), json.dumps([{**found[0], "peak": None}]), "3"):
        path.write_text(wrong)
        with pytest.raises(InputError, match="a.segments.json: "):
            read_segments(path)


def test_the_longest_are_told_as_a_clock_shows_them():
    found = find_segments(run(("happy", 20), ("sad", 10), name="ross"), **SHARP)
    assert longest_lines(found, 1) == ["ross        happy     0:00.0 to 0:02.0     2.0 s    90%"]
    assert [clock(seconds) for seconds in (0, 59.96, 3723.41)] == ["0:00.0", "1:00.0", "1:02:03.4"]


def test_a_face_that_does_not_change_is_not_of_two_minds():
    """Noise of the size that the network's scores have on a still face: at most one change a second."""
    rng = np.random.default_rng(0)
    records = []
    for place in range(2400):                    # 100 s
        scores = np.exp(rng.normal([1.0, -2, 0.6, -2, 0.9, -1, 1.1], 0.6))
        scores /= scores.sum()
        best = int(scores.argmax())
        item = record(place / 24, EMOTIONS[best], float(scores[best]))
        item["object"]["scores"] = dict(zip(EMOTIONS, scores.tolist()))
        records.append(item)
    assert len(find_segments(records, **SHARP)) > 500 and len(find_segments(records)) <= 100
