/* The page of an episode, put together: what is chosen, keys, the address, printing. Text from the results is only ever
   set as text (textContent), never as HTML. */
function redraw() {
  drawTimeline();
  drawSegmentsTable();
  drawAllSegments();
  drawScreenTime();
  fillSubtitles();
  showPresent();
  showChoice();
}

/* After a change of names: other rows, all of them shown. */
function rebuild() {
  buildRows();
  marked.clear();
  [state.rows, state.alone] = [new Set(rows.keys()), false];
  drawFilters();
  drawPeople();
  redraw();
}

/* One of a set alone; the same again: all of it. */
function alone(set, one, everything) {
  const only = set.size === 1 && set.has(one);
  if (set === state.rows) state.alone = !only;
  set.clear();
  for (const each of only ? everything : [one]) set.add(each);
  redraw();
  remember();
}

/* The buttons and boxes of the filters, as things are. */
function showChoice() {
  all("[data-only]").forEach(button => {
    const emotion = Number(button.dataset.only);
    button.setAttribute("aria-pressed", String(state.emotions.size === 1 && state.emotions.has(emotion)));
    button.classList.toggle("off", !state.emotions.has(emotion));
  });
  all("input[data-emotion]").forEach(box => { box.checked = state.emotions.has(Number(box.dataset.emotion)); });
  all("input[data-row]").forEach(box => { box.checked = state.rows.has(Number(box.dataset.row)); });
  const everything = state.emotions.size === EMOTIONS && state.rows.size === rows.length;
  byId("everything").hidden = everything;
}

function filter(event) {
  const box = event.target, [set, value] = box.dataset.emotion !== undefined ? [state.emotions, box.dataset.emotion] :
    [state.rows, box.dataset.row];
  set[box.checked ? "add" : "delete"](Number(value));
  state.alone = false;
  redraw();
  remember();
}

function choose(people) {
  state.rows = new Set(people === "all" ? rows.keys() : []);
  state.alone = false;
  redraw();
  remember();
}

/* The boxes of the people, once they are to be seen. */
function drawFilters() {
  if (!byId("several").open) return;
  byId("row-choices").replaceChildren(...rows.map(row => {
    const item = element("li"), label = element("label"), box = element("input");
    [box.type, box.dataset.row, box.checked] = ["checkbox", row.place, state.rows.has(row.place)];
    box.addEventListener("change", filter);
    label.append(box, element("bdi", "", row.label));
    item.append(label);
    return item;
  }));
}

// ---- the address: #t=83.2&p=joey&e=happy&z=80-95 is a moment, who and what is shown, and the times in view

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1)), time = Number(given.get("t"));
  const people = new Set(given.getAll("p")), named = rows.filter(row => people.has(row.label)).map(row => row.place);
  const emotions = given.getAll("e").map(name => data.emotions.indexOf(name)).filter(emotion => emotion >= 0);
  const [from, to] = (given.get("z") || "").split("-").map(each => Number(each) * 1000);
  state.rows = new Set(named.length ? named : rows.keys());
  state.alone = named.length === 1;
  state.emotions = new Set(emotions.length ? emotions : data.emotions.keys());
  redraw();
  if (to > from) zoom(from, to);
  if (given.has("t") && Number.isFinite(time)) seek(frameAt(Math.max(0, time * 1000)));
}

let remembering = 0;

function address() {
  const parts = new URLSearchParams({t: (Math.ceil(times[state.now] || 0) / 1000).toFixed(3).replace(/\.?0+$/, "")});
  if (state.rows.size < rows.length) chosen().slice(0, 50).forEach(row => parts.append("p", row.label));
  if (state.emotions.size < EMOTIONS) [...state.emotions].sort().forEach(each => parts.append("e", data.emotions[each]));
  if (state.to - state.from < total - 1) parts.set("z", [state.from, state.to].map(each => (each / 1000).toFixed(1)).join("-"));
  return `#${parts}`;
}

/* Put the moment into the address, once the keys rest; browsers refuse more than a few changes a second. */
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => history.replaceState(null, "", address()), 300);
}

// ---- wiring

const ZOOM_KEYS = {"+": "in", "=": "in", "-": "out", "0": "whole"};

