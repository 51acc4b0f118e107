"""Files of every kind mutated at random, through whole scripts: a right answer or one sentence, and within a minute."""
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import create_results
import export_results
import model_train
import parse_coded
import report
from tests.conftest import TINY, write_film
from tests.results.test_coded_tables import eaf
from tests.results.test_strangers import strange
from tests.test_fuzz import mutate
from vtt_emotion.core.command_line import STOPS, run_script
from vtt_emotion.core.images import write_image
from vtt_emotion.core.weights import SHIPPED
from vtt_emotion.drawn.faces import Pose, actions, background, draw_head, paste, random_look
from vtt_emotion.results.records import read_results
from vtt_emotion.training.runs import read_checkpoint

HERE = Path(__file__).resolve().parents[1]
SECONDS, PATIENCE = 60, 300                      # of work, and by the clock, that a script may take
CLOCKS = {signal.SIGPROF: (signal.ITIMER_PROF, SECONDS), signal.SIGALRM: (signal.ITIMER_REAL, PATIENCE)}
APART = 15                                       # one in so many is given to scripts in processes of their own
ENDS = 1 << 16                                   # bytes of a checkpoint's start and end, where its plan is
EXPORT = export_results.main, ("--results", "kept/clip.json", "--to", "csv", "parquet", "elan", "vtt", "textgrid")
PAGE = report.main, ("--results", "kept/clip.json", "--video", "films/clip.mp4", "--people", "guest", "any")
TRAIN = (*TINY, "--optimizer", "sgd", "--mixture", "coded", "1", "--valid-on", "coded", "--valid-every", "2",
         "--log-every", "1")
CUT = parse_coded.main, ("--coded-path", "films", "--results-path", "kept", "--people", "guest", "any",
                         "--valid-videos", "held", "--coded-apart", "0.1")
ONWARD = model_train.main, (*TRAIN, "--max-steps", "2", "--name", "run", "--resume")


def reading(*options):
    return create_results.main, (*options, "--device", "cpu", "--results-path", "out")


def film_chain(name):
    """A film read, its results exported, and their page."""
    own, beside = reading("--video", f"films/{name}"), ("--results", f"out/{Path(name).stem}.json")
    return f"films/{name}", [own, (EXPORT[0], (*beside, *EXPORT[1][2:], "--video", f"films/{name}")),
                             (PAGE[0], (*beside, "--video", f"films/{name}"))]


