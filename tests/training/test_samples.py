from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, read_reduced, write_image
from vtt_emotion.datasets.npy import read_index, write_index
from vtt_emotion.training.augmentation import augment_face, draw_augmentation
from vtt_emotion.training.batches import BalancedBatches, EveryOnce, make_loader, sampling_weights
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.hardships import smear
from vtt_emotion.training.samples import Samples, check_episodes, read_held_out, read_mixture, read_samples, where

MARGINS = dict.fromkeys(("affectnet", "raf", "fer", "ck", "friends"), (0.0, 0.0))
AUGMENT = {"shift": 0.1, "flip": 0.5, "noise": 0.02, "blur": 0.5, "level": 0.2}


def roots(root):
    return {"affectnet": root / "datasets/AffectNet", "raf": root / "datasets/RAF-DB", "ck": root,
            "friends": root / "friends_faces"}


def made_up(labels, soft=None):
    targets = np.eye(7, dtype=np.float32)[labels] if soft is None else soft
    count = len(targets)
    return Samples("x", None, np.array([[b"a"]] * count), np.zeros((count, 4), np.float32), targets)


def test_mixture_reads_the_training_splits_alone(parsed):
    mixture = {"affectnet": 0.8, "raf": 0.2, "friends": 0}
    sources, shares = read_mixture(mixture, parsed / "dicts", roots(parsed), MARGINS, (1,))
    assert shares == [0.8, 0.2]
    affectnet = read_index(parsed / "dicts/affectnet_parsed.npy")
    entries = [entry for examples in affectnet.values() for entry in examples.values()]
    assert len(sources[0]) == sum(entry["split"] == "train" for entry in entries) < len(entries)
    assert sources[1].targets.shape[1] == 7 and np.allclose(sources[1].targets.sum(1), 1)
    assert (sources[1].targets.max(1) < 1).any()                      # soft labels stay soft
    with pytest.raises(InputError, match="at least one index"):
        read_mixture({"raf": 0.0}, parsed / "dicts", roots(parsed), MARGINS, ())


def test_held_out_is_never_trained_on(parsed):
    for source in ("affectnet", "raf", "friends"):
        (train,), _ = read_mixture({source: 1.0}, parsed / "dicts", roots(parsed), MARGINS, (1, 2))
        valid = read_held_out(source, parsed / "dicts", roots(parsed), MARGINS, (3,))
        assert not set(train.paths.ravel()) & set(valid.paths.ravel())
    with pytest.raises(InputError, match="CK"):
        read_held_out("ck", parsed / "dicts", roots(parsed), MARGINS, ())
    with pytest.raises(InputError, match=r"episodes \[2\] are both"):
        check_episodes((1, 2), (2, 3))


def write_raf(folder, **more):
    """An index of RAF-DB of a basic, a compound and a multi face in each split, and its pictures: {subset: em}."""
    labels = {"basic": [0, 0, 0, 1, 0, 0, 0], "compound": [0, 0, 0.5, 0, 0.5, 0, 0], "multi": [0.7, 0, 0, 0, 0, 0.3, 0]}
    index = {}
    for split in ("train", "test"):
        for subset, em in labels.items():
            name = f"{split}_{subset}.png"
            write_image(folder / name, np.random.default_rng(len(index)).integers(0, 256, (96, 96, 3), np.uint8))
            index[len(index)] = {"img": name, "gt": [0, 0, 96, 96], "em": np.array(em), "split": split} | more
    write_index(folder / "raf_parsed.npy", index)
    return labels


def test_raf_is_measured_on_basic_and_trained_on_as_is_asked(tmp_path):
    """Also by the ancestor's index, which names no subset."""
    labels, told = write_raf(tmp_path), {"raf": tmp_path}
    held_out = read_held_out("raf", tmp_path, told, MARGINS, ())
    assert held_out.targets.tolist() == [labels["basic"]]
    assert len(read_mixture({"raf": 1.0}, tmp_path, told, MARGINS, ())[0][0]) == 3
    for subset, em in labels.items():
        (samples,), _ = read_mixture({"raf": 1.0}, tmp_path, told, MARGINS, (), (subset,))
        np.testing.assert_allclose(samples.targets, [em])
        held_out = read_samples("raf", tmp_path, tmp_path, **where("raf", "test", (), (subset,)))
        assert held_out.paths.tolist() == [[f"test_{subset}.png".encode()]]
    write_raf(tmp_path, subset="multi")          # what an index says, it is
    with pytest.raises(InputError, match="holds no split test of basic"):
        read_held_out("raf", tmp_path, told, MARGINS, ())


