"""The page of an episode in a real browser: Chromium, without a window, through Playwright."""
import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageColor

import create_results
import report
from tests.video.test_frames import times, write_at
from vtt_emotion.core.labels import COLOURS, EMOTIONS
from vtt_emotion.drawn.coded import write_interview
from vtt_emotion.page.html import LARGEST
from vtt_emotion.results.segments import find_segments
from vtt_emotion.results.tiers import person_tiers
from vtt_emotion.video.faces import FACE
from vtt_emotion.video.faces_file import VERSION, add_reading, write_faces
from vtt_emotion.video.frames import read_frames

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCRIPT = "<script>alert(1)</script>"
NASTY = 'a "b" <img src=x onerror=alert(1)>.mp4'
FPS, FRAMES = 24, 240


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)}); on Debian: apt-get install chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Tab:
    """A page that has been opened, and what went wrong in it: errors, dialogs, requests that are not of files."""

    def __init__(self, browser, path, width=1280, scheme="light", fragment="", **more):
        self.wrong = []
        self.page = page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
        page.on("console", lambda message: self.wrong.append(message.text) if message.type in ("error", "warning")
                else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.dialog = lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss())
        page.on("dialog", self.dialog)
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:"))
                else self.wrong.append(request.url))
        page.goto(path.as_uri() + fragment)
        self.wait("window.reportReady")

    def get(self, script):
        return self.page.evaluate(script)

    def wait(self, condition, seconds=10):
        """Until a condition (JavaScript) holds; Playwright's own waiting needs eval, which the page forbids."""
        for _ in range(int(seconds * 20)):
            if self.get(f"Boolean({condition})"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"in vain for {seconds} s: {condition}")

    def time(self):
        """The present time, ms."""
        return self.get("report.times[report.state.now]")

    def point(self, time, row=0):
        """Where a time (ms) is on a row (as drawn) of the timeline, px of the window."""
        self.page.locator("#timeline").scroll_into_view_if_needed()
        box = self.page.locator("#timeline").bounding_box()
        return box["x"] + self.get(f"report.xOf({time})"), \
            box["y"] + self.get(f"report.TOP + report.ROW() * {row + 0.7}")

    def show(self, name):
        """A checkbox of the folded filters, made visible."""
        self.get("document.querySelector('details:has(#filters)').open = true")
        return self.page.get_by_role("checkbox", name=name).first

    def span(self):
        """The times that the timeline shows, ms."""
        return self.get("[report.state.from, report.state.to]")

    def labels(self):
        """Whose the lines of the timeline are."""
        return self.page.locator("#names button").evaluate_all("all => all.map(one => one.ariaLabel)")

    def hover(self, time, row=0):
        """The tooltip of a point of the timeline, as text."""
        x, y = self.point(time, row)
        self.page.mouse.move(x - 3, y)
        self.page.mouse.move(x, y)
        self.page.wait_for_timeout(150)
        tip = self.page.locator("#timeline .tip")
        return tip.inner_text() if tip.count() and tip.is_visible() else None

    def close(self):
        self.page.close()
        assert self.wrong == []


@pytest.fixture
def open_tab(browser):
    """A function that opens a page; at the end, nothing may have gone wrong in any."""
    tabs = []

    def open_page(path, **how):
        tabs.append(Tab(browser, path, **how))
        return tabs[-1]

    yield open_page
    for tab in tabs:
        tab.close()


def record(frame, emotion, id, name, confidence):
    left = 20 + 100 * id
    return {"type": "emotion", "class": emotion, "seconds": round(frame / FPS, 3),
            "object": {"id": id, "name": name, "box": [left, 30, left + 70, 100], "confidence": confidence}}


def film():
    """Rachel is happy for 2 s, sad for 2 s, and so on; the other one is neutral from 5 s on, angry for the last."""
    records = []
    for frame in range(FRAMES):
        records.append(record(frame, ("happy", "sad")[frame // 48 % 2], 0, "rachel", 0.5 + 0.4 * (frame % 48) / 48))
        if frame >= 120:
            records.append(record(frame, "angry" if frame >= 216 else "neutral", 1, SCRIPT, 0.75))
    return records


def rgb(name):
    """The colour of an emotion, (3,), 0 to 255."""
    return np.array(ImageColor.getrgb(COLOURS[name]))


def picture(frame):
    image = np.full((180, 320, 3), frame % 200 + 20, np.uint8)
    image[30:100, 20:90] = (200, 120, 60)
    image[30:100, 120:190] = (60, 120, 200)
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory, browser):
    """Pages of the same film: with a video of an awkward name, with a folder of frames, with nothing, with a truth."""
    folder = tmp_path_factory.mktemp("pages")
    with av.open(str(folder / NASTY), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "24"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for frame in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(frame), format="rgb24")))
        container.mux(stream.encode(None))
    for name in ("video", "pictures", "nothing"):
        (folder / f"{name}.json").write_text(json.dumps(film()))
    (folder / "empty.json").write_text("[]")
    report.main(["--results", str(folder / "video.json"), "--video", str(folder / NASTY)])
    report.main(["--results", str(folder / "nothing.json")])
    report.main(["--results", str(folder / "empty.json")])
    shutil.copy(folder / NASTY, folder / "gone.mp4")
    report.main(["--results", str(folder / "pictures.json"), "--video", str(folder / "gone.mp4")])
    (folder / "gone.mp4").unlink()                           # a page whose video has been moved away
    return folder


