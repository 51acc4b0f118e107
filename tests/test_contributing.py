"""CONTRIBUTING.md, done: a new dataset and a new detector are one file and one row each, and a wrong one is said."""
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import ops
from vtt_emotion.core.images import write_image
from vtt_emotion.datasets.npy import read_index, writer_of
from vtt_emotion.drawn.stills import draw_still
from vtt_emotion.video.detection import NamedDetector, find_detector, framing_of

ROOT = Path(__file__).parent.parent
TINY = ["--img-sz", "64", "--batch-size", "4", "--num-workers", "0", "--device", "cpu"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, with the rows and the files of CONTRIBUTING.md; it is the data's root too."""
    root = tmp_path_factory.mktemp("project")
    text = (ROOT / "CONTRIBUTING.md").read_text()
    dataset, parser, detector, kind = re.findall(r"   ```python\n(.*?)   ```\n", text, re.S)
    rows = (ROOT / "ops.py").read_text().replace("SOURCES = {\n", f"SOURCES = {{\n{dataset}").replace(
        "DETECTORS = {", f"DETECTORS = {{{detector.strip()}\n             ")
    shutil.copytree(ROOT / "vtt_emotion", root / "vtt_emotion", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("weights", "resnet_tsm.py", "model_train.py", "evaluate.py", "create_results.py"):
        (root / name).symlink_to(ROOT / name)
    (root / "ops.py").write_text(rows)
    (root / "parse_mine.py").write_text(textwrap.dedent(parser))
    (root / "vtt_emotion/video/bright.py").write_text(textwrap.dedent(kind))
    return root


def run(project, *calls):
    """Run the scripts' `main` in one process, of (script, arguments ...)."""
    code = "import importlib, json, sys\nfor name, *argv in json.loads(sys.argv[1]):\n" \
        "    importlib.import_module(name).main(['--root', '.', *argv])"
    return subprocess.run([sys.executable, "-c", code, json.dumps(calls)], cwd=project, capture_output=True, text=True,
                          check=True).stdout


def test_a_new_dataset_is_parsed_trained_on_and_measured(project):
    rng = np.random.default_rng(0)
    for number in range(11):
        emotion = ("happy", "sad")[number % 2]
        path = project / f"datasets/Mine/{emotion if number else 'bored'}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, draw_still(rng, emotion, 64)[0])
    said = run(project, ["parse_mine", "--verify"],
               ["model_train", "--mixture", "mine", "1", "--valid-on", "mine", "--weights", "none", "--max-steps", "2",
                "--name", "mine", *TINY],
               ["evaluate", "--index", "mine", "--weights", "runs/mine/best.pt", *TINY])
    assert "dropped 1: folder bored, no emotion" in said and "8 samples to train on, 2 to validate on" in said
    assert len(read_index(project / "dicts/mine_parsed.npy")) == 10
    assert json.loads((project / "results/evaluate_mine_valid.json").read_text())["faces"] == 2


def test_a_new_detector_finds_the_faces_of_photos(project):
    (project / "photos").mkdir()
    image = np.zeros((200, 300, 3), np.uint8)
    image[40:120, 100:180] = 255
    write_image(project / "photos/a.png", image)
    run(project, ["create_results", "--images", "photos", "--detector", "bright", "--device", "cpu"])
    record, = json.loads((project / "results/photos.json").read_text())
    assert np.allclose(record["object"]["box"], (100, 40, 180, 120), atol=2)


def test_a_row_of_a_dataset_that_is_wrong_or_lacks_a_part_is_refused():
    right = {name: getattr(ops.SOURCES["raf"], name) for name in vars(ops.SOURCES["raf"])}
    assert ops.Dataset(**right) == ops.SOURCES["raf"]
    with pytest.raises(TypeError, match="licence"):
        ops.Dataset(**{name: value for name, value in right.items() if name != "licence"})
    for wrong, said in (({"index": "raf.csv"}, r"row of raf\.csv: expected an index NAME\.npy"),
                        ({"folders": {"raf": ("raf", "")}}, r"folders by options \*_path"),
                        ({"held_out": "valid"}, r"expected train and valid in its splits, found \('train', 'test'\)"),
                        ({"never": "why"}, "expected one of held_out, by_episode and never"),
                        ({"images": 2}, "expected images 1 or 4, found 2")):
        with pytest.raises(ValueError, match=said):
            ops.Dataset(**right | wrong)


@pytest.mark.parametrize("name", ops.SOURCES)
def test_every_dataset_has_its_parser_and_its_line_in_the_documentation(name):
    assert (ROOT / writer_of(name).split()[0]).is_file()
    assert f"| `{ops.SOURCES[name].index}` |" in (ROOT / "docs/formats.md").read_text()
    assert f"| `{name}` | {ops.SOURCES[name].licence} |" in (ROOT / "docs/datasets.md").read_text()


@pytest.mark.parametrize("name", ops.DETECTORS)
def test_every_detector_is_found_and_framed(name):
    kind = find_detector(name)
    assert issubclass(kind, NamedDetector) and framing_of(name, ops.Margins()) == (kind.margin, kind.lift)
    changed = framing_of(name, ops.Margins(hog_margin=0.5, centerface_margin=0.5))
    assert changed == (0.5, kind.lift)


def test_a_detector_that_lacks_a_part_is_refused():
    with pytest.raises(TypeError, match=r"Half: a detector without threads, hog_box, find; CONTRIBUTING\.md"):
        class Half(NamedDetector):
            width, least, margin, lift = 480, 16, 0.0, 0.0

            def prepare(self, frame):
                return frame