def test_a_box_that_is_the_whole_picture_gets_no_margin(tmp_path):
    """Aligned pictures and AffectNet's of 2021 are faces, cut out; a margin repeats their edges."""
    margins, crops = {"raf": (0.06, 0.0)}, []
    for whole in (True, False):
        write_raf(tmp_path, subset="basic", whole=whole)
        (samples,), _ = read_mixture({"raf": 1.0}, tmp_path, {"raf": tmp_path}, margins, ())
        crops.append(FaceClips([samples], 96)[0, (0, 0)][0][0].numpy())
    np.testing.assert_array_equal(crops[0], read_image(tmp_path / "train_basic.png").transpose(2, 0, 1))
    repeated = [(crop[:, row] == crop[:, row + 1]).all() for crop in crops for row in (0, 1)]
    assert repeated == [False, False, True, True]


def test_wrong_or_empty_indexes_are_named(parsed, tmp_path):
    with pytest.raises(InputError, match=r"holds no episodes \[77\]"):          # one of them is missing
        read_samples("friends", parsed / "dicts", parsed, episodes=[1, 77])
    for entry in ({"img": "a.jpg"}, {"img": "a.jpg", "gt": [0, 0, 1, 1], "em": [0.5, 0.5]}):
        write_index(tmp_path / "raf_parsed.npy", {0: entry})
        with pytest.raises(InputError, match="raf_parsed.npy: not the structure of a raf index"):
            read_samples("raf", tmp_path, tmp_path)
    for entry in ({"img": ["a"] * 4, "emo": 1}, {"img": ["a"] * 3, "emo": 1, "pos": [1, 2]}):
        write_index(tmp_path / "friends_parsed_new.npy", {1: {0: entry}})
        with pytest.raises(InputError, match="not the structure of a friends index"):
            read_samples("friends", tmp_path, tmp_path, episodes=[1])


@pytest.mark.parametrize("image", ["/dev/zero", "../../a.jpg", "a/../../b.jpg", "C:/a.jpg"])
def test_an_image_outside_the_dataset_is_refused(tmp_path, image):
    write_index(tmp_path / "raf_parsed.npy", {0: {"img": image, "gt": [0, 0, 1, 1], "em": [1, 0, 0, 0, 0, 0, 0]}})
    write_index(tmp_path / "ck_parsed.npy", {1: {0: {"img": ["a.jpg"] * 3 + [image], "emo": 1, "pos": [1, 2]}}})
    for source in ("raf", "ck"):
        with pytest.raises(InputError, match=f"{source}_parsed.npy: the path .* leaves the dataset's folder"):
            read_samples(source, tmp_path, tmp_path)


def test_samples_are_flat_arrays(parsed):
    samples = read_samples("friends", parsed / "dicts", parsed, episodes=[1, 2])
    assert samples.paths.dtype.kind == "S" and samples.paths.shape == (len(samples), 4)
    assert samples.boxes.dtype == samples.targets.dtype == np.float32


def test_sampling_shares():
    first = made_up([0] * 50 + [3] * 5 + [6] * 100)
    second = made_up([6] * 10 + [1] * 10 + [2] * 30)
    weights = sampling_weights([first, second], [0.8, 0.2], 0.33)
    assert weights.sum() == pytest.approx(1)
    assert weights[:155].sum() == pytest.approx(0.8)
    assert weights[55:155].sum() == pytest.approx(0.8 * 0.33)         # neutral
    assert weights[:50].sum() == pytest.approx(weights[50:55].sum())  # 50 angry and 5 happy faces count alike
    batches = list(BalancedBatches(weights, 100, seed=1, start=0, stop=100))
    counts = Counter(int(sample >= 155) for batch in batches for sample, _ in batch)
    assert counts[1] / 10000 == pytest.approx(0.2, abs=0.02)
    natural = sampling_weights([first, second], [0.8, 0.2], 0.33, balance=0)
    np.testing.assert_allclose(natural, [0.8 / 155] * 155 + [0.2 / 50] * 50)
    between = sampling_weights([first, second], [0.8, 0.2], 0.33, balance=0.5)
    assert between[:50].sum() / between[50:55].sum() == pytest.approx(10 ** 0.5)
    without_neutral = sampling_weights([made_up([0, 1, 1])], [1.0], 0.33)
    np.testing.assert_allclose(without_neutral, [0.5, 0.25, 0.25])


