"""The page of an episode in Firefox: it loads without an error, draws, and plays.

Debian's firefox-esr is driven by Marionette, which every Firefox has built in (JSON over a socket): Playwright's way,
WebDriver BiDi, asks this one for commands that it does not know yet.
"""
import base64
import io
import json
import shutil
import socket
import subprocess
import time

import av
import numpy as np
import pytest
from PIL import Image

import report

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)


class Marionette:
    """A window of Firefox; see the Mozilla documentation of Marionette's protocol."""

    def __init__(self, port, seconds=60):
        limit = time.monotonic() + seconds
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except OSError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.2)
        self.stream, self.number = self.socket.makefile("rb"), 0
        self.receive()                           # its greeting
        self.ask("WebDriver:NewSession")

    def receive(self):
        length = b""
        while not length.endswith(b":"):
            length += self.stream.read(1)
        return json.loads(self.stream.read(int(length[:-1])))

    def ask(self, command, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.receive()
        assert error is None, error
        return result

    def get(self, script):
        return self.ask("WebDriver:ExecuteScript", script=f"return {script}", args=[])["value"]

    def wait(self, condition, seconds=20):
        limit = time.monotonic() + seconds
        while not self.get(f"Boolean({condition})"):
            assert time.monotonic() < limit, f"in vain for {seconds} s: {condition}"
            time.sleep(0.05)


@pytest.fixture
def firefox(tmp_path):
    if FIREFOX is None:
        pytest.skip("no Firefox is installed (looked for firefox-esr, firefox); on Debian: apt-get install firefox-esr")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/user.js").write_text(f'user_pref("marionette.port", {port});\n'
                                              'user_pref("media.autoplay.default", 0);\n')
    program = subprocess.Popen([FIREFOX, "--headless", "--no-remote", "--marionette", "--profile",
                                str(tmp_path / "profile")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Marionette(port)
    finally:
        program.terminate()
        program.wait(20)


def test_it_loads_and_plays(firefox, tmp_path):
    with av.open(str(tmp_path / "talk.webm"), "w") as container:
        stream = container.add_stream("libvpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for frame in range(96):
            image = np.full((180, 320, 3), 2 * frame + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    (tmp_path / "talk.json").write_text(json.dumps([
        {"type": "emotion", "class": "happy" if frame < 48 else "sad", "seconds": round(frame / 24, 3),
         "object": {"id": 0, "name": "joey", "box": [20, 30, 90, 100], "confidence": 0.9}} for frame in range(96)]))
    report.main(["--results", str(tmp_path / "talk.json"), "--video", str(tmp_path / "talk.webm")])
    firefox.ask("WebDriver:SetWindowRect", width=1300, height=900)
    firefox.ask("WebDriver:Navigate", url=(tmp_path / "talk.html").as_uri() + "#t=1")
    page, video = "window.report", "document.getElementById('video')"
    firefox.wait("window.reportReady")
    assert firefox.get(f"{page}.rows.length") == 1 and firefox.get(f"{page}.times[{page}.state.now]") == 1000
    firefox.wait(f"{video}.readyState >= 2 && !{video}.seeking")
    assert firefox.get(f"{video}.videoWidth") == 320
    assert firefox.get(f"{video}.currentTime") == pytest.approx(1.01, abs=0.02)
    assert firefox.get("document.querySelectorAll('#boxes .box').length") == 1
    firefox.get("document.getElementById('subtitles').click()")
    firefox.wait(f"{video}.textTracks[0].activeCues?.length")
    assert firefox.get(f"{video}.textTracks[0].activeCues[0].text") == "joey: happy"
    firefox.get("document.getElementById('play').click()")
    firefox.wait(f"{page}.times[{page}.state.now] > 2300")
    assert firefox.get("document.querySelector('#present b').textContent") == "joey"
    assert "sad" in firefox.get("document.getElementById('present').textContent")
    shot = firefox.ask("WebDriver:TakeScreenshot", full=False)["value"]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")).astype(int)
    colour = firefox.get("getComputedStyle(document.querySelector('.swatch.happy')).backgroundColor")
    colour = [int(number) for number in colour[4:-1].split(",")]
    assert (np.abs(pixels - colour).sum(-1) < 12).sum() > 2000               # the timeline is drawn
