"""Videos and results in buckets: fsspec's memory, and an S3 server on this machine."""
import json
import tempfile
from pathlib import Path

import pytest

import create_results
import export_results
from tests.conftest import write_film
from vtt_emotion.archive.places import as_place, find_videos, is_url
from vtt_emotion.core.errors import InputError
from vtt_emotion.drawn.faces import Pose, actions, background, draw_head, paste, random_look

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """(a film of half a second, {name: bytes} of its results as they are written here)."""
    import numpy as np

    root, rng = tmp_path_factory.mktemp("film"), np.random.default_rng(5)
    image = background(rng, 270, 480)
    paste(image, draw_head(random_look(rng), actions("happy", 1), Pose(), 240), (240, 130))
    path = write_film(root / "talk.mp4", [image] * 12)
    create_results.main(["--root", str(root), "--videos", str(path), "--device", "cpu", "--table"])
    return path, {file.relative_to(root / "results").as_posix(): file.read_bytes()
                  for file in (root / "results").rglob("*") if file.is_file()}


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def s3():
    """The file system of an S3 server on this machine, by the environment that its clients read."""
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "any"),
                            ("AWS_SECRET_ACCESS_KEY", "any"), ("AWS_DEFAULT_REGION", "us-east-1")):
            patch.setenv(name, value)
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        files.mkdir("films")
        files.mkdir("readings")
        yield files
    server.stop()


def left_over():
    return {path.name for path in Path(tempfile.gettempdir()).glob("video-*")} | {
        path.name for path in Path(tempfile.gettempdir()).glob("results-*")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Sums of a table in a bucket are written into the current folder."""
    monkeypatch.chdir(tmp_path)


def check(files, videos, results, film, capsys):
    """Read `videos` of a file system twice: results as those written here, the second time left out, no copy left."""
    path, calm = film
    files.put_file(str(path), f"{videos.split('://')[1]}/talk.mp4")
    before = left_over()
    for said in (f"{results}/talk.json: ", f"{results}/talk.json is there already"):
        create_results.main(["--videos", videos, "--results-path", results, "--device", "cpu", "--table"])
        out = capsys.readouterr().out
        assert said in out and tempfile.gettempdir() not in out
    folder = results.split("://")[1]
    assert {name: files.cat_file(f"{folder}/{name}") for name in calm} == calm and len(calm) == 5
    assert left_over() == before
    export_results.main(["--archive", f"{results}/archive"])
    assert "1 videos, 0.0 hours of film, 1 shots, 12 records" in capsys.readouterr().out


def test_videos_and_results_in_memory(memory, film, capsys):
    check(memory, "memory://films", "memory://readings/a", film, capsys)


def test_videos_and_results_in_a_bucket(s3, film, capsys):
    check(s3, "s3://films/some", "s3://readings/some", film, capsys)


def test_a_file_url_is_a_path_here(film, tmp_path, capsys):
    path, calm = film
    create_results.main(["--videos", f"file://{path}", "--results-path", f"file://{tmp_path}/out", "--device", "cpu"])
    assert (tmp_path / "out/talk.json").read_bytes() == calm["talk.json"]
    assert as_place(f"file://{tmp_path}") == tmp_path and not is_url(as_place("a/b"))
    assert as_place("s3://bucket/a/") == "s3://bucket/a" and as_place("a", Path("/root")) == Path("/root/a")


def test_a_video_that_cannot_be_read_is_named_by_its_url(memory, film, run_main, capsys):
    memory.pipe_file("/films/broken.mp4", b"text")
    before = left_over()
    status, _ = run_main(create_results.main, ["--videos", "memory://films", "--results-path", "memory://out",
                                               "--device", "cpu"], capsys)
    assert "memory://films/broken.mp4: not a readable video" in status and left_over() == before
    assert not memory.exists("/out/broken.json")


def test_what_is_not_there_or_cannot_be_asked_is_said(memory, monkeypatch):
    memory.makedirs("/empty")
    for place, said in (("memory://none", "no such video"), ("memory://empty", "holds no video"),
                        ("nofiles://a", "could not be reached")):
        with pytest.raises(InputError, match=f"{place}: {said}"):
            find_videos([place])
    memory.pipe_file("/one/a.mp4", b"")
    memory.pipe_file("/two/a.mp4", b"")
    with pytest.raises(InputError, match="its results would have the name of"):
        find_videos(["memory://one", "memory://two"])
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"gs://a: gs:// needs gcsfs.*pip install -r requirements-cluster.txt gcsfs"):
        find_videos(["gs://a"])
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(InputError, match="s3://a: s3:// needs s3fs, which is not installed"):
        find_videos(["s3://a"])


def test_records_from_a_bucket_are_whole(memory, film):
    create_results.main(["--videos", str(film[0]), "--results-path", "memory://out", "--device", "cpu"])
    assert len(json.loads(memory.cat_file("/out/talk.json"))) == 12
