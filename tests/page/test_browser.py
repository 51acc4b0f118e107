"""The page of an episode in a real browser: Chromium, without a window, through Playwright."""
import json
import shutil
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import report
from indexes.labels import COLOURS, EMOTIONS
from page.html import LARGEST

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

    def __init__(self, browser, path, width=1280, scheme="light"):
        self.wrong = []
        self.page = page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: self.wrong.append(message.text) if message.type in ("error", "warning")
                else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:"))
                else self.wrong.append(request.url))
        page.goto(path.as_uri())
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
        x = self.get(f"report.charts.timeline.convertToPixel({{xAxisIndex: 0}}, {time})")
        return box["x"] + x, box["y"] + 8 + 46 * row + 30

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
    """An emotion's colour, (3,), 0 to 255."""
    return np.array([int(COLOURS[name][i:i + 2], 16) for i in (1, 3, 5)])


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
                       ("heading", "Timeline"), ("table", "The most confident readings"), ("status", None)):
        assert tab.page.get_by_role(role, name=name).count() >= 1, role
    assert tab.page.get_by_role("checkbox", name="happy").is_checked()
    assert "360 readings, 240 frames" in tab.page.locator("#summary").inner_text()
    assert tab.get("[...document.querySelectorAll('button, input, video')].every(e => e.labels?.length ||"
                   " e.textContent.trim() || e.ariaLabel)")
    assert tab.get("[...document.images].every(image => image.hasAttribute('alt'))")
    assert tab.get("document.querySelectorAll('th:not([scope]), table:not(:has(caption))').length") == 0


def test_hover_shows_class_time_confidence_and_face(folder, open_tab):
    tab = open_tab(folder / "video.html")
    frame = 60                                               # 12 frames into the first sadness
    assert tab.hover(1000 * frame / FPS + 20).split("\n") == ["rachel", "sad 0.60", "0:02.50, frame 60"]
    image = tab.page.locator("#timeline .tip img")
    assert image.evaluate("image => image.complete && image.naturalWidth") == 64
    assert tab.hover(1000) .startswith("rachel\nhappy 0.")
    assert tab.hover(9500, row=1).split("\n")[:2] == [SCRIPT, "angry 0.75"]
    assert tab.hover(3000, row=1) is None                    # nobody is there


def test_colours_and_heights_are_drawn(folder, open_tab, tmp_path):
    """The picture itself: at a time's place, the emotion's colour, up to the confidence's height."""
    tab = open_tab(folder / "video.html")
    tab.page.locator("#timeline").scroll_into_view_if_needed()
    box = tab.page.locator("#timeline").bounding_box()
    tab.page.screenshot(path=tmp_path / "shot.png")
    shot = np.asarray(Image.open(tmp_path / "shot.png").convert("RGB")).astype(int)

    def column(time, row):
        x, _ = tab.point(time, row)
        top = round(box["y"]) + 8 + 46 * row
        return shot[top:top + 46, round(x)]

    def height(time, row, name):
        return int((np.abs(column(time, row) - rgb(name)).sum(-1) < 12).sum())

    assert height(1958, 0, "happy") > height(150, 0, "happy") > 10           # 0.89 and 0.53
    assert height(1958, 0, "happy") == pytest.approx(height(150, 0, "happy") * 0.89 / 0.53, abs=3)
    assert height(3000, 0, "sad") and not height(3000, 0, "happy")
    assert height(9500, 1, "angry") and not any(height(4900, 1, name) for name in EMOTIONS)      # a gap
    whole = height(1958, 0, "happy")
    tab.hover(7500)
    tab.page.screenshot(path=tmp_path / "shot.png")
    shot = np.asarray(Image.open(tmp_path / "shot.png").convert("RGB")).astype(int)
    assert height(1958, 0, "happy") == whole                 # a row that is pointed at keeps its colours


def test_filters(folder, open_tab):
    tab = open_tab(folder / "video.html")
    assert tab.hover(3000).startswith("rachel\nsad")
    tab.page.get_by_role("checkbox", name="sad").uncheck()
    assert tab.hover(3000) is None and tab.hover(1000).startswith("rachel\nhappy")
    assert not tab.page.locator("#moments tbody tr").nth(EMOTIONS.index("sad")).is_visible()
    tab.page.get_by_role("checkbox", name="rachel").uncheck()                # the other one's row is now the first
    assert tab.hover(9500, row=0).startswith(SCRIPT) and tab.hover(1000, row=0) is None
    assert tab.page.locator("#shares-table tr[data-row-of='0']").is_hidden()
    tab.page.get_by_role("checkbox", name=SCRIPT).uncheck()
    assert tab.page.locator("#nothing").is_visible() and not tab.page.locator("#timeline").is_visible()
    tab.page.get_by_role("checkbox", name="rachel").check()
    assert tab.page.locator("#timeline").is_visible() and tab.hover(1000).startswith("rachel\nhappy")


