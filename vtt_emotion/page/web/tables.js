/* The strongest segments, the table of shares, and both as files. */
const AN_EMOTION = 5, ALONE = 30;                // segments listed of an emotion, and of the only one shown
const LINES = 60;                                // of the table of screen time, until more are asked for
const FEW = 24;                                  // readings of a person below which shares say little

/* The strongest segments of what is shown, a line an emotion; more of them where one is shown alone. */
function drawSegmentsTable() {
  const found = ranked(), few = state.emotions.size === 1 ? ALONE : AN_EMOTION;
  byId("moments").replaceChildren(...[...state.emotions].sort().map(emotion => {
    const mine = found.filter(segment => segment.emotion === emotion), line = element("tr");
    const head = element("th"), list = element("td"), items = element("ul", "moments");
    head.scope = "row";
    head.append(swatch(emotion), data.emotions[emotion]);
    items.append(...mine.slice(0, few).map(segment => {
      const item = element("li");
      item.append(momentButton(segment));
      return item;
    }));
    list.append(mine.length ? items : element("span", "quiet", "none"));
    if (mine.length > few) {
      const more = element("button", "more", `and ${(mine.length - few).toLocaleString("en")} more`);
      more.type = "button";
      more.addEventListener("click", () => listEmotion(emotion));
      list.append(more);
    }
    const best = highest(emotion), up = element("button", "highest", best ? `▲ ${best.score.toFixed(2)}` : "");
    up.type = "button";
    up.title = `the highest score, Shift and ${emotion + 1}`;
    up.setAttribute("aria-label", `${data.emotions[emotion]} at its highest`);
    up.addEventListener("click", () => visitHighest(emotion));
    if (best) head.append(element("br"), up);
    line.append(head, list);
    return line;
  }));
}

function momentButton(segment) {
  const button = element("button", weak(segment) ? "moment weak" : "moment"), {row} = segment;
  const source = portrait(row, nearest(times, segment.peak));
  const name = element("span", "", shorten(segment.row.label, 16));
  button.type = "button";
  name.title = segment.row.label;
  if (source) button.append(picture(source, ""));
  button.append(name, element("span", "", clock(segment.start)),
                element("span", "", `${seconds((segment.end - segment.start) / 1000)} · ${segment.mean.toFixed(2)}`));
  button.addEventListener("click", () => visit(segment));
  return button;
}

let sorting = {by: "seconds", down: true, whole: false};

const sumOf = (row, what = row.seconds) => what.reduce((a, b) => a + b, 0);
const valueOf = (row, by) => by === "person" ? row.label : by === "seconds" ? sumOf(row) :
  by === "readings" ? row.frames.length : row.seconds[by];

/* Seconds of screen time of each person and of each emotion, and its part of the person's time. */
function drawScreenTime() {
  const body = byId("shares-body"), most = Math.max(...rows.map(row => sumOf(row)), 0.001), way = sorting.down ? -1 : 1;
  const order = chosen().filter(read).sort((a, b) => {
    const [x, y] = [valueOf(a, sorting.by), valueOf(b, sorting.by)];
    return way * (typeof x === "string" ? x.localeCompare(y, "en", {numeric: true}) : x - y);
  });
  const rest = sorting.whole ? 0 : Math.max(0, order.length - LINES);
  byId("whole-table").hidden = !rest;
  byId("whole-table").textContent = `show ${rest.toLocaleString("en")} more`;
  body.replaceChildren(...order.slice(0, order.length - rest).map(row => {
    const line = element("tr", row.frames.length < FEW ? "few" : ""), head = element("th"), of = sumOf(row);
    const bar = element("span", "share-bar"), cell = element("td", "bar-cell");
    head.scope = "row";
    head.append(element("bdi", "", shorten(row.label, 32)));
    head.title = row.label;
    row.seconds.forEach((part, emotion) => {
      const piece = element("span", data.emotions[emotion]);
      piece.style.width = `${100 * part / most}%`;
      bar.append(piece);
    });
    cell.append(bar);
    line.append(head, element("td", "", seconds(of)), cell, ...[...row.seconds].map(part => {
      const each = element("td", "", seconds(part));
      each.append(element("small", "", ` ${(100 * part / (of || 1)).toFixed(1)} %`));
      return each;
    }), element("td", "", row.frames.length.toLocaleString("en")));
    return line;
  }));
  all("#shares-table th[data-sort]").forEach(head => {
    head.setAttribute("aria-sort", head.dataset.sort !== String(sorting.by) ? "none" :
      sorting.down ? "descending" : "ascending");
  });
}

