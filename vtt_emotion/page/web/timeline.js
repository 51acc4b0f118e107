/* The timeline: lines of people or emotions, drawn by ECharts at one of three levels, an overview, mouse and touch. */
const TOP = 26;                                  // px above the first line, for the times
const BIN = 3;                                   // px of a bin, where readings are too many to be drawn each
const narrow = () => matchMedia("(max-width: 700px)").matches;
const ROW = () => narrow() ? 44 : 28;            // px of a line; a finger needs more
const RIGHT = 14;                                // px beside the last time, whose label reaches beyond
const ROUND = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].map(s => 1000 * s);
let chart = null, drawn = [], pointer = [0, 0];  // ECharts' instance, the lines drawn, where the mouse is in it

const width = () => Math.max(1, byId("timeline").clientWidth - RIGHT);
const xOf = time => (time - state.from) / (state.to - state.from) * width();
const timeAt = x => state.from + x / width() * (state.to - state.from);
const binSize = () => BIN * (state.to - state.from) / width();        // ms

/* How much is drawn: each reading where it has 2 px, else segments where a second has 9 px, else shares in bins. */
function level() {
  const scale = width() / (state.to - state.from);
  if (scale * data.step >= 2) return "readings";
  return scale * 1000 >= 9 ? "segments" : "shares";
}

/* Ticks at round times, at least 80 px apart. */
function interval() {
  const least = 80 * (state.to - state.from) / width();
  return ROUND.find(step => step >= least) || Math.ceil(least / 3600000) * 3600000;
}

/* A row in stretches of `size` ms, of those between two times: for each with readings their number, the ms of each
   emotion and their sum times the confidence, `score`, the mean of `emotion` where one is asked for, and `place`, the
   first reading. The stretches lie on a grid of the whole, so that panning does not change them. */
function binned(row, from, to, size, emotion = null) {
  const bins = new Map(), floor = Math.floor(from / size) * size;
  const first = lowerBound(row.frames, lowerBound(times, floor - 2 * data.step));
  const last = lowerBound(row.frames, lowerBound(times, to));
  for (let place = first; place < last; place++) {
    const time = times[row.frames[place]], end = endOf(row, place), what = row.emotions[place];
    for (let key = Math.floor(Math.max(floor, time) / size); key * size < Math.min(end, to); key++) {
      let bin = bins.get(key);
      if (!bin) {
        bin = {start: key * size, end: (key + 1) * size, count: 0, place, all: 0, score: 0,
               spans: new Float64Array(EMOTIONS), sums: new Float64Array(EMOTIONS)};
        bins.set(key, bin);
      }
      const span = Math.min(end, bin.end) - Math.max(time, bin.start);
      if (span <= 0) continue;
      bin.count++;
      bin.all += span;
      bin.spans[what] += span;
      bin.sums[what] += span * confidence(row, place);
      if (emotion !== null) bin.score += span * scoreOf(row, place, emotion);
    }
  }
  const found = [...bins.values()].filter(bin => bin.all);
  for (const bin of found) {
    bin.score /= bin.all;
    bin.seen = Math.min(1, bin.all / size);
  }
  return found;
}

const Bars = echarts.graphic.extendShape({
  shape: {bars: []},
  buildPath(path, shape) {
    for (let i = 0; i < shape.bars.length; i += 4) {
      path.rect(shape.bars[i], shape.bars[i + 1], shape.bars[i + 2], shape.bars[i + 3]);
    }
  },
});
echarts.graphic.registerShape("bars", Bars);

/* Rectangles and letters of a line, one list a colour; `faint` are those of weak segments and of faces turned too far. */
class Brush {
  constructor(colours, pale) {
    Object.assign(this, {colours, pale, full: colours.map(() => []), faint: colours.map(() => []), marks: [], texts: []});
  }

  bar(emotion, from, to, bottom, height, faint = false) {
    this[faint ? "faint" : "full"][emotion].push(from, bottom - height, Math.max(1, to - from), height);
  }