function onKey(event) {
  const target = event.target, kind = target.type;
  const form = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && kind !== "checkbox" && kind !== "range";
  if (form || target.isContentEditable || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const scrolls = target.classList.contains("scroll");
  let known = true;
  if (event.key === "ArrowLeft" && !scrolls) step(event.shiftKey ? "second-back" : "back");
  else if (event.key === "ArrowRight" && !scrolls) step(event.shiftKey ? "second-on" : "on");
  else if (event.shiftKey && /^Digit[1-8]$/.test(event.code) && event.code.at(-1) <= EMOTIONS)
    visitHighest(Number(event.code.at(-1)) - 1);
  else if (/^[jkl]$/.test(event.key)) shuttle(event.key);
  else if (/^[1-8]$/.test(event.key) && event.key <= EMOTIONS) jump(Number(event.key) - 1);
  else if (event.key in ZOOM_KEYS) zoomBy(ZOOM_KEYS[event.key]);
  else if (event.key === " " && (target === document.body || kind === "range")) toggle();
  else known = false;
  if (known) event.preventDefault();
}

/* On paper: light colours, and the present frame as a picture, since a video prints black. */
function onPrint() {
  document.documentElement.classList.add("printing");
  const canvas = byId("printed");
  if (video && playing === "video" && video.videoWidth) {
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
  }
  if (drawn.length) drawTimeline();
}

function afterPrint() {
  document.documentElement.classList.remove("printing");
  redraw();
}

function wireFilters() {
  const on = (selector, happens, type = "click") => all(selector).forEach(each => each.addEventListener(type, () =>
    happens(each)));
  all("input[data-emotion]").forEach(box => box.addEventListener("change", filter));
  on("[data-only]", button => alone(state.emotions, Number(button.dataset.only), data.emotions.keys()));
  on("[data-next]", button => jump(Number(button.dataset.next)));
  on("[data-step]", button => step(button.dataset.step));
  on("[data-zoom]", button => zoomBy(button.dataset.zoom));
  on("[data-people]", button => choose(button.dataset.people));
  on("[data-export]", button => EXPORTS[button.dataset.export]());
  on("[data-sort] button", button => sortBy(button.parentElement.dataset.sort));
  on("#everything", () => {
    state.emotions = new Set(data.emotions.keys());
    choose("all");
  });
  on("#copy", button => {
    navigator.clipboard?.writeText(location.href.split("#")[0] + address()).then(
      () => { button.textContent = "link copied"; }, () => { button.textContent = "the link is in the address bar"; });
    remember();
    setTimeout(() => { button.textContent = "copy link to this moment"; }, 2000);
  });
  on("#several", drawFilters, "toggle");
  on("#whole-table", () => {
    sorting.whole = true;
    drawScreenTime();
  });
  on("#search", field => {
    state.search = field.value;
    redraw();
  }, "input");
}

function start() {
  all("[data-share]").forEach(mark => mark.style.setProperty("--share", mark.dataset.share));
  const count = given.reduce((sum, row) => sum + row.frames.length, 0);
  byId("summary").textContent += `: ${count.toLocaleString("en")} readings, ` +
    (times.length ? `${times.length.toLocaleString("en")} ${data.numbered ? "frames" : "times"}, ${clock(total)}` :
      "no frame");
  if (given.length) restore();
  buildRows();
  state.rows = new Set(rows.keys());
  if (rows.length) {
    wireTimeline();
    wireFilters();
    wireNames();
    wireCurves();
    wireSegments();
    wireNotes();
    drawFilters();
    drawPeople();
    wirePlayer();
    readAddress();
    window.addEventListener("hashchange", readAddress);
    document.addEventListener("keydown", onKey, true);
    window.addEventListener("beforeprint", onPrint);
    window.addEventListener("afterprint", afterPrint);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    showPicture();
  }
  requestAnimationFrame(() => setTimeout(() => {
    performance.mark("report-ready");
    window.reportReady = performance.now();      // ms from the opening of the page to the first picture of it
  }));
}

window.report = {data, state, times, binned, differences, seek, zoom, xOf, underLanes, ranked, level, namesFile, curves, points, planePoints, highest, notes, notesCsv, loudness, speech, cuts, segmentsCsv, sharesCsv,
                 get rows() { return rows; }, get chart() { return chart; }, TOP, ROW};      // for the tests
start();
