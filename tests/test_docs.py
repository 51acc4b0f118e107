"""What the documents tell readers to copy runs as it stands there."""
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vtt_emotion.drawn.coded import write_interview

ROOT = Path(__file__).parent.parent


def test_the_example_in_pandas_goes_from_a_video_to_a_plot(tmp_path):
    """The code of docs/tools.md, word for word: at most ten lines, from interview.mp4 to interview.png."""
    code, = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tools.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10 and 'read_video("interview.mp4")' in code
    write_interview(tmp_path, 1, 2.0, 0)
    (tmp_path / "interview1.mp4").rename(tmp_path / "interview.mp4")
    (tmp_path / "interview1.csv").unlink()
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True,
                   env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["interview.mp4", "interview.png"]
    with Image.open(tmp_path / "interview.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert pixels.shape[1] > 900 and all((edge == 255).all() for edge in edges)      # no word is cut off
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    areas = colours[(counts > 0.02 * counts.sum()) & (np.ptp(colours.astype(int), axis=1) > 50)]
    assert len(areas) >= 2                                   # of this guest's emotions
