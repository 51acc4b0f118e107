"""What holds for every box, crop, label, metadata file and result, tried on made-up ones."""
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parse_affectnet import read_row
from parse_fer import soft_label
from parse_friends import buffer_frames
from parse_raf import read_label
from vtt_emotion.core import labels
from vtt_emotion.core.crop import LARGEST, crop_face, iou, square_around, touches, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.friends import read_box, read_metadata, read_period
from vtt_emotion.datasets.npy import read_index, write_index
from vtt_emotion.datasets.parsing import inside
from vtt_emotion.results.records import read_results, write_records

number = st.floats(-2000, 3000, width=32)
side = st.floats(0.125, 2000, width=32)
box_xywh = st.tuples(number, number, side, side)
boxes_xyxy = st.lists(box_xywh.map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])), max_size=5)
FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None,
               suppress_health_check=[HealthCheck.function_scoped_fixture])
NAME = st.text(st.characters(codec="utf-8"), max_size=30)


@FEW
@given(box_xywh, st.floats(-0.4, 4), st.floats(-0.5, 0.5))
def test_a_square_holds_its_box_or_shrinks_about_its_middle(box, margin, lift):
    x, y, w, h = box
    left, top, length = square_around(box, margin, lift)
    assert length == pytest.approx(max(w, h) * (1 + 2 * margin), abs=1e-6)
    assert left + length / 2 == pytest.approx(x + w / 2, abs=1e-2)
    assert top + length / 2 == pytest.approx(y + h / 2 - lift * length, abs=1e-2)


@FEW
@given(box_xywh, st.integers(1, 64), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2 ** 32 - 1))
def test_a_crop_has_its_size_and_its_images_levels_or_is_refused(box, size, width, height, seed):
    image = np.random.default_rng(seed).integers(60, 200, (height, width, 3)).astype(np.uint8)
    left, top, length = square_around(box)
    try:
        face = crop_face(image, box, size)
    except InputError as error:
        assert f"{width}x{height}" in str(error)
        assert not touches((left, top, length, length), width, height) or length < 1 \
            or length > LARGEST * max(width, height)
        return
    assert face.shape == (size, size, 3) and face.dtype == np.uint8
    assert image.min() <= face.min() and face.max() <= image.max()           # nothing is made up beyond the edge


@FEW
@given(boxes_xyxy, boxes_xyxy)
def test_overlap_is_a_share_the_same_both_ways_and_1_with_itself(boxes, others):
    shares = iou(np.reshape(boxes, (-1, 4)), np.reshape(others, (-1, 4)))
    assert shares.shape == (len(boxes), len(others)) and ((shares >= 0) & (shares <= 1 + 1e-9)).all()
    np.testing.assert_allclose(shares.T, iou(np.reshape(others, (-1, 4)), np.reshape(boxes, (-1, 4))))
    np.testing.assert_allclose(np.diag(iou(np.reshape(boxes, (-1, 4)), np.reshape(boxes, (-1, 4)))), 1, atol=1e-6)
    for box in boxes:
        x, y, w, h = xyxy_to_xywh(box)
        assert (x, y, x + w, y + h) == pytest.approx(box, abs=1e-3)


def test_every_label_map_leads_to_emotions_and_reaches_all_that_its_set_has():
    maps = (labels.AFFECTNET, labels.RAF, labels.FERPLUS, labels.CK, labels.FRIENDS)
    for table in maps:
        assert set(table.values()) == set(range(7))
    assert set(labels.RAF_MULTI) == set(range(6)) and set(labels.COLOURS) == set(labels.WITH_CONTEMPT)
    assert all(len(set(pair)) == 2 and labels.NEUTRAL not in pair for pair in labels.RAF_COMPOUND.values())
    assert not set(labels.AFFECTNET) & set(labels.AFFECTNET_DROPPED)


@FEW
@given(st.integers(-3, 15), st.lists(st.one_of(number.map(str), st.just("NULL"), NAME), min_size=4, max_size=4),
       st.lists(st.one_of(st.floats(-3, 3).map(str), NAME), min_size=2, max_size=2))
def test_an_affectnet_row_is_an_entry_a_reason_or_a_value_error(code, box, mood):
    try:
        entry, reason = read_row(["1/a.jpg", *box, "", str(code), *mood], labels.AFFECTNET)
    except (ValueError, OverflowError):
        return
    assert (entry is None) != (reason is None)
    if entry:
        assert entry["emo"] == labels.AFFECTNET[code] and entry["gt"][2] > 0 and entry["gt"][3] > 0
        assert all(-2 <= entry[name] <= 1 for name in ("aro", "val"))


@FEW
@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_ferplus_votes_become_shares_without_the_single_ones(votes):
    row = dict(zip((*labels.FERPLUS, *labels.FERPLUS_DROPPED), map(str, votes)))
    em, reason = soft_label(row)
    counted = [vote if vote > 1 else 0 for vote in votes]
    if em is None:
        assert max(counted) == 0 or max(counted[7:]) > max(counted[:7])
        return
    assert reason is None and em.sum() == pytest.approx(1) and max(counted[:7]) >= max(counted[7:])
    for name, vote in zip(labels.FERPLUS, counted):
        assert em[labels.FERPLUS[name]] == pytest.approx(vote / sum(counted[:7]))


