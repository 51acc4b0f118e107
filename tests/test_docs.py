"""What the documents tell readers to copy runs as it stands there."""
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vtt_emotion.core.images import write_image
from vtt_emotion.drawn.coded import write_interview
from vtt_emotion.video.frames import read_frames

ROOT = Path(__file__).parent.parent
CODES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tools.md").read_text(), re.DOTALL)


def run(code, folder):
    """Run code in a folder, where the project is importable as `pip install -e .` makes it."""
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True,
                   env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)})


def test_the_example_in_pandas_goes_from_a_video_to_a_plot(tmp_path):
    """The first code of docs/tools.md, word for word: at most ten lines, from interview.mp4 to interview.png."""
    code = CODES[0]
    assert len([line for line in code.splitlines() if line]) <= 10 and 'read_video("interview.mp4")' in code
    write_interview(tmp_path, 1, 2.0, 0)
    (tmp_path / "interview1.mp4").rename(tmp_path / "interview.mp4")
    (tmp_path / "interview1.csv").unlink()
    run(code, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["interview.mp4", "interview.png"]
    with Image.open(tmp_path / "interview.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert pixels.shape[1] > 900 and all((edge == 255).all() for edge in edges)      # no word is cut off
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    areas = colours[(counts > 0.02 * counts.sum()) & (np.ptp(colours.astype(int), axis=1) > 50)]
    assert len(areas) >= 2                                   # of this guest's emotions


def test_the_examples_with_a_picture_run(tmp_path):
    write_interview(tmp_path, 1, 0.2, 0)
    write_image(tmp_path / "photo.jpg", next(read_frames(tmp_path / "interview1.mp4")).rgb)
    halves, own = CODES[1:]
    run(f"{halves}\nassert len(frame) == len(faces) > 0", tmp_path)
    run(f"{own}\nassert len(frame) == 1", tmp_path)
