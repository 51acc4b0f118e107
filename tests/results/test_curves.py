"""Curves, a person's rest, and how two people's curves go together."""
import numpy as np
import pandas
import pytest
from scipy.signal import lfilter

import export_results
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS, HAPPY, SAD
from vtt_emotion.results.curves import baseline_rows, curves_of, rest_rows
from vtt_emotion.results.records import write_records
from vtt_emotion.results.synchrony import lagged, measure, synchrony_rows

FPS = 25


def slow(rng, count, carried=0.9):
    """Noise (count,) that carries over this share of a step to the next, from 0 to 1."""
    noise = lfilter([1], [1, -carried], rng.normal(size=count + 200))[200:]
    return 1 / (1 + np.exp(-2 * noise / noise.std()))


def records_of(people, seen=None):
    """Records of {(id, name): happiness of each frame}, the rest sadness; seen: {id: whether at each frame}."""
    made = []
    for (id, name), happy in people.items():
        for frame, value in enumerate(happy):
            if seen is None or id not in seen or seen[id][frame]:
                scores = dict.fromkeys(EMOTIONS, 0.0) | {"happy": round(float(value), 4),
                                                         "sad": round(1 - float(value), 4)}
                made.append({"type": "emotion", "class": max(scores, key=scores.get), "seconds": round(frame / FPS, 3),
                             "object": {"id": id, "name": name, "box": [0, 0, 9, 9], "scores": scores,
                                        "confidence": max(scores.values())}})
    return sorted(made, key=lambda record: (record["seconds"], record["object"]["id"]))


def test_a_persons_rest_is_the_median_of_all_who_have_the_name():
    records = records_of({(1, "Anna"): [0.1, 0.2, 0.9], (2, None): [0.5, 0.5, 0.6], (3, "Anna"): [0.3, 0.4, 0.4]})
    anna, other = curves_of("a.json", records)
    assert (anna.id, anna.name, len(anna.times)) == (1, "Anna", 6) and (other.id, other.name) == (2, None)
    rest = list(rest_rows([anna, other]))
    assert [(row["records"], row["happy"], row["sad"]) for row in rest] == [(6, 0.35, 0.65), (3, 0.5, 0.5)]
    rows = baseline_rows([anna, other])
    assert [row["happy"] for row in rows if row["id"] == 1] == pytest.approx([-0.25, -0.05, -0.15, 0.05, 0.55, 0.05])
    assert [row["happy"] for row in rows if row["id"] == 2] == pytest.approx([0, 0, 0.1])
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)


