import json

import numpy as np
import pytest

from drawn.faces import actions, background, draw_head, paste, random_look, random_pose
from indexes.command_line import InputError
from indexes.crop import iou
from indexes.images import write_image
from ops import Tracking
from video.faces_file import fingerprint, read_faces, write_faces
from video.frames import read_frames
from video.sources import find_videos
from video.tracks import Track, Tracker, find_tracks, looking_width

DEFAULTS = vars(Tracking())


def test_tracker_follows_by_overlap_and_bridges_gaps():
    tracker = Tracker(min_iou=0.3, max_gap=6, min_seen=2)
    left, right = np.array([0, 0, 10, 10.0]), np.array([50, 0, 60, 10.0])
    tracker.look(0, [left, right])
    tracker.look(3, [right + 1])                             # the left face is missed once
    tracker.look(6, [right + 2, left + 2])
    tracker.look(9, [np.array([200, 0, 210, 10.0])])         # seen once: no face
    (first, boxes, seen), (_, other, _) = tracker.finish(0, 12, reach=2)
    assert (first, len(boxes)) == (0, 9)                     # to frame 6, and 2 beyond
    assert seen.tolist() == [True] + [False] * 5 + [True] * 3
    np.testing.assert_allclose(boxes[3], left + 1)           # half-way
    assert other[0][0] > 49
    assert list(tracker.finish(12, 20, 2)) == []             # nothing crosses into the next shot


def test_a_long_gap_begins_a_new_track_and_short_shots_count_too():
    tracker = Tracker(min_iou=0.3, max_gap=6, min_seen=2)
    box = np.array([0, 0, 10, 10.0])
    for number in (0, 3, 20, 23):
        tracker.look(number, [box])
    assert [first for first, _, _ in tracker.finish(0, 30, 0)] == [0, 20]
    tracker.look(30, [box])                                  # a shot with a single look: there all along
    assert [(first, len(boxes)) for first, boxes, _ in tracker.finish(30, 36, 2)] == [(30, 6)]


def test_one_id_a_character_and_shot_and_none_across_a_cut(sample):
    truth = json.loads((sample / "datasets/Friends/sample_truth.json").read_text())["1"]
    tracks, shots = find_tracks(read_frames(find_videos(sample / "datasets/Friends")[1]), **DEFAULTS)
    assert shots[0] == 0 and shots[-1] == 72
    bounds = list(zip(shots, shots[1:]))
    for track in tracks:
        assert any(start <= track.first and track.last < stop for start, stop in bounds)
    ids = {}
    for face in truth:
        shot = next(start for start, stop in bounds if start <= face["frame"] < stop)
        for track in tracks:
            if track.first <= face["frame"] <= track.last and \
                    iou([track.boxes_xyxy[face["frame"] - track.first]], [face["box"]])[0, 0] > 0.4:
                ids.setdefault((shot, face["name"]), []).append(track.id)
    assert len(ids) == len(tracks) and all(len(set(found)) == 1 for found in ids.values())
    assert sum(map(len, ids.values())) >= 0.97 * len(truth)


def test_a_face_that_leaves_ends_with_it(make_video, tmp_path):
    rng = np.random.default_rng(0)
    empty = background(rng, 360, 640)
    filled = empty.copy()
    paste(filled, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 260), (300, 170))
    path = make_video(tmp_path / "a.mp4", [filled] * 20 + [empty] * 20)
    one_shot = DEFAULTS | {"shot_least": 200.0, "shot_sure": 200.0}
    tracks, _ = find_tracks(read_frames(path), **one_shot)
    assert len(tracks) == 1 and tracks[0].first == 0 and 18 <= tracks[0].last <= 21
    tracks, _ = find_tracks(read_frames(path), **one_shot | {"detect_every": 1})
    assert tracks[0].last == 19
    assert len(find_tracks(read_frames(path), **one_shot | {"detect_every": 15})[0]) == 1      # over max_gap


