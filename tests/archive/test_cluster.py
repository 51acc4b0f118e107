"""Videos read on a cluster of two nodes, one of which is killed, or the driver; Ray's own test cluster, here."""
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import create_results
from ops import ResultsOps
from tests.conftest import write_film
from tools.bench_archive import measure_workers
from vtt_emotion.archive.cluster import absolute, with_threads
from vtt_emotion.archive.work import Job
from vtt_emotion.drawn.faces import Pose, actions, background, draw_head, paste, random_look
from vtt_emotion.video.frames import read_frames
from vtt_emotion.video.parts import plan_parts

HERE = Path(__file__).resolve().parents[2]
COUNT, FRAMES, OPTIONS = 20, 24, ("--device", "cpu", "--scores", "false")
ENDINGS = (".json", ".segments.json", ".faces.npz")
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder of short films of one person, a frame later each."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(5)
    look, place = random_look(rng), background(rng, 270, 480)
    images = [place.copy() for _ in range(COUNT + FRAMES)]
    for number, image in enumerate(images):
        pose = Pose(0.2 * np.sin(number / 7), 0, 0, seed=number)
        paste(image, draw_head(look, actions("happy", number / len(images)), pose, 240), (200 + number, 130))
    for number in range(COUNT):
        write_film(folder / f"film{number}.mp4", images[number:number + FRAMES])
    return folder


@pytest.fixture(scope="module")
def calm(films, tmp_path_factory):
    """{name: bytes} of their results as one machine writes them."""
    root = tmp_path_factory.mktemp("calm")
    create_results.main(["--root", str(root), "--videos", str(films), *OPTIONS])
    return contents(root / "results")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of a node of one core; tests add another. Its processes and files go with it."""
    testing = pytest.importorskip("ray.cluster_utils", reason="ray is not installed")
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")                         # sockets want a short path
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)       # with temp_dir alone Ray still writes its address in /tmp/ray
        patch.setenv("PYTHONPATH", str(HERE))
        nodes = testing.Cluster(initialize_head=True, head_node_args=NODE)
        yield nodes
        nodes.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second(cluster):
    """Another node."""
    node = cluster.add_node(**NODE)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name.endswith(ENDINGS)}


def made(root):
    return set((root / "results").glob("*.segments.json"))


def wait_for(count, root, seconds=120):
    until = time.monotonic() + seconds
    while len(made(root)) < count and time.monotonic() < until:
        time.sleep(0.01)


def on_cluster(cluster, root, films, *more):
    return ["--root", str(root), "--videos", str(films), "--cluster", cluster.address, *OPTIONS, *more]


@pytest.mark.long
def test_a_node_that_dies_costs_nothing(cluster, second, films, calm, tmp_path, capsys):
    left = []

    def kill():
        wait_for(COUNT // 4, tmp_path)
        left.append(COUNT - len(made(tmp_path)))
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    create_results.main(on_cluster(cluster, tmp_path, films))
    killer.join()
    said = capsys.readouterr().out
    assert left[0] >= COUNT // 2 and f"{COUNT} of {COUNT} videos" in said
    assert contents(tmp_path / "results") == calm and len(calm) == 4 * COUNT
    assert len(list((tmp_path / "results/archive").glob("*.parquet"))) == COUNT


@pytest.mark.long
def test_a_driver_that_is_killed_goes_on_where_it_was(cluster, films, calm, tmp_path, capsys):
    argv = on_cluster(cluster, tmp_path, films)
    driver = subprocess.Popen([sys.executable, str(HERE / "create_results.py"), *argv], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    wait_for(COUNT // 2, tmp_path)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    tables = tmp_path / "results/archive"
    times = {path.stem: path.stat().st_mtime_ns for path in tables.glob("*.parquet")}
    assert COUNT // 2 - 1 <= len(times) < COUNT
    create_results.main(argv)
    said = capsys.readouterr().out
    assert {path.stem: path.stat().st_mtime_ns for path in tables.glob("*.parquet")}.items() >= times.items()
    assert all(f"{name}.json is there already" in said for name in times)        # a table is written last
    assert said.count("is there already") + said.count("wrote ") == COUNT
    assert contents(tmp_path / "results") == calm


def test_videos_that_fail_are_named_at_the_end(cluster, films, tmp_path, run_main, capsys):
    (tmp_path / "some").mkdir()
    for number in range(2):
        shutil.copy(films / f"film{number}.mp4", tmp_path / "some")
    (tmp_path / "some/broken.mp4").write_text("text")
    status, said = run_main(create_results.main, on_cluster(cluster, tmp_path, tmp_path / "some"), capsys)
    assert "1 of 3 videos could not be read: " in status and "broken.mp4: not a readable video" in status
    assert len(made(tmp_path)) == 2 and "3 of 3 videos" in said.out


def test_a_worker_that_always_dies_is_given_up(cluster, films, tmp_path):
    from vtt_emotion.archive import cluster as archive_cluster

    ray = archive_cluster.connect(cluster.address)
    try:
        task = ray.remote(num_cpus=1, max_retries=0)(lambda: os.kill(os.getpid(), signal.SIGKILL))
        outcome = archive_cluster._outcome(ray, task.remote(), Job(films / "film0.mp4", tmp_path, "film0"))
    finally:
        ray.shutdown()
    assert "film0.mp4: its task ended with WorkerCrashedError" in outcome.failed


def test_without_a_cluster_it_says_so(films, tmp_path, run_main, capsys):
    status, _ = run_main(create_results.main, ["--root", tmp_path, "--videos", films, "--cluster", "127.0.0.1:9"],
                         capsys)
    assert "--cluster 127.0.0.1:9: no Ray cluster there" in status


def test_a_long_film_is_read_in_parts_side_by_side(cluster, second, films, tmp_path, capsys):
    images = [frame.rgb for name in ("film0", "film19") for frame in read_frames(films / f"{name}.mp4")]
    shots = [255 - images[0] if number // 12 % 2 else images[number] for number in range(len(images))]
    write_film(tmp_path / "long.mp4", shots * 3, options={"g": "12"})
    minutes = len(images) / 24 / 60
    assert len(plan_parts(tmp_path / "long.mp4", minutes).starts) == 3
    create_results.main(on_cluster(cluster, tmp_path, tmp_path / "long.mp4", "--part-minutes", str(minutes)))
    parts = contents(tmp_path / "results")
    shutil.rmtree(tmp_path / "results")
    create_results.main(["--root", str(tmp_path), "--videos", str(tmp_path / "long.mp4"), *OPTIONS])
    assert contents(tmp_path / "results") == parts and len(parts) == 4


@pytest.mark.long
def test_two_workers_read_at_once_and_cost_each_other_nothing(cluster, second, films, tmp_path):
    """By the time that the workers had a core for; what they read by the clock, `tools.bench` tells."""
    write_film(tmp_path / "film.mp4", [frame.rgb for frame in read_frames(films / "film0.mp4")] * 4)
    figures = measure_workers(tmp_path / "film.mp4", "fer", tmp_path, cluster.address)
    assert figures["at_once"] and max(figures["cores_of_a_worker"]) < 1.1
    assert max(figures["by_core_time"]) >= 1.7


def test_what_a_worker_is_given_leaves_the_options_as_they_are():
    """They are absolute, of so many threads, and the same when Ray has carried them to another process."""
    ops = ResultsOps()
    given = with_threads(absolute(ops), 3)
    assert given.tracking.detect_threads == 3 and given.margins == ops.margins
    assert given.friends.friends_path == Path("datasets/Friends").absolute()
    assert ops == ResultsOps() and pickle.loads(pickle.dumps(given)) == given