  children() {
    const paint = opacity => (bars, emotion) => ({type: "bars", emphasisDisabled: true, shape: {bars},
                                                  style: {fill: this.colours[emotion].fill,
                                                          opacity: this.pale ? 0.3 * opacity : opacity}});
    const marks = {type: "bars", emphasisDisabled: true, shape: {bars: this.marks}, style: {fill: style("--ink")}};
    return [...this.full.map(paint(1)), ...this.faint.map(paint(0.45)), marks, ...this.texts];
  }
}

/* Each reading as high as it is sure, or as its score of the line's emotion. */
function drawReadings(brush, {row, emotion}, bottom, tall) {
  const first = lowerBound(row.frames, lowerBound(times, state.from - data.step));
  const last = lowerBound(row.frames, lowerBound(times, state.to));
  for (let place = first; place < last; place++) {
    const what = emotion ?? row.emotions[place];
    if (!state.emotions.has(what)) continue;
    const height = emotion === null ? confidence(row, place) : scoreOf(row, place, emotion);
    if (!height) continue;
    brush.bar(what, xOf(times[row.frames[place]]), xOf(endOf(row, place)), bottom, Math.max(1, height * tall),
              row.turned[place]);
  }
}

/* Each segment as high as it is sure on average, with its emotion's letters where they fit; under them a thin line of
   what single readings say, which may be too short for a segment. */
function drawSegments(brush, {row}, floor, all) {
  const bottom = floor - 4, tall = all - 4;
  for (const bin of binned(row, state.from, state.to, binSize())) {
    const what = [...state.emotions].reduce((a, b) => bin.spans[b] > bin.spans[a] ? b : a);
    if (bin.spans[what]) brush.bar(what, xOf(bin.start), xOf(bin.end) + 0.3, floor, 3);
  }
  for (const segment of row.segments) {
    if (segment.end < state.from || segment.start > state.to || !state.emotions.has(segment.emotion)) continue;
    const from = xOf(segment.start), to = xOf(segment.end), height = Math.max(2, segment.mean * tall);
    brush.bar(segment.emotion, from, Math.max(from + 1, to - 1), bottom, height, weak(segment));
    const wide = Math.min(to, width()) - Math.max(from, 0);
    if (wide >= 8 && height >= 9 && !weak(segment)) {
      const text = wide < 18 ? LETTERS[segment.emotion] : CODES[segment.emotion];
      brush.texts.push({type: "text", silent: true, x: Math.max(from, 0) + wide / 2, y: bottom - height / 2,
                        style: {text, font: `600 10px ${font()}`, verticalAlign: "middle", align: "center",
                                fill: brush.colours[segment.emotion].ink}});
    }
  }
}

/* Bins of a few px. All emotions: the part of the time that each is read, one upon the other; the rest is time without
   this person. One emotion: its mean score. */
function drawShares(brush, {row, emotion}, bottom, tall) {
  for (const bin of binned(row, state.from, state.to, binSize(), emotion)) {
    const from = xOf(bin.start), to = from + BIN;
    if (emotion !== null) {
      if (bin.score > 0.005) brush.bar(emotion, from, to, bottom, Math.max(1, bin.score * tall));
      continue;
    }
    let under = 0;
    for (const what of data.emotions.keys()) {
      if (!state.emotions.has(what)) continue;
      const height = Math.max(1.5, bin.seen * tall) * bin.spans[what] / bin.all;
      if (height) brush.bar(what, from, to, bottom - under, height);
      under += height;
    }
  }
}

/* Where two people, both seen, differ, in stretches of `size` ms, from 0 to 1: the part of the time that is not of the
   same emotion; of one emotion the difference of their means. */
function differences({row, other, emotion}, from, to, size) {
  const beside = new Map(binned(other, from, to, size, emotion).map(bin => [bin.start, bin]));
  return binned(row, from, to, size, emotion).filter(bin => beside.has(bin.start)).map(bin => {
    const its = beside.get(bin.start);
    const same = bin.spans.reduce((sum, span, what) => sum + Math.min(span / bin.all, its.spans[what] / its.all), 0);
    return {...bin, differ: emotion === null ? 1 - same : Math.abs(bin.score - its.score)};
  });
}