def test_it_opens_without_an_error_and_has_what_it_is_for(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert tab.get("document.title") == "video: emotions"
    for role, name in (("main", None), ("banner", None), ("contentinfo", None), ("img", "Timeline of emotions from"),
                       ("heading", "Timeline"), ("table", "The strongest segments"), ("status", None)):
        assert tab.page.get_by_role(role, name=name).count() >= 1, role
    assert tab.show("happy").is_checked()
    assert "360 readings, 240 frames, 0:10.00" in tab.page.locator("#summary").inner_text()
    assert tab.get("[...document.querySelectorAll('button, input, video')].every(e => e.labels?.length ||"
                   " e.textContent.trim() || e.ariaLabel)")
    assert tab.get("[...document.images].every(image => image.hasAttribute('alt'))")
    assert tab.get("document.querySelectorAll('th:not([scope]), table:not(:has(caption))').length") == 0


def test_hover_shows_class_time_confidence_and_face(folder, open_tab):
    tab = open_tab(folder / "video.html")
    frame = 60                                               # 12 frames into the first sadness
    assert tab.hover(1000 * frame / FPS + 20).split("\n") == ["rachel", "Sasad 0.60",
                                                              "0:02.50, frame 60"]
    image = tab.page.locator("#timeline .tip img")
    assert image.evaluate("image => image.complete && image.naturalWidth") == 64
    assert tab.hover(1000).startswith("rachel\nHahappy 0.")
    assert tab.hover(9500, row=1).split("\n")[:2] == [SCRIPT, "Anangry 0.75"]
    assert tab.hover(3000, row=1) is None                    # nobody is there


def shot_of(tab, path):
    tab.page.screenshot(path=path)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_colours_and_heights_are_drawn(folder, open_tab, tmp_path):
    """The picture itself: at a time's place, the emotion's colour, up to the confidence's height."""
    tab = open_tab(folder / "video.html")
    tab.page.locator("#timeline").scroll_into_view_if_needed()
    shot = shot_of(tab, tmp_path / "shot.png")

    def height(time, row, name):
        x, y = tab.point(time, row)
        column = shot[round(y - 0.7 * 28):round(y + 0.3 * 28), round(x)]
        return int((np.abs(column - rgb(name)).sum(-1) < 12).sum())

    assert height(1958, 0, "happy") > height(150, 0, "happy") > 8            # 0.89 and 0.53
    assert height(1958, 0, "happy") == pytest.approx(height(150, 0, "happy") * 0.89 / 0.53, abs=2)
    assert height(3000, 0, "sad") and not height(3000, 0, "happy")
    assert height(9500, 1, "angry") and not any(height(4900, 1, name) for name in EMOTIONS)      # a gap
    whole = height(1958, 0, "happy")
    tab.hover(7500)
    shot = shot_of(tab, tmp_path / "shot.png")
    assert height(1958, 0, "happy") == whole                 # a row that is pointed at keeps its colours


def test_filters(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert tab.hover(3000).startswith("rachel\nSasad")
    tab.show("sad").uncheck()
    assert tab.hover(3000) is None and tab.hover(1000).startswith("rachel\nHahappy")
    assert "sad" not in tab.page.locator("#moments").inner_text()
    tab.show("angry").uncheck()
    tab.show("rachel").uncheck()                             # the other one is alone: all, then a line an emotion
    assert tab.labels() == [SCRIPT, *EMOTIONS]
    assert tab.page.locator("#shares-body tr").count() == 1
    tab.show(SCRIPT).uncheck()
    assert tab.page.locator("#nothing").is_visible() and not tab.page.locator("#timeline").is_visible()
    tab.show("rachel").check()
    assert tab.page.locator("#timeline").is_visible() and tab.hover(1000).startswith("rachel\nHahappy")


def test_one_click_shows_one_alone_a_second_all(folder, open_tab):
    tab = open_tab(folder / "video.html")
    both = ["rachel", SCRIPT]
    assert tab.labels() == both
    tab.page.mouse.click(*tab.point(9500))                   # both are there: sad rachel, and anger
    chip = tab.page.locator("[data-only='0']")
    chip.click()
    assert tab.labels() == both and chip.get_attribute("aria-pressed") == "true"
    assert tab.hover(9500, row=1).startswith(f"{SCRIPT}\nAnangry 0.75") and tab.hover(7000) is None
    assert tab.page.locator("#present li").count() == 2      # and she is still there, paler
    assert "rachel" in tab.page.locator("#present .faded").inner_text()
    chip.click()
    assert tab.hover(7000).startswith("rachel\nSasad")
    tab.page.locator("#names button", has_text="rachel").click()
    assert tab.labels() == [*both, *EMOTIONS]
    assert tab.page.locator("#present li").count() == 2
    sad = tab.page.locator("#names button", has_text="sad")
    sad.click()
    assert tab.labels() == [*both, *EMOTIONS] and sad.get_attribute("aria-pressed") == "true"
    tab.page.get_by_role("button", name="show all").click()
    assert tab.labels() == both and not tab.page.locator("#everything").is_visible()


def test_zoom_and_pan(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert tab.span() == [0, pytest.approx(10000, abs=5)]
    x, y = tab.point(2500)
    tab.page.mouse.move(x, y + 8)                            # between two rows
    tab.page.wait_for_timeout(400)                           # the scrolling there is over
    tab.page.mouse.wheel(0, -100)
    tab.page.wait_for_timeout(100)
    assert tab.span() == [pytest.approx(1250, abs=20), pytest.approx(6250, abs=20)]       # by half, at the pointer
    assert tab.get("report.xOf(2500)") == pytest.approx(x - tab.page.locator("#timeline").bounding_box()["x"], abs=3)
    tab.page.keyboard.down("Shift")
    tab.page.mouse.wheel(0, 100)
    tab.page.keyboard.up("Shift")
    tab.page.wait_for_timeout(100)
    start, end = tab.span()
    assert start > 1300 and end - start == pytest.approx(5000, abs=20)       # moved along
    tab.page.mouse.move(*tab.point(start + 1000))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.point(start + 3000, 1), steps=5)
    assert tab.page.locator("#band").is_visible()
    tab.page.mouse.up()
    assert tab.span() == [pytest.approx(start + 1000, abs=40), pytest.approx(start + 3000, abs=40)]     # selected
    assert tab.time() == 0                                   # and a drag is no click
    tab.page.mouse.dblclick(*tab.point(start + 2000))
    assert tab.span() == [0, pytest.approx(10000, abs=5)]
    tab.page.get_by_role("button", name="zoom in").click()
    tab.page.keyboard.press("+")
    assert tab.span()[1] - tab.span()[0] == pytest.approx(2500, abs=5)
    start = tab.span()[0]
    tab.page.get_by_role("button", name="move to later").click()
    assert tab.span()[0] == pytest.approx(start + 1250, abs=5)
    tab.page.keyboard.press("0")
    assert tab.span()[1] - tab.span()[0] == pytest.approx(10000, abs=5)
    tab.page.mouse.move(*tab.point(5000))
    tab.page.wait_for_timeout(400)
    before = tab.get("scrollY")
    tab.page.mouse.wheel(0, 100)
    tab.page.wait_for_timeout(200)
    assert tab.get("scrollY") > before                       # there is no more to zoom out: the page scrolls


def test_the_overview_moves_and_its_handles_stay_apart(folder, open_tab):
    tab = open_tab(folder / "video.html")
    tab.get("report.zoom(2000, 3000)")
    box = tab.page.locator("#overview").bounding_box()
    at = lambda time: (box["x"] + box["width"] * time / 10000, box["y"] + 15)        # noqa: E731
    tab.page.mouse.move(*at(2500))
    tab.page.mouse.down()
    tab.page.mouse.move(*at(5500), steps=4)
    tab.page.mouse.up()
    assert tab.span() == [pytest.approx(5000, abs=40), pytest.approx(6000, abs=40)]
    tab.page.mouse.click(*at(8500))                          # elsewhere: it comes there
    assert tab.span() == [pytest.approx(8000, abs=40), pytest.approx(9000, abs=40)]
    ends = [tab.page.locator(f"[data-grip='{end}']").bounding_box() for end in ("from", "to")]
    assert ends[0]["x"] + ends[0]["width"] <= ends[1]["x"]
    tab.page.mouse.move(ends[0]["x"] + 4, box["y"] + 15)
    tab.page.mouse.down()
    tab.page.mouse.move(*at(4000), steps=4)
    tab.page.mouse.up()
    assert tab.span() == [pytest.approx(4000, abs=120), pytest.approx(9000, abs=40)]


def playing(tab):
    tab.wait("document.getElementById('video').readyState >= 2")
    return tab.page.locator("#video")


def test_a_click_seeks_the_video(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert playing(tab).evaluate("video => video.videoWidth") == 320
    tab.page.mouse.click(*tab.point(6020))
    tab.wait("!document.getElementById('video').seeking")
    assert tab.time() == 6000
    seconds = tab.get("document.getElementById('video').currentTime")
    assert 6 <= seconds < 6 + 1 / FPS and tab.get("document.getElementById('video').readyState") >= 2
    assert tab.page.locator("#present li").all_inner_texts()[0].startswith("rachel")
    moment = tab.page.locator("#moments .moment").first
    moment.focus()
    tab.page.keyboard.press("Enter")                         # the first one of angry
    assert tab.time() == pytest.approx(9000, abs=100)
    assert tab.get("document.getElementById('video').currentTime") == pytest.approx(9.02, abs=0.1)


def test_playing_moves_the_present_time_and_goes_on_after_a_jump(folder, open_tab):
    tab = open_tab(folder / "video.html")
    video = playing(tab)
    tab.page.keyboard.press("Space")
    tab.wait("report.times[report.state.now] > 400")
    tab.page.mouse.click(*tab.point(5000))
    assert not video.evaluate("video => video.paused")
    tab.wait("report.times[report.state.now] > 5300")
    tab.page.keyboard.press("1")
    tab.wait("report.times[report.state.now] > 9100")
    assert not video.evaluate("video => video.paused")
    tab.page.keyboard.press("Space")
    assert video.evaluate("video => video.paused")


def test_while_it_plays_the_boxes_are_those_of_the_frame_on_the_screen(folder, open_tab):
    tab = open_tab(folder / "video.html")
    playing(tab)
    tab.get("""(() => {
        const video = document.getElementById("video");
        window.seen = [];
        const look = (_, shown) => {             // after the page's own, of the same picture
            window.seen.push([Math.round(shown.mediaTime * 1000), report.times[report.state.now]]);
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
    })()""")
    tab.page.keyboard.press("Space")
    tab.wait("window.seen.length > 20")
    tab.page.keyboard.press("Space")
    seen = np.array(tab.get("window.seen.slice(1)"))         # the first may be of before it played
    assert np.abs(seen[:, 0] - seen[:, 1]).max() <= 1


def test_every_number_is_that_of_a_reading(tmp_path, open_tab):
    """Of a drawn film that create_results.py reads: each record, and each segment."""
    write_interview(tmp_path, 1, 3.0, 0)
    create_results.main(["--root", str(tmp_path), "--video", str(tmp_path / "interview1.mp4"), "--device", "cpu",
                         "--results-path", "."])
    path = tmp_path / "interview1.json"
    report.main(["--results", str(path), "--video", str(tmp_path / "interview1.mp4")])
    tab, records = open_tab(path.with_suffix(".html")), json.loads(path.read_text())
    shown = tab.get("""report.rows.flatMap(row => [...row.frames].map((frame, i) => {
        const part = (of, size) => [...of.subarray(size * i, size * i + size)], {data} = report;
        return [report.times[frame], data.ids[row.ids[i]], data.emotions[row.emotions[i]],
                row.confidences[i] / data.full, part(row.scores, 7).map(score => score / data.full),
                part(row.boxes, 4)]; }))""")
    width, height = tab.get("report.data.size")
    assert sorted(shown) == sorted([round(1000 * made["seconds"]), face["id"], made["class"], face["confidence"], list(
        face["scores"].values()), np.clip(face["box"], 0, [width, height] * 2).tolist()]
        for made in records for face in [made["object"]]) and len(shown) > 60
    told = [line.split(",") for line in tab.get("report.segmentsCsv()").splitlines()[1:]]
    segments = json.loads(path.with_suffix(".segments.json").read_text())
    assert sorted((line[1], *map(float, (*line[2:4], *line[5:7]))) for line in told) == sorted(
        tuple(each[key] for key in ("class", "start", "end", "confidence", "peak_seconds")) for each in segments)
    assert "weights fer.pt (SHA-256 " in tab.page.locator("#made").inner_text() and segments


def test_every_number_is_that_of_the_results(tmp_path, open_tab):
    random, records = np.random.default_rng(0), []
    for frame in range(200):
        scores = random.dirichlet(np.ones(7)).round(4).tolist()
        records.append(record(frame, EMOTIONS[int(np.argmax(scores))], 1, None, round(max(scores), 3)))
        records[-1]["object"]["scores"] = dict(zip(EMOTIONS, scores))
    (tmp_path / "numbers.json").write_text(json.dumps(records))
    report.main(["--results", str(tmp_path / "numbers.json")])
    tab = open_tab(tmp_path / "numbers.html")
    faces = [each["object"] for each in records]
    assert tab.get("[...report.rows[0].confidences].map(part => part / report.data.full)") == [
        face["confidence"] for face in faces]
    assert tab.get("[...report.rows[0].scores].map(part => part / report.data.full)") == [
        score for face in faces for score in face["scores"].values()]
    means = [float(line.split(",")[5]) for line in tab.get("report.segmentsCsv()").splitlines()[1:]]
    assert means == [segment["confidence"] for segment in find_segments(records)]


def test_faces_turned_too_far_are_paler(tmp_path, open_tab):
    records = [record(frame, "happy", 0, "rachel", 0.9) for frame in range(FRAMES)]
    for frame, one in enumerate(records):
        one["object"] |= {"pose": {"yaw": 50.0 if frame < 120 else 5.0, "pitch": 0.0, "roll": 0.0}, "mesh": 0.9}
    (tmp_path / "turned.json").write_text(json.dumps(records))
    report.main(["--results", str(tmp_path / "turned.json"), "--most-turn", "30"])
    tab = open_tab(tmp_path / "turned.html")
    for time, paler in ((2000, 1), (8000, 0)):
        tab.page.mouse.click(*tab.point(time))
        present = tab.page.locator("#present li")
        assert present.count() == 1 and tab.page.locator("#present li.faded").count() == paler


def test_the_player_stays_in_view_and_its_controls_lie_below(folder, open_tab):
    """Wherever the page is scrolled to; on wide screens beside the timeline, and large."""
    for width, tall in ((1440, 300), (390, 120)):
        tab = open_tab(folder / "video.html", width=width)
        playing(tab)
        tab.page.set_viewport_size({"width": width, "height": 844})
        tab.page.mouse.move(width - 20, 800)
        tab.get("document.querySelector('#moments tr:last-child').scrollIntoView()")
        box = tab.page.locator("#video").bounding_box()
        assert box["y"] >= 0 and box["height"] >= tall and box["y"] + box["height"] < 600
        controls = tab.page.locator("#controls").bounding_box()
        assert controls["y"] >= box["y"] + box["height"]
        assert not tab.page.locator("#video").evaluate("video => video.controls")
        assert tab.page.locator("#timeline").bounding_box()["height"] < 3 * 60       # two rows


def test_boxes_lie_on_the_faces(folder, open_tab):
    tab = open_tab(folder / "video.html")
    playing(tab)
    tab.page.mouse.click(*tab.point(9500))
    screen, boxes = tab.page.locator("#video").bounding_box(), tab.page.locator("#boxes .box")
    scale = screen["width"] / 320
    assert boxes.count() == 2
    for place, left in ((0, 20), (1, 120)):
        box = boxes.nth(place).bounding_box()
        assert box["x"] - screen["x"] == pytest.approx(left * scale, abs=1.5)
        assert box["y"] - screen["y"] == pytest.approx(30 * scale, abs=1.5)
        assert (box["width"], box["height"]) == (pytest.approx(70 * scale, abs=2), pytest.approx(70 * scale, abs=2))
    assert boxes.nth(0).inner_text().startswith("rachel · happy 0.") and "angry 0.75" in boxes.nth(1).inner_text()
    tab.page.locator("#draw-boxes").uncheck()
    assert boxes.count() == 0


TRACK = "document.getElementById('video').textTracks[0]"


def test_subtitles_are_a_track_of_the_video(folder, open_tab, tmp_path):
    """Off at first; the words and times of export_results.py's .vtt, and drawn over the picture."""
    tab = open_tab(folder / "video.html")
    playing(tab)
    assert tab.get(f"[{TRACK}.kind, {TRACK}.mode]") == ["subtitles", "disabled"]
    tab.page.mouse.click(*tab.point(3000))
    tab.wait("!document.getElementById('video').seeking")
    tab.page.locator("#draw-boxes").uncheck()

    def picture():
        box = tab.page.locator("#video").bounding_box()
        left, top, right, bottom = (round(edge) for edge in (box["x"], box["y"] + 0.7 * box["height"],
                                                             box["x"] + box["width"], box["y"] + box["height"]))
        return shot_of(tab, tmp_path / "shot.png")[top:bottom, left:right]

    before = picture()
    switch = tab.page.get_by_role("checkbox", name="subtitles")
    switch.check()
    tab.wait(f"{TRACK}.activeCues?.length")
    cues = tab.get(f"[...{TRACK}.cues].map(cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent])")
    wanted = [[start / 1000, end / 1000, f"{person}: {emotion}"]
              for person, spans in person_tiers(find_segments(film())).items() for start, end, emotion in spans]
    assert sorted(cues) == sorted(wanted) and len(cues) == 7
    assert tab.get(f"[...{TRACK}.activeCues].map(cue => cue.text)") == ["rachel: sad"]
    tab.page.wait_for_timeout(300)
    assert (np.abs(picture() - before).sum(-1) > 200).sum() > 300            # white letters on black
    tab.page.mouse.click(*tab.point(9500))
    tab.wait(f"{TRACK}.activeCues.length === 2")
    tab.page.locator("#names button", has_text="rachel").click()             # of what is shown
    assert tab.get(f"[...{TRACK}.cues].every(cue => cue.text.startsWith('rachel'))")
    switch.uncheck()
    assert tab.get(f"{TRACK}.mode") == "disabled"
    tab.get(f"{TRACK}.mode = 'showing'")                     # as a browser's own menu does
    tab.wait("document.getElementById('subtitles').checked")


def test_no_video_no_subtitles(folder, open_tab):
    assert open_tab(folder / "nothing.html").page.get_by_role("checkbox", name="subtitles").count() == 0
    tab = open_tab(folder / "pictures.html")
    tab.wait("!document.getElementById('picture').hidden")
    assert not tab.page.locator("#subtitles").is_visible()
    tab.wrong.clear()                                        # that its video is gone


def test_keys(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    press = tab.page.keyboard.press
    press("ArrowRight")
    press("ArrowRight")
    assert tab.time() == round(2000 / FPS)
    press("ArrowLeft")
    assert tab.time() == round(1000 / FPS)
    press("Shift+ArrowRight")
    assert tab.time() == round(25000 / FPS)
    press("Shift+ArrowLeft")
    press("ArrowLeft")
    press("ArrowLeft")
    assert tab.time() == 0                                   # and not before the start
    sad, happy = str(EMOTIONS.index("sad") + 1), str(EMOTIONS.index("happy") + 1)
    went = []
    for key in (sad, sad, happy, sad, "1", "7", "2"):
        press(key)
        went.append(tab.time())
    # peaks: sad at the end of 2 to 4 s and 6 to 8 s; happy of 8 to 10 s; round to the first sad one; angry and neutral
    # where they begin, at 9 and 5 s; no disgust
    assert went == pytest.approx([3958, 7958, 9958, 3958, 9000, 5000, 5000], abs=45)
    tab.page.wait_for_timeout(250)
    assert "no disgust segment is shown" in tab.page.locator("#said").inner_text()
    tab.show("happy").focus()
    before = tab.time()
    press("ArrowRight")
    assert tab.time() > before                               # a checkbox has no use for these keys
    press("ArrowLeft")
    tab.get("document.querySelector('main').append(document.createElement('input'))")
    tab.page.locator("main > input").focus()
    press("ArrowRight")
    press("1")
    assert tab.time() == before                              # a text field keeps them
    tab.show("rachel").uncheck()
    tab.page.get_by_role("button", name="whole").focus()
    press(sad)
    assert tab.time() == before                              # rachel's are hidden
    press("1")
    tab.page.wait_for_timeout(250)
    said = tab.page.locator("#said").inner_text()
    assert said.startswith(f"{SCRIPT} angry, 0:09.0") and said.endswith(" to 0:10.00, mean 0.75")


def test_a_step_keeps_the_view(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    tab.get("report.zoom(6000, 8000)")                       # elsewhere than the present time
    tab.page.keyboard.press("ArrowRight")
    assert tab.span() == [6000, 8000] and tab.time() == 42
    tab.get("report.zoom(0, 1000)")
    tab.page.keyboard.press("Shift+ArrowRight")              # out of a view that it was in: that goes along
    start, end = tab.span()
    assert start <= tab.time() < end and end - start == pytest.approx(1000)


def test_frames_between_two_readings_are_reached_too(folder, open_tab):
    """Results of every fifth frame, beside a video of all."""
    few = [made for made in film() if round(made["seconds"] * FPS) % 5 == 0]
    (folder / "every.json").write_text(json.dumps(few))
    report.main(["--results", str(folder / "every.json"), "--video", str(folder / NASTY)])
    tab, at = open_tab(folder / "every.html"), []
    playing(tab)
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "7", "Shift+ArrowRight"):
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(300)
        tab.wait("!document.getElementById('video').seeking")
        at.append(tab.get("report.state.now"))
        seconds = tab.get("document.getElementById('video').currentTime")
        assert at[-1] / FPS <= seconds < (at[-1] + 1) / FPS
    assert at == [1, 2, 3, 2, 120, 144]
    assert tab.get("report.state.to") == pytest.approx(10000, abs=2)


def test_without_a_video_the_nearest_picture_is_shown(folder, open_tab):
    tab = open_tab(folder / "pictures.html")
    tab.page.wait_for_selector("#picture:not([hidden])")     # its video is gone
    assert tab.page.locator("#video").is_hidden() and "gone.mp4" in tab.page.locator("#video-note").inner_text()
    tab.page.mouse.click(*tab.point(6020))
    assert tab.page.locator("#picture-caption").inner_text().startswith("the frame at 0:06.0")
    image = tab.page.locator("#picture-image")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    level = image.evaluate("""image => { const canvas = document.createElement('canvas');
        canvas.width = 320; canvas.height = 180; const brush = canvas.getContext('2d'); brush.drawImage(image, 0, 0);
        return brush.getImageData(300, 160, 1, 1).data[0]; }""")
    assert abs(level - picture(144)[160, 300, 0]) < 8        # the frame's own brightness
    assert tab.page.locator("#boxes .box").count() == 2
    tab.wrong[:] = [line for line in tab.wrong if "ERR_FILE_NOT_FOUND" not in line]       # the browser's own word


def test_a_video_whose_picture_is_not_decoded_falls_back_to_pictures(folder, open_tab):
    """A browser opens it, plays its sound, shows black and says nothing: HEVC of a phone. Here a codec none has."""
    path = folder / "phone.mov"
    with av.open(str(path), "w") as container:
        stream, sound = container.add_stream("prores_ks", rate=FPS), container.add_stream("aac", rate=48000)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv422p10le"
        sound.layout = "mono"
        for frame in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(frame), format="rgb24")))
        for place in range(0, 48000 * FRAMES // FPS, 1024):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 48000, place
            container.mux(sound.encode(silence))
        container.mux([*stream.encode(None), *sound.encode(None)])
    (folder / "phone.json").write_text(json.dumps(film()))
    report.main(["--results", str(folder / "phone.json"), "--video", str(path)])
    tab = open_tab(folder / "phone.html")
    tab.page.wait_for_selector("#picture:not([hidden])")
    assert "cannot decode the picture of phone.mov" in tab.page.locator("#video-note").inner_text()
    assert tab.page.locator("#video").is_hidden()
    tab.page.mouse.click(*tab.point(6020))
    assert tab.page.locator("#picture-caption").inner_text().startswith("the frame at 0:06.0")
    tab.page.keyboard.press("Space")                         # its sound plays, and the pictures with it
    tab.wait("report.times[report.state.now] > 6400")
    tab.page.keyboard.press("Space")


def test_a_video_that_is_gone_is_named_and_another_chosen(folder, open_tab):
    tab = open_tab(folder / "pictures.html")
    tab.wait("!document.getElementById('find-video').hidden")
    assert "not at gone.mp4 from this page" in tab.page.locator("#video-note").inner_text()
    assert axe(tab) == []
    tab.page.locator("#video-file").set_input_files(folder / NASTY)
    tab.wait("document.getElementById('video').readyState >= 2")
    assert tab.page.locator("#video").is_visible() and not tab.page.locator("#picture").is_visible()
    tab.page.keyboard.press("Space")
    tab.wait("report.times[report.state.now] > 300")
    assert tab.get("document.getElementById('video').currentSrc").startswith("blob:")
    tab.wrong[:] = [line for line in tab.wrong if "ERR_FILE_NOT_FOUND" not in line and not line.startswith("blob:")]


def test_labels_of_a_crowd_are_small_and_whole_under_the_pointer(tmp_path, open_tab, folder):
    path = tmp_path / "crowd.json"
    records = [record(frame, "happy", number, f"person {number}", 0.9) for frame in range(24) for number in range(6)]
    for made in records:
        made["object"]["box"] = [5 + 50 * made["object"]["id"], 60, 50 + 50 * made["object"]["id"], 110]
    path.write_text(json.dumps(records))
    report.main(["--results", str(path), "--video", str(folder / NASTY)])
    tab = open_tab(tmp_path / "crowd.html")
    playing(tab)
    said = tab.page.locator("#boxes .said")
    assert said.all_inner_texts() == ["Ha"] * 6
    lefts = [said.nth(n).bounding_box() for n in range(6)]
    assert all(a["x"] + a["width"] < b["x"] for a, b in zip(lefts, lefts[1:]))
    tab.page.locator("#boxes .box").nth(2).hover()
    assert said.nth(2).inner_text() == "person 2 · happy 0.90" and said.nth(3).inner_text() == "Ha"


def test_labels_that_would_cover_each_other_are_small(tmp_path, open_tab, folder):
    """Two faces beside each other, and one apart, whose label stays whole."""
    records = [record(frame, "happy", number, f"person {number}", 0.9) for frame in range(24) for number in range(3)]
    for made in records:
        left = (20, 50, 220)[made["object"]["id"]]
        made["object"]["box"] = [left, 90, left + 24, 120]
    (tmp_path / "three.json").write_text(json.dumps(records))
    report.main(["--results", str(tmp_path / "three.json"), "--video", str(folder / NASTY)])
    tab = open_tab(tmp_path / "three.html")
    playing(tab)
    said = tab.page.locator("#boxes .said")
    assert said.all_inner_texts() == ["Ha", "Ha", "person 2 · happy 0.90"]
    tab.page.locator("#boxes .box").first.hover()
    assert said.first.inner_text() == "person 0 · happy 0.90"


def test_a_video_that_a_browser_stops_at_plays_on_from_elsewhere(tmp_path, open_tab, folder):
    """A packet whose length is more than the file's: Chromium ends there."""
    video = tmp_path / "damaged.mp4"
    shutil.copy(folder / NASTY, video)
    (tmp_path / "damaged.json").write_text(json.dumps(film()))
    report.main(["--results", str(tmp_path / "damaged.json"), "--video", str(video)])
    with av.open(str(video)) as container:
        broken = [packet.pos for packet in container.demux(video=0) if packet.size][100]
    content = bytearray(video.read_bytes())
    content[broken:broken + 4] = b"\x7f\xff\xff\xff"
    video.write_bytes(content)
    tab = open_tab(tmp_path / "damaged.html")
    playing(tab)
    tab.get("report.seek(102)")
    tab.wait("!document.getElementById('video-note').hidden")
    assert "cannot decode a picture of damaged.mp4 at or before 0:04.25" in tab.page.locator("#video-note").inner_text()
    assert tab.page.locator("#picture").is_visible() and not tab.page.locator("#find-video").is_visible()
    tab.get("report.seek(150)")
    assert tab.page.locator("#picture").is_visible()
    tab.page.locator("#play").click()
    tab.wait("report.times[report.state.now] > 6500")
    assert tab.page.locator("#video").is_visible() and not tab.page.locator("#video-note").is_visible()
    tab.wrong.clear()                                        # what the browser itself says of it


def test_nothing_but_the_results(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    assert "it has no pictures" in tab.page.locator("#now").inner_text()
    assert tab.page.locator("#screen").is_hidden() and tab.page.locator("#video").count() == 0
    assert tab.hover(3020).split("\n") == ["rachel", "Sasad 0.70", "0:03.00"]
    assert "240 times" in tab.page.locator("#summary").inner_text()          # frames are not known


def test_no_face_at_all(folder, open_tab):
    tab = open_tab(folder / "empty.html")
    assert tab.page.locator("main").inner_text() == (     # only that
        "No face was found: the results hold no record. create_results.py finds smaller faces with a lower --min-face, "
        "and less certain ones with a lower --min-score.")
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("1")
    assert tab.get("report.state.now") == 0


def test_a_name_that_is_a_script_stays_text(folder, open_tab):
    """Shown as it is wherever it stands, and never run: a dialog would be noted in `wrong`, and fail the test."""
    tab = open_tab(folder / "video.html")
    tab.page.mouse.click(*tab.point(9500, row=1))
    tab.get("for (const fold of document.querySelectorAll('details')) fold.open = true")
    tab.hover(9500, row=1)
    for place in (".tip-who", "#present", "#filters", "#shares-table", "#people"):
        assert SCRIPT in tab.page.locator(place).first.inner_text()
    assert SCRIPT in tab.get("[...document.querySelectorAll('#moments [title]')].map(moment => moment.title)")
    assert NASTY in tab.page.locator("#summary").inner_text()
    assert tab.page.locator("#video").get_attribute("aria-label") == NASTY
    assert tab.get("[...document.images].filter(image => image.getAttribute('src') === 'x').length") == 0
    assert tab.get("document.getElementById('video').error") is None
    assert tab.get("[...document.scripts].length") == 3


def test_its_policy_runs_no_other_script(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert tab.get("""() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';
        document.body.append(script); return window.ran === undefined; }""")
    assert any("Content Security Policy" in line for line in tab.wrong)
    tab.wrong.clear()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory, browser):
    """A page of 700 people, one of them seen for long and another in the last frames alone, with a picture each."""
    folder = tmp_path_factory.mktemp("crowd")
    records = [record(frame, "happy", frame // 3, None, 0.9) for frame in range(2100)]
    records += [record(frame, "sad", 350, None, 0.8) for frame in range(100)]
    for made in records:
        made["object"]["box"] = [20, 30, 90, 100]
    records.sort(key=lambda made: (made["seconds"], made["object"]["id"]))
    (folder / "crowd.json").write_text(json.dumps(records))
    with av.open(str(folder / "crowd.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in range(2100):
            image = np.full((120, 160, 3), 20 + frame // 10, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    report.main(["--results", str(folder / "crowd.json"), "--video", str(folder / "crowd.mp4"), "--rows", "10"])
    return folder / "crowd.html"


def test_everybody_has_a_row_that_scrolls(crowd, open_tab):
    tab = open_tab(crowd)
    assert tab.get("report.rows.length") == 700 and tab.labels() == ["face 350", *(f"face {n}" for n in range(9))]
    assert tab.page.locator("#timeline").bounding_box()["height"] < 10 * 28 + 40
    tab.get("document.getElementById('scroller').scrollTop = 28 * 690")
    tab.wait("report.state.top === 690")
    assert tab.labels() == [f"face {n}" for n in range(690, 700)]
    time = 1000 * (3 * 695 + 1) / FPS + 10
    assert tab.hover(time, row=5).startswith("face 695\nHahappy ")
    grey = tab.page.locator("#timeline .tip img").evaluate("""image => image.decode().then(() => {
        const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
        brush.drawImage(image, 0, 0); return brush.getImageData(30, 30, 1, 1).data[0]; })""")
    assert abs(grey - 20 - 3 * 695 // 10) < 6                # the person's own
    tab.get("document.getElementById('scroller').scrollTop = 0")
    tab.wait("report.state.top === 0")
    assert tab.labels()[0] == "face 350"


def test_the_search_finds_every_id(crowd, open_tab):
    tab = open_tab(crowd)
    tab.page.locator("#search").fill("699")
    assert tab.labels()[0] == "face 699" and tab.page.locator("#nothing").is_hidden()
    tab.page.locator("#search").fill("700")
    assert tab.page.locator("#nothing").inner_text() == "Nobody who is shown is called “700”."
    tab.page.locator("#search").fill("face 35")
    assert tab.labels() == ["face 350", "face 35", *(f"face {n}" for n in range(351, 359))]
    assert tab.page.locator("#shares-body tr").count() == 60
    tab.page.get_by_role("button", name="show 640 more").click()
    assert tab.page.locator("#shares-body tr").count() == 700


def test_everybody_can_be_joined_several_at_once(crowd, open_tab):
    tab = open_tab(crowd)
    tab.page.get_by_text("Join, split and name people").click()
    assert tab.page.locator("#people li").count() == 700
    assert tab.page.locator("#people img").count() == 700
    texts = tab.page.locator("#people bdi")
    assert texts.first.inner_text() == "face 350"
    tab.page.get_by_label("Order of the people").select_option("came")
    assert texts.all_inner_texts()[1:3] == ["face 0", "face 1"]
    for number in (698, 601, 12):                            # those ticked stay, whoever is searched
        tab.page.get_by_label("Search people to name").fill(str(number))
        tab.page.get_by_role("checkbox", name=f"face {number} 0.1 s").check()
    tab.page.get_by_label("Name", exact=True).fill("Anna")
    tab.page.get_by_role("button", name="name or join").click()
    assert tab.get("report.rows.length") == 698 and tab.labels()[:2] == ["Anna", "face 350"]
    tab.page.locator("#search").fill("601")
    assert tab.labels()[0] == "Anna"                         # by the id as well
    names = json.loads(tab.get("report.namesFile()"))["names"]
    assert sorted(entry["id"] for entry in names) == [12, 601, 698]


def test_people_are_listed_by_likeness(tmp_path, open_tab):
    """Of five people on a line, the second and the fourth seen together; without encodings there is no such order."""
    path = tmp_path / "alike.json"
    shown = [(1, 0, 24), (2, 30, 42), (4, 30, 42), (3, 60, 66), (5, 80, 83)]      # (id, from, to)
    path.write_text(json.dumps(sorted([record(frame, "happy", id, None, 0.9) for id, *frames in shown
                                       for frame in range(*frames)], key=lambda made: made["seconds"])))
    report.main(["--results", str(path)])
    assert open_tab(tmp_path / "alike.html").page.locator("#alike").count() == 0
    write_faces(tmp_path / "alike.faces.npz", {"version": VERSION, "source": "", "options": {}}, np.zeros(0, FACE), [0])
    places = {1: 0.0, 2: 0.5, 3: 0.85, 4: 0.55, 5: 0.2}
    add_reading(path, {}, {id: np.array([place] + 127 * [0.0]) for id, place in places.items()})
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "alike.html")
    tab.page.get_by_text("Join, split and name people").click()
    texts, tick = tab.page.locator("#people bdi"), lambda name: tab.page.get_by_role("checkbox", name=name).check()
    tab.page.get_by_label("Order of the people").select_option("alike")
    assert texts.all_inner_texts()[:2] == ["face 1", "face 5"]                # the two most alike
    tick("face 4")
    before = texts.all_inner_texts()
    tab.page.get_by_role("button", name="who looks like them").click()
    assert texts.all_inner_texts() == ["face 4", "face 3", "face 5", "face 1", "face 2"] != before
    tab.page.locator("#people input").first.uncheck()
    tick("face 2")
    tick("face 5")
    tab.page.get_by_role("button", name="who looks like them").click()
    assert texts.all_inner_texts() == ["face 5", "face 2", "face 1", "face 3", "face 4"]     # to either of them
    assert axe(tab) == []


def test_names_that_mean_something_to_scripts(tmp_path, open_tab):
    names = ["__proto__", "constructor", "a\nb", "{a|b}", "{value}", "'`${1}", "x" * 500, "\u202etxet", "\U0001f600"]
    path = tmp_path / "names.json"
    path.write_text(json.dumps([record(frame, "happy", number, name, frame % 2) for frame in range(24)
                                for number, name in enumerate(names)]))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "names.html", width=400)
    assert tab.get("document.documentElement.scrollWidth") <= 400
    tab = open_tab(tmp_path / "names.html")
    assert tab.get("report.rows.map(row => row.label)") == names
    assert tab.hover(500, names.index("__proto__")).startswith("__proto__\nHahappy")
    assert tab.get("Object.keys(Object.prototype)") == []


def contrasts(tab):
    """The least contrast (WCAG 2) of any text that is seen, with what it says."""
    return tab.get("""() => {
        const parse = text => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 :
            ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = element => {
            const layers = [];
            for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
            return layers.reverse().reduce((under, [r, g, b, a = 1]) =>
                [r, g, b].map((v, i) => a * v + (1 - a) * under[i]), [255, 255, 255]);
        };
        let least = [99, ''];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const text = walker.currentNode.textContent.trim(), parent = walker.currentNode.parentElement;
            if (!text || /SCRIPT|NOSCRIPT/.test(parent.tagName) || !parent.checkVisibility()) continue;
            const a = light(parse(getComputedStyle(parent).color)), b = light(ground(parent));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < least[0]) least = [ratio, text];
        }
        return least;
    }""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(folder, open_tab, scheme, drawn_episode):
    for path in (folder / "video.html", folder / "empty.html", drawn_episode):
        tab = open_tab(path, scheme=scheme)
        ratio, text = contrasts(tab)
        assert ratio >= 4.5, text
    ground = [int(value) for value in tab.get("getComputedStyle(document.body).backgroundColor")[4:-1].split(",")]
    assert (sum(ground) < 150) == (scheme == "dark")


@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_its_window(folder, open_tab, width, drawn_episode):
    for path in (folder / "video.html", drawn_episode):
        tab = open_tab(path, width=width)
        assert tab.get("document.documentElement.scrollWidth") <= width
        assert tab.get("document.querySelector('#timeline canvas').getBoundingClientRect().right") <= width
        ends = tab.get("""[0, 1000, report.state.to].map(time =>
            [report.chart.convertToPixel({xAxisIndex: 0}, time), report.xOf(time)])""")
        assert all(drawn == pytest.approx(meant, abs=0.5) for drawn, meant in ends)      # one time, one place
        middles = tab.page.locator("#names button").evaluate_all("""all => all.map((button, place) => {
            const box = button.getBoundingClientRect(), line = document.getElementById('timeline');
            return [box.top - line.getBoundingClientRect().top - report.TOP - place * report.ROW(),
                    box.height - report.ROW()]; })""")
        assert len(middles) > 1 and np.abs(middles).max() < 1        # each name beside its line


@pytest.fixture(scope="module")
def drawn_episode(browser, parsed, tmp_path_factory):
    """The page of sample episode 1, whose results are the drawn truth, but every happy face sad."""
    truth = json.loads((parsed / "datasets/Friends/sample_truth.json").read_text())["1"]
    path = tmp_path_factory.mktemp("drawn") / "friends_s01_ep01.json"
    path.write_text(json.dumps([
        {"type": "emotion", "class": "sad" if face["emotion"] == "happy" else face["emotion"],
         "seconds": round(face["frame"] * 1001 / 24000, 3),
         "object": {"id": number, "name": face["name"], "box": face["box"], "confidence": 0.75}}
        for number, face in enumerate(truth)]))
    report.main(["--root", str(parsed), "--results", str(path)])
    return path.with_suffix(".html")


def test_the_truth_is_drawn_beside_the_prediction(drawn_episode, open_tab):
    tab = open_tab(drawn_episode)
    assert tab.page.get_by_role("table", name="Annotated emotion").count() == 1
    happy = EMOTIONS.index("happy")
    row, time = tab.get(f"""(() => {{ for (const row of report.rows) {{
        const place = row.truth.emotions.indexOf({happy});
        if (place >= 0) return [row.place, (row.truth.starts[place] + row.truth.ends[place]) / 2]; }} }})()""")
    time += 20
    assert "sad 0.75" in tab.hover(time, row) and "annotated happy" in tab.hover(time, row)
    tab.page.mouse.click(*tab.point(time, row))
    assert "annotated happy" in tab.page.locator("#present").inner_text()


def test_screenshot(drawn_episode, open_tab, request, tmp_path):
    """The README's picture: `pytest tests/page/test_browser.py -k screenshot --screenshot PAGE` writes it anew."""
    given = request.config.getoption("--screenshot")
    path = Path("docs/report.png").resolve() if given else tmp_path / "report.png"
    tab = open_tab(Path(given).resolve() if given else drawn_episode)
    if tab.page.locator("#video").count():
        tab.wait("document.getElementById('video').readyState >= 2")
    row, frame = tab.get("(row => [row.place, row.frames[3 * row.frames.length >> 2]])(report.rows.at(-1))")
    tab.get(f"report.seek({frame})")
    tab.page.set_viewport_size({"width": 1280, "height": 1200})
    if tab.page.locator("#video").count():
        tab.wait("!document.getElementById('video').seeking")
    tab.page.wait_for_timeout(1000)                          # the browser's own sign of waiting fades
    assert tab.hover(tab.time() + 20, row)
    bottom = tab.get("document.getElementById('timeline-part').getBoundingClientRect().bottom + scrollY")
    tab.page.screenshot(path=path, clip={"x": 0, "y": 0, "width": 1280, "height": bottom + 14}, full_page=True)
    with Image.open(path) as image:
        image.convert("RGB").save(path, optimize=True)
    assert path.stat().st_size < 300_000
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    shown = [name for name in EMOTIONS if (np.abs(pixels - rgb(name)).sum(-1) < 24).sum() > 150]
    assert len(shown) >= 5, shown                            # each has its swatch, and most are in the timeline


class Noise:
    """Frames of a long video, 640x360 and hard to compress, made as they are asked for."""

    def __init__(self, number, images):
        self.number, self.seconds, self.images = number, number * 1001 / 24000, images

    @property
    def rgb(self):
        return self.images[self.number % len(self.images)]


LONG = 30000


@pytest.fixture(scope="module")
def long_page(tmp_path_factory, browser):
    """A page of 30,000 frames with three faces each, with pictures as heavy as they come."""
    rng = np.random.default_rng(0)
    images = [np.kron(rng.integers(0, 256, (90, 160, 3)), np.ones((4, 4, 1))).astype(np.uint8) for _ in range(5)]
    moods = [np.repeat(rng.integers(0, 7, LONG // 20), 20) for _ in range(3)]
    sure = rng.uniform(0.3, 1, (LONG, 3)).round(3)
    path = tmp_path_factory.mktemp("long") / "long.json"
    with open(path, "w") as file:
        file.write("[" + ",\n".join(json.dumps(
            {"type": "emotion", "class": EMOTIONS[moods[who][frame]], "seconds": round(frame * 1001 / 24000, 3),
             "object": {"id": who, "name": ("ross", "monica", "joey")[who], "confidence": sure[frame, who],
                        "box": [40 + 200 * who, 60, 180 + 200 * who, 200]}})
            for frame in range(LONG) for who in range(3)) + "]")
    (path.parent / "frames").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "read_frames", lambda *_: (Noise(number, images) for number in range(LONG)))
        patch.setattr(report, "count_frames", lambda *_: LONG)
        report.main(["--results", str(path), "--video", str(path.parent / "frames")])
    return path.with_suffix(".html"), moods, sure


def thread_time(tab):
    """A function that says the seconds of a core that the page's thread has worked since it was asked last."""
    chromium, last = tab.page.context.new_cdp_session(tab.page), [0.0]
    chromium.send("Performance.enable", {"timeDomain": "threadTicks"})

    def since():
        metrics = {metric["name"]: metric["value"] for metric in chromium.send("Performance.getMetrics")["metrics"]}
        former, last[0] = last[0], metrics["TaskDuration"]
        return last[0] - former
    return since


def test_a_whole_episode_opens_soon_and_is_small(long_page, open_tab):
    """By the time of a core, which nothing else on the machine adds to."""
    path, _, _ = long_page
    size = path.stat().st_size
    assert 5_000_000 < size <= LARGEST < 10_000_000          # full of pictures, and still below
    tab = open_tab(path)
    spent = thread_time(tab)
    tab.page.reload()
    tab.wait("window.reportReady")
    opened = spent()
    tab.get("""async () => { for (let i = 0; i < 20; i++) {
        report.zoom(i * 20000, i * 20000 + 900000 / (i + 1));
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    } }""")
    zoomed = spent() / 20
    print(f"{size / 1e6:.1f} MB; opened in {opened:.2f} s of a core, {tab.get('reportReady') / 1000:.2f} by the clock; "
          f"a zoom is drawn in {1000 * zoomed:.0f} ms of a core")
    assert 0.05 < opened < 1.5 and 0.001 < zoomed < 0.1


def test_bins_are_means_and_shares(long_page, open_tab):
    path, moods, sure = long_page
    tab = open_tab(path)
    ross = tab.get("report.rows.findIndex(row => row.label === 'ross')")
    size, times = 5000, np.round(np.arange(LONG + 1) * 1001 / 24)
    bins = tab.get(f"""report.binned(report.rows[{ross}], 0, report.state.to, {size}, 3).map(bin => ({{...bin,
        spans: [...bin.spans], sums: [...bin.sums]}}))""")
    assert len(bins) == np.ceil(times[-1] / size)
    for bin in bins[5:-5:19]:
        inside = np.clip(np.minimum(times[1:], bin["end"]) - np.maximum(times[:-1], bin["start"]), 0, None)
        spans = np.bincount(moods[0], inside, 7)
        assert bin["spans"] == pytest.approx(spans.tolist(), abs=3) and bin["seen"] == pytest.approx(1)
        sums = np.bincount(moods[0], inside * sure[:, 0], 7)                 # the mean, not the maximum
        assert np.array(bin["sums"]) == pytest.approx(sums, abs=0.005 * size)
        assert bin["score"] == pytest.approx(sums[3] / size, abs=0.005)


def test_far_shares_nearer_segments_nearest_readings(long_page, open_tab):
    path, moods, _ = long_page
    tab = open_tab(path)
    rectangles = """report.chart.getZr().storage.getDisplayList(true)
        .reduce((sum, shape) => sum + (shape.shape?.bars ? shape.shape.bars.length / 4 : 0), 0)"""
    width = tab.get("document.getElementById('timeline').clientWidth")
    assert tab.get("report.level()") == "shares" and width < tab.get(rectangles) < 7 * width
    assert "readings" in tab.hover(600000) and "sure" in tab.hover(600000)
    tab.get("report.zoom(500000, 530000)")
    assert tab.get("report.level()") == "segments"
    place = tab.get("report.ranked().find(each => each.start > 505000 && each.end < 525000 && each.row.place === 0)")
    tip = tab.hover((place["start"] + place["end"]) / 2)
    assert f"{(place['end'] - place['start']) / 1000:.1f} s" in tip and EMOTIONS[place["emotion"]] in tip
    tab.get("report.zoom(500000, 510000)")
    assert tab.get("report.level()") == "readings" and 700 < tab.get(rectangles) < 760      # 240 frames, three rows
    frame = 12100
    assert f"frame {frame}" in tab.hover(frame * 1001 / 24 + 20)


def test_gaps_stay_gaps(folder, open_tab):
    tab = open_tab(folder / "video.html")
    for size in (50, 1000):
        bins = tab.get(f"report.binned(report.rows.find(row => row.label !== 'rachel'), 0, 10000, {size})")
        assert bins[0]["start"] == 5000 and bins[-1]["end"] == pytest.approx(10000, abs=5)


def test_segments_are_ranked_anew_by_length_and_confidence(folder, open_tab):
    tab = open_tab(folder / "video.html")
    ranked = tab.get("report.ranked().map(each => [each.row.label, each.emotion, each.end - each.start, each.mean])")
    worth = [length * mean for _, _, length, mean in ranked]
    assert worth == sorted(worth, reverse=True) and ranked[0][0] == SCRIPT           # neutral for 4 s at 0.75
    buttons = tab.page.locator("#moments .moment")
    assert buttons.count() == len(ranked) and " s · 0." in buttons.first.inner_text()
    tab.page.locator("#names button", has_text="rachel").click()
    assert {row for row, *_ in tab.get("report.ranked().map(each => [each.row.label])")} == {"rachel"}
    assert set(tab.page.locator("#moments .moment [title]").evaluate_all("all => all.map(e => e.title)")) == {"rachel"}
    assert "none" in tab.page.locator("#moments tr").first.inner_text()      # she is never angry


def test_seconds_beside_percent_and_sorting(folder, open_tab):
    tab = open_tab(folder / "video.html")
    rows = tab.page.locator("#shares-body tr")
    assert rows.locator("th").all_inner_texts() == ["rachel", SCRIPT]
    cells = rows.nth(1).locator("td").all_inner_texts()
    assert cells[0] == "5.0 s" and cells[2].split() == ["1.0", "s", "20.0", "%"] and cells[-1] == "120"
    bars = [rows.nth(n).locator(".share-bar").evaluate(
        "bar => [...bar.children].reduce((sum, part) => sum + part.getBoundingClientRect().width, 0)") for n in (0, 1)]
    assert bars[1] == pytest.approx(bars[0] / 2, rel=0.03)   # half as long seen, half as long drawn
    tab.page.locator("[data-sort='0'] button").click()       # angry
    assert rows.locator("th").all_inner_texts() == [SCRIPT, "rachel"]
    assert tab.page.locator("[data-sort='0']").get_attribute("aria-sort") == "descending"
    tab.page.locator("[data-sort='person'] button").click()
    assert rows.locator("th").all_inner_texts() == [SCRIPT, "rachel"]
    tab.page.locator("[data-sort='person'] button").click()
    assert rows.locator("th").all_inner_texts() == ["rachel", SCRIPT]


def test_curves_and_their_highest_points(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    tab.page.get_by_role("button", name="curves").click()
    assert "one person, or of one emotion" in tab.page.locator("#curves-note").inner_text()
    tab.page.locator("[data-only='0']").click()              # of anger: two people and their difference
    assert tab.get("report.curves().map(curve => curve.label)") == ["rachel", SCRIPT, "difference"]
    tab.get("report.zoom(8000, 10000)")
    values = dict(tab.get("report.points(report.curves()[1])"))
    assert {round(value, 2) for time, value in values.items() if time > 9050} == {0.75}
    assert tab.page.locator("#curves canvas").bounding_box()["height"] > 200
    tab.page.locator("[data-only='0']").click()
    tab.page.locator("#names button", has_text="rachel").click()
    assert tab.get("report.curves().map(curve => curve.label)") == list(EMOTIONS)
    tab.page.keyboard.press("Shift+Digit4")                  # of happiness: the end of a stretch
    assert tab.time() in (1958, 5958, 9958)
    tab.page.get_by_role("button", name="sad at its highest").click()
    assert tab.time() in (3958, 7958)


def test_speech_lies_under_the_sound_and_over_who_speaks(tmp_path, open_tab):
    """Id 0 speaks in the first second; the film's speech is of the first and the third."""
    records = [record(frame, "happy", id, None, 0.9) for frame in range(96) for id in (0, 1)]
    for each in records:
        each["object"]["speaking"] = each["object"]["id"] == 0 and each["seconds"] < 1
    (tmp_path / "talk.json").write_text(json.dumps(records))
    (tmp_path / "talk.speech.json").write_text('[{"start": 0, "end": 1}, {"start": 2, "end": 3}]')
    report.main(["--results", str(tmp_path / "talk.json")])
    tab = open_tab(tmp_path / "talk.html")
    assert tab.get("[...report.speech]") == [0, 1000, 2000, 3000]
    assert "speech is heard" in tab.page.locator("#strip").get_attribute("aria-label")
    assert tab.get("report.rows.map(row => row.turns.map(turn => [turn.start, turn.end]))") == [[[0, 958]], []]
    tab.page.locator("#strip").scroll_into_view_if_needed()
    shot, box = shot_of(tab, tmp_path / "shot.png"), tab.page.locator("#strip").bounding_box()

    def shown(time, y):
        """Whether something is drawn there, on the page's ground."""
        x = round(tab.point(time)[0])
        return bool(np.abs(shot[round(y), x] - shot[round(box["y"] + 12), x]).sum() > 150)

    times = 500, 1500, 2500, 3500
    assert [shown(time, box["y"] + box["height"] - 2) for time in times] == [True, False, True, False]
    tops = [tab.point(0, row)[1] - 0.7 * tab.get("report.ROW()") + 1.5 for row in (0, 1)]
    assert [[shown(time, top) for time in times] for top in tops] == [[True, False, False, False], [False] * 4]


def test_all_segments_are_listed_sorted_played_and_looped(folder, open_tab):
    tab = open_tab(folder / "video.html")
    video = playing(tab)
    tab.page.locator("#all-fold summary").click()
    lines = tab.page.locator("#all-body tr")
    tab.wait("document.querySelector('#all-body tr')")       # an opened fold says so a little later
    assert lines.count() == 7
    tab.page.locator("[data-order='start'] button").click()
    starts = [line.split("\t")[2] for line in lines.all_inner_texts()]
    assert starts == sorted(starts) and tab.page.locator("[data-order='start']").get_attribute(
        "aria-sort") == "ascending"
    tab.page.locator("#all-emotion").select_option("angry")
    assert lines.count() == 1
    loop = tab.page.get_by_role("button", name="loop: ")
    tab.page.locator("#speed").select_option("2×")
    loop.click()
    assert loop.get_attribute("aria-pressed") == "true"
    tab.wait("report.times[report.state.now] > 9600")
    tab.wait("report.times[report.state.now] < 9500")        # and again
    tab.wait("!document.getElementById('video').paused")
    assert video.evaluate("video => video.playbackRate") == 2
    loop.click()
    assert video.evaluate("video => video.paused")
    tab.page.locator("#all-emotion").select_option("neutral")
    tab.page.get_by_role("button", name="play: ").click()    # 5 to 9 s
    tab.wait("document.getElementById('video').paused")
    assert 8900 <= tab.time() <= 9300
    tab.page.locator("h1").click()
    tab.page.keyboard.press("l")
    assert not video.evaluate("video => video.paused")
    tab.page.keyboard.press("k")
    assert video.evaluate("video => video.paused")
    before = tab.time()
    tab.page.keyboard.press("j")
    assert tab.time() == pytest.approx(before - 1000, abs=45)
    assert axe(tab) == []


def test_notes_are_written_kept_saved_and_taken_up(tmp_path, open_tab):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps([record(frame, "happy", 0, None, 0.9) for frame in range(96)]))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "talk.html")
    tab.get("report.seek(48)")
    tab.page.get_by_label("Note", exact=True).fill("=looks <up>")
    tab.page.get_by_label("Note", exact=True).press("Enter")
    tab.get("report.zoom(1000, 3000)")
    tab.page.get_by_label("Note", exact=True).fill("a quarrel")
    tab.page.get_by_role("button", name="note over what is in view").click()
    wanted = [{"from": 1, "to": 3, "text": "a quarrel"}, {"from": 2, "to": None, "text": "=looks <up>"}]
    assert json.loads(tab.get("report.namesFile()")) == {"names": [], "notes": wanted}
    assert tab.get("report.notesCsv()") == "start,end,note\n1.000,3.000,a quarrel\n2.000,,'=looks <up>\n"
    tab.get("report.zoom(0, 4000)")
    tab.page.locator("#notes button").first.click()
    assert tab.span() == [1000, 3000] and tab.time() == 1000
    (tmp_path / "names.json").write_text(tab.get("report.namesFile()"))
    report.main(["--results", str(path), "--names", str(tmp_path / "names.json")])
    tab = open_tab(tmp_path / "talk.html")
    assert tab.get("report.notes") == wanted and axe(tab) == []
    tab.page.get_by_role("button", name="remove: a quarrel").click()
    assert tab.page.locator("#notes li").count() == 1


def test_the_strip_shows_sound_and_cuts(tmp_path, open_tab):
    images = [np.full((180, 320, 3), 90, np.uint8)] * 48
    film = write_at(tmp_path / "film.mp4", images, times(48, 0), sound=2, codecs=("libx264", "aac"))
    (tmp_path / "film.json").write_text(json.dumps([record(24 * frame.seconds, "happy", 0, "rachel", 0.9)
                                                    for frame in read_frames(film)]))
    (tmp_path / "film.shots.json").write_text(json.dumps([
        {"shot": n + 1, "start": n, "end": n + 1, "first_frame": 24 * n, "end_frame": 24 * n + 24, "framing": None,
         "people": []} for n in (0, 1)]))
    report.main(["--results", str(tmp_path / "film.json"), "--video", str(film)])
    tab = open_tab(tmp_path / "film.html")
    assert tab.get("[...report.cuts]") == [1000] and tab.get("report.loudness.length") > 15
    ink = tab.get("""(() => { const strip = document.getElementById("strip"), ratio = devicePixelRatio;
        return strip.getContext("2d").getImageData(Math.round(report.xOf(1000)) * ratio, 2, 1, 1).data[3]; })()""")
    assert ink == 255                                        # the cut's tick
    assert tab.page.locator("#strip").get_attribute("aria-label").startswith("How loud")


def test_the_address_is_a_moment(folder, open_tab):
    tab = open_tab(folder / "nothing.html", fragment="#t=7.5&p=rachel&e=sad")
    assert tab.time() == 7500 and tab.labels() == ["rachel", SCRIPT, *EMOTIONS]
    tab.page.keyboard.press("ArrowRight")
    tab.wait("location.hash === '#t=7.542&p=rachel&e=sad'")
    tab.get("location.hash = '#t=3'")
    tab.wait("report.times[report.state.now] === 3000")
    assert tab.labels() == ["rachel", SCRIPT]
    odd = open_tab(folder / "nothing.html", fragment="#t=soon&p=nobody&e=__proto__&%")
    assert odd.time() == 0 and odd.labels() == ["rachel", SCRIPT]


def test_the_address_keeps_several_people_emotions_and_the_zoom(crowd, open_tab):
    tab = open_tab(crowd, fragment="#t=8&p=face+3&p=face+350&e=sad&e=happy&z=2-12.5")
    assert tab.labels() == ["face 350", "face 3"] and tab.span() == [2000, 12500] and tab.time() == 8000
    assert tab.get("[...report.state.emotions].sort()") == [EMOTIONS.index("happy"), EMOTIONS.index("sad")]
    tab.get("report.zoom(3000, 9000)")
    tab.wait("location.hash === '#t=8&p=face+350&p=face+3&e=happy&e=sad&z=3.0-9.0'")


def test_nothing_moves_under_the_pointer_or_the_focus(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    other = tab.page.locator("#names button").nth(1)
    before, line = other.bounding_box(), tab.page.locator("#timeline").bounding_box()["y"]
    tab.page.mouse.click(before["x"] + 60, before["y"] + 9)
    assert other.get_attribute("aria-pressed") == "true" and other.bounding_box() == before
    assert tab.page.locator("#timeline").bounding_box()["y"] == line         # whatever "show all" takes
    tab.page.mouse.click(before["x"] + 60, before["y"] + 9)
    assert tab.get("report.state.rows.size") == 2            # the second click undoes the first
    other.focus()
    tab.page.keyboard.press("Enter")
    assert tab.get("document.activeElement.ariaLabel") == SCRIPT and tab.get("report.state.rows.size") == 1
    tab.page.keyboard.press("Enter")
    assert tab.get("document.activeElement.ariaLabel") == SCRIPT and tab.get("report.state.rows.size") == 2


def test_unsaved_names_outlive_a_reload_and_a_split_cuts_segments(tmp_path, open_tab):
    path = tmp_path / "kept.json"
    path.write_text(json.dumps([record(frame, "happy", 0, None, 0.5 + 0.4 * (frame >= 48)) for frame in range(96)]))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "kept.html")
    asked = []
    tab.page.get_by_text("Join, split and name people").click()
    tab.get("report.seek(48)")
    tab.page.locator("#people input").check()
    tab.page.locator("#new-name").fill("Ben")
    tab.page.get_by_role("button", name="split").click()
    cut = "report.ranked().map(each => [each.row.label, each.start, each.end, each.mean])"
    assert sorted(tab.get(cut)) == [["Ben", 2000, 4000, 0.9], ["face 0", 0, 2000, 0.5]]
    tab.page.remove_listener("dialog", tab.dialog)
    tab.page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    tab.page.reload()
    tab.wait("window.reportReady")
    assert asked == ["beforeunload"]
    assert tab.labels() == ["Ben", "face 0"] and "earlier visit" in tab.page.locator("#names-said").text_content()
    tab.page.get_by_text("Join, split and name people").click()
    tab.page.get_by_role("checkbox", name="face 0").check()
    tab.page.locator("#new-name").fill("Anna")
    tab.page.locator("#new-name").press("Enter")
    assert tab.labels() == ["Anna", "Ben"]                   # and not the part that was named before
    for _ in range(2):
        tab.page.get_by_role("button", name="undo").click()
    assert tab.labels() == ["face 0", *EMOTIONS] and tab.get("localStorage.length") == 0


def saved(tab, button):
    with tab.page.expect_download() as waiting:
        button.click()
    return waiting.value


def test_files_of_what_is_shown(folder, open_tab, tmp_path):
    tab = open_tab(folder / "video.html")
    tab.page.locator("#names button", has_text="rachel").click()
    download = saved(tab, tab.page.get_by_role("button", name="segments as CSV"))
    assert download.suggested_filename == "video.segments.csv"
    lines = download.path().read_text().splitlines()
    assert lines[0] == "person,emotion,start,end,seconds,mean_confidence,peak,made_of"
    assert all(re.search(r'"video.json of .*, SHA-256 [0-9a-f]{12}, vtt_emotion [\d.]+"$', line) for line in lines[1:])
    assert len(lines) == 1 + len(tab.get("report.ranked()")) and all(line.startswith("rachel,") for line in lines[1:])
    start, end = map(float, lines[1].split(",")[2:4])
    assert 0 <= start < end <= 10.1
    tab.get("report.zoom(0, 1000)")
    assert tab.get("report.segmentsCsv()").count("\n") == 2                 # the times shown alone
    shares = saved(tab, tab.page.get_by_role("button", name="table as CSV")).path().read_text().splitlines()
    name, seconds, *_ = shares[1].split(",")
    assert len(shares) == 2 and name == "rachel" and float(seconds) == pytest.approx(10, abs=0.01)
    picture = saved(tab, tab.page.get_by_role("button", name="timeline as PNG"))
    assert picture.suggested_filename == "video.timeline.png"
    drawn = np.asarray(Image.open(picture.path()).convert("RGB")).astype(int)
    assert (np.abs(drawn - rgb("happy")).sum(-1) < 12).sum() > 3000


def test_people_are_joined_split_and_named_and_the_file_makes_the_same_page(tmp_path, open_tab):
    path = tmp_path / "talk.json"
    records = [record(frame, "happy", frame // 48, "joey" if frame < 48 else None, 0.9) for frame in range(240)]
    path.write_text(json.dumps(records))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "talk.html")
    assert tab.labels() == ["joey", "face 1", "face 2", "face 3", "face 4"]
    tab.get("document.querySelector('#names-part details').open = true")

    def tick(*names):
        for name in names:
            tab.page.locator("#people label", has_text=name).locator("input").check()

    def name(text, button):
        tab.page.get_by_role("textbox", name="Name", exact=True).fill(text)
        tab.page.get_by_role("button", name=button).click()

    tick("face 1", "face 3")
    name("Anna", "name or join")
    assert tab.labels() == ["Anna", "joey", "face 2", "face 4"]      # named, and seen longest
    assert tab.get("report.rows[0].frames.length") == 96 and tab.get("report.rows[0].segments.length") == 2
    tick("face 4")
    name("joey", "name or join")                             # to one that is there
    tab.get("report.seek(96 + 24)")
    tick("face 2")
    name("Ben", "split")
    assert tab.labels() == ["joey", "Anna", "Ben", "face 2"]
    assert tab.get("report.rows.map(row => row.frames.length)") == [96, 96, 24, 24]
    tick("Ben")
    name("nobody", "name or join")
    assert tab.labels()[2] == "nobody"
    tab.page.get_by_role("button", name="undo").click()
    assert tab.labels() == ["joey", "Anna", "Ben", "face 2"]
    download = saved(tab, tab.page.get_by_role("button", name="save names"))
    download.save_as(tmp_path / "talk.names.json")
    counts = tab.get("Object.fromEntries(report.rows.map(row => [row.label, row.frames.length]))")
    report.main(["--results", str(path), "--names", str(tmp_path / "talk.names.json")])
    tab = again = open_tab(tmp_path / "talk.html")
    assert again.get("Object.fromEntries(report.rows.map(row => [row.label, row.frames.length]))") == counts
    names = json.loads((tmp_path / "talk.names.json").read_text())["names"]
    assert json.loads(again.get("report.namesFile()"))["names"] == names
    again.get("document.querySelector('#names-part details').open = true")
    tick("Ben")                                              # a part, which has an id of its own by now
    name("Benno", "name or join")
    renamed = json.loads(again.get("report.namesFile()"))["names"]
    assert renamed == [entry for entry in names if entry["id"] != 2] + [{"id": 2, "name": "Benno", "from": 5}]


def test_two_people_beside_each_other(folder, open_tab):
    """Where both are seen, rachel sad or happy and the other neutral or angry: they differ wholly."""
    tab = open_tab(folder / "nothing.html")
    assert tab.page.locator("#names .lane").last.inner_text() == "difference"
    seconds = "report.differences(report.underLanes()[0], 0, report.state.to, 1000)"
    assert tab.get(f"{seconds}.map(bin => bin.start)") == [5000, 6000, 7000, 8000, 9000]
    assert tab.get(f"{seconds}.map(bin => bin.differ)") == [1] * 5
    assert tab.hover(7500, row=2).startswith(f"rachel and {SCRIPT} differ in 100 % at 0:07.4")
    assert tab.hover(3000, row=2) is None
    tab.page.locator("[data-only='0']").click()              # of anger: 0.75 from 9 s on, where it was read
    assert tab.get(f"{seconds}.map(bin => bin.differ)") == pytest.approx([0, 0, 0, 0, 0.75], abs=0.01)


def test_where_other_results_differ_is_marked(tmp_path, open_tab):
    mine, other = tmp_path / "mine.json", tmp_path / "other.json"
    mine.write_text(json.dumps([record(frame, "happy", 0, "joey", 0.9) for frame in range(96)]))
    other.write_text(json.dumps([record(frame, ("sad", "happy")[frame // 48], 0, "joe", 0.9) for frame in range(96)]))
    report.main(["--results", str(mine), "--compare", str(other)])
    tab = open_tab(tmp_path / "mine.html")
    assert "other: sad" in tab.hover(1000) and "other: happy" in tab.hover(3000)
    marks = tab.get("""report.chart.getZr().storage.getDisplayList(true).filter(shape => shape.shape?.bars &&
        shape.style.fill === getComputedStyle(document.body).getPropertyValue('--ink').trim())
        .map(shape => [...shape.shape.bars]).filter(bars => bars.length)""")
    assert marks[0][0] == pytest.approx(0, abs=1) and marks[0][2] == pytest.approx(tab.get("report.xOf(2000)"), abs=2)
    assert tab.page.locator("#agreement").inner_text() == "50.0 %"


def test_what_people_coded_stands_under_the_rows(tmp_path, open_tab):
    """Under the person's row, marked where it was read otherwise; of nobody in the results in a row of its own."""
    path, coded = tmp_path / "talk.json", tmp_path / "talk.csv"
    path.write_text(json.dumps([record(frame, "happy", 0, "joey", 0.9) for frame in range(96)]))
    coded.write_text("person,emotion,start,end\nJoey,sad,0,2\nJoey,happy,2,3\nross,fear,1,3\n")
    report.main(["--results", str(path), "--coded", str(coded)])
    tab = open_tab(tmp_path / "talk.html")
    assert tab.labels() == ["joey", "ross (coded)"]
    assert "coded sad" in tab.hover(1000) and "coded happy" in tab.hover(2500) and "coded" not in tab.hover(3500)
    assert tab.hover(2000, row=1).split("\n")[0] == "ross (coded)" and "coded Fefear" in tab.hover(2000, row=1)
    assert tab.hover(3500, row=1) is None
    assert tab.page.locator("#shares-body tr").count() == 1 and tab.get("report.sharesCsv()").count("\n") == 2
    bars = tab.get(f"""report.chart.getZr().storage.getDisplayList(true).filter(shape => shape.shape?.bars &&
        shape.style.fill === '{COLOURS["fear"]}').flatMap(shape => [...shape.shape.bars])""")
    assert len(bars) == 4 and bars[0] == pytest.approx(tab.get("report.xOf(1000)"), abs=1)
    tab.page.mouse.click(*tab.point(1000))
    assert "coded sad" in tab.page.locator("#present").inner_text()
    text = tab.page.locator("#truth").inner_text()
    assert "Of 2 people 5.0 s were coded, and 60 % of that was read" in text and "72 readings: agreement 0.33" in text
    assert tab.page.get_by_role("table", name="Coded emotion").count() == 1
    tab.get("document.querySelector('#names-part details').open = true")
    assert tab.page.locator("#people li").count() == 1       # there is no face to name
    tab.page.locator("#people input").check()
    tab.page.locator("#new-name").fill("Joe")
    tab.page.get_by_role("button", name="name or join").click()
    assert sorted(tab.labels()) == ["Joe", "ross (coded)"]


def test_long_names_keep_both_ends(tmp_path, open_tab):
    names = [f"Interview participant {number}" for number in (17, 18)]
    path = tmp_path / "long.json"
    path.write_text(json.dumps([record(frame, "happy", number, name, 0.9) for frame in range(24)
                                for number, name in enumerate(names)]))
    report.main(["--results", str(path)])
    for width in (400, 1280):
        tab = open_tab(tmp_path / "long.html", width=width)
        buttons = tab.page.locator("#names button")
        said = buttons.all_inner_texts()
        assert len(set(said)) == 2 and all(text.endswith(("17", "18")) and "…" in text for text in said)
        assert buttons.evaluate_all("all => all.map(one => one.title)") == names
        assert buttons.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")       # not clipped


def test_a_search_where_there_are_many(tmp_path, open_tab):
    path = tmp_path / "many.json"
    path.write_text(json.dumps([record(frame, "happy", number, f"person {number}", 0.9) for frame in range(24)
                                for number in range(12)]))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "many.html")
    assert tab.page.locator("#timeline").bounding_box()["height"] < 12 * 28 + 40
    tab.page.get_by_role("searchbox").fill("PERSON 1")
    assert tab.labels() == ["person 1", "person 10", "person 11"]


def test_ticks_are_round_and_hours_are_hours(tmp_path, open_tab):
    path = tmp_path / "hours.json"
    path.write_text(json.dumps([record(24 * second, "happy", 0, "joey", 0.9) for second in range(0, 9000, 2)]))
    report.main(["--results", str(path)])
    tab = open_tab(tmp_path / "hours.html")
    texts = """report.chart.getZr().storage.getDisplayList(true).filter(shape => shape.style.text)
        .map(shape => shape.style.text).filter(text => /^[\\d:.]+$/.test(text))"""
    labels = tab.get(texts)
    assert {"0:00", "30:00", "1:00:00", "2:00:00"} <= set(labels)
    assert "2:29:58" in tab.page.locator("#range").inner_text() or "2:30:00" in tab.page.locator("#range").inner_text()
    tab.get("report.zoom(3601234, 3661234)")
    labels = tab.get(texts)
    assert len(labels) >= 3 and all(int(text[-2:]) % 5 == 0 for text in labels)


def test_the_layout_stays_where_it_is(tmp_path, open_tab):
    """However many faces there are at a time."""
    path = tmp_path / "crowd.json"
    path.write_text(json.dumps([record(frame, "happy", number, f"person {number}", 0.9) for frame in range(24)
                                for number in range(frame // 3)]))
    report.main(["--results", str(path)])
    for width in (390, 1280):
        tab = open_tab(tmp_path / "crowd.html", width=width)
        tops = set()
        for frame in range(0, 24, 3):
            tab.get(f"report.seek({frame})")
            tops.add(tab.page.locator("#timeline-part").bounding_box()["y"])
        assert len(tops) == 1


def test_fingers(folder, browser, open_tab):
    """On a phone a swipe along the timeline moves it, one down scrolls the page, and all that is touched is 44 px."""
    tab = open_tab(folder / "video.html", width=390, has_touch=True, is_mobile=True)
    small = tab.get("""[...document.querySelectorAll('button, input[type=text], input[type=search], select, summary')]
        .filter(each => each.checkVisibility()).map(each => [each.id || each.textContent, each.offsetHeight,
        each.offsetWidth]).filter(([, tall, wide]) => tall < 44 || wide < 44)""")
    assert small == []
    tab.get("report.zoom(4000, 6000)")
    touch = tab.page.context.new_cdp_session(tab.page)

    def swipe(x, y, dx, dy):
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for part in range(1, 9):
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [
                {"x": x + dx * part / 8, "y": y + dy * part / 8}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        here = None
        while here != (here := [tab.get("scrollY"), *tab.span()]):
            tab.page.wait_for_timeout(300)       # it glides on

    x, y = tab.point(5000)
    swipe(x, y, -100, 0)
    start, end = tab.span()
    assert start > 4300 and end - start == pytest.approx(2000, abs=1)
    before, x, y = tab.get("scrollY"), *tab.point(start + 1000)
    swipe(x, y, 0, -200)
    assert tab.get("scrollY") > before + 50 and tab.span() == [start, end]
    tab.page.wait_for_timeout(1000)              # a touch of a page that still glides would only stop it
    tab.page.touchscreen.tap(*tab.point(start + 500))
    tab.wait(f"Math.abs(report.times[report.state.now] - {start + 500}) < 60")


def test_paper(folder, open_tab, tmp_path):
    """Printed in a dark scheme too: light, with its timeline and tables, without buttons, and not of many sheets."""
    tab = open_tab(folder / "nothing.html", scheme="dark")
    data = tab.page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert data.startswith(b"%PDF") and 1 <= data.count(b"/Type /Page\n") <= 3
    tab.page.emulate_media(media="print")
    assert tab.get("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for gone in ("#controls", "#names-part", ".exports", "details"):
        assert not tab.page.locator(gone).first.is_visible()
    assert tab.page.locator("#timeline").is_visible() and tab.page.locator("#shares-table").is_visible()


def test_paper_has_the_boxes_and_says_what_it_is_of(folder, open_tab, tmp_path):
    tab = open_tab(folder / "video.html")
    playing(tab)
    tab.get("report.seek(220)")
    tab.wait("!document.getElementById('video').seeking")
    tab.page.emulate_media(media="print")
    tab.page.set_viewport_size({"width": 718, "height": 900})
    tab.get("window.dispatchEvent(new Event('beforeprint'))")
    tab.page.wait_for_timeout(200)
    shot = shot_of(tab, tmp_path / "shot.png")
    box = tab.page.locator("#boxes .box").first.bounding_box()
    edge = shot[round(box["y"] + box["height"] / 2), round(box["x"]):round(box["x"]) + 4]
    assert (np.abs(edge - rgb("happy")).sum(-1) < 60).any()          # over the picture
    assert "SHA-256" in tab.page.locator("#made").inner_text() and tab.page.locator("footer").is_visible()
    assert tab.page.locator("#timeline canvas").bounding_box()["width"] > 0.75 * 718
    assert tab.page.locator("#timeline canvas").bounding_box()["x"] + tab.page.locator(
        "#timeline canvas").bounding_box()["width"] > 0.97 * 718
    assert tab.get("document.documentElement.scrollWidth") <= 718


@pytest.mark.parametrize("width", [1280, 1440])
def test_the_table_of_screen_time_fits(folder, open_tab, drawn_episode, width):
    for path in (folder / "video.html", drawn_episode):
        tab = open_tab(path, width=width)
        assert tab.get("(box => box.scrollWidth <= box.clientWidth)(document.getElementById('shares-scroll'))")
        assert tab.page.locator("#shares-table thead th").last.is_visible()


def test_letters_where_colours_fail(folder, open_tab):
    tab = open_tab(folder / "video.html", forced_colors="active")
    swatches = tab.page.locator(".chips .swatch")
    assert swatches.all_inner_texts() == ["An", "Di", "Fe", "Ha", "Sa", "Su", "Ne"]
    assert len(set(swatches.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)"))) == 1
    assert contrasts(tab)[0] >= 4.5


def axe(tab):
    """What axe-core finds wrong with a page: rule, and the places."""
    library = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js").read_text()
    tab.get(library)
    return tab.get("""axe.run().then(found => found.violations.map(rule =>
        [rule.id, rule.help, rule.nodes.map(node => node.html.slice(0, 200))]))""")


@pytest.mark.parametrize("scheme,width", [("light", 1280), ("dark", 390)])
def test_valence_and_arousal_are_curves_and_a_plane(tmp_path, open_tab, scheme, width):
    """Of the person shown alone: each number that of the results, the ring where the present reading is."""
    records = film()
    for one in records:
        time, who = one["seconds"], one["object"]["id"]
        if time >= 0.5:                                      # before, nothing is known
            one["object"] |= {"valence": round(np.cos(time), 3), "arousal": round(np.sin(time) * (0.8 - who / 2), 3)}
    (tmp_path / "affect.json").write_text(json.dumps(records))
    report.main(["--results", str(tmp_path / "affect.json")])
    tab = open_tab(tmp_path / "affect.html", scheme=scheme, width=width)
    tab.page.get_by_role("button", name="curves").click()
    assert not tab.page.locator("#plane").is_visible()       # of two people
    tab.page.locator("#names button", has_text="rachel").click()
    assert tab.get("report.curves().map(curve => curve.label)") == [*EMOTIONS, "valence", "arousal"]
    known = {round(1000 * one["seconds"]): [one["object"][name] for name in ("valence", "arousal")] for one in records
             if one["object"]["id"] == 0 and "valence" in one["object"]}
    assert tab.get("report.planePoints(report.rows[0])") == list(known.values())
    for place, curve in enumerate((7, 8)):
        drawn = [point for point in tab.get(f"report.points(report.curves()[{curve}])") if point[1] is not None]
        assert len(drawn) > 50 and max(abs(value - np.interp(at, list(known), [each[place] for each in known.values()]))
                                       for at, value in drawn) < 0.05
    tab.get("report.seek(120)")
    valence, arousal = known[tab.time()]
    assert f"rachel at 0:05.00: valence {valence:.2f}, arousal {arousal:.2f}" == tab.page.locator(
        "#affect-now").inner_text()
    ring, plane = (tab.page.locator(name).bounding_box() for name in ("#plane-now", "#plane"))
    assert ring["x"] + 7 - plane["x"] == pytest.approx(52 + 105 * (1 + valence), abs=1)
    assert ring["y"] + 7 - plane["y"] == pytest.approx(10 + 105 * (1 - arousal), abs=1)
    assert tab.get("document.documentElement.scrollWidth") <= width and contrasts(tab)[0] >= 4.5 and axe(tab) == []
    tab.page.locator("#affect").scroll_into_view_if_needed()
    tab.page.screenshot(path=tmp_path / "affect.png")
    tab.get("report.zoom(4000, 5000)")
    assert tab.get("report.planePoints(report.rows[0])") == [pair for at, pair in known.items() if 4000 <= at < 5000]
    tab.get("report.seek(3)")
    assert not tab.page.locator("#plane-now").is_visible()
    assert "no valence and arousal" in tab.page.locator("#affect-now").inner_text()
    tab.page.get_by_role("button", name="curves").click()
    assert not tab.page.locator("#affect").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_accessibility(folder, open_tab, drawn_episode, scheme, width):
    for path in (folder / "video.html", folder / "empty.html", drawn_episode):
        tab = open_tab(path, scheme=scheme, width=width)
        assert axe(tab) == []
        tab.get("for (const fold of document.querySelectorAll('details')) fold.open = true")
        if path != folder / "empty.html":
            tab.page.locator("#names button").first.click()
        assert axe(tab) == []


LEVELS = [20 + 7 * (11 * frame % 31) for frame in range(60)]


@pytest.mark.parametrize("suffix,start,sound", [("mp4", 0.85, 4), ("webm", 0.85, 4), ("mp4", 7, 0)])
def test_the_frame_shown_is_the_records_where_the_picture_starts_late(open_tab, tmp_path, suffix, start, sound):
    """At twenty places: each frame has a grey of its own among its neighbours."""
    images = [np.full((180, 320, 3), level, np.uint8) for level in LEVELS]
    codecs = ("libx264", "aac") if suffix == "mp4" else ("libvpx", "libopus")
    film = write_at(tmp_path / f"film.{suffix}", images, times(60, start), sound=sound, codecs=codecs)
    frames = list(read_frames(film))
    assert (frames[0].seconds > 0.8) == bool(sound)
    found = [record(24 * frame.seconds, "happy", 0, "rachel", 0.9) for frame in frames]
    (tmp_path / "film.json").write_text(json.dumps(found))
    report.main(["--results", str(tmp_path / "film.json"), "--video", str(film)])
    tab = open_tab(tmp_path / "film.html")
    tab.wait("document.querySelector('video').readyState >= 2")
    wanted, shown = range(1, 60, 3), []
    for frame in wanted:
        tab.get(f"report.seek({frame})")
        tab.wait("!document.querySelector('video').seeking")
        tab.page.wait_for_timeout(120)
        assert abs(tab.time() - 1000 * frames[frame].seconds) <= 1
        tab.page.locator("video").screenshot(path=tmp_path / "shown.png")
        picture = np.asarray(Image.open(tmp_path / "shown.png").convert("L"))
        shown.append(float(np.median(picture[:, picture.shape[1] // 2:])))
    assert shown == pytest.approx([LEVELS[frame] for frame in wanted], abs=3)
