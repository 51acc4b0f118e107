import json
import os
import shutil

import numpy as np
import pytest

import parse_friends
from ops import Margins
from parse_friends import buffer_frames
from vtt_emotion.core.crop import crop_face
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image
from vtt_emotion.core.labels import CHARACTERS, EMOTIONS
from vtt_emotion.datasets.friends import read_metadata
from vtt_emotion.datasets.npy import read_index


@pytest.fixture
def copy(parsed, tmp_path):
    shutil.copytree(parsed / "datasets/Friends", tmp_path / "datasets/Friends")
    shutil.copytree(parsed / "friends", tmp_path / "friends")
    return tmp_path


def parse(root, *more):
    parse_friends.main(["--root", str(root), "--crop-size", "64", "--gallery-faces", "0", *more])
    index = read_index(root / "dicts/friends_parsed_new.npy")
    return [entry for examples in index.values() for entry in examples.values()]


def metadata(root, episode=1):
    return next((root / "datasets/Friends").glob(f"s01_ep{episode:02d}*.json"))


def change(root, edit, episode=1):
    path = metadata(root, episode)
    data = json.loads(path.read_bytes().decode(errors="replace"))
    edit(data["visual_results"])
    path.write_text(json.dumps(data))


def face(period, **notes):
    """Make one face of a period, of monica alone, with these notes."""
    rect = dict(zip(("min_x", "min_y", "max_x", "max_y"), notes.pop("rect", (100, 100, 300, 300))))
    period["person"] = [{"monica": [{"emotion": "happy", "behavior": "sit", "face_rect": rect, **notes}]}]


def test_index_crops_and_truth(copy, capsys):
    entries = parse(copy, "--verify")
    truth = json.loads((copy / "datasets/Friends/sample_truth.json").read_text())
    assert {entry["pos"][0] for entry in entries} == {1, 2, 3}
    for entry in entries:
        drawn = next(face for face in truth[str(entry["pos"][0])]
                     if (face["frame"], face["name"]) == (entry["frame"], entry["character"]))
        assert EMOTIONS[entry["emo"]] == drawn["emotion"] and CHARACTERS[entry["pos"][1]] == entry["character"]
        assert len(entry["img"]) == 4 and all((copy / "friends_faces" / name).is_file() for name in entry["img"])
    index = read_index(copy / "dicts/friends_parsed_new.npy")
    assert all(list(examples) == list(range(len(examples))) for examples in index.values())
    assert all(entry["emo"] == emotion for emotion, examples in index.items() for entry in examples.values())
    files = sum(len(os.listdir(copy / f"friends_faces/ep0{episode}")) for episode in (1, 2, 3))
    assert files == 4 * len(entries)                                         # nothing left over of dropped faces


def test_known_defects(copy, capsys):
    entries = parse(copy, "--strict", "--episodes", "1")
    out = capsys.readouterr().out
    for reason in ("empty or inverted face box", "half a face box", "frame past the end of the video", "no face box"):
        assert f": {reason}" in out
    assert b"\x99" in metadata(copy).read_bytes() and b"\xbf\xe3\x81\x88" in metadata(copy).read_bytes()
    text = metadata(copy).read_bytes().decode(errors="replace")
    assert "  34" in text and '"none"' in text
    assert any(entry["face_rect"][0] == -30 for entry in entries)


def test_a_buffer_is_four_frames_spaced_by_the_stride_cropped_with_the_one_crop(copy):
    entry = max(parse(copy, "--episodes", "1", "--crop-quality", "100"), key=lambda entry: entry["frame"])
    for slot, number in enumerate((entry["frame"] - 12, entry["frame"] - 8, entry["frame"] - 4, entry["frame"])):
        frame = read_image(copy / f"friends/ep01/{number:05d}.jpg")
        crop = read_image(copy / "friends_faces" / entry["img"][slot])
        framed = crop_face(frame, entry["face_rect"], 64, Margins().friends_margin)
        assert np.abs(crop.astype(int) - framed).mean() < 1.5


def test_buffers_before_the_start_repeat_the_first_frame():
    assert buffer_frames(100, 4) == [88, 92, 96, 100]
    assert buffer_frames(5, 4) == [0, 0, 1, 5] and buffer_frames(0, 4) == [0, 0, 0, 0]
    assert buffer_frames(30, 10) == [0, 10, 20, 30]


def test_straight_from_the_video(copy):
    """Where frames were not extracted the video gives the same faces, and all but the same pixels."""
    from_frames = parse(copy)
    shutil.rmtree(copy / "friends/ep02")
    shutil.rmtree(copy / "friends/ep03")
    from_video = parse(copy, "--faces-path", "faces2")
    assert [entry["img"] for entry in from_video] == [entry["img"] for entry in from_frames]
    name = next(entry["img"][3] for entry in from_video if entry["pos"][0] == 2)
    a, b = (read_image(copy / folder / name).astype(int) for folder in ("friends_faces", "faces2"))
    assert np.abs(a - b).mean() < 3


