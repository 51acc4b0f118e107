/* Zooming, by buttons, keys, wheel, dragging and fingers, and the overview under the timeline. */

/* Show the times from `from` to `to`, kept inside the episode and at least 20 readings long. */
function zoom(from, to) {
  const length = Math.min(total, Math.max(to - from, Math.min(total, 20 * data.step)));
  state.from = Math.max(0, Math.min(from + (to - from - length) / 2, total - length));
  state.to = state.from + length;
  if (drawn.length) chart.setOption(timelineOption());
  drawCurves();
  drawStrip();
  placeMarks();
  remember();
}

/* Have a time in view, where it is not: at a `part` of it from the left. */
function bring(time, part) {
  const length = state.to - state.from;
  if (time < state.from || time >= state.to) zoom(time - part * length, time + (1 - part) * length);
}

/* Zoom by a factor, so that `time` stays where it is. */
function zoomAt(time, factor) {
  const length = Math.min(total, Math.max((state.to - state.from) * factor, Math.min(total, 20 * data.step)));
  const part = (time - state.from) / (state.to - state.from);
  zoom(time - part * length, time + (1 - part) * length);
}

function zoomBy(what) {
  const length = state.to - state.from, time = times[state.now] || 0;
  const middle = time >= state.from && time <= state.to ? time : (state.from + state.to) / 2;
  if (what === "in") zoomAt(middle, 0.5);
  if (what === "out") zoomAt(middle, 2);
  if (what === "left") zoom(state.from - length / 2, state.to - length / 2);
  if (what === "right") zoom(state.from + length / 2, state.to + length / 2);
  if (what === "whole") zoom(0, total);
}

/* The present time and the window of the overview, and in words what is drawn. */
function placeMarks() {
  const cursor = byId("cursor"), time = times[state.now] || 0, x = xOf(time), span = width();
  cursor.hidden = !drawn.length || x < -0.5 || x > span + 0.5;
  cursor.style.transform = `translateX(${x}px)`;
  cursor.style.height = `${drawn.length * ROW()}px`;
  markPlane();
  const view = byId("window"), percent = each => `${100 * each / total}%`;
  [view.style.left, view.style.width] = [percent(state.from), percent(state.to - state.from)];
  byId("overview-now").style.left = percent(time);
  byId("range").textContent = `${clock(state.from)} to ${clock(state.to)}`;
  const size = binSize() / 1000, one = drawn.length && drawn[0].emotion !== null;
  byId("level").textContent = {
    readings: "each reading",
    segments: one ? `means of ${size.toFixed(2)} s` : "segments: length and mean confidence",
    shares: `${one ? "means" : "shares of the time"} in steps of ${size < 10 ? size.toFixed(1) : Math.round(size)} s`,
  }[level()];
}

/* All of the episode in a strip: the part of each emotion in what is read of the people shown. */
function drawOverview() {
  const canvas = byId("overview-canvas"), ratio = devicePixelRatio || 1, [wide, tall] = [canvas.clientWidth, 28];
  if (!canvas.getContext || !wide) return;
  [canvas.width, canvas.height] = [wide * ratio, tall * ratio];
  const brush = canvas.getContext("2d"), colours = palette(), size = Math.max(BIN * total / wide, 2 * data.step), sums = new Map();
  for (const row of shown()) {
    for (const bin of binned(row, 0, total, size)) {
      const sum = sums.get(bin.start) || new Float64Array(EMOTIONS);
      for (const what of state.emotions) sum[what] += bin.spans[what] / bin.all * bin.seen;
      sums.set(bin.start, sum);
    }
  }
  brush.scale(ratio, ratio);
  const most = Math.max(1, ...[...sums.values()].map(sum => sum.reduce((a, b) => a + b, 0)));
  sums.forEach((sum, start) => {
    let bottom = tall;
    sum.forEach((part, emotion) => {
      brush.fillStyle = colours[emotion].fill;
      brush.fillRect(start / total * wide, bottom - part / most * tall, size / total * wide + 0.5, part / most * tall);
      bottom -= part / most * tall;
    });
  });
}

let scrolled = -Infinity;                        // when the page was last scrolled; a wheel that scrolls goes on

function onWheel(event) {
  const whole = state.to - state.from >= total - 1, box = byId("timeline").getBoundingClientRect();
  const along = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ?
    event.deltaX : 0;
  if (along) {
    if (!whole) event.preventDefault();
    const move = Math.sign(along) * Math.min(Math.abs(along), 200) / width() * (state.to - state.from);
    zoom(state.from + move, state.to + move);
    return;
  }
  if (!event.ctrlKey && (whole && event.deltaY > 0 || performance.now() - scrolled < 250)) return;
  event.preventDefault();
  const notches = Math.max(-1, Math.min(1, event.deltaY / 100 * (event.deltaMode ? 33 : 1)));
  zoomAt(timeAt(Math.max(0, Math.min(width(), event.clientX - box.left))), 2 ** notches);
}