def test_r_is_numpys_at_every_lag_and_shift_within_stretches():
    rng, stretches = np.random.default_rng(0), np.repeat([0, 1, 2], [30, 10, 40])
    one, other = rng.normal(size=(2, 80))
    lags, r = lagged(one, other, stretches, 5)
    assert lags.tolist() == list(range(-5, 6)) and r.shape == (11, 80)
    for row, lag in enumerate(lags):
        for shift in (0, 1, 33, 79):
            pairs = [(i, i + lag) for i in range(80) if 0 <= i + lag < 80 and stretches[i] == stretches[i + lag]]
            mine, its = np.array(pairs).T
            assert r[row, shift] == pytest.approx(np.corrcoef(one[mine], np.roll(other, shift)[its])[0, 1])
    assert lagged(one, other, np.arange(80) // 8, 5)[0].tolist() == [-4, -3, -2, -1, 0, 1, 2, 3, 4]      # half or more


@pytest.mark.parametrize("lag", [-1.0, 0.0, 0.6])
def test_a_known_lag_is_found_over_the_stretches_that_both_are_seen_in(lag):
    """Ross follows by so much, beside a film of 200 s that he is out of sight in for a third, in stretches of 20 s."""
    rng, count, late = np.random.default_rng(3), 200 * FPS, round(lag * FPS)
    mood = slow(rng, count + 2 * FPS, 0.98)[FPS:-FPS]
    ross = np.clip(np.roll(mood, late) + rng.normal(0, 0.05, count), 0, 1)
    away = np.arange(count) // (20 * FPS) % 3 == 2
    curves = curves_of("a.json", records_of({(1, "rachel"): mood, (4, "ross"): ross}, {4: ~away}))
    rows = synchrony_rows(curves, 1.4)
    assert [row["emotion"] for row in rows] == list(EMOTIONS)
    for emotion in (HAPPY, SAD):
        row = rows[emotion]
        assert (row["name"], row["other_name"], row["lag"]) == ("rachel", "ross", pytest.approx(lag))
        assert row["r"] > 0.9 > row["chance"] and row["p"] <= 0.05
        assert row["r_without_lag"] <= row["r"] and row["seconds"] == pytest.approx(140, abs=3)
    assert rows[0] | {"emotion": ""} == {**dict.fromkeys(("lag", "r", "chance", "p", "r_without_lag")), "id": 1,
                                         "name": "rachel", "other": 4, "other_name": "ross", "emotion": "",
                                         "seconds": rows[0]["seconds"]}              # never angry: nothing to tell
    assert synchrony_rows(curves, 4.0) == []                 # 140 s are too few for lags of 4 s


def test_independent_curves_go_together_no_oftener_than_they_should():
    """Of 600 pairs about 5 % with a p of 0.05, of slow curves and of noise, whole and in stretches."""
    rng, found = np.random.default_rng(5), []
    for trial in range(600):
        one, other = (slow(rng, 500, (0.0, 0.8, 0.95)[trial % 3]) for _ in range(2))
        stretches = np.cumsum(rng.random(500) < 0.01) if trial % 2 else np.zeros(500, int)
        found.append(measure(one, other, stretches, 10, 0.2))
    false = np.mean([row["p"] <= 0.05 for row in found])
    outside = np.mean([abs(row["r"]) > row["chance"] for row in found])
    print(f"false alarms: {false:.3f} by p, {outside:.3f} by the interval")
    assert 0.025 < false < 0.085 and 0.025 < outside < 0.085
    assert min(row["p"] for row in found) >= 21 / 500        # one window of the steps


def test_a_curve_that_is_flat_but_for_a_moment_gives_numbers():
    one, other = np.zeros(500), np.zeros(500)
    one[3], other[490] = 1, 1
    found = measure(one, other, np.zeros(500, int), 10, 0.2)
    assert found["p"] > 0.05 and np.isfinite(list(found.values())).all()
    assert set(measure(one, np.full(500, 0.3), np.zeros(500, int), 10, 0.2).values()) == {None}


def test_the_tables_are_written_beside_and_never_instead(tmp_path, capsys):
    rng, path = np.random.default_rng(7), tmp_path / "talk.json"
    mood = slow(rng, 40 * FPS, 0.98)
    write_records(path, records_of({(1, "Anna"): mood, (2, None): mood}))
    run = ["--results", str(path), "--to", "csv", "parquet"]
    export_results.main(run)
    plain = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    export_results.main([*run, "--baseline", "--synchrony", "--synchrony-lag", "0.8"])
    made = {file.name for file in tmp_path.iterdir()} - set(plain)
    tables = [tmp_path / f"talk.{what}.csv" for what in ("baseline", "rest", "synchrony")]
    assert made == {table.with_suffix(format).name for table in tables for format in (".csv", ".parquet")}
    assert all((tmp_path / name).read_bytes() == content for name, content in plain.items()) and "talk.json" in plain
    for table in tables:
        one, other = pandas.read_csv(table), pandas.read_parquet(table.with_suffix(".parquet"))
        assert one.columns.tolist() == other.columns.tolist() and len(one) == len(other) > 0
        numbers = one.select_dtypes("number").columns
        assert np.allclose(one[numbers], other[numbers].astype(float), atol=1e-6, equal_nan=True)
    happy = pandas.read_csv(tmp_path / "talk.synchrony.csv").set_index("emotion").loc["happy"]
    assert (happy["lag"], happy["r"]) == (0, 1) and happy["p"] <= 0.05
    assert pandas.read_csv(tmp_path / "talk.baseline.csv").groupby("id")["happy"].median().abs().max() < 1e-3
    capsys.readouterr()
    export_results.main([*run, "--synchrony", "--synchrony-lag", "5"])
    assert "no two people share enough time" in capsys.readouterr().out
    assert len(pandas.read_parquet(tmp_path / "talk.synchrony.parquet")) == 0


def test_what_has_no_scores_or_no_tables_is_refused(tmp_path):
    path = tmp_path / "talk.json"
    records = records_of({(1, None): [0.5] * 4})
    write_records(path, records)
    with pytest.raises(InputError, match="talk.json: --baseline and --synchrony .* csv or parquet in --to"):
        export_results.main(["--results", str(path), "--to", "elan", "--baseline"])
    del records[2]["object"]["scores"]
    write_records(path, records)
    with pytest.raises(InputError, match=r"talk\.json: the record of id 1 at 0\.08 s has no scores"):
        export_results.main(["--results", str(path), "--to", "csv", "--baseline"])