const differenceSize = () => Math.max(binSize(), 1.01 * data.step);

function drawDifference(brush, lane, bottom, tall) {
  for (const bin of differences(lane, state.from, state.to, differenceSize())) {
    const height = bin.differ * tall;
    if (height >= 0.5) brush.marks.push(xOf(bin.start), bottom - height, xOf(bin.end) - xOf(bin.start), height);
  }
}

/* What annotators saw, a thin line, and where another emotion was read mostly, a mark under it. */
function drawTruth(brush, {row, emotion}, bottom) {
  const {truth} = row;
  for (let i = 0; i < truth.starts.length; i++) {
    const [start, end, what] = [truth.starts[i], truth.ends[i], truth.emotions[i]];
    if (end < state.from || start > state.to || !state.emotions.has(what) || (emotion ?? what) !== what) continue;
    brush.bar(what, xOf(start), Math.max(xOf(start) + 1.5, xOf(end)), bottom + 4, 3);
    const [bin] = binned(row, start, end, end - start || 1);
    if (bin && bin.spans[what] * 2 < bin.all) {
      brush.marks.push(xOf(start), bottom + 4, Math.max(1.5, xOf(end) - xOf(start)), 1.5);
    }
  }
}

/* A line on top while this person speaks. */
function drawTurns(brush, {row}, top) {
  for (const {start, end} of row.turns) {
    if (end >= state.from && start <= state.to) brush.marks.push(xOf(start), top + 1, Math.max(1, xOf(end) - xOf(start)), 2);
  }
}

function drawLane(lane, params, colours) {
  const area = params.coordSys, row = ROW(), top = area.y + params.dataIndex * row, truth = !lane.other && lane.row.truth;
  const bottom = top + row - (truth ? 7 : 2), tall = bottom - top - 3, brush = new Brush(colours, lane.pale), how = level();
  if (lane.other) drawDifference(brush, lane, bottom, tall);
  else if (how === "readings") drawReadings(brush, lane, bottom, tall);
  else if (how === "segments" && lane.emotion === null) drawSegments(brush, lane, bottom, tall);
  else drawShares(brush, lane, bottom, tall);
  if (truth) drawTruth(brush, lane, bottom);
  if (!lane.other && !lane.inner) drawTurns(brush, lane, top);
  const ground = {type: "rect", emphasisDisabled: true, shape: {x: 0, y: top, width: area.width, height: row},
                  style: {fill: params.dataIndex % 2 ? "transparent" : style("--stripe")}};
  const line = {type: "rect", silent: true, shape: {x: 0, y: bottom, width: area.width, height: 1},
                style: {fill: style("--line"), opacity: 0.7}};
  return {type: "group", emphasisDisabled: true, children: [ground, line, ...brush.children()]};
}

const font = () => getComputedStyle(document.body).fontFamily;       // a canvas knows no "inherit"

function timelineOption() {
  const ink = style("--quiet"), line = style("--line"), step = interval(), colours = palette();
  const lines = drawn;                           // a chart that is resized first draws what it had
  const ticks = [];
  for (let time = Math.ceil(state.from / step) * step; time <= state.to; time += step) ticks.push(time);
  return {
    animation: false, backgroundColor: "transparent", textStyle: {fontFamily: font(), color: ink},
    aria: {enabled: true, label: {description: describe()}},
    tooltip: {trigger: "item", confine: true, formatter: tip, backgroundColor: style("--panel"), borderColor: line,
              textStyle: {color: style("--ink")}, transitionDuration: 0, enterable: false},
    grid: {left: 0, right: RIGHT, top: TOP, height: drawn.length * ROW(), outerBoundsMode: "none"},
    xAxis: {type: "value", position: "top", min: state.from, max: state.to, axisLine: {show: false},
            axisTick: {show: false, customValues: ticks}, splitLine: {lineStyle: {color: line, opacity: 0.6}},
            axisLabel: {color: ink, hideOverlap: true, margin: 6, align: "left", customValues: ticks,
                        formatter: time => xOf(time) < width() - 40 ? tick(time, step) : ""}},
    yAxis: {type: "value", min: 0, max: Math.max(1, drawn.length), inverse: true, show: false},
    series: [{type: "custom", name: "lines", data: lines.map((_, place) => [state.from, place]), clip: true,
              renderItem: params => drawLane(lines[params.dataIndex], params, colours), emphasis: {disabled: true},
              cursor: "crosshair"}],
  };
}