def test_the_number_of_threads_changes_nothing(sample):
    found = []
    for threads in (1, 3):
        tracks, shots = find_tracks(read_frames(find_videos(sample / "datasets/Friends")[2]),
                                    **DEFAULTS | {"detect_threads": threads})
        found.append((shots, [(track.first, track.boxes_xyxy.tolist(), track.seen.tolist()) for track in tracks]))
    assert found[0] == found[1] and found[0][1]


def test_small_faces_are_found_where_asked_for(make_video, tmp_path):
    rng = np.random.default_rng(0)
    image = background(rng, 720, 1280)
    paste(image, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 84), (600, 300))       # 40 px
    path = make_video(tmp_path / "a.mp4", [image] * 8)
    assert find_tracks(read_frames(path), **DEFAULTS)[0] == []
    (track,), _ = find_tracks(read_frames(path), **DEFAULTS | {"min_face": 36})
    x0, y0, x1, y1 = track.boxes_xyxy[0]
    assert 30 < x1 - x0 < 50 and abs((x0 + x1) / 2 - 600) < 8 and len(track.boxes_xyxy) == 8


def test_a_faces_file_holds_the_tracks(tmp_path):
    tracks = [Track(1, 0, np.arange(8, dtype=np.float32).reshape(2, 4), np.array([True, False])),
              Track(2, 1, np.ones((1, 4), np.float32), np.array([True]))]
    for mine in (tracks, []):
        write_faces(tmp_path / "a.faces.npz", "hash", {"detect_every": 6}, mine, [0, 2])
        about, again, shots = read_faces(tmp_path / "a.faces.npz")
        assert about == {"version": 1, "source": "hash", "options": {"detect_every": 6}} and shots == [0, 2]
        assert [(t.id, t.first, t.last) for t in again] == [(t.id, t.first, t.last) for t in mine]
        for one, other in zip(again, mine):
            np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy)
            np.testing.assert_array_equal(one.seen, other.seen)


def test_a_damaged_faces_file_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "a.faces.npz"
    write_faces(path, "hash", {}, [Track(1, 0, np.ones((3, 4), np.float32), np.ones(3, bool))], [0, 3])
    whole = path.read_bytes()
    np.savez(tmp_path / "pickled.npz", about=np.array([{}], object), allow_pickle=True)
    for content in (b"", b"text", whole[:200], whole[:-30], (tmp_path / "pickled.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.faces\.npz: not a faces file, or a damaged one") as error:
            read_faces(path)
        assert "\n" not in str(error.value)


def test_a_fingerprint_tells_videos_and_folders_apart(make_video, tmp_path):
    images = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(5)]
    first, second = (make_video(tmp_path / name, images[:count]) for name, count in (("a.mp4", 4), ("b.mp4", 5)))
    (tmp_path / "c.mp4").write_bytes(first.read_bytes())
    assert fingerprint(first) == fingerprint(tmp_path / "c.mp4") != fingerprint(second)
    (tmp_path / "frames").mkdir()
    seen = []
    for number, image in enumerate(images[:2]):
        write_image(tmp_path / f"frames/{number:05d}.jpg", image)
        seen.append(fingerprint(tmp_path / "frames"))
    assert seen[0] != seen[1]


def test_a_frame_of_another_size_begins_a_shot(make_video, tmp_path):
    rng = np.random.default_rng(0)
    image = background(rng, 360, 640)
    paste(image, draw_head(random_look(rng), actions("happy", 1), random_pose(rng), 260), (300, 170))
    frames = list(read_frames(make_video(tmp_path / "a.mp4", [image] * 8)))
    halves = list(read_frames(make_video(tmp_path / "b.mp4", [image[::2, ::2]] * 8)))
    for frame in halves:
        frame.number += 8
    tracks, shots = find_tracks(iter([*frames, *halves]), **DEFAULTS | {"shot_least": 200.0, "shot_sure": 200.0})
    assert shots == [0, 8, 16] and [(track.first, track.last) for track in tracks] == [(0, 7), (8, 15)]
    assert tracks[1].boxes_xyxy.max() <= 320


def test_no_frame_is_enlarged_without_end():
    assert looking_width(1280, 960, 0) == 960 and looking_width(1280, 960, 40) == 2560
    assert looking_width(1280, 960, 1) == 4 * 1280 and looking_width(1280, 960, 100000) == 80