def test_frames_by_other_names(copy):
    """Frames that another program wrote: .JPG, without leading zeros."""
    expected = [entry["img"] for entry in parse(copy, "--episodes", "1")]
    (copy / "friends/ep01/source.json").unlink()
    for path in (copy / "friends/ep01").iterdir():
        path.rename(path.with_name(f"{int(path.stem)}.JPG"))
    (copy / "friends/ep01/._0.JPG").write_bytes(b"\x00\x05\x16\x07")      # macOS's
    assert [entry["img"] for entry in parse(copy, "--episodes", "1", "--crop-quality", "90")] == expected


def test_a_finished_episode_is_not_cut_again_unless_the_options_change(copy):
    entry = parse(copy, "--episodes", "1")[0]
    crop = copy / "friends_faces" / entry["img"][0]
    crop.write_text("mine")
    again = parse(copy, "--episodes", "1")
    assert crop.read_text() == "mine" and again[0] == entry
    crop.unlink()                                            # a crop is gone: all are cut again
    parse(copy, "--episodes", "1")
    assert read_image(crop).shape == (64, 64, 3)
    (copy / "friends_faces/ep01.json").write_text("[]")
    crop.write_text("mine")
    parse(copy, "--episodes", "1")
    parse(copy, "--episodes", "1", "--frame-stride", "2")
    assert read_image(crop).shape == (64, 64, 3)


def test_an_interrupted_episode_is_cut_again(copy, monkeypatch):
    real, count = parse_friends.write_image, [0]

    def stopped(*args):
        count[0] += 1
        if count[0] == 10:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(parse_friends, "write_image", stopped)
        with pytest.raises(KeyboardInterrupt):
            parse(copy)
    assert not (copy / "dicts").exists()
    assert all((copy / "friends_faces" / name).is_file() for entry in parse(copy) for name in entry["img"])


def test_finished_crops_stay_until_new_ones_are_there(copy, monkeypatch):
    entry = parse(copy, "--episodes", "1")[0]

    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(parse_friends, "write_image", stopped)
    with pytest.raises(KeyboardInterrupt):
        parse(copy, "--episodes", "1", "--frame-stride", "2")
    assert read_image(copy / "friends_faces" / entry["img"][0]).shape == (64, 64, 3)


def test_a_buffer_with_a_frame_missing_is_dropped_whole(copy, capsys):
    entry = max(parse(copy, "--episodes", "1"), key=lambda entry: entry["frame"])
    (copy / f"friends/ep01/{entry['frame'] - 8:05d}.jpg").unlink()
    (copy / "friends/ep01/source.json").unlink()
    entries = parse(copy, "--episodes", "1")
    assert entry["frame"] not in {entry["frame"] for entry in entries}
    assert all((copy / "friends_faces" / name).is_file() for entry in entries for name in entry["img"])


@pytest.mark.parametrize("word,emotion", [("Anger", 0), ("ANGRY", 0), ("disgust", 1), ("Fear", 2), ("Happiness", 3),
                                          ("happy", 3), ("Sadness", 4), ("sad ", 4), ("Surprise", 5), ("neutral", 6),
                                          (" Neutral", 6)])
def test_words_of_the_annotators(copy, word, emotion):
    change(copy, lambda periods: face(periods[3], emotion=word))
    (entry,) = [entry for entry in parse(copy, "--episodes", "1") if entry["period"] == 3]
    assert entry["emo"] == emotion and entry["character"] == "monica"


def test_an_emotion_of_none_beside_a_box(copy, capsys):
    """It is dropped and counted, as the ancestor did; --none-is-neutral counts it as neutral."""
    change(copy, lambda periods: face(periods[3], emotion="None "))
    kept = parse(copy, "--episodes", "1", "--strict")
    assert "dropped 2: emotion none beside a face box" in capsys.readouterr().out       # one of them is the sample's
    assert not [entry for entry in kept if entry["period"] == 3]
    neutral = parse(copy, "--episodes", "1", "--none-is-neutral")
    assert "emotion none" not in capsys.readouterr().out
    assert len(neutral) == len(kept) + 2
    assert [entry["emo"] for entry in neutral if entry["period"] == 3] == [6]
    assert all((copy / "friends_faces" / name).is_file() for entry in neutral for name in entry["img"])
    change(copy, lambda periods: face(periods[3], emotion="none", rect=("none",) * 4))
    parse(copy, "--episodes", "1")
    assert "dropped 1: emotion none beside a face box" in capsys.readouterr().out       # absent is not without emotion