def test_zoom_and_pan(folder, open_tab):
    tab = open_tab(folder / "video.html")

    def span():
        return tab.get("[report.state.from, report.state.to]")

    assert span() == [0, pytest.approx(10000, abs=5)]
    x, y = tab.point(5000)
    tab.page.mouse.move(x, y)
    tab.page.keyboard.down("Control")
    for _ in range(8):
        tab.page.mouse.wheel(0, -200)
        tab.page.wait_for_timeout(30)
    tab.page.keyboard.up("Control")
    tab.page.wait_for_timeout(200)
    start, end = span()
    assert end - start < 6000 and start < 5000 < end         # about the pointer
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x + 200, y, steps=5)
    tab.page.mouse.up()
    tab.page.wait_for_timeout(200)
    assert span()[0] < start - 100 and span()[1] - span()[0] == pytest.approx(end - start, abs=5)    # dragged
    assert tab.time() == 0                                   # and a drag is no click
    tab.page.get_by_role("button", name="whole").click()
    assert span()[0] == 0 and span()[1] == pytest.approx(10000, abs=5)
    tab.page.get_by_role("button", name="zoom in").click()
    tab.page.keyboard.press("+")
    assert span()[1] - span()[0] == pytest.approx(2500, abs=5)
    tab.page.get_by_role("button", name="move to later").click()
    assert span()[0] == pytest.approx(1250, abs=5)
    tab.page.keyboard.press("0")
    assert span()[1] - span()[0] == pytest.approx(10000, abs=5)


def test_a_click_seeks_the_video(folder, open_tab):
    tab = open_tab(folder / "video.html")
    tab.wait("document.getElementById('video').readyState >= 2")
    assert tab.get("document.getElementById('video').videoWidth") == 320
    tab.page.mouse.click(*tab.point(6020))
    tab.wait("!document.getElementById('video').seeking")
    assert tab.time() == 6000
    seconds = tab.get("document.getElementById('video').currentTime")
    assert 6 <= seconds < 6 + 1 / FPS and tab.get("document.getElementById('video').readyState") >= 2
    assert tab.page.locator("#present li").all_inner_texts()[0].startswith("rachel")
    moment = tab.page.locator("#moments button").first
    moment.focus()
    tab.page.keyboard.press("Enter")                         # the first one of angry
    assert tab.time() == 9000 and "9.0" in str(tab.get("document.getElementById('video').currentTime"))


def test_playing_moves_the_present_time(folder, open_tab):
    tab = open_tab(folder / "video.html")
    tab.wait("document.getElementById('video').readyState >= 2")
    tab.page.keyboard.press("Space")
    tab.wait("report.times[report.state.now] > 400")
    tab.page.keyboard.press("Space")
    assert tab.get("document.getElementById('video').paused")


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
    # sad from 2 s and from 6 s; happy from 8 s; round to sad at 2 s; angry at 9 s; neutral at 5 s; no disgust: stays
    assert went == [2000, 6000, 8000, 2000, 9000, 5000, 5000]
    tab.page.wait_for_timeout(250)
    assert "no disgust moment is shown" in tab.page.locator("#said").inner_text()
    tab.page.get_by_role("checkbox", name="happy").focus()
    press("ArrowRight")
    assert tab.time() == round(121000 / FPS)                 # a checkbox has no use for these keys
    press("ArrowLeft")
    tab.get("document.querySelector('main').append(document.createElement('input'))")
    tab.page.locator("main > input").focus()
    press("ArrowRight")
    press("1")
    assert tab.time() == 5000                                # a text field keeps them
    tab.page.get_by_role("checkbox", name="rachel").uncheck()
    tab.page.get_by_role("button", name="whole").focus()
    press(sad)
    assert tab.time() == 5000                                # rachel's are hidden
    press("1")
    tab.page.wait_for_timeout(250)
    assert tab.page.locator("#said").inner_text() == f"0:09.00: {SCRIPT} angry 0.75"


