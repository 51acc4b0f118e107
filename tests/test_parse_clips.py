import json

import numpy as np
import pytest
import torch

import evaluate
import parse_clips
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import write_image
from vtt_emotion.core.labels import ANGRY, FEAR, HAPPY, NEUTRAL, SAD
from vtt_emotion.datasets.clip_lists import buffers
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.drawn.clips import write_dfew, write_ferv39k, write_mafw
from vtt_emotion.training.samples import by_fold, held_out_names, read_held_out, read_mixture


def write_clip(folder, count=20, name="{}.jpg"):
    for number in range(1, count + 1):
        write_image(folder / name.format(number), np.full((32, 32, 3), number * 5, np.uint8))


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def dfew(root):
    """Two clips a fold, one happy, one of fear; frames as of clip_224x16f, whose numbers have no zeros before."""
    for fold in range(1, 6):
        for number in (fold, fold + 5):
            write_clip(root / f"Clip/clip_224x16f/{number:05d}", 16)
        write_text(root / f"EmoLabel_DataSplit/test(single-labeled)/set_{fold}.csv",
                   f"video_name,label\n{fold},1\n{fold + 5},7\n")
        write_text(root / f"EmoLabel_DataSplit/train(single-labeled)/set_{fold}.csv", "video_name,label\n1,1\n")


def ferv39k(root):
    for split, clips in (("train", ("Action/Sad/0010", "Crime/Happy/0001")), ("test", ("Action/Angry/0011",))):
        for clip in clips:
            write_clip(root / "2_ClipsforFaceCrop/2_ClipsforFaceCrop" / clip, 3, "{:04d}.jpg")
        write_text(root / f"4_setups/All_scenes/{split}_All.csv",
                   "".join(f"{clip} {clip.split('/')[1]}\n" for clip in clips))


def mafw(root):
    for fold in range(1, 6):
        for number in (fold, fold + 5):
            write_clip(root / f"data/faces/{number:05d}", 4, "{:05d}.png")
        for captions in ("no_caption", "with_caption"):
            write_text(root / f"Train & Test Set/single/{captions}/set_{fold}/test.txt",
                       f"{fold:05d}.mp4 neutral\n{fold + 5:05d}.mp4 {'contempt' if fold == 2 else 'sadness'}\n")


WRITE = {"dfew": dfew, "ferv39k": ferv39k, "mafw": mafw}
FOLDERS = {"dfew": "DFEW", "ferv39k": "FERV39k", "mafw": "MAFW"}


@pytest.fixture
def parsed(tmp_path):
    def parse(benchmark, *more):
        WRITE[benchmark](tmp_path / "datasets" / FOLDERS[benchmark])
        parse_clips.main(["--root", str(tmp_path), "--benchmark", benchmark, *more])
        return read_index(tmp_path / f"dicts/{benchmark}_parsed.npy")
    return parse


def test_a_frame_comes_with_the_three_before_it():
    found = buffers([f"{number}" for number in range(31)])
    assert [four[-1] for four in found] == [f"{number}" for number in range(0, 31, 2)]
    assert found[0] == ["0"] * 4 and found[5] == ["4", "6", "8", "10"]
    assert [four[-1] for four in buffers(["a"])] == ["a"] * 16


def test_dfew(parsed, tmp_path, capsys):
    index = parsed("dfew", "--verify")
    assert "10 clips, 16 frames of each" in capsys.readouterr().out
    assert {emotion: len(examples) for emotion, examples in index.items() if examples} == {HAPPY: 80, FEAR: 80}
    first = [entry for entry in index[HAPPY].values() if entry["pos"] == [3, "00003"]]
    assert [entry["img"][-1] for entry in first] == [f"Clip/clip_224x16f/00003/{n}.jpg" for n in range(1, 17)]
    told = (tmp_path / "dicts", {"dfew": tmp_path}, {"dfew": (0, 0)})
    valid = read_held_out("dfew", *told, (), (3, 5))
    (train,), _ = read_mixture({"dfew": 1.0}, *told, (), (), (3, 5))
    assert set(valid.clips) == {"00003", "00008"} and len(set(train.clips) - set(valid.clips)) == 8
    assert by_fold("dfew", tmp_path / "dicts", (5, 5), True) == {"episodes": [5]}
    assert held_out_names("dfew", tmp_path / "dicts", (3, 5)) == ["00003", "00008"]
    assert held_out_names("dfew", tmp_path / "dicts", (0, 0)) == []
    with pytest.raises(InputError, match="DFEW is measured by --folds 5"):
        read_held_out("dfew", *told, ())


