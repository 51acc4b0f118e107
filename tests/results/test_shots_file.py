from vtt_emotion.results.shots import find_shots, framing, together, with_people


def test_shots_tell_their_framing_and_who_is_in_them():
    faces = [(0, 1, "anna", 0.5), (0, 2, None, 0.08), (1, 1, "anna", 0.5), (2, 1, "anna", 0.9), (3, 2, None, 0.08)]
    rows = find_shots([0, 3, 5, 6], [0.5 + number / 2 for number in range(6)], 3.5, faces)
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


def test_names_given_later_are_those_of_shots_and_of_who_shares_them():
    rows = find_shots([0, 2, 4, 6], [number / 2 for number in range(6)], 3.0,
                      [(0, 1, None, 0.5), (0, 2, None, 0.5), (2, 3, None, 0.5), (2, 1, None, 0.5), (4, 5, None, 0.5)])
    assert [(row["id"], row["other"]) for row in together(rows)] == [(1, 2), (1, 3)]
    records = [{"seconds": seconds, "object": {"id": id, "name": name}} for seconds, id, name in
               [(0.0, 1, "Anna"), (0.0, 2, "Ben"), (1.0, 3, "Ben"), (1.0, 1, "Anna"), (1.5, 4, "Ben")]]
    named = with_people(rows, records)
    assert [[person["name"] for person in row["people"]] for row in named] == [
        ["Anna", "Ben"], ["Anna", "Ben", "Ben"], [None]]     # no record shows the last
    assert together(named) == [{"id": 1, "name": "Anna", "other": 2, "other_name": "Ben", "shots": 2, "seconds": 2.0}]


def test_names_reach_shots_that_have_no_records():
    def shot(start, *people):
        return {"start": start, "end": start + 1, "people": [{"id": id, "name": None} for id in people]}

    records = [{"seconds": seconds, "object": {"id": id, "name": name}} for seconds, id, name in
               [(0.0, 1, "Anna"), (0.5, 9, "Ben"), (1.0, 3, None)]]
    shots = with_people([shot(0, 1, 2), shot(1, 1, 3), shot(2, 1)], records, {9: {"id": 2}})
    assert [[(person["id"], person["name"]) for person in here["people"]] for here in shots] == [
        [(1, "Anna"), (9, "Ben")], [(1, "Anna"), (3, None)], [(1, "Anna")]]
    assert [row["other_name"] for row in together([*shots[:1], shot(2, 9)])] == ["Ben"]    # no shot takes it away
