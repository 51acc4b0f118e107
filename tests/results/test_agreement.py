import numpy as np
import pytest

from tests.conftest import often
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.results.agreement import ANY, count_pairs, figures, measure_pairs, pair

sklearn = pytest.importorskip("sklearn.metrics")


def draw(rng, classes=7):
    coded = rng.integers(classes, size=rng.integers(5, 300))
    return coded, np.where(rng.random(len(coded)) < rng.random(), coded, rng.integers(7, size=len(coded)))


@pytest.mark.parametrize("seed", range(20))
def test_figures_are_scikit_learns_and_krippendorffs(seed):
    krippendorff = pytest.importorskip("krippendorff", reason="krippendorff needs Python 3.11")
    coded, said = draw(np.random.default_rng(seed), 2 + seed % 6)
    ours = figures(count_pairs(coded, said))
    assert ours["kappa"] == pytest.approx(sklearn.cohen_kappa_score(coded, said), abs=1e-12)
    assert ours["alpha"] == pytest.approx(krippendorff.alpha([coded.tolist(), said.tolist()],
                                                             level_of_measurement="nominal"), abs=1e-12)
    assert ours["agreement"] == pytest.approx((coded == said).mean())
    present = np.unique(coded)
    for name, score in (("recall", sklearn.recall_score), ("f1", sklearn.f1_score)):
        expected = score(coded, said, labels=present, average=None, zero_division=0)
        assert ours[name][present] == pytest.approx(expected) and np.isfinite(ours[name]).sum() == len(present)
        assert ours[{"recall": "mean_recall", "f1": "macro_f1"}[name]] == pytest.approx(expected.mean())
    spoken = np.unique(said)
    assert ours["precision"][spoken] == pytest.approx(
        sklearn.precision_score(coded, said, labels=spoken, average=None, zero_division=0))
    present = sorted(set(coded.tolist()))
    each = sklearn.f1_score(coded, said, labels=present, average=None, zero_division=0)
    assert ours["f1"][present] == pytest.approx(each) and np.isnan(np.delete(ours["f1"], present)).all()
    assert ours["macro_f1"] == pytest.approx(each.mean())


def test_figures_that_are_not_there_are_none():
    one = np.full(10, 6)
    assert measure_pairs([(np.arange(10.0), one, one)], 50, 100)["agreement"] == [1, None, None]  # a single stretch
    measured = measure_pairs([(np.arange(10.0), one, one)], 5, 100)
    assert measured["agreement"] == [1, 1, 1] and measured["kappa"] is None and measured["alpha"] is None
    assert measured["classes"]["happy"] == {"coded": 0, "said": 0, "f1": None}
    assert measured["classes"]["neutral"] == {"coded": 10, "said": 10, "f1": [1, 1, 1]}


@often(20, 100)
def test_the_interval_holds_the_truth_where_frames_are_alike(times):
    """Of 100 videos, right in 70 % of 40 stretches of 5 s, some 95 intervals hold that; drawn by frame, few do."""
    rng, held = np.random.default_rng(1), {5.0: 0, 1 / 24: 0}
    seconds = np.arange(40 * 120) / 24
    for _ in range(times):
        right = np.repeat(rng.random(40) < 0.7, 120)
        coded = np.repeat(rng.integers(7, size=40), 120)
        said = np.where(right, coded, (coded + 1) % 7)
        for block in held:
            _, low, high = measure_pairs([(seconds, coded, said)], block, 200)["agreement"]
            held[block] += low <= 0.7 <= high
    assert held[5.0] >= 0.88 * times and held[1 / 24] < 0.4 * times


def record(seconds, emotion, id=1, name=None, side=10):
    return {"class": emotion, "seconds": seconds, "object": {"id": id, "name": name, "box": [0, 0, side, side]}}


def span(person, emotion, start, end):
    return {"person": person, "class": emotion, "start": start, "end": end}


def test_pairs_by_person_and_time():
    records = [item for place in range(20) for item in (
        record(place / 10, "happy", 1, "Rachel"), record(place / 10, "sad", 2, side=20))]
    spans = [span("rachel", "happy", 0.0, 0.5), span("rachel", "angry", 1.0, 1.2), span("face 2", "sad", 0.0, 2.0),
             span("guest", "neutral", 0.5, 0.6)]
    pairs, read = pair(spans, records, {"guest": ANY})
    seconds, coded, said = pairs["rachel"]
    assert seconds.tolist() == [0, 0.1, 0.2, 0.3, 0.4, 1.0, 1.1]                # the end is not in it
    assert [EMOTIONS[emotion] for emotion in coded] == ["happy"] * 5 + ["angry"] * 2 and set(said) == {3}
    assert read["rachel"] == pytest.approx(1.0) and len(pairs["face 2"][0]) == 20
    assert pairs["guest"][2].tolist() == [EMOTIONS.index("sad")]               # the larger face
    half, = pair([span("face 2", "sad", 1.0, 3.0)], records, {})[1].values()
    assert half == pytest.approx(0.5)


def test_people_who_are_not_there_and_times_when_they_are_not():
    records = [record(0.0, "happy", 1, "rachel"), record(1.0, "happy", 1, "rachel")]
    with pytest.raises(InputError, match="'ross' was coded, and is not in the results, which have rachel;"):
        pair([span("ross", "happy", 0, 1)], records, {})
    pairs, read = pair([span("rachel", "happy", 0.0, 1.0), span("rachel", "happy", 75.0, 76.0)], records, {})
    assert pairs["rachel"][0].tolist() == [0.0] and read["rachel"] == pytest.approx(0.5)
    with pytest.raises(InputError, match="'rachel' was coded, and is not in the results"):
        pair([span("rachel", "happy", 0, 1)], [], {})
