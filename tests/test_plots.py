import json
import os
import time

import numpy as np
import pytest
from PIL import Image

import plot_errval
import plot_results
from tools import plot_framing
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import COLOURS
from vtt_emotion.training.log import LOG_COLUMNS, read_confusion


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_errval_of_the_newest_run_and_of_several(trained, tmp_path, capsys):
    root = ["--root", str(trained)]
    os.utime(trained / "runs/tsm/log.csv", (2e9, 2e9))
    plot_errval.main([*root, "--output", str(tmp_path / "one.png")])
    assert "one.png: tsm to step 2" in capsys.readouterr().out
    plot_errval.main([*root, "--runs", "static", "tsm", "--output", str(tmp_path / "two.png")])
    assert "static to step 4, tsm to step 2" in capsys.readouterr().out
    one, two = picture(tmp_path / "one.png"), picture(tmp_path / "two.png")
    assert one.shape == two.shape and one.shape[1] > 1000 and (one != two).any()
    third = one[one.shape[0] // 2:, :one.shape[1] // 2]      # of the recalls, below on the left
    happy = np.abs(third - [int(COLOURS["happy"][at:at + 2], 16) for at in (1, 3, 5)]).sum(-1) < 30
    assert happy.sum() > 20
    blue, orange = (np.abs(two - colour).sum(-1) < 30 for colour in ((31, 119, 180), (255, 127, 14)))
    assert blue.sum() > 200 and orange.sum() > 200           # a curve for each run


def test_errval_watches(trained, tmp_path, monkeypatch, capsys):
    log = trained / "runs/static/log.csv"
    text, naps = log.read_text(), []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 2:
            log.write_text(text + "5,0.1,0.9,,,,0.0001,10\n")
        if len(naps) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(plot_errval.time, "sleep", nap)
    try:
        with pytest.raises(KeyboardInterrupt):
            plot_errval.main(["--root", str(trained), "--runs", "static", "--watch", "--watch-seconds", "3",
                              "--output", str(tmp_path / "w.png")])
    finally:
        log.write_text(text)
    assert naps == [3, 3, 3, 3]
    out = capsys.readouterr().out
    assert out.count("wrote") == 2 and "step 4" in out and "step 5" in out       # drawn again when the log grew


def test_errval_errors(tmp_path, trained, run_main, capsys):
    assert "no run with a log.csv" in run_main(plot_errval.main, ["--root", tmp_path], capsys)[0]
    said, _ = run_main(plot_errval.main, ["--root", trained, "--runs", "nobody"], capsys)
    assert "runs/nobody/log.csv: no such log" in said


def record(seconds, emotion, id=1):
    return {"type": "emotion", "class": emotion, "seconds": seconds,
            "object": {"id": id, "name": None, "box": [500, 200, 700, 400], "confidence": 0.9}}


def test_results_picture(trained, tmp_path, capsys):
    records = [record(round(n * 1001 / 24000, 3), "happy" if n < 40 else "angry") for n in range(72)]
    path = tmp_path / "friends_s01_ep01.json"
    path.write_text(json.dumps(records))
    plot_results.main(["--root", str(trained), "--results", str(path), "--pictures", "3"])
    assert "3 frames, 72 records" in capsys.readouterr().out
    drawn = picture(tmp_path / "friends_s01_ep01.png")
    happy, angry = (np.abs(drawn - tuple(int(plot_results.COLOURS[e][i:i + 2], 16) for i in (1, 3, 5))).sum(-1) < 20
                    for e in ("happy", "angry"))
    band = happy[len(happy) // 2:].sum() / angry[len(angry) // 2:].sum()
    assert 1.0 < band < 1.6                                  # 40 frames to 32 in the timeline
    plot_results.main(["--root", str(trained), "--results", str(path), "--video", str(trained / "friends/ep02")])


def test_results_picture_errors(tmp_path, trained, run_main, capsys):
    def said(*argv):
        return run_main(plot_results.main, ["--root", trained, *argv], capsys)[0]

    assert "no such results" in said("--results", tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[]")
    assert "holds no record" in said("--results", tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps([record(0, "sad")]))
    assert "not of a Friends episode; --video" in said("--results", tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps([record(99, "sad")]))
    assert "has no frame at 99 s" in said("--results", tmp_path / "a.json", "--video", trained / "friends/ep01")


def test_a_picture_has_the_format_of_its_name(trained, tmp_path, run_main, capsys):
    for name, begins in (("x.pdf", b"%PDF"), ("x.svg", b"<?xml"), ("x.png", b"\x89PNG")):
        plot_errval.main(["--root", str(trained), "--runs", "static", "--output", str(tmp_path / name)])
        assert (tmp_path / name).read_bytes().startswith(begins)
    for script in (plot_errval, plot_framing):
        said, _ = run_main(script.main, ["--root", trained, "--output", tmp_path / "x.doc"], capsys)
        assert "x.doc: expected the name of a picture, ending in .png, .pdf or .svg" in said


def test_runs_of_any_name_are_in_the_legend(trained, tmp_path):
    rows = [{name: 0.5 for name in LOG_COLUMNS} | {"step": step} for step in (1, 2)]
    plot_errval.draw({"_x": rows, "$_$": rows}, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert all(f"<!-- {name}: {label} -->" in svg for name in ("_x", "$_$") for label in ("training", "validation"))


def test_the_last_validations_matrix_is_drawn(tmp_path):
    """Of a row that is still being written the one before; of another's file an error that names it."""
    log = tmp_path / "runs/a/log.csv"
    log.parent.mkdir(parents=True)
    log.write_text("step,valid_accuracy\n2,0.5\n4,0.75\n")
    path = log.with_name("confusions.csv")
    path.write_text("step,emotion,sad,happy\n2,sad,1,1\n2,happy,1,1\n4,sad,1234,1\n4,happy,0,2\n")
    step, counts, names = read_confusion(path)
    assert (step, counts.tolist(), names) == (4, [[1234, 1], [0, 2]], ("sad", "happy"))
    assert read_confusion(path, 2)[1].tolist() == [[1, 1], [1, 1]] and read_confusion(path, 3) is None
    plot_errval.main(["--root", str(tmp_path), "--output", str(tmp_path / "a.svg")])
    assert "<!-- 1234 -->" in (tmp_path / "a.svg").read_text()
    path.write_text(path.read_text() + "6,sad,1,1\n6,happy,")
    assert read_confusion(path) is None
    path.write_text("step,emotion\nx,y\n")
    with pytest.raises(InputError, match="confusions.csv: expected rows of a step, an emotion and counts"):
        read_confusion(path)


@pytest.mark.parametrize("name", ["$_$", "_x", "Zoë", "李小龙"])
def test_results_of_any_name_are_drawn(trained, tmp_path, name, recwarn):
    records = [record(round(n * 1001 / 24000, 3), "happy") for n in range(72)]
    for told in records:
        told["object"]["name"] = name
    path = tmp_path / "friends_s01_ep01.json"
    path.write_text(json.dumps(records))
    plot_results.main(["--root", str(trained), "--results", str(path), "--pictures", "1"])
    assert path.with_suffix(".png").is_file() and not [w for w in recwarn if "Glyph" in str(w.message)]


@pytest.mark.parametrize("change", [{"seconds": 1e999}, {"box": [1, 2, "3", 4]}, {"box": [1, 2, None, 4]}, {"id": [1]},
                                    {"name": 5}])
def test_malformed_records_are_named(trained, tmp_path, run_main, capsys, change):
    records = [record(0, "sad"), record(0.042, "sad")]
    for key, value in change.items():
        (records[1] if key in records[1] else records[1]["object"])[key] = value
    path = tmp_path / "friends_s01_ep01.json"
    path.write_text(json.dumps(records))
    said, _ = run_main(plot_results.main, ["--root", trained, "--results", path], capsys)
    assert "friends_s01_ep01.json: record 1: expected class (an emotion), seconds" in said


def test_thousands_of_faces_share_a_row(trained, tmp_path):
    records = [record(round(n * 1001 / 24000, 3), "happy", id) for n in range(72) for id in range(n * 50, n * 50 + 55)]
    rows = plot_results.timeline_rows(records)
    assert len(rows) == plot_results.ROWS + 1 and rows[-1][0] == "3565 others"
    assert sum(len(mine) for _, mine in rows) == len(records)
    assert rows[0][0] == "face 50" and len(rows[0][1]) == 2                      # the first seen twice
    path = tmp_path / "friends_s01_ep01.json"
    path.write_text(json.dumps(records))
    since = time.process_time()
    plot_results.main(["--root", str(trained), "--results", str(path), "--pictures", "1"])
    assert time.process_time() - since < 15                  # it was 200 s