@pytest.mark.parametrize("share", [float("inf"), float("nan"), -0.5])
def test_shares_that_are_none_are_refused(parsed, share):
    with pytest.raises(InputError, match=f"--mixture raf {share}: expected a share"):
        read_mixture({"affectnet": 0.5, "raf": share}, parsed / "dicts", roots(parsed), MARGINS, ())


def test_ratios_that_leave_nothing_are_refused():
    with pytest.raises(InputError, match="--neutral-ratio 1: leaves nothing of x, which has no neutral faces"):
        sampling_weights([made_up([0, 1, 1])], [1.0], 1.0)
    with pytest.raises(InputError, match="--neutral-ratio 0: leaves nothing of x, which has only neutral faces"):
        sampling_weights([made_up([6, 6])], [1.0], 0.0)


def test_batches_depend_on_seed_and_step_alone():
    weights = np.full(40, 1 / 40)
    whole = list(BalancedBatches(weights, 4, 5, 0, 10))
    assert list(BalancedBatches(weights, 4, 5, 6, 10)) == whole[6:]
    assert list(BalancedBatches(weights, 4, 6, 0, 10)) != whole
    assert [sample for batch in EveryOnce(10, 4) for sample, _ in batch] == list(range(10))
    assert len(EveryOnce(10, 4)) == 3


def test_an_emotions_faces_are_drawn_by_turns():
    weights = sampling_weights([made_up([0] * 30 + [3] * 7 + [6] * 20)], [1.0], 0.4)
    batches = [[sample for sample, _ in batch] for batch in BalancedBatches(weights, 8, 2, 0, 60)]
    drawn = sum(batches, [])
    for group in (range(30), range(30, 37), range(37, 57)):
        mine = [sample for sample in drawn if sample in group]
        assert len(mine) / len(drawn) == pytest.approx(weights[group].sum(), abs=0.06) and len(mine) > 2 * len(group)
        turns = [mine[place:place + len(group)] for place in range(0, len(mine) - len(group) + 1, len(group))]
        assert all(sorted(turn) == list(group) for turn in turns) and turns[0] != turns[1]
    later = BalancedBatches(weights, 8, 2, 41, 60)
    assert [[sample for sample, _ in batch] for batch in later] == batches[41:]


def test_stills_buffers_and_workers(parsed):
    sources, _ = read_mixture({"affectnet": 0.5, "friends": 0.5}, parsed / "dicts", roots(parsed), MARGINS, (1, 2))
    keys = [[(0, (1, 2, 3)), (len(sources[0]), (1, 2, 4))]]
    for frames in (1, 4):
        data = FaceClips(sources, 64, frames, AUGMENT, 0.05)
        (clips, targets, reasons), = make_loader(data, keys, 0)
        assert clips.shape == (2, frames, 3, 64, 64) and clips.dtype == torch.uint8 and targets.shape == (2, 7)
        (again, *_), = make_loader(data, keys, 1)                      # a worker process draws the same
        assert torch.equal(clips, again)


def test_one_frame_of_a_buffer_is_its_last(parsed):
    samples = read_samples("friends", parsed / "dicts", parsed / "friends_faces", episodes=[1])
    clip, _ = FaceClips([samples], 96, 4)[0, (0,)]
    still, _ = FaceClips([samples], 96, 1)[0, (0,)]
    assert torch.equal(still[0], clip[3])
    last = read_image(parsed / "friends_faces" / samples.paths[0, 3].decode())
    assert torch.equal(clip[3].permute(1, 2, 0), torch.from_numpy(last.copy()))


def test_a_margin_grows_the_boxes_of_an_index_but_no_crop(parsed):
    margins = dict.fromkeys(MARGINS, (0.3, 0.1))
    for source, same in (("raf", False), ("friends", True)):
        plain, grown = (read_mixture({source: 1.0}, parsed / "dicts", roots(parsed), m, (1,))[0]
                        for m in (MARGINS, margins))
        assert torch.equal(FaceClips(plain, 64)[0, (0,)][0], FaceClips(grown, 64)[0, (0,)][0]) == same