const tick = (time, step) => step < 1000 ? clock(time).slice(0, -1) : clock(time, true);

function describe() {
  const visible = drawn.map(lane => lane.label).join(", ") || "nobody";
  return `Timeline of emotions from ${clock(state.from)} to ${clock(state.to)}, of ${visible}. ` +
    `The arrow keys and 1 to ${EMOTIONS} go through it; what is seen is said as text.`;
}

/* The lines that the scrolled box has in view, and those under them: others are not drawn. Returns how many there are. */
function cutLines() {
  const lines = lanes(), beneath = underLanes(), scroller = byId("scroller"), most = data.inView;
  state.top = Math.max(0, Math.min(state.top, lines.length - most));
  drawn = [...lines.slice(state.top, state.top + most), ...beneath];
  byId("timeline").style.height = `${TOP + Math.max(1, drawn.length) * ROW() + 4}px`;
  scroller.style.maxHeight = byId("timeline").style.height;
  byId("all-lines").style.height = `${TOP + (lines.length + beneath.length) * ROW() + 4}px`;
  if (Math.round(scroller.scrollTop / ROW()) !== state.top) scroller.scrollTop = state.top * ROW();
  return lines.length;
}

function drawTimeline() {
  byId("chart").hidden = false;
  const count = cutLines();
  byId("chart").hidden = !count;
  byId("nothing").hidden = count > 0;
  byId("nothing").textContent = state.search && chosen().length && state.emotions.size ?
    `Nobody who is shown is called “${state.search}”.` : "Nothing is shown: all people or all emotions are switched off.";
  drawNames();
  if (drawn.length) {
    chart.resize();
    chart.setOption(timelineOption(), {notMerge: true});
    byId("timeline").setAttribute("role", "img");
  }
  drawCurves();
  drawStrip();
  drawOverview();
  placeMarks();
}

/* The names beside the lines: a button each, which shows that person or that emotion alone. */
function drawNames() {
  const most = Math.max(8, Math.floor((byId("names").clientWidth - (narrow() ? 14 : 46)) / 7.2));
  refill(byId("names"), drawn.map(lane => {
    if (lane.other) return element("span", "lane", lane.label);
    const button = element("button", `lane${lane.inner ? " inner" : ""}${lane.pale ? " pale" : ""}`), {row} = lane;
    button.type = "button";
    button.dataset.key = `${row.label} ${lane.inner ? lane.emotion : ""}`;
    button.title = lane.label;
    if (lane.inner) button.append(swatch(lane.emotion));
    else if (!narrow() && face(row)) button.append(picture(face(row)));
    button.append(element("bdi", "", shorten(lane.label, most)));
    button.setAttribute("aria-label", lane.label);
    button.setAttribute("aria-pressed", String(!lane.pale && (lane.inner ? state.emotions : state.rows).size === 1));
    button.addEventListener("click", () => lane.inner ? alone(state.emotions, lane.emotion, data.emotions.keys()) :
      alone(state.rows, row.place, rows.keys()));
    return button;
  }));
}

// ---- what is under the pointer

/* The line and the time at a point of the chart, or null beside them. */
function hit(x, y) {
  const lane = drawn[Math.floor((y - TOP) / ROW())];
  return !lane || y < TOP || x < 0 || x > width() ? null : {lane, time: timeAt(x)};
}