# What is mutated and then read by which scripts, by kind; how many files of a kind in `make test`, and in the long run.
CHAINS = {
    "video": ([film_chain(name) for name in ("one.mp4", "two.mkv", "three.avi", "four.webm")], 2, 40),
    "picture": ([("photos/a.png", [reading("--images", "photos")]), ("photos/b.jpg", [reading("--images", "photos")]),
                 ("photos/c.tif", [reading("--images", "photos")]),
                 ("coded_faces/*/*.jpg", [(model_train.main, (*TRAIN, "--weights", "fer", "--max-steps", "2",
                                                              "--name", "new", "--max-unreadable", "0"))])], 1, 30),
    "json": ([("kept/clip.json", [EXPORT, PAGE]), ("kept/clip.segments.json", [EXPORT, PAGE]),
              ("kept/clip.shots.json", [EXPORT, PAGE]),
              ("kept/names.json", [(main, (*argv, "--names", "kept/names.json")) for main, argv in (EXPORT, PAGE)])],
             2, 40),
    "npz": ([("kept/clip.faces.npz", [
        (create_results.main, ("--video", "films/clip.mp4", "--device", "cpu", "--results-path", "kept")),
        (EXPORT[0], (*EXPORT[1], "--video", "films/clip.mp4")), PAGE])], 1, 25),
    "pt": ([("fer.pt", [reading("--video", "films/clip.mp4", "--weights", "fer.pt", "--backend", "torch"),
                        (model_train.main, (*TRAIN, "--weights", "fer.pt", "--max-steps", "1", "--name", "new"))]),
            ("runs/run/last.pt", [ONWARD])], 2, 20),
    "eaf": ([("coded.eaf", [(PAGE[0], (*PAGE[1], "--coded", "coded.eaf"))])], 1, 20),
    "csv": ([("films/clip.csv", [(PAGE[0], (*PAGE[1], "--coded", "films/clip.csv"))]), ("films/*.csv", [CUT]),
             ("films/clip.csv", [(PAGE[0], (*PAGE[1], "--coded", "films/clip.csv"))]), ("films/*.csv", [CUT]),
             ("runs/run/log.csv", [ONWARD])], 1, 25)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Root with films of a face, coded, read, cropped and trained on for a step."""
    root, rng = tmp_path_factory.mktemp("mutated"), np.random.default_rng(5)
    (root / "films").mkdir()
    image = background(rng, 180, 320)
    paste(image, draw_head(random_look(rng), actions("happy", 1), Pose(), 150), (160, 88))
    for name, codec in (("clip.mp4", "libx264"), ("held.mp4", "libx264"), ("one.mp4", "libx264"), ("two.mkv", "mpeg4"),
                        ("three.avi", "mpeg2video"), ("four.webm", "libvpx-vp9")):
        write_film(root / "films" / name, [np.roll(image, shift, 1) for shift in range(12)], codec=codec)
    for name in ("clip", "held"):
        with open(root / f"films/{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([("person", "emotion", "start", "end"), ("guest", "happy", 0, 0.3),
                                        ("guest", "sad", 0.3, 0.5)])
    eaf(root / "coded.eaf", [0, 300, 500], {"guest": [(0, 1, "happy"), (1, 2, "sad")]})
    for name in ("a.png", "b.jpg", "c.tif"):
        write_image(root / "photos" / name, image)
    shutil.copy(SHIPPED / "fer.pt", root)
    (root / "kept").mkdir()
    (root / "kept/names.json").write_text('{"names": [{"id": 1, "name": "Anna", "from": 0.1, "to": 0.3}]}')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        create_results.main(["--videos", "films/clip.mp4", "films/held.mp4", "--device", "cpu", "--results-path",
                             "kept"])
        parse_coded.main([*CUT[1]])
        model_train.main([*TRAIN, "--weights", "fer", "--max-steps", "1", "--name", "run"])
    return root


def link_large(source, target):
    """Copy a file, or link it where it is large: those are replaced, never written to."""
    (os.link if os.stat(source).st_size > 1 << 20 else shutil.copy)(source, target)


class Hangs(BaseException):
    """A script takes longer than it may."""


def hang(*_):
    raise Hangs


def ended_here(main, argv):
    """(status, standard error) of a script in this process."""
    heard, handlers = io.StringIO(), {number: signal.getsignal(number) for number in (*STOPS, *CLOCKS)}
    for number, (clock, seconds) in CLOCKS.items():
        signal.signal(number, hang)
        signal.setitimer(clock, seconds)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(heard):
            run_script(lambda: main(list(argv)))
    except SystemExit as stop:
        return stop.code, heard.getvalue()
    finally:
        for clock, _ in CLOCKS.values():
            signal.setitimer(clock, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return 0, heard.getvalue()


def ended_apart(main, argv):
    """The same in a process of its own."""
    done = subprocess.run([sys.executable, str(HERE / f"{main.__module__}.py"), *argv], capture_output=True,
                          text=True, timeout=PATIENCE)
    said = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert done.returncode in (0, 1) and len(said) == done.returncode, done.stderr
    return (said[-1] if done.returncode else 0), done.stderr


def check_answer(main, argv):
    """Whether what a script has written, where it said no error, is whole."""
    if main is create_results.main:
        for path in Path(argv[argv.index("--results-path") + 1]).glob("*.json"):
            if path.name.count(".") == 1 and path.name != "names.json":
                read_results(path, photos=True)
    elif main is model_train.main:
        name = argv[argv.index("--name") + 1]
        assert read_checkpoint(f"runs/{name}/last.pt")["step"] == int(argv[argv.index("--max-steps") + 1])


def mutated(path, case, rng):
    """The bytes of a file, mutated; of one of parts, as JSON, CSV and zip files are, a part in every second case."""
    data = path.read_bytes()
    if case % 2 and path.suffix == ".json":
        return json.dumps(strange(json.loads(data), rng)).encode()
    if case % 2 and zipfile.is_zipfile(path):
        return part_mutated(path, rng)
    if case % 2 and path.suffix == ".csv":       # its rows
        head, rows = data.split(b"\n", 1)
        return head + b"\n" + mutate(rows, rng)
    if len(data) < 4 * ENDS:
        return mutate(data, rng)
    if rng.random() < 0.5:                       # near its ends, where more than numbers lies
        return mutate(data[:ENDS], rng) + data[ENDS:]
    return data[:-ENDS] + mutate(data[-ENDS:], rng)


def part_mutated(path, rng):
    """The bytes of a zip file with its first, which is the plan of a checkpoint, mutated, or numbers in another."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        small = [info.filename for info in old.infolist() if info.file_size < ENDS]
        chosen = small[rng.integers(len(small)) * rng.integers(2)]
        for info in old.infolist():
            part = old.read(info)
            if info.filename == chosen:
                part = mutate(part, rng) if chosen == small[0] else flipped(part, rng)
            new.writestr(info, part)
    return made.getvalue()


def flipped(data, rng):
    """Bytes with one or two bits flipped."""
    data = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 3)):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