/* A drag of the mouse selects a stretch; fingers move along, and two zoom; without either it is a click. */
function wireGestures(area) {
  const fingers = new Map(), band = byId("band"), left = () => byId("timeline").getBoundingClientRect().left;
  let begin = null, moved = false, spread = 0;
  const wide = () => Math.abs([...fingers.values()].reduce((a, b) => a - b));
  area.addEventListener("pointerdown", event => {
    if (event.button || event.clientX < left()) return;
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 2) spread = wide();
    [begin, moved] = [event.clientX, fingers.size > 1];
  });
  window.addEventListener("pointermove", event => {
    if (!fingers.has(event.pointerId)) return;
    const before = fingers.get(event.pointerId), x = event.clientX;
    if (Math.abs(x - begin) > 4) moved = true;
    if (!moved) return;
    fingers.set(event.pointerId, x);
    if (fingers.size === 2) {
      const middle = [...fingers.values()].reduce((a, b) => a + b) / 2;
      zoomAt(timeAt(middle - left()), spread / Math.max(10, wide()));
      spread = Math.max(10, wide());
    } else if (event.pointerType === "touch" || event.shiftKey) {
      const move = (before - x) / width() * (state.to - state.from);
      zoom(state.from + move, state.to + move);
    } else {
      const from = Math.max(0, Math.min(begin, x) - left()), to = Math.min(width(), Math.max(begin, x) - left());
      band.hidden = false;
      [band.style.left, band.style.width] = [`${from}px`, `${to - from}px`];
      band.style.height = `${drawn.length * ROW()}px`;
    }
  });
  const end = event => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    if (!band.hidden) {
      const from = parseFloat(band.style.left);
      if (event.type === "pointerup") zoom(timeAt(from), timeAt(from + parseFloat(band.style.width)));
      band.hidden = true;
    } else if (!moved && event.type === "pointerup") {
      const box = byId("timeline").getBoundingClientRect();
      click(event.clientX - box.left, event.clientY - box.top);
    }
  };
  window.addEventListener("pointerup", end);
  window.addEventListener("pointercancel", end);
  area.addEventListener("dblclick", () => zoom(0, total));
  area.addEventListener("wheel", onWheel, {passive: false});
}

function click(x, y) {
  const found = hit(x, Math.max(y, TOP)), seen = found && !found.lane.other && level() === "readings" && under(found.lane, found.time);
  if (found) seek(seen ? seen.frame : frameAt(found.time));
}

/* The strip under the timeline: its window is moved, or pulled at either end; elsewhere it comes to the pointer. */
function wireOverview() {
  const strip = byId("overview");
  let grip = null;
  const at = event => {
    const box = strip.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * total;
  };
  strip.addEventListener("pointerdown", event => {
    if (event.button) return;
    event.preventDefault();
    strip.setPointerCapture(event.pointerId);
    const which = event.target.dataset.grip, time = at(event), length = state.to - state.from;
    if (!which && (time < state.from || time > state.to)) zoom(time - length / 2, time + length / 2);
    grip = {which, time, from: state.from, to: state.to};
  });
  strip.addEventListener("pointermove", event => {
    if (!grip) return;
    const move = at(event) - grip.time, least = Math.min(total, 20 * data.step);
    if (grip.which === "from") zoom(Math.min(grip.from + move, grip.to - least), grip.to);
    else if (grip.which === "to") zoom(grip.from, Math.max(grip.to + move, grip.from + least));
    else zoom(grip.from + move, grip.to + move);
  });
  for (const end of ["pointerup", "pointercancel"]) strip.addEventListener(end, () => { grip = null; });
  strip.addEventListener("dblclick", () => zoom(0, total));
}

function wireTimeline() {
  chart = echarts.init(byId("timeline"), null, {renderer: "canvas"});
  chart.getZr().on("mousemove", event => { pointer = [event.offsetX, event.offsetY]; });
  wireGestures(byId("lines"));
  byId("scroller").addEventListener("scroll", () => {
    scrolled = performance.now();
    const top = Math.round(byId("scroller").scrollTop / ROW());
    if (top === state.top) return;
    state.top = top;
    drawTimeline();
  }, {passive: true});
  wireOverview();
  document.addEventListener("scroll", () => { scrolled = performance.now(); }, {passive: true});
  let wide = 0;
  new ResizeObserver(() => {
    if (byId("timeline-part").clientWidth === wide) return;
    wide = byId("timeline-part").clientWidth;
    drawTimeline();
  }).observe(byId("timeline-part"));
}