def test_two_metadata_files_of_one_episode(copy, run_main, capsys):
    first = metadata(copy)
    second = first.with_name("s01_ep01_tag2_visual_Final_for_merge.json")
    second.write_text(json.dumps({"visual_results": read_metadata(first)[:6]}))
    for more in ((), ("--metadata", "Final"), ("--metadata", "other")):
        said, _ = run_main(parse_friends.main, ["--root", copy, *more], capsys)
        assert said.startswith(f"error: {first} and {second}: two metadata files of episode 1; expected --metadata")
    assert not (copy / "dicts").exists()
    assert {entry["pos"][0] for entry in parse(copy, "--episodes", "2")} == {2}         # others are not concerned
    whole, part = (parse(copy, "--episodes", "1", "--metadata", named) for named in ("180809", "for_merge"))
    assert 0 < len(part) < len(whole) and max(entry["period"] for entry in part) < 6


def test_as_it_was_delivered(copy, capsys):
    """In a folder of its own; pictures' names with two endings or a part's number; raw tabs and line ends in texts."""
    expected = parse(copy, "--episodes", "1")
    path = metadata(copy)
    (path.parent / "metadata/S01").mkdir(parents=True)
    (path.parent / "metadata/S01/._s01_ep01_tag2_visual_Final_180809.json").write_bytes(b"\x00\x05\x16\x07")

    def rename(periods):
        for number, period in enumerate(periods):
            stem = period["image"].split(".")[0]
            ending = ("_2.jpg", ".jpg.jpg", ".JPG", "_10.jpeg")[number % 4]
            period["image"] = stem if stem.endswith("_1") else stem + ending

    change(copy, rename)
    text = path.read_text().replace('"stand up"', '"stand\tup\r\n"')
    (path.parent / "metadata/S01" / path.name).write_text(text)
    path.unlink()
    capsys.readouterr()
    assert parse(copy, "--episodes", "1") == expected and "\t" in text
    assert capsys.readouterr().out.startswith(
        f"Friends: 1 episodes, metadata/S01/{path.name}, 1 with extracted frames\n")


def test_a_box_beyond_the_image_is_dropped_and_its_crops_with_it(copy, capsys):
    change(copy, lambda periods: face(periods[3], rect=(2000, 100, 2100, 200)))
    assert not [entry for entry in parse(copy, "--episodes", "1") if entry["period"] == 3]
    assert "dropped 1: face box outside the image" in capsys.readouterr().out


@pytest.mark.parametrize("edit", [lambda p: face(p, emotion="bored"), lambda p: p.pop("image"),
                                  lambda p: p.update(image="x"), lambda p: p.update(person="monica"),
                                  lambda p: face(p, rect=("a", 1, 2, 3)), lambda p: face(p, emotion=None),
                                  lambda p: face(p, rect=(1, 1, "inf", 3)), lambda p: face(p, rect=(1, 1, 99999999, 3)),
                                  lambda p: p.update(period_num=float("inf"))])
def test_unknown_defects(copy, run_main, capsys, edit):
    change(copy, lambda periods: edit(periods[3]))
    parse(copy, "--episodes", "1")
    assert f"the first: {metadata(copy)} period 3" in capsys.readouterr().out
    said, _ = run_main(parse_friends.main, ["--root", copy, "--strict"], capsys)
    assert said.startswith(f"error: {metadata(copy)} period 3")


def test_names_of_both_deliveries(copy):
    path = metadata(copy, 3)
    path.rename(path.with_name("s01_ep03_tag2_visual_final.json"))
    assert {entry["pos"][0] for entry in parse(copy)} == {1, 2, 3}


def test_errors(copy, tmp_path, run_main, capsys):
    def said(*argv):
        return run_main(parse_friends.main, ["--root", copy, *argv], capsys)[0]

    assert "no metadata (s01_ep01_....json) of episodes [8]" in said("--episodes", "8")
    assert "no such folder" in said("--friends-path", "nowhere")
    path = metadata(copy)
    text = path.read_bytes()
    path.write_bytes(text[:500])
    assert said() .startswith(f"error: {path}: not JSON")
    path.write_text("[" * 100000)
    assert "not JSON" in said()
    path.write_text("[]")
    assert "expected one object with a list `visual_results`" in said()
    path.write_text('{"visual_results": []}')
    assert "no usable face" in said("--episodes", "1")
    path.write_bytes(text)
    shutil.rmtree(copy / "friends")
    for video in (copy / "datasets/Friends").glob("*.mkv"):
        video.unlink()
    assert "no video of episode 1" in said()
    assert not (copy / "dicts").exists()
    with pytest.raises(InputError):
        read_metadata(path.with_name("sample_truth.json"))