function sortBy(by) {
  const key = /^\d$/.test(by) ? Number(by) : by;
  sorting = {...sorting, by: key, down: sorting.by === key ? !sorting.down : key !== "person"};
  drawScreenTime();
}

// ---- files

const cell = value => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
/* A name that a spreadsheet would take for a formula is kept from being one. */
const plain = name => /^[=+\-@\t\r]/.test(name) ? `'${name}` : name;

/* The segments shown that lie in the times shown, as CSV. */
function segmentsCsv() {
  const lines = ranked().filter(each => each.end > state.from && each.start < state.to)
    .sort((a, b) => a.start - b.start).map(each => [cell(plain(each.row.label)), data.emotions[each.emotion],
      (each.start / 1000).toFixed(3), (each.end / 1000).toFixed(3), ((each.end - each.start) / 1000).toFixed(3),
      each.mean.toFixed(3), (each.peak / 1000).toFixed(3), cell(data.madeOf)].join(","));
  return ["person,emotion,start,end,seconds,mean_confidence,peak,made_of", ...lines, ""].join("\n");
}

/* The table of shares, of the people shown, as CSV. */
function sharesCsv() {
  const head = ["person", "seconds", ...data.emotions.map(name => `${name}_seconds`), "readings", "made_of"];
  const lines = chosen().filter(read).map(row => [cell(plain(row.label)), sumOf(row).toFixed(3),
                                     ...[...row.seconds].map(part => part.toFixed(3)), row.frames.length, cell(data.madeOf)].join(","));
  return [head.join(","), ...lines, ""].join("\n");
}

/* The timeline with its names and the emotions' colours, as a canvas on the page's ground. */
function timelinePicture() {
  const source = chart.getZr().painter.getRenderedCanvas({pixelRatio: 2, backgroundColor: style("--panel")});
  const left = 170, foot = 52, canvas = element("canvas"), wide = byId("timeline").clientWidth;
  const tall = byId("timeline").clientHeight;
  [canvas.width, canvas.height] = [2 * (left + wide), 2 * (tall + foot)];
  const brush = canvas.getContext("2d"), colours = palette();
  brush.scale(2, 2);
  brush.fillStyle = style("--panel");
  brush.fillRect(0, 0, left + wide, tall + foot);
  brush.drawImage(source, left, 0, wide, tall);
  brush.fillStyle = style("--ink");
  brush.font = `13px ${font()}`;
  brush.textBaseline = "middle";
  drawn.forEach((lane, place) => brush.fillText(shorten(lane.label, 22), 8, TOP + (place + 0.5) * ROW()));
  brush.font = `12px ${font()}`;
  let x = left;
  data.emotions.forEach((name, emotion) => {
    brush.fillStyle = colours[emotion].fill;
    brush.fillRect(x, tall + 10, 12, 12);
    brush.fillStyle = style("--ink");
    brush.fillText(`${CODES[emotion]} ${name}`, x + 17, tall + 17);
    x += 34 + brush.measureText(`${CODES[emotion]} ${name}`).width;
  });
  brush.fillStyle = style("--quiet");
  brush.fillText(data.madeOf, 8, tall + 40);
  return canvas;
}

const EXPORTS = {
  segments: () => save(`${data.title}.segments.csv`, new Blob([segmentsCsv()], {type: "text/csv"})),
  shares: () => save(`${data.title}.shares.csv`, new Blob([sharesCsv()], {type: "text/csv"})),
  notes: () => save(`${data.title}.notes.csv`, new Blob([notesCsv()], {type: "text/csv"})),
  picture: () => timelinePicture().toBlob(blob => save(`${data.title}.timeline.png`, blob)),
};
