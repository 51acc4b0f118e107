from vtt_emotion.results.shots import Shots, framing, together


def record(seconds, id, tall, name=None):
    return {"seconds": seconds, "object": {"id": id, "name": name, "box": [0, 10, 50, 10 + tall]}}


def test_shots_tell_their_framing_and_who_is_in_them():
    shots = Shots([0, 3, 5, 6], [0.5 + number / 2 for number in range(6)], 3.5, 100)
    records = [record(0.5, 1, 50, "anna"), record(0.5, 2, 8), record(1.0, 1, 50, "anna"), record(1.5, 1, 90, "anna"),
               record(2.0, 2, 8)]
    assert list(shots.passing(records)) == records
    rows = shots.rows()
    assert [(row["start"], row["end"], row["first_frame"], row["end_frame"]) for row in rows] == [
        (0.5, 2.0, 0, 3), (2.0, 3.0, 3, 5), (3.0, 3.5, 5, 6)]
    assert [row["framing"] for row in rows] == ["close-up", "long shot", None]
    assert [row["people"] for row in rows] == [[{"id": 1, "name": "anna"}, {"id": 2, "name": None}],
                                               [{"id": 2, "name": None}], []]
    assert together(rows + rows[:1]) == [{"id": 1, "name": "anna", "other": 2, "other_name": None, "shots": 2,
                                          "seconds": 3.0}]


def test_a_framing_is_called_by_the_largest_face():
    assert [framing(share) for share in (0.9, 0.3, 0.2, 0.12, 0.02)] == [
        "extreme close-up", "medium close-up", "medium shot", "medium long shot", "long shot"]
