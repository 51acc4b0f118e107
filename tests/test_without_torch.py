"""Reading, drawing and the page in an interpreter in which `import torch` fails."""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import {0}
from vtt_emotion.core.command_line import run_script
run_script({0}.main)
"""


def run(script, *options):
    return subprocess.run([sys.executable, "-c", START.format(script), *map(str, options)], cwd=ROOT, text=True,
                          capture_output=True, timeout=300)


def test_a_video_is_read_drawn_and_shown(sample, tmp_path):
    video = next((sample / "datasets/Friends").glob("1x01*.mkv"))
    results = tmp_path / "results" / f"{video.stem}.json"
    for script, options in (("create_results", ("--overlay",)), ("plot_results", ("--results", results)),
                            ("report", ("--results", results))):
        done = run(script, "--root", tmp_path, "--video", video, *options)
        assert done.returncode == 0, done.stderr
    assert len(json.loads(results.read_text())) > 50
    assert {path.suffix for path in results.parent.iterdir()} == {".json", ".npz", ".mp4", ".png", ".html"}


def test_what_needs_torch_says_so(trained, tmp_path):
    video = next((trained / "datasets/Friends").glob("1x01*.mkv"))
    for script, options in (("create_results", ("--video", video, "--weights", trained / "runs/static/best.pt")),
                            ("create_results", ("--video", video, "--backend", "torch")),
                            ("model_train", ()), ("evaluate", ("--index", "raf"))):
        done = run(script, "--root", tmp_path, *options)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == ("error: this needs torch, which is not installed: pip install -r "
                                                "requirements.txt")