/* What is drawn of a line at a time: {frame, lines of text, emotion} or null where there is nothing. */
function under({row, emotion}, time) {
  const how = level(), near = 4 / width() * (state.to - state.from);
  if (how === "readings") return readingUnder(row, emotion, time, near);
  if (how === "segments" && emotion === null) {
    const segment = row.segments.filter(each => state.emotions.has(each.emotion) && time >= each.start - near &&
      time < each.end + near).sort((a, b) => strength(b) - strength(a))[0];
    return segment ? {frame: nearest(times, segment.peak), emotion: segment.emotion, value: segment.mean.toFixed(2), more: [seconds((segment.end - segment.start) / 1000),
                      `${clock(segment.start)} to ${clock(segment.end)}`]} : null;
  }
  const size = binSize(), bins = binned(row, time - near, time + near, size, emotion);
  const bin = bins.sort((a, b) => Math.abs(a.start + size / 2 - time) - Math.abs(b.start + size / 2 - time))[0];
  return bin ? binUnder(row, emotion, bin) : null;
}

function readingUnder(row, emotion, time, near) {
  const frame = Math.max(0, lowerBound(times, time + 1) - 1);
  let best = null, least = near;
  for (let place = lowerBound(row.frames, lowerBound(times, time - 2 * data.step - near)); place < row.frames.length;
       place++) {
    const start = times[row.frames[place]], end = endOf(row, place);
    if (start > time + near) break;
    const away = time < start ? start - time : time > end ? time - end : 0;
    if (state.emotions.has(emotion ?? row.emotions[place]) && away < least) [best, least] = [place, away];
  }
  if (best === null) return null;
  const what = emotion ?? row.emotions[best], value = emotion === null ? confidence(row, best) :
    scoreOf(row, best, emotion);
  return emotion !== null && !value ? null : {frame: row.frames[best] ?? frame, emotion: what, value: value.toFixed(2), more: []};
}

function binUnder(row, emotion, bin) {
  const order = [...state.emotions].filter(what => bin.spans[what]).sort((a, b) => bin.spans[b] - bin.spans[a]);
  if (emotion === null && !order.length) return null;
  const what = emotion ?? order[0], share = each => `${Math.round(100 * bin.spans[each] / bin.all)} %`;
  const rest = order.slice(1, 4).map(each => `${data.emotions[each]} ${share(each)}`).join(", ");
  const sure = bin.spans[what] ? bin.sums[what] / bin.spans[what] : 0;
  return {frame: row.frames[bin.place], emotion: what, value: emotion === null ? `${share(what)}, ${sure.toFixed(2)} sure` : bin.score.toFixed(2),
          more: [...(emotion === null && rest ? [rest] : []),
                 `${bin.count} readings, ${clock(bin.start)} to ${clock(bin.end)}`]};
}

function differenceTip(lane, time) {
  const size = differenceSize(), bin = differences(lane, time - size, time + size, size).find(each => time < each.end);
  return bin ? element("div", "tip", `${lane.row.label} and ${lane.other.label} differ in ` +
    `${Math.round(100 * bin.differ)} % at ${clock(bin.start)}`) : "";
}

/* Of a time without a reading, at which something was annotated or coded. */
function truthTip({lane, time}, truth) {
  const box = element("div", "tip"), text = element("div"), what = element("div", "tip-what", `${data.truthSays} `);
  what.append(swatch(truth), data.emotions[truth]);
  text.append(element("div", "tip-who", lane.row.label), what, element("div", "", clock(time)));
  box.append(text);
  return box;
}

function tip() {
  const found = hit(...pointer);
  if (found?.lane.other) return differenceTip(found.lane, found.time);
  const seen = found && under(found.lane, found.time), truth = found && truthAt(found.lane.row, found.time);
  if (!seen) return truth !== null && (found.lane.emotion ?? truth) === truth ? truthTip(found, truth) : "";
  const {row} = found.lane, box = element("div", "tip"), text = element("div"), what = element("div", "tip-what");
  const source = portrait(row, seen.frame);
  if (source) box.append(picture(source, ""));
  what.append(swatch(seen.emotion), element("strong", "", data.emotions[seen.emotion]), ` ${seen.value}`);
  text.append(element("div", "tip-who", row.label), what);
  for (const line of seen.more.length ? seen.more : [when(seen.frame)]) text.append(element("div", "", line));
  if (truth !== null) text.append(element("div", "", `${data.truthSays} ${data.emotions[truth]}`));
  box.append(text);
  return box;
}

// ---- zooming, by buttons, keys, wheel, dragging and fingers

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
