import pytest

from tools.bench_archive import RECORDS, core_times, make_up
from tools.plan import START, ArchivePlan, simulate
from vtt_emotion.archive.table import read_parts, sum_up
from vtt_emotion.video.sources import find_videos


def test_a_plan_of_hand_worked_cases():
    """Ten videos of a minute at 10 ms a frame: 14.4 s each of a core; the store gives one in 0.5 s."""
    plan = ArchivePlan(plan_videos=10, plan_minutes=1, plan_cores=1, plan_price=3600, plan_megabytes=50, plan_store=100)
    one, five, many = (simulate([10], machines, plan) for machines in (1, 5, 100))
    assert one.hours * 3600 == pytest.approx(START + 10 * 14.9) and one.bottleneck == "cores"
    assert one.dollars == pytest.approx(START + 149) and one.busy == pytest.approx(144 / (START + 149))
    assert five.hours * 3600 == pytest.approx(START + 2.5 + 14.4 + 14.9)         # the fifth to begin is the last
    assert many.hours * 3600 == pytest.approx(START + 5 + 14.4) and many.bottleneck == "the last videos"
    slow = ArchivePlan(plan_videos=1000, plan_minutes=1, plan_cores=64, plan_megabytes=500, plan_store=100)
    assert simulate([10], 16, slow).bottleneck == "the store"
    assert simulate([10, 20], 16, slow) == simulate([10, 20], 16, slow)


def test_a_made_up_archive_is_summed_up(tmp_path):
    make_up(tmp_path, 20)
    people, videos, totals = sum_up(read_parts(tmp_path))
    assert len(videos) == totals["videos"] == 20 and totals["records"] == 20 * RECORDS
    assert sum(row["minutes"] for row in people) == pytest.approx(20 * RECORDS / 24 / 60)
    assert sum(row["records"] for row in people) == 20 * RECORDS


def test_times_of_films_are_of_the_core(sample, tmp_path):
    times = core_times([find_videos(sample / "datasets/Friends")[1]], "fer", tmp_path)
    assert len(times) == 1 and 0.5 < times[0] < 500 and not list(tmp_path.rglob("*.json"))
