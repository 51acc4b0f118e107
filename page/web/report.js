/* The page of an episode: its timeline, filters, video or pictures, and keys. Text from the results is only ever set
   as text (textContent), never as HTML. Times are ms; a frame is a place in `times`. */
"use strict";
(() => {
  const started = performance.now();
  const byId = id => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = JSON.parse(byId("data").textContent);
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const numbers = text => new Uint32Array(bytes(text).buffer);

  const POINTS = 1500;                           // drawn of a row at most
  const ROW = 46, TOP = 8, FOOT = 64;            // px of the timeline: a row, above the first, below the last
  const EMOTIONS = data.emotions.length;
  const times = numbers(data.times);
  /* ms that a frame is shown; readings may be further apart than frames. */
  const lasts = frame => {
    const next = Math.min(frame + 1, times.length - 1);
    return next > 0 ? times[next] - times[next - 1] : data.step;
  };
  const total = times.length ? times[times.length - 1] + lasts(times.length - 1) : 1;
  const rows = data.rows.map((row, place) => ({
    ...row, place, frames: numbers(row.frames), emotions: bytes(row.emotions), confidences: bytes(row.confidences),
    faces: row.faces ? numbers(row.faces) : null, bars: [],
  }));
  const state = {
    now: 0, from: 0, to: total, rows: new Set(rows.map(row => row.place)),
    emotions: new Set(data.emotions.map((_, place) => place)),
  };
  const shown = () => state.emotions.size ? rows.filter(row => state.rows.has(row.place)) : [];
  const colours = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const font = () => getComputedStyle(document.body).fontFamily;       // a canvas knows no "inherit"

  // ---- small things

  /* The first place in an ascending array whose value is at least `value`. */
  function lowerBound(values, value) {
    let low = 0, high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < value) low = middle + 1; else high = middle;
    }
    return low;
  }

  /* The place in an ascending array whose value is nearest; -1 of an empty one. */
  function nearest(values, value) {
    const after = lowerBound(values, value);
    if (!values.length) return -1;
    if (after === values.length) return after - 1;
    return after && value - values[after - 1] <= values[after] - value ? after - 1 : after;
  }

  function clock(time) {
    const hundredths = Math.round(time / 10), part = number => String(number).padStart(2, "0");
    return `${Math.floor(hundredths / 6000)}:${part(Math.floor(hundredths / 100) % 60)}.${part(hundredths % 100)}`;
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function swatch(emotion) {
    const made = element("span", "swatch");
    made.style.backgroundColor = data.colours[emotion];
    return made;
  }

  const confidence = (row, place) => row.confidences[place] / data.full;
  const named = (row, place) => row.faces ? row.names[row.faces[place]] : row.label;
  const jpeg = text => `data:image/jpeg;base64,${text}`;

  /* The thumbnail of a row nearest in time to a frame (a data URL), or null where none is near. In a row of several
     people it is one of the same `face`. */
  function portrait(row, frame, face) {
    const thumbs = row.thumbs, away = place => Math.abs(times[thumbs.frames[place]] - times[frame]);
    const middle = nearest(thumbs.frames, frame);
    let best = -1;
    for (const way of [-1, 1]) {
      let place = middle;
      while (face !== null && place >= 0 && place < thumbs.frames.length && away(place) <= data.reach &&
             thumbs.faces[place] !== face) place += way;
      const found = place >= 0 && place < thumbs.frames.length && away(place) <= data.reach;
      if (found && (best < 0 || away(place) < away(best))) best = place;
    }
    return best < 0 ? null : jpeg(thumbs.jpegs[best]);
  }

  const faceOf = (row, place) => row.faces ? row.faces[place] : null;

  // ---- the timeline: thinned bars, drawn by ECharts

  /* The bars of a row between two times, at most about `most`: where there are more readings, a bar is a stretch of
     time and shows its most frequent emotion at its greatest confidence; else every frame has its own. */
  function thin(row, from, to, most) {
    const bars = [];
    const first = lowerBound(row.frames, lowerBound(times, from - data.step));
    const last = lowerBound(row.frames, lowerBound(times, to));
    const width = last - first > most ? (to - from) / most : 0;
    const counts = new Uint32Array(EMOTIONS), best = new Int32Array(EMOTIONS);
    let key = -1, start = 0, end = 0;
    const flush = () => {
      if (key < 0) return;
      let emotion = 0;
      for (let other = 1; other < EMOTIONS; other++) if (counts[other] > counts[emotion]) emotion = other;
      bars.push({start, end, emotion, place: best[emotion]});
      counts.fill(0);
      key = -1;
    };
    for (let place = first; place < last; place++) {
      const emotion = row.emotions[place], frame = row.frames[place], time = times[frame];
      if (!state.emotions.has(emotion)) continue;
      const here = width ? Math.floor(time / width) : frame;
      if (here !== key) {
        flush();
        [key, start] = [here, time];
      }
      if (!counts[emotion]++ || row.confidences[place] > row.confidences[best[emotion]]) best[emotion] = place;
      end = endOf(row, place);
    }
    flush();
    return bars;
  }

  /* When a reading ends: where the row's next begins, or a step on, whichever is sooner. */
  function endOf(row, place) {
    const time = times[row.frames[place]], limit = time + 1.6 * data.step;
    let next = place + 1;
    while (next < row.frames.length && row.frames[next] === row.frames[place]) next++;
    const following = next < row.frames.length ? times[row.frames[next]] : Infinity;
    return following <= limit ? following : time + data.step;
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

  /* One row of the timeline as ECharts elements: its bars, and the truth's line, one shape an emotion. */
  function drawRow(row, params, api) {
    const area = params.coordSys, [left, bottom] = api.coord([0, 0]), [right, top] = api.coord([total, 1]);
    const scale = (right - left) / total, x = time => left + time * scale;
    const from = (area.x - left) / scale, to = (area.x + area.width - left) / scale;
    row.bars = thin(row, from, to, Math.min(POINTS, Math.max(1, Math.floor(area.width))));
    row.x = x;
    const shapes = data.emotions.map(() => []), lines = data.emotions.map(() => []);
    for (const bar of row.bars) {
      const height = Math.max(2, confidence(row, bar.place) * (bottom - top));
      shapes[bar.emotion].push(x(bar.start), bottom - height, Math.max(1, x(bar.end) - x(bar.start)), height);
    }
    const truth = row.truth;
    for (let i = 0; truth && i < truth.starts.length; i++) {
      if (truth.ends[i] < from || truth.starts[i] > to || !state.emotions.has(truth.emotions[i])) continue;
      const start = x(truth.starts[i]);
      lines[truth.emotions[i]].push(start, bottom + 2, Math.max(1.5, x(truth.ends[i]) - start), 4);
    }
    const paint = (bars, emotion) =>
      ({type: "bars", emphasisDisabled: true, shape: {bars}, style: {fill: data.colours[emotion]}});
    const ground = {type: "rect", emphasisDisabled: true, style: {fill: "transparent"},
                    shape: {x: area.x, y: area.y, width: area.width, height: area.height}};
    return {type: "group", emphasisDisabled: true, children: [ground, ...shapes.map(paint), ...lines.map(paint)]};
  }

  const charts = {};
  let pointer = [0, 0];

  function layout() {
    const narrow = byId("timeline").clientWidth < 640;
    return {narrow, left: narrow ? 10 : 130, right: 30};             // the last time's label reaches beyond
  }

  /* A name short enough for a chart. ECharts keeps the widths of texts by text, in a plain object: "__proto__" would
     reach every object's prototype, so such a name is given a space. */
  function label(text, most) {
    const short = text.length > most ? `${text.slice(0, most - 1)}…` : text;
    return short in {} ? `${short} ` : short;
  }

  function timelineOption() {
    const {narrow, left, right} = layout(), visible = shown(), ink = colours("--ink"), line = colours("--line");
    const places = visible.map((_, place) => place), height = ROW - (narrow ? 18 : 8);
    const zoom = {xAxisIndex: places, startValue: state.from, endValue: state.to, filterMode: "none",
                  minValueSpan: Math.min(total, 20 * data.step)};
    return {
      animation: false, backgroundColor: "transparent", textStyle: {fontFamily: font(), color: ink},
      aria: {enabled: true, label: {description: describe()}},
      tooltip: {trigger: "item", confine: true, formatter: tip, backgroundColor: colours("--panel"),
                borderColor: line, textStyle: {color: ink}, transitionDuration: 0, enterable: false},
      grid: places.map(place => ({left, right, top: TOP + place * ROW + (narrow ? 16 : 2), height,
                                   outerBoundsMode: "none"})),             // labels may not make one row narrower
      xAxis: places.map(place => ({
        type: "value", gridIndex: place, min: 0, max: total, splitLine: {lineStyle: {color: line, opacity: 0.5}},
        axisLine: {lineStyle: {color: line}}, axisTick: {show: place === places.length - 1},
        axisLabel: {show: place === places.length - 1, color: ink, hideOverlap: true,
                    formatter: time => state.to - state.from > 120000 ? clock(time).slice(0, -3) : clock(time)},
      })),
      yAxis: places.map(place => ({
        type: "value", gridIndex: place, min: visible[place].truth ? -0.2 : 0, max: 1, axisLabel: {show: false},
        axisTick: {show: false}, axisLine: {show: false},
        splitLine: {show: false}, name: label(visible[place].label, narrow ? 40 : 16), triggerEvent: false,
        nameLocation: narrow ? "end" : "middle", nameRotate: 0, nameMoveOverlap: false, nameGap: narrow ? 3 : 10,
        nameTextStyle: {color: ink, fontSize: 13, align: narrow ? "left" : "right"},
      })),
      dataZoom: places.length ? [
        {type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: "shift", ...zoom},
        {type: "slider", left, right, bottom: 8, height: 26, showDataShadow: false, showDetail: false, ...zoom,
         borderColor: line, fillerColor: colours("--filler"), backgroundColor: "transparent",
         moveHandleStyle: {color: colours("--quiet")}, handleStyle: {color: colours("--panel"),
                                                                     borderColor: colours("--quiet")},
         brushSelect: false},
      ] : [],
      series: visible.map((row, place) => ({
        type: "custom", name: `row ${row.place}`, xAxisIndex: place, yAxisIndex: place, data: [[0, 0]], clip: true,
        renderItem: (params, api) => drawRow(row, params, api), emphasis: {disabled: true}, cursor: "crosshair",
      })),
    };
  }

  function describe() {
    const visible = shown().map(row => row.label).join(", ") || "nobody";
    return `Timeline of emotions from ${clock(state.from)} to ${clock(state.to)}, of ${visible}. ` +
      "The arrow keys and 1 to 7 go through it; what is seen is said as text.";
  }

  function drawTimeline() {
    if (!charts.timeline) return;
    const visible = shown().length;
    byId("timeline").style.height = `${TOP + visible * ROW + FOOT}px`;
    byId("timeline").hidden = !visible;
    byId("nothing").hidden = visible > 0;
    if (visible) {
      charts.timeline.resize();
      charts.timeline.setOption(timelineOption(), {notMerge: true});
      byId("timeline").setAttribute("role", "img");
    }
    placeCursor();
    byId("range").textContent = `${clock(state.from)} to ${clock(state.to)}`;
  }

  /* The row and bar at a point of the timeline: {row, bar, time}, or null beside the rows. */
  function hit(x, y) {
    const visible = shown(), row = visible[Math.floor((y - TOP) / ROW)];
    const {left, right} = layout();
    if (!row || !row.x || x < left || x > byId("timeline").clientWidth - right) return null;
    const time = charts.timeline.convertFromPixel({xAxisIndex: 0}, x);
    let best = null, least = 4;                  // px beside a bar that count as on it
    for (const bar of row.bars) {
      const from = row.x(bar.start), to = Math.max(from + 1, row.x(bar.end));
      const away = x < from ? from - x : x > to ? x - to : 0;
      if (away < least) [best, least] = [bar, away];
    }
    return {row, bar: best, time};
  }

  function truthAt(row, time) {
    const truth = row.truth;
    if (!truth) return null;
    for (let i = lowerBound(truth.starts, time + 1) - 1, back = 0; i >= 0 && back < 20; i--, back++) {
      if (time < truth.ends[i]) return truth.emotions[i];
    }
    return null;
  }

  function tip() {
    const found = hit(...pointer);
    if (!found || !found.bar) return "";
    const {row, bar} = found, frame = row.frames[bar.place], time = times[frame];
    const box = element("div", "tip"), text = element("div"), picture = portrait(row, frame, faceOf(row, bar.place));
    if (picture) {
      const image = element("img");
      image.src = picture;
      image.alt = "";
      box.append(image);
    }
    const what = element("div", "tip-what");
    what.append(swatch(bar.emotion), element("strong", "", data.emotions[bar.emotion]),
                ` ${confidence(row, bar.place).toFixed(2)}`);
    text.append(element("div", "tip-who", named(row, bar.place)), what, element("div", "", when(frame)));
    const truth = truthAt(row, time);
    if (truth !== null) text.append(element("div", "", `annotated ${data.emotions[truth]}`));
    box.append(text);
    return box;
  }

  const when = frame => clock(times[frame]) + (data.numbered ? `, frame ${frame}` : "");

  function placeCursor() {
    const cursor = byId("cursor");
    if (!charts.timeline) return;
    const {left, right} = layout(), visible = shown().length;
    const x = visible ? charts.timeline.convertToPixel({xAxisIndex: 0}, times[state.now]) : -1;
    cursor.hidden = !(x >= left - 0.5 && x <= byId("timeline").clientWidth - right + 0.5);
    cursor.style.transform = `translateX(${x}px)`;
    cursor.style.height = `${visible * ROW}px`;
  }

  /* Show the times from `from` to `to`, kept inside the episode and at least 20 readings long. */
  function zoom(from, to) {
    const length = Math.min(total, Math.max(to - from, Math.min(total, 20 * data.step)));
    state.from = Math.max(0, Math.min(from + (to - from - length) / 2, total - length));
    state.to = state.from + length;
    if (shown().length) {
      charts.timeline.dispatchAction({type: "dataZoom", dataZoomIndex: 0, startValue: state.from,
                                      endValue: state.to});
    }
  }

  function zoomBy(what) {
    const length = state.to - state.from, time = times[state.now] || 0;
    const middle = time >= state.from && time <= state.to ? time : (state.from + state.to) / 2;
    if (what === "in") zoom(middle - (middle - state.from) / 2, middle + (state.to - middle) / 2);
    if (what === "out") zoom(state.from - length / 2, state.to + length / 2);
    if (what === "left") zoom(state.from - length / 2, state.to - length / 2);
    if (what === "right") zoom(state.from + length / 2, state.to + length / 2);
    if (what === "whole") zoom(0, total);
  }

  /* Move the timeline along, where the present time has left it. */
  function follow() {
    const time = times[state.now], length = state.to - state.from;
    if (time < state.from || time >= state.to) zoom(time - length / 4, time + 3 * length / 4);
  }

  // ---- the shares

  function drawShares() {
    if (!charts.shares) return;
    const ink = colours("--ink"), line = colours("--line"), visible = shown(), {narrow, left, right} = layout();
    byId("shares").style.height = `${40 + Math.max(1, visible.length) * 30}px`;
    charts.shares.resize();
    const share = (row, emotion) => row.emotions.length ? 100 * row.counts[emotion] / row.emotions.length : 0;
    charts.shares.setOption({
      animation: false, backgroundColor: "transparent", textStyle: {fontFamily: font(), color: ink},
      grid: {left: narrow ? 90 : left, right, top: 4, bottom: 28},
      xAxis: {type: "value", max: 100, axisLabel: {formatter: "{value} %", color: ink, hideOverlap: true},
              splitLine: {lineStyle: {color: line, opacity: 0.5}}},
      yAxis: {type: "category", inverse: true, data: visible.map(row => label(row.label, narrow ? 11 : 16)),
              axisTick: {show: false}, axisLine: {show: false}, axisLabel: {color: ink, fontSize: 13}},
      tooltip: {trigger: "item", confine: true, backgroundColor: colours("--panel"), borderColor: line,
                textStyle: {color: ink}, transitionDuration: 0,
                formatter: params => {
                  const row = visible[params.dataIndex], emotion = params.seriesIndex, box = element("div", "tip");
                  const what = element("div", "tip-what");
                  what.append(swatch(emotion), element("strong", "", data.emotions[emotion]),
                              ` ${share(row, emotion).toFixed(1)} %`);
                  box.append(element("div", "tip-who", row.label), what);
                  return box;
                }},
      series: data.emotions.map((name, emotion) => ({
        type: "bar", name, stack: "all", barWidth: 18, emphasis: {disabled: true},
        itemStyle: {color: data.colours[emotion], borderColor: colours("--panel"), borderWidth: 1},
        data: visible.map(row => state.emotions.has(emotion) ? share(row, emotion) : 0),
      })),
    }, {notMerge: true});
  }

  // ---- the present frame

  const video = byId("video");
  let videoFailed = !video;

  function readingAt(row, frame) {
    const first = lowerBound(row.frames, lowerBound(times, times[frame] - data.step + 1));
    const last = lowerBound(row.frames, frame + 1) - 1;
    const found = [];
    for (let place = last; place >= first && place >= 0; place--) {
      if (row.frames[place] !== row.frames[last]) break;
      if (state.emotions.has(row.emotions[place])) found.unshift(place);
    }
    return found;
  }

  /* What is read at the present frame of those shown, as a list, and as a sentence for screen readers. */
  function showPresent() {
    const list = byId("present"), frame = state.now, said = [];
    byId("now-time").textContent = times.length ? when(frame) : "–";
    list.replaceChildren();
    for (const row of shown()) {
      for (const place of readingAt(row, frame)) {
        const emotion = row.emotions[place], item = element("li"), text = element("span");
        const picture = portrait(row, frame, faceOf(row, place));
        const image = element(picture ? "img" : "span", "face");
        if (picture) [image.src, image.alt] = [picture, ""];
        image.hidden = !row.thumbs.jpegs.length;
        const truth = truthAt(row, times[frame]);
        text.append(element("b", "", named(row, place)), swatch(emotion),
                    `${data.emotions[emotion]} ${confidence(row, place).toFixed(2)}` +
                    (truth === null ? "" : `, annotated ${data.emotions[truth]}`));
        item.append(image, text);
        list.append(item);
        said.push(`${named(row, place)} ${data.emotions[emotion]} ${confidence(row, place).toFixed(2)}`);
      }
    }
    if (!said.length) list.append(element("li", "quiet", "no face shown here"));
    return `${times.length ? when(frame) : ""}: ${said.join("; ") || "no face shown"}`;
  }

  let waiting = 0;

  /* Say it to screen readers, once the keys rest: a held arrow is not to be read frame by frame. */
  function say(text) {
    clearTimeout(waiting);
    waiting = setTimeout(() => { byId("said").textContent = text; }, 150);
  }

  function showPicture() {
    if (!videoFailed) return;
    const place = times.length ? nearest(data.pictures.times, times[state.now]) : -1, image = byId("picture-image");
    byId("picture").hidden = place < 0;
    if (place < 0) return;
    const time = data.pictures.times[place];
    if (image.dataset.time !== String(time)) {
      [image.dataset.time, image.src] = [time, jpeg(data.pictures.jpegs[place])];
      image.alt = `The frame at ${clock(time)}`;
    }
    byId("picture-caption").textContent = time === times[state.now] ? `the frame at ${clock(time)}` :
      `the frame at ${clock(time)}, the nearest that is kept in this page`;
  }

  /* Go to a frame. `quiet` while a video plays: it is there already, and nothing is said. */
  function seek(frame, quiet) {
    if (!times.length) return;
    state.now = Math.max(0, Math.min(times.length - 1, frame));
    if (video && !videoFailed && !quiet) {
      video.pause();
      video.currentTime = (times[state.now] + lasts(state.now) / 4) / 1000;       // inside the frame, not on its edge
    }
    const text = showPresent();
    if (!quiet) say(text);
    showPicture();
    follow();
    placeCursor();
  }

  const frameAt = time => Math.max(0, lowerBound(times, time + 1) - 1);

  /* The frame where the next run of an emotion begins, of the people shown; after the last one the first. */
  function nextMoment(emotion) {
    let after = Infinity, first = Infinity;
    for (const row of shown()) {
      for (const frame of row.starts[emotion]) {
        first = Math.min(first, frame);
        if (frame > state.now) {
          after = Math.min(after, frame);
          break;
        }
      }
    }
    return after < Infinity ? after : first;
  }

  function jump(emotion) {
    const frame = state.emotions.has(emotion) ? nextMoment(emotion) : Infinity;
    if (frame < Infinity) seek(frame);
    else say(`no ${data.emotions[emotion]} moment is shown`);
  }

  /* Count a row's emotions, and note the frames where its runs of each begin. */
  function prepare(row) {
    row.starts = data.emotions.map(() => []);
    row.counts = new Uint32Array(EMOTIONS);
    const last = new Int32Array(EMOTIONS).fill(-1);
    row.emotions.forEach((emotion, place) => {
      const frame = row.frames[place];
      row.counts[emotion]++;
      if (last[emotion] < 0 || times[frame] - times[last[emotion]] > 1.6 * data.step) row.starts[emotion].push(frame);
      last[emotion] = frame;
    });
  }

  function step(how) {
    const second = {"second-back": -1000, "second-on": 1000}[how];
    if (second) seek(nearest(times, Math.max(0, times[state.now] + second)));
    else seek(state.now + (how === "on" ? 1 : -1));
  }

  // ---- wiring

  function redraw() {
    drawTimeline();
    drawShares();
    showPresent();
  }

  function filter() {
    all("[data-emotion]").forEach(box => {
      state.emotions[box.checked ? "add" : "delete"](Number(box.dataset.emotion));
    });
    all("input[data-row]").forEach(box => state.rows[box.checked ? "add" : "delete"](Number(box.dataset.row)));
    all("tr[data-row-of]").forEach(line => { line.hidden = !state.rows.has(Number(line.dataset.rowOf)); });
    all("tr[data-emotion-of]").forEach(line => { line.hidden = !state.emotions.has(Number(line.dataset.emotionOf)); });
    all("td[data-row-of] button").forEach(button => {
      button.hidden = !state.rows.has(Number(button.dataset.momentRow));
    });
    redraw();
  }

  function onKey(event) {
    const target = event.target;
    const form = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && target.type !== "checkbox" || target.isContentEditable;
    if (form || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const scrolls = target.classList.contains("scroll");
    let known = true;
    if (event.key === "ArrowLeft" && !scrolls) step(event.shiftKey ? "second-back" : "back");
    else if (event.key === "ArrowRight" && !scrolls) step(event.shiftKey ? "second-on" : "on");
    else if (/^[1-7]$/.test(event.key)) jump(Number(event.key) - 1);
    else if (event.key === "+" || event.key === "=") zoomBy("in");
    else if (event.key === "-") zoomBy("out");
    else if (event.key === "0") zoomBy("whole");
    else if (event.key === " " && video && !videoFailed && target === document.body) {
      if (video.paused) video.play(); else video.pause();
    } else known = false;
    if (known) event.preventDefault();
  }

  function wireVideo() {
    if (!video) return;
    video.addEventListener("error", () => {
      videoFailed = true;
      video.hidden = true;
      byId("video-note").hidden = false;
      byId("video-note").textContent = "The video could not be played: it has been moved, or this browser does not " +
        "know its kind." + (data.pictures.times.length ? " Pictures are shown instead." : "");
      showPicture();
    });
    const along = () => { if (!video.paused) seek(frameAt(video.currentTime * 1000), true); };
    const each = () => {
      along();
      video.requestVideoFrameCallback(each);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(each);
    else video.addEventListener("timeupdate", along);
    video.addEventListener("pause", () => { if (!video.seeking) say(showPresent()); });
    video.addEventListener("seeked", () => {     // by the video's own controls
      const frame = frameAt(video.currentTime * 1000);
      if (frame !== state.now && video.paused) seek(frame, true);
    });
    video.src = data.video;
  }

  function wireCharts() {
    charts.timeline = echarts.init(byId("timeline"), null, {renderer: "canvas"});
    charts.shares = echarts.init(byId("shares"), null, {renderer: "canvas"});
    const canvas = charts.timeline.getZr();
    canvas.on("mousemove", event => { pointer = [event.offsetX, event.offsetY]; });
    canvas.on("click", event => {
      const found = hit(event.offsetX, event.offsetY);
      if (found) seek(found.bar ? found.row.frames[found.bar.place] : nearest(times, found.time));
    });
    charts.timeline.on("datazoom", () => {
      const [window] = charts.timeline.getOption().dataZoom;
      [state.from, state.to] = [window.startValue, window.endValue];
      byId("range").textContent = `${clock(state.from)} to ${clock(state.to)}`;
      placeCursor();
    });
    let width = 0;
    new ResizeObserver(() => {
      if (byId("timeline-part").clientWidth === width) return;
      width = byId("timeline-part").clientWidth;
      drawTimeline();
      drawShares();
    }).observe(byId("timeline-part"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  function fillPictures() {
    all("[data-swatch]").forEach(mark => { mark.style.backgroundColor = data.colours[mark.dataset.swatch]; });
    all("[data-share]").forEach(cell => { cell.style.setProperty("--share", cell.dataset.share); });
    all(".moment").forEach(button => {
      const row = rows[button.dataset.momentRow], image = button.querySelector("img");
      const picture = portrait(row, Number(button.dataset.frame), row.faces ? Number(button.dataset.face) : null);
      image.hidden = !picture;
      if (picture) image.src = picture;
      button.addEventListener("click", () => seek(Number(button.dataset.frame)));
    });
    all("[data-portrait]").forEach(image => {
      const row = rows[image.dataset.portrait];
      image.hidden = !row.thumbs.jpegs.length || Boolean(row.faces);       // of several people, no one's face
      if (!image.hidden) image.src = jpeg(row.thumbs.jpegs[Math.floor(row.thumbs.jpegs.length / 2)]);
    });
  }

  function start() {
    rows.forEach(prepare);
    fillPictures();
    all("#filters input").forEach(box => box.addEventListener("change", filter));
    all("[data-next]").forEach(button => button.addEventListener("click", () => jump(Number(button.dataset.next))));
    all("[data-step]").forEach(button => button.addEventListener("click", () => step(button.dataset.step)));
    all("[data-zoom]").forEach(button => button.addEventListener("click", () => zoomBy(button.dataset.zoom)));
    all("[data-people]").forEach(button => button.addEventListener("click", () => {
      all("input[data-row]").forEach(box => { box.checked = button.dataset.people === "all"; });
      filter();
    }));
    document.addEventListener("keydown", onKey, true);
    const count = rows.reduce((sum, row) => sum + row.frames.length, 0);
    byId("summary").textContent += `: ${count.toLocaleString("en")} readings, ` +
      (times.length ? `${times.length.toLocaleString("en")} frames, ${clock(total)}` : "no frame");
    if (rows.length) wireCharts();
    filter();                                    // a reloaded page keeps its boxes as they were
    wireVideo();
    showPicture();
    requestAnimationFrame(() => setTimeout(() => {
      performance.mark("report-ready");
      window.reportReady = performance.now();    // ms from the opening of the page to the first picture of it
    }));
  }

  window.report = {data, rows, times, state, started, thin, seek, zoom, charts};      // for the tests
  start();
})();
