/* The timeline: lines of people or emotions, drawn by ECharts at one of three levels. */
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