def test_frames_between_two_readings_are_reached_too(folder, open_tab):
    """Results of every fifth frame, beside a video of all."""
    few = [made for made in film() if round(made["seconds"] * FPS) % 5 == 0]
    (folder / "every.json").write_text(json.dumps(few))
    report.main(["--results", str(folder / "every.json"), "--video", str(folder / NASTY)])
    tab, at = open_tab(folder / "every.html"), []
    tab.wait("document.getElementById('video').readyState >= 2")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "7", "Shift+ArrowRight"):
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(300)
        tab.wait("!document.getElementById('video').seeking")
        at.append(tab.get("report.state.now"))
        seconds = tab.get("document.getElementById('video').currentTime")
        assert at[-1] / FPS <= seconds < (at[-1] + 1) / FPS
    assert at == [1, 2, 3, 2, 120, 144]
    assert tab.get("report.charts.timeline.getOption().xAxis[0].max") == pytest.approx(10000, abs=2)


def test_without_a_video_the_nearest_picture_is_shown(folder, open_tab):
    tab = open_tab(folder / "pictures.html")
    tab.page.wait_for_selector("#picture:not([hidden])")     # its video is gone
    assert tab.page.locator("#video").is_hidden() and tab.page.locator("#video-note").is_visible()
    tab.page.mouse.click(*tab.point(6020))
    assert tab.page.locator("#picture-caption").inner_text().startswith("the frame at 0:06.0")
    image = tab.page.locator("#picture-image")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    level = image.evaluate("""image => { const canvas = document.createElement('canvas');
        canvas.width = 320; canvas.height = 180; const brush = canvas.getContext('2d'); brush.drawImage(image, 0, 0);
        return brush.getImageData(300, 160, 1, 1).data[0]; }""")
    assert abs(level - picture(144)[160, 300, 0]) < 8        # the frame's own brightness
    tab.wrong[:] = [line for line in tab.wrong if "ERR_FILE_NOT_FOUND" not in line]       # the browser's own word


def test_nothing_but_the_results(folder, open_tab):
    tab = open_tab(folder / "nothing.html")
    assert "it has no pictures" in tab.page.locator("header").inner_text()
    assert tab.page.locator("#picture").is_hidden() and tab.page.locator("#video").count() == 0
    assert tab.hover(3000).split("\n") == ["rachel", "sad 0.70", "0:03.00"]


def test_no_face_at_all(folder, open_tab):
    tab = open_tab(folder / "empty.html")
    assert tab.page.locator("#empty").is_visible() and tab.page.locator("#timeline").count() == 0
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("1")
    assert tab.get("report.state.now") == 0


def test_a_name_that_is_a_script_stays_text(folder, open_tab):
    """Shown as it is wherever it stands, and never run: a dialog would be noted in `wrong`, and fail the test."""
    tab = open_tab(folder / "video.html")
    tab.page.mouse.click(*tab.point(9500, row=1))
    tab.page.locator("details summary").click()
    tab.hover(9500, row=1)
    for place in (".tip-who", "#present", "#filters", "#shares-table", "#moments"):
        assert SCRIPT in tab.page.locator(place).first.inner_text()
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