def test_a_still_becomes_a_smooth_clip_that_comes_to_rest(parsed):
    (source,), _ = read_mixture({"affectnet": 1.0}, parsed / "dicts", roots(parsed), MARGINS, ())
    clip = FaceClips([source], 64, 4, None, camera_motion=0.1)[0, (7,)][0].float()
    still = FaceClips([source], 64, 1)[0, (7,)][0].float()
    assert torch.equal(clip[3], still[0])
    apart = [(clip[t] - clip[3]).abs().mean().item() for t in range(4)]
    assert apart[0] > apart[1] > apart[2] > apart[3] == 0


def test_augmentation_is_one_for_a_clip_and_off_where_zero():
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(rng, 64, **AUGMENT) for _ in range(300)]
    assert max(np.abs(one["move"]).max() for one in drawn) <= 0.1 and {one["flip"] for one in drawn} == {True, False}
    assert 0.4 < np.mean([one["blur"] > 0 for one in drawn]) < 0.6
    none = draw_augmentation(rng, 64, 0, 0, 0, 0, 0)
    assert none["zoom"] == 1 and not none["flip"] and none["blur"] == none["noise"] == 0
    assert none["level"] == (1, 0) and none["rotate"] == 0 and none["erase"] is None


def test_tint_rotation_and_erasing():
    rng = np.random.default_rng(0)
    none = dict(shift=0, flip=0, noise=0, blur=0, level=0)
    grey = np.repeat(rng.integers(60, 190, (64, 64, 1), np.uint8), 3, 2)
    for _ in range(20):
        drawn = draw_augmentation(rng, 64, **none, tint=0.2)
        red, green, blue = np.moveaxis(augment_face(grey, rng, drawn).astype(int), 2, 0)
        assert np.abs(red - green).max() > 0 and max(np.abs(red - grey[..., 0]).max(), 1) <= 0.3 * 128 + 1
        drawn = draw_augmentation(rng, 64, **none, erase=1)
        changed = (augment_face(grey, rng, drawn) != grey).any(2)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        assert 0.01 < area / 64 ** 2 < 0.24 and changed.sum() > 0.9 * area
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[:8, :8] = 255
    turned = augment_face(corner, rng, draw_augmentation(rng, 64, **none) | {"rotate": 90.0})
    assert turned[-8:, :8].min() > 250 and turned[:8, :8].max() < 5              # anticlockwise
    assert {draw_augmentation(rng, 64, **none, rotate=10)["rotate"] > 0 for _ in range(20)} == {True, False}


def test_colour_tints_and_blurs_an_enlarged_face(tmp_path):
    grey = np.random.default_rng(0).integers(60, 190, (48, 48, 3), np.uint8)
    grey[:] = grey[..., :1]
    write_image(tmp_path / "a.png", grey)
    samples = made_up([2])
    samples.root, samples.paths = tmp_path, np.array([[b"a.png"]])
    plain, tinted = (FaceClips([samples], 64, 4, colour=colour)[0, (0,)][0].float() for colour in (False, True))
    assert plain.shape == tinted.shape == (4, 3, 64, 64)
    assert (plain[:, 0] == plain[:, 1]).all() and (tinted[:, 0] - tinted[:, 1]).abs().mean() > 1
    assert (tinted == tinted[:1]).all()                                # one tint for a clip
    assert tinted[0, 0].diff().abs().mean() < 0.8 * plain[0, 0].diff().abs().mean()


def test_noise_and_levels_come_by_chance():
    """Each by itself; with a chance of 1 no random number is drawn for it, as before there was one."""
    drawn = [draw_augmentation(np.random.default_rng(seed), 64, **AUGMENT, chance=0.25) for seed in range(800)]
    noisy, levelled = (np.array([part(one) > 0 for one in drawn]) for part in (
        lambda one: one["noise"], lambda one: abs(one["level"][1])))
    assert noisy.mean() == pytest.approx(0.25, abs=0.05) and levelled.mean() == pytest.approx(0.25, abs=0.05)
    assert (noisy & levelled).mean() == pytest.approx(0.0625, abs=0.03)
    before, now = (draw_augmentation(np.random.default_rng(3), 64, **AUGMENT, **more) for more in ({}, {"chance": 1.0}))
    assert str(before) == str(now)