@FEW
@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_raf_ml_shares_sum_to_1_with_neutral_for_the_rest(shares):
    try:
        em = read_label("multi", [repr(share) for share in shares])
    except ValueError:
        assert sum(shares) > 1.1
        return
    assert em.sum() == pytest.approx(1) and (em >= 0).all()
    assert em[labels.NEUTRAL] == pytest.approx(max(0, 1 - sum(shares)), abs=1e-9)


corner = st.one_of(number, st.integers(0, 2000), number.map(str), st.just("none"), st.just(""), st.just("12  34"), NAME)


@FEW
@given(st.fixed_dictionaries({name: corner for name in ("min_x", "min_y", "max_x", "max_y")}))
def test_a_face_rect_is_a_box_a_reason_or_a_value_error(rect):
    try:
        box, reason = read_box(rect)
    except ValueError:
        return
    assert box[2] > 0 and box[3] > 0 if box else reason.endswith("face box")


class Count:
    """A report that only counts."""

    def __init__(self):
        self.dropped = self.defects = 0

    def drop(self, *_):
        self.dropped += 1

    def defect(self, *_):
        self.defects += 1


rect = st.fixed_dictionaries({name: st.integers(0, 700).map(str) for name in ("min_x", "min_y", "max_x", "max_y")})
note = st.fixed_dictionaries({"emotion": st.sampled_from(sorted(labels.FRIENDS)).flatmap(
    lambda word: st.sampled_from([word, word.title(), f" {word.upper()} "])), "face_rect": rect})
period = st.fixed_dictionaries({
    "period_num": st.integers(0, 1400), "image": st.integers(0, 31000).flatmap(
        lambda frame: st.sampled_from([f"Frame_{frame:05d}.jpg", f"a{frame}"])),
    "person": st.lists(st.dictionaries(st.sampled_from(labels.CHARACTERS), st.lists(note, max_size=2)), max_size=2)})


@FEW
@given(st.lists(period, max_size=4), st.binary(max_size=3), st.booleans())
def test_every_face_of_metadata_is_kept_or_counted(tmp_path, periods, stray, mark):
    """Bytes that are not UTF-8 lie within a text that nobody reads."""
    text = json.dumps({"stray": "", "visual_results": periods}).encode()
    plain = bytes(byte for byte in stray if byte >= 0x80)
    path = tmp_path / "s01_ep01_x.json"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.replace(b'"stray": "', b'"stray": "' + plain))
    count, entries = Count(), []
    for number, one in enumerate(read_metadata(path)):
        entries += read_period(one, number, count)
    faces = [(int(one["image"].strip("Frame_.jpg")), name, face) for one in periods for people in one["person"]
             for name, notes in people.items() for face in notes]
    assert len(entries) + count.dropped == len(faces) and count.defects == 0
    good = [(frame, name, labels.FRIENDS[face["emotion"].strip().lower()]) for frame, name, face in faces
            if int(face["face_rect"]["max_x"]) > int(face["face_rect"]["min_x"])
            and int(face["face_rect"]["max_y"]) > int(face["face_rect"]["min_y"])]
    assert [(entry["frame"], entry["character"], entry["emo"]) for entry in entries] == good


@FEW
@given(st.integers(0, 40000), st.integers(1, 1000))
def test_a_buffer_ends_at_its_frame_and_never_starts_before_the_episode(frame, stride):
    frames = buffer_frames(frame, stride)
    assert len(frames) == 4 and frames[-1] == frame and min(frames) >= 0
    assert all(later - former == stride or former == 0 for former, later in zip(frames, frames[1:]))


record = st.fixed_dictionaries({
    "type": st.just("emotion"), "class": st.sampled_from(labels.EMOTIONS), "seconds": st.floats(0, 1e5),
    "object": st.fixed_dictionaries({
        "id": st.integers(1, 10 ** 6), "name": st.none() | NAME, "box": st.lists(st.integers(0, 5000), min_size=4,
                                                                                 max_size=4),
        "confidence": st.floats(0, 1)})})


@FEW
@given(st.lists(record, max_size=6))
def test_results_are_one_array_a_record_a_line_and_come_back(tmp_path, records):
    path = tmp_path / "results.json"
    assert write_records(path, iter(records)) == len(records)
    assert json.loads(path.read_text()) == records
    assert read_results(path) == sorted(records, key=lambda record: (record["seconds"], record["object"]["id"]))
    lines = path.read_text().splitlines()
    assert len(lines) == (len(records) + 2 if records else 1)
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == records or not records


plain = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
                     lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
                     | st.dictionaries(st.text(max_size=5) | st.integers() | st.floats(allow_nan=False), inner,
                                       max_size=3), max_leaves=12)


@FEW
@given(st.dictionaries(st.integers() | st.text(max_size=5), plain, max_size=4))
def test_an_index_of_plain_data_comes_back(tmp_path, index):
    write_index(tmp_path / "i.npy", index)
    assert read_index(tmp_path / "i.npy") == index


@FEW
@given(st.lists(st.sampled_from(["..", ".", "a", "b c", "ä", "", "C:", "a.jpg"]), max_size=6), st.sampled_from("/\\"))
def test_a_path_of_a_list_stays_inside_or_is_none(tmp_path, parts, slash):
    plain = inside(slash.join(parts))
    if plain is not None:
        assert (tmp_path / plain).resolve().is_relative_to(tmp_path.resolve())