def test_people_that_share_a_row_keep_their_names_and_faces(tmp_path, browser, open_tab):
    """Five people, one after the other, each in a grey of their own, every fourth frame read; two rows and the rest."""
    greys, records = (40, 80, 120, 160, 200), []
    lengths = (48, 12, 48, 12, 24)
    frames = [grey for grey, length in zip(greys, lengths) for _ in range(length)]
    for number in range(0, len(frames), 4):
        records.append(record(number, "happy", greys.index(frames[number]), None, 0.9))
        records[-1]["object"]["box"] = [20, 30, 90, 100]
    path = tmp_path / "five.json"
    path.write_text(json.dumps(records))
    with av.open(str(tmp_path / "five.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for grey in frames:
            image = np.full((120, 160, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    report.main(["--results", str(path), "--video", str(tmp_path / "five.mp4"), "--rows", "2"])
    tab = open_tab(tmp_path / "five.html")
    assert tab.get("report.rows.map(row => row.label)") == ["face 0", "face 2", "3 others"]
    for row, person, frame in ((0, 0, 8), (2, 1, 48), (2, 1, 56), (1, 2, 80), (2, 3, 108), (2, 4, 120), (2, 4, 140)):
        assert tab.hover(1000 * frame / FPS + 10, row).startswith(f"face {person}\nhappy 0.90")
        grey = tab.page.locator("#timeline .tip img").evaluate("""image => image.decode().then(() => {
            const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
            brush.drawImage(image, 0, 0); return brush.getImageData(30, 30, 1, 1).data[0]; })""")
        assert abs(grey - greys[person]) < 10
    bars = tab.get("report.thin(report.rows[0], 0, 2000, 1500)")
    assert len(bars) == 12 and all(a["end"] == b["start"] for a, b in zip(bars, bars[1:]))   # no gap is made up


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
    assert tab.hover(500, names.index("__proto__")).startswith("__proto__\nhappy")
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
        ends = tab.get("""report.rows.map((_, row) => [0, report.state.to].map(time =>
            Math.round(report.charts.timeline.convertToPixel({xAxisIndex: row}, time))))""")
        assert len(ends) > 1 and all(end == ends[0] for end in ends)         # one time, one place in all rows


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
    assert "sad 0.75" in tab.hover(time, row) and "annotated happy" in tab.hover(time, row)
    tab.page.mouse.click(*tab.point(time, row))
    assert "annotated happy" in tab.page.locator("#present").inner_text()


def test_screenshot(drawn_episode, open_tab, request, tmp_path):
    """The README's picture: `pytest tests/test_report_browser.py -k screenshot --screenshot PAGE` writes it anew."""
    given = request.config.getoption("--screenshot")
    path = Path("report.png").resolve() if given else tmp_path / "report.png"
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


@pytest.mark.alone
def test_a_whole_episode_opens_soon_and_is_small(long_page, open_tab):
    path, _, _ = long_page
    size = path.stat().st_size
    assert 5_000_000 < size <= LARGEST < 10_000_000          # full of pictures, and still below
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        tab = open_tab(path)
        seconds.append((time.perf_counter() - begin, tab.get("reportReady") / 1000))
    print(f"{size / 1e6:.1f} MB; opened in {min(seconds)[0]:.2f} s, drawn {min(seconds)[1]:.2f} s after navigation")
    assert min(seconds)[1] < 3
    frames = tab.get("""async () => { const took = [];
        for (let i = 0; i < 20; i++) {
            const begin = performance.now();
            report.zoom(i * 20000, i * 20000 + 900000 / (i + 1));
            await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
            took.push(performance.now() - begin);
        }
        return took.sort((a, b) => a - b); }""")
    print(f"a zoom is drawn in {frames[10]:.0f} ms")
    assert frames[10] < 250


def test_what_is_drawn_is_thinned_by_zoom(long_page, open_tab):
    path, moods, sure = long_page
    tab = open_tab(path)
    total = tab.get("report.state.to")
    ross = [row["label"] for row in tab.get("report.data.rows.map(row => ({label: row.label}))")].index("ross")
    bars = tab.get(f"report.thin(report.rows[{ross}], 0, {total}, 1500)")
    assert 1000 < len(bars) <= 1501
    for bar in bars[5:1400:97]:                              # each the most frequent emotion, at its most confident
        times = np.round(np.arange(LONG) * 1001 / 24)
        width = total / 1500
        here = np.flatnonzero(np.floor(times / width) == np.floor(bar["start"] / width))
        counts = np.bincount(moods[0][here], minlength=7)
        assert counts[bar["emotion"]] == counts.max()
        best = here[moods[0][here] == bar["emotion"]]
        assert sure[bar["place"], 0] == sure[best, 0].max()
    drawn = tab.get(f"report.rows[{ross}].bars.length")
    assert 500 < drawn <= 1500                               # no more than pixels
    bars = tab.get(f"report.thin(report.rows[{ross}], 500000, 520000, 1500)")
    assert 478 <= len(bars) <= 483                           # every frame of 20 s
    assert all(bar["emotion"] == moods[0][bar["place"]] for bar in bars)
    assert tab.hover(total / 2) is not None


def test_gaps_stay_gaps(folder, open_tab):
    tab = open_tab(folder / "video.html")
    for most in (10, 1500):                                  # thinned, and frame by frame
        bars = tab.get(f"report.thin(report.rows.find(row => row.label !== 'rachel'), 0, 10000, {most})")
        assert bars[0]["start"] == 5000 and bars[-1]["end"] == pytest.approx(10000, abs=5)