@pytest.mark.long
@pytest.mark.parametrize("kind", CHAINS)
def test_files_as_they_are(site, kind, tmp_path, monkeypatch):
    for place, (_, chain) in enumerate(CHAINS[kind][0]):
        shutil.copytree(site, tmp_path / str(place), copy_function=link_large)
        monkeypatch.chdir(tmp_path / str(place))
        assert not run_chain(chain, 1)


def run_chain(chain, case):
    """Run scripts, one after the other as far as they go; returns whether one refused the file."""
    for main, argv in chain:
        status, heard = (ended_here if case % APART else ended_apart)(main, argv)
        assert "Traceback" not in heard, heard
        if status:
            assert isinstance(status, str) and status.startswith("error: ") and "\n" not in status, status
            return True
        check_answer(main, argv)
    return False


SEALED = {"npz", "pt"}                           # zip files, whose sums tell of every change: all may be refused
SHORT = {kind: few for kind, (_, few, _) in CHAINS.items()}


@pytest.mark.parametrize("counts", [SHORT, *(pytest.param({kind: many}, marks=pytest.mark.long)
                                             for kind, (_, _, many) in CHAINS.items())], ids=["few", *CHAINS])
def test_mutated_files(site, counts, tmp_path, monkeypatch):
    """A file is put back after each case, with all else that the scripts may have changed."""
    refused, whole = 0, tmp_path / "whole"
    for kind, count in counts.items():
        for case in range(count):
            shutil.copytree(site, whole, copy_function=link_large)
            monkeypatch.chdir(whole)
            pattern, chain = CHAINS[kind][0][case % len(CHAINS[kind][0])]
            rng = np.random.default_rng((*kind.encode(), case))
            path = rng.choice(sorted(whole.glob(pattern)))
            data = mutated(path, case // len(CHAINS[kind][0]), rng)
            path.unlink()                        # the site's is linked
            path.write_bytes(data)
            try:
                refused += run_chain(chain, case)
            except BaseException as error:
                raise AssertionError(f"case {case} of {kind}: {path}") from error
            shutil.rmtree(whole)
    assert refused > 0 and (refused < sum(counts.values()) or set(counts) <= SEALED)