def test_augmented_with_nothing_is_the_plain_crop(parsed):
    (source,), _ = read_mixture({"raf": 1.0}, parsed / "dicts", roots(parsed), MARGINS, ())
    nothing = dict.fromkeys(AUGMENT, 0.0)
    assert torch.equal(FaceClips([source], 64, 1, nothing)[3, (1,)][0], FaceClips([source], 64, 1)[3, (1,)][0])
    mirrored = FaceClips([source], 64, 1, nothing | {"flip": 1.0})[3, (1,)][0]
    assert torch.equal(mirrored.flip(-1), FaceClips([source], 64, 1)[3, (1,)][0])


def test_an_unreadable_image_is_stood_in_for_in_training_and_an_error_in_validation(tmp_path):
    for name in "abc":
        write_image(tmp_path / f"{name}.png", np.full((70, 70, 3), 50 if name == "a" else 200, np.uint8))
    (tmp_path / "a.png").write_bytes(b"no image")
    samples = made_up([2, 5, 2])
    samples.root, samples.paths = tmp_path, np.array([[b"a.png"], [b"b.png"], [b"c.png"]])
    training = FaceClips([samples], 64, 1, dict.fromkeys(AUGMENT, 0.0))
    clip, target, reason = training[0, (0,)]
    assert clip.float().mean() == 200 and target.argmax() == 2    # c, of the same emotion
    assert reason.startswith(f"{tmp_path}/a.png: not a readable image") and training[1, (0,)][2] == ""
    with pytest.raises(InputError, match="a.png: not a readable image"):
        FaceClips([samples], 64, 1)[0, (0,)]
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="a.png: not a readable image.*nor could four others"):
        training[0, (0,)]


def test_processes_share_every_batch(tmp_path):
    weights = np.full(50, 0.02)
    whole = list(BalancedBatches(weights, 6, 5, 0, 4))
    parts = [list(BalancedBatches(weights, 6, 5, 0, 4, (rank, 3))) for rank in range(3)]
    assert [sum(batch, []) for batch in zip(*parts)] == whole and {len(batch) for batch in parts[1]} == {2}
    once = [list(EveryOnce(10, 3, (rank, 3))) for rank in range(3)]
    assert [sample for part in once for batch in part for sample, _ in batch] == list(range(10))
    assert list(EveryOnce(1, 3, (0, 2))) == [] and len(EveryOnce(1, 3, (1, 2))) == 1


