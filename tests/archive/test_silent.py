"""Clusters and stores that accept and stay silent, and requests that no machine can meet: a sentence, soon."""
import asyncio
import socket
import time
from types import SimpleNamespace

import pytest

from vtt_emotion.archive import cluster, places
from vtt_emotion.archive.places import list_videos, put
from vtt_emotion.core.errors import InputError


@pytest.fixture
def silent():
    """HOST:PORT of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=99) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_port_that_is_no_ray(silent, monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed")
    monkeypatch.setattr(cluster, "WAIT", 0.2)
    for address in (silent, "auto"):
        monkeypatch.setenv("RAY_ADDRESS", silent)
        with pytest.raises(InputError, match=f"--cluster {address}: no Ray cluster there .timed out"):
            cluster.connect(address)


@pytest.fixture
def silent_s3(silent, monkeypatch):
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    for name, value in (("AWS_ENDPOINT_URL", f"http://{silent}"), ("AWS_ACCESS_KEY_ID", "any"),
                        ("AWS_SECRET_ACCESS_KEY", "any"), ("AWS_DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3fs.S3FileSystem, "cachable", False)
    return s3fs.S3FileSystem


def test_a_store_that_does_not_answer(silent_s3, monkeypatch):
    monkeypatch.setattr(silent_s3, "retries", 1)             # of 5 tries, 4 s each
    with pytest.raises(InputError, match="s3://films/a: could not be reached .Read timeout on endpoint URL"):
        list_videos("s3://films/a")


@pytest.mark.parametrize("url", ["s3://readings/a.json", "s3://readings/a/b.json"])
def test_results_are_put_to_a_store_that_does_not_answer(silent_s3, tmp_path, monkeypatch, url):
    monkeypatch.setattr(places, "ANSWER", 1)                 # s; its own tries would take a minute
    (tmp_path / "a.json").write_text("[]")
    since = time.monotonic()
    with pytest.raises(InputError, match=f"{url}: could not be reached .no answer in 1 s"):
        put(tmp_path / "a.json", url)
    assert time.monotonic() - since < 10


def test_a_store_of_another_kind_that_does_not_answer(monkeypatch):
    """One without limits of its own, as gcsfs and adlfs have none that are short."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    from fsspec.asyn import AsyncFileSystem

    class Silent(AsyncFileSystem):
        protocol = "silent"

        async def _info(self, path, **_):
            await asyncio.sleep(600)

    fsspec.register_implementation("silent", Silent, clobber=True)
    monkeypatch.setattr(places, "ANSWER", 1)
    for what in (list_videos, places.size_of, places.remove, lambda url: places.all_there(url, ["a"])):
        with pytest.raises(InputError, match="could not be reached .no answer in 1 s"):
            what("silent://films/a")


def test_more_cores_or_gpus_than_any_machine_has():
    def nodes():
        looks.append(None)
        return [{"Alive": True, "Resources": {"CPU": 2.0}},
                {"Alive": len(looks) > 1, "Resources": {"CPU": 8, "GPU": 1}}]

    looks = []
    ray = SimpleNamespace(nodes=nodes)
    with pytest.raises(InputError, match="--task-cpus 4, --task-gpus 0: no machine .* they have 2 cores and 0 GPUs"):
        cluster.check_room(ray, 4, 0, 0)
    cluster.check_room(ray, 4, 0.5, 0)           # one has joined since
    with pytest.raises(InputError, match="--task-gpus 2: .* they have 2 cores and 0 GPUs, 8 cores and 1 GPUs"):
        cluster.check_room(ray, 1, 2, 0)