def test_ferv39k(parsed):
    index = parsed("ferv39k")
    assert {(emotion, entry["split"]) for emotion, examples in index.items() for entry in examples.values()} == {
        (SAD, "train"), (HAPPY, "train"), (ANGRY, "test")}
    assert index[ANGRY][0]["img"][-1] == "2_ClipsforFaceCrop/2_ClipsforFaceCrop/Action/Angry/0011/0001.jpg"


def test_mafw_keeps_seven_of_its_emotions(parsed, capsys):
    index = parsed("mafw")
    assert (len(index[NEUTRAL]), len(index[SAD])) == (5 * 16, 4 * 16)
    assert "dropped 1: contempt" in capsys.readouterr().out


def test_a_clip_is_measured_by_the_mean_of_its_frames(parsed, tmp_path, monkeypatch, capsys):
    """Of a clip most of whose frames say sad, and some very surely happy, the mean of the logits says happy."""
    parsed("dfew")

    def predict(net, loader, *_):
        dataset = loader.dataset
        logits = torch.zeros(len(dataset), 7)
        for row, paths in enumerate(dataset.sources[0].paths):
            logits[row, HAPPY if paths[-1].endswith((b"/1.jpg", b"/2.jpg")) else SAD] = (
                20 if paths[-1].endswith((b"/1.jpg", b"/2.jpg")) else 1)
        return logits, torch.from_numpy(dataset.targets)

    monkeypatch.setattr("vtt_emotion.training.predictions.predict", predict)
    evaluate.main(["--root", str(tmp_path), "--index", "dfew", "--num-workers", "0", "--device", "cpu"])
    figures = json.loads((tmp_path / "results/evaluate_dfew_all.json").read_text())
    assert figures["faces"] == 10 and figures["classes"]["happy"]["recall"] == 1 and figures["accuracy"] == 0.5
    assert "fer: WAR 50.00%, UAR 50.00%, of clips" in capsys.readouterr().out


def test_the_drawn_ones_are_read(tmp_path, capsys):
    """sample_data.py's, in their layouts: all clips but those that are dropped, and five folds that share none."""
    for key, write in (("dfew", write_dfew), ("ferv39k", write_ferv39k), ("mafw", write_mafw)):
        write(tmp_path / "datasets" / FOLDERS[key], 1, np.random.default_rng(0))
        parse_clips.main(["--root", str(tmp_path), "--benchmark", key, "--strict", "--verify"])
        out, index = capsys.readouterr().out, read_index(tmp_path / f"dicts/{key}_parsed.npy")
        assert f"{14 if key == 'ferv39k' else 35} clips, 16 frames of each" in out
        assert {"dfew": "dropped 1: frames missing", "mafw": "dropped 5: anxiety"}.get(key, "") in out
        entries = [entry for examples in index.values() for entry in examples.values()]
        assert [len({entry["pos"][1] for entry in examples.values()}) for examples in index.values()] == (
            [2] * 7 if key == "ferv39k" else [5] * 7)
        assert {entry["pos"][0] for entry in entries} == ({0} if key == "ferv39k" else set(range(1, 6)))


def test_what_is_missing_is_named(parsed, tmp_path, run_main, capsys):
    argv, data = ["--root", tmp_path, "--benchmark", "dfew"], tmp_path / "datasets/DFEW"
    assert "no such folder; --dfew-path names it" in run_main(parse_clips.main, argv, capsys)[0]
    parsed("dfew")
    lists = data / "EmoLabel_DataSplit/test(single-labeled)"
    (lists / "set_2.csv").write_text("video_name,label\n2,9\n77,1\n../../1,1\n")
    assert "leaves the dataset's folder" in run_main(parse_clips.main, argv, capsys)[0]
    (lists / "set_2.csv").write_text("video_name,label\n2,9\n77,1\n")
    out = run_main(parse_clips.main, argv, capsys)[1].out
    assert f"the first: {lists / 'set_2.csv'} row 2: expected a clip and one of 1" in out
    assert "dropped 1: frames missing" in out
    (lists / "set_2.csv").unlink()
    assert "of all five folds" in run_main(parse_clips.main, argv, capsys)[0]
    (tmp_path / "dicts/dfew_parsed.npy").unlink()
    said = run_main(evaluate.main, ["--root", tmp_path, "--index", "dfew"], capsys)[0]
    assert said.endswith("no such index; python parse_clips.py --benchmark dfew writes it")