@pytest.mark.parametrize("side,divisor", [(128, 1), (300, 1), (448, 2), (800, 2), (1000, 4), (0, 4)])
def test_a_jpeg_is_decoded_at_the_size_that_the_crop_needs(tmp_path, side, divisor):
    """At a divisor the crop is what the whole picture gives, within a JPEG's own noise."""
    rng = np.random.default_rng(3)
    rough = cv2.resize(rng.uniform(0, 255, (40, 40, 3)).astype(np.float32), (1000, 1000), interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "a.jpg", np.clip(rough, 0, 255).astype(np.uint8))
    write_image(tmp_path / "a.png", read_image(tmp_path / "a.jpg"))
    image, found = read_reduced(tmp_path / "a.jpg", side, 224)
    assert found == divisor and image.shape == (1000 // divisor, 1000 // divisor, 3)
    samples = made_up([2])
    samples.root, samples.boxes = tmp_path, np.array([[0 if side == 1000 else 90.0, 0, side, side]], np.float32)
    faces = []
    for name in (b"a.jpg", b"a.png"):
        samples.paths = np.array([[name]])
        faces.append(FaceClips([samples], 224, 1)[0, (0,)][0].float())
    assert (faces[0] - faces[1]).abs().mean() < 1.5 and (divisor == 1) == torch.equal(*faces)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_jpeg_cut_short_is_no_image_at_any_size(tmp_path, keep):
    write_image(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 255, (900, 900, 3)).astype(np.uint8))
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:int(len(data) * keep)])
    with pytest.raises(InputError, match="a.jpg: not a readable image"):
        read_reduced(tmp_path / "a.jpg", 800, 96)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_pictures_of_other_kinds_are_read_reduced(tmp_path, mode):
    colour = np.zeros((800, 600, 3), np.uint8) + np.array([200, 100, 40], np.uint8)
    Image.fromarray(colour).convert(mode).save(tmp_path / "a.jpg", quality=95)
    image, divisor = read_reduced(tmp_path / "a.jpg", 0, 96)
    assert image.shape == (800 // divisor, 600 // divisor, 3) and divisor == (1 if mode == "CMYK" else 8)
    np.testing.assert_allclose(image.mean((0, 1)), read_image(tmp_path / "a.jpg").mean((0, 1)), atol=2)


def test_a_box_outside_its_image_is_named(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((70, 70, 3), np.uint8))
    samples = made_up([2])
    samples.root, samples.paths, samples.boxes = tmp_path, np.array([[b"a.png"]]), np.array([[90, 0, 5, 5]], np.float32)
    with pytest.raises(InputError, match=r"a.png: box .* outside its image of 70x70"):
        FaceClips([samples], 64, 1)[0, (0,)]


def test_ck_clips_are_read(tmp_path):
    for slot in range(4):
        write_image(tmp_path / f"{slot}.png", np.full((80, 80, 3), 40 * slot, np.uint8))
    entry = {"img": [f"{slot}.png" for slot in range(4)], "pos": ["S005", "001"], "emo": 1}
    write_index(tmp_path / "ck_parsed.npy", {1: {0: entry}})
    (source,), _ = read_mixture({"ck": 1.0}, tmp_path, {"ck": tmp_path}, MARGINS, ())
    clip, target = FaceClips([source], 64, 4)[0, (0,)]
    assert clip[:, 0, 0, 0].tolist() == [0, 40, 80, 120] and target.argmax() == 1


def shown(tmp_path, picture, **how):
    """The first two samples of one picture, a whole one in its own (32 to 96, of 128 px): float (2, 64, 64, 3)."""
    write_image(tmp_path / "a.png", picture)
    samples = made_up([2, 2])
    samples.root, samples.paths = tmp_path, np.array([[b"a.png"]] * 2)
    samples.boxes = np.array([[32, 32, 64, 64]] * 2, np.float32)
    clips = FaceClips([samples], 64, 1, **how)
    return torch.stack([clips[row, (0, row)][0][0].permute(1, 2, 0) for row in range(2)]).float()


def test_a_small_face_is_what_is_left_of_so_many_pixels(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    small = shown(tmp_path, picture, small=8)
    means = picture[32:96, 32:96].reshape(8, 8, 8, 8, 3).mean((1, 3))                      # 8 x 8 areas
    np.testing.assert_allclose(small[0, 3:-4:8, 3:-4:8], small[0, 4:-3:8, 4:-3:8], atol=40)
    for row in range(1, 7):                      # the middle of an area is within its rounded mean and its neighbours'
        for column in range(1, 7):
            around = means[row - 1:row + 2, column - 1:column + 2]
            middle = small[0, 8 * row + 3:8 * row + 5, 8 * column + 3:8 * column + 5].numpy().mean((0, 1))
            assert (np.abs(middle - means[row, column]) < 0.15 * (around.max((0, 1)) - around.min((0, 1))) + 2).all()
    assert torch.equal(shown(tmp_path, picture, small=64), shown(tmp_path, picture))


def test_faces_are_turned_either_way_with_what_surrounds_them(tmp_path):
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:32] = 255                           # above the box
    left, right = shown(tmp_path, picture, turn=30.0)
    assert torch.equal(left, right.flip(1)) and shown(tmp_path, picture).max() == 0
    assert left[:, 32:].max() == right[:, :32].max() == 0
    # anticlockwise first: at the left edge white comes down to (32 - 32 sin 30) / cos 30 above the middle, 13.5 px
    assert [int((face[:, column, 0] > 128).sum()) for face, column in ((left, 0), (right, 63))] == [13, 13]
    picture[:, :] = 0
    picture[40:44, 62:66] = 255                  # 22 px above the middle
    first, second = (face[..., 0] for face in shown(tmp_path, picture, turn=90.0))
    assert first[30:34, 8:12].min() > 200 and first[:, 14:].max() == 0 and second[30:34, 52:56].min() > 200


def test_half_of_a_face_lies_in_shadow(tmp_path):
    picture = np.full((128, 128, 3), 200, np.uint8)
    faces = shown(tmp_path, picture, shadow=True)
    again = shown(tmp_path, picture, shadow=True)
    assert torch.equal(faces, again) and not torch.equal(faces[0], faces[1])
    for face in faces[..., 0]:
        assert abs((face < 135).float().mean() - 0.5) < 0.03 and (face[-1] > 135).any()      # never the lower half
        assert face.min() == 70 and face.max() == 200                                          # 35 %
        assert 0.05 < ((face > 75) & (face < 195)).float().mean() < 0.15


FILM = {"lowres": 1.0, "jpeg": 1.0, "motion": 1.0, "shadow": 1.0, "perspective": 0.1, "grey": 1.0}
NOTHING = {"shift": 0, "flip": 0, "noise": 0, "blur": 0, "level": 0}


def test_what_films_do_is_off_by_default_and_draws_nothing():
    plain, off, on = (np.random.default_rng(1) for _ in range(3))
    for _ in range(5):
        one = draw_augmentation(plain, 64, **AUGMENT)
        other = draw_augmentation(off, 64, **AUGMENT | dict.fromkeys(FILM, 0))
        assert plain.bit_generator.state == off.bit_generator.state and one["level"] == other["level"]
        assert {name: one[name] for name in ("lowres", "jpeg", "motion", "shadow", "corners", "grey")} == {
            "lowres": 0, "jpeg": None, "motion": None, "shadow": None, "corners": None, "grey": False}
        drawn = draw_augmentation(on, 64, **AUGMENT | FILM)
        assert 12 <= drawn["lowres"] <= 40 <= drawn["jpeg"] <= 90 and drawn["grey"] and drawn["motion"][0] < 0.15 * 64
        assert np.abs(drawn["corners"]).max() < 6.4 and drawn["shadow"] is not None
    some = [draw_augmentation(on, 64, **NOTHING, shadow=0.3)["shadow"] is not None for _ in range(400)]
    assert 0.2 < np.mean(some) < 0.4


@pytest.mark.parametrize("name", FILM)
def test_what_films_do_changes_a_face_as_it_says(name):
    rng = np.random.default_rng(0)
    face = np.ascontiguousarray(cv2.GaussianBlur(rng.integers(0, 255, (64, 64, 3), np.uint8), None, 1.0))
    for _ in range(10):
        drawn = draw_augmentation(rng, 64, **NOTHING | ({"tint": 0.2} if name == "grey" else {}), **{name: FILM[name]})
        seen = augment_face(face, rng, drawn)
        rough, smooth = (float(np.abs(np.diff(one.astype(int), axis=1)).mean()) for one in (face, seen))
        assert seen.shape == face.shape and seen.dtype == np.uint8 and (seen != face).any()
        if name in ("lowres", "motion"):
            assert smooth < 0.95 * rough
        elif name == "shadow":
            kept = seen.sum(2) / face.sum(2)
            assert kept.max() < 1.02 and 0.15 < kept.min() < 0.85 and 0.15 < (kept < 0.9).mean() < 0.95
        elif name == "grey":
            assert (seen.max(2) == seen.min(2)).all() and (seen.std() > 5)
        elif name == "jpeg":                     # of a quality at which blocks of 8 px are hardly rough
            assert np.abs(seen.astype(int) - face).mean() > 2
        else:
            corners = np.abs(seen[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int) - face[[0, 0, -1, -1], [0, -1, 0, -1]])
            assert corners.max() > 3


def test_a_movement_smears_along_its_direction_and_stays_in_place():
    face = np.zeros((65, 65, 3), np.uint8)
    face[32, 32] = 250
    for angle, columns, rows in ((0, 13, 1), (np.pi / 2, 1, 13)):
        seen = smear(face, 12.0, angle)[..., 0]
        found = np.argwhere(seen > 8)
        assert np.ptp(found[:, 1]) + 1 == pytest.approx(columns, abs=2)
        assert np.ptp(found[:, 0]) + 1 == pytest.approx(rows, abs=2)
        assert found.mean(0) == pytest.approx((32, 32), abs=0.6) and seen.sum() == pytest.approx(250, rel=0.15)
