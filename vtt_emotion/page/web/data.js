/* What the page was given: times, people and their readings, as typed arrays. Times are ms; a frame is a place in
   `times`; an id is a place in `data.ids`. */
const byId = id => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const data = JSON.parse(byId("data").textContent);
const EMOTIONS = data.emotions.length;
const AFFECT = data.affect || [];                 // valence and arousal, -1 to 1, where any record has them
const CODES = data.emotions.map(name => name[0].toUpperCase() + name[1]);      // An, Di, Fe, Ha, Sa, Su, Ne
const LETTERS = CODES.map(code => code === "Su" ? "U" : code[0]);               // where two do not fit

function bytes(text) {
  const letters = atob(text), made = new Uint8Array(letters.length);
  for (let i = 0; i < made.length; i++) made[i] = letters.charCodeAt(i);
  return made;
}
const numbers = text => new Uint32Array(bytes(text).buffer);
const shorts = text => new Uint16Array(bytes(text).buffer);
const signed = text => Float64Array.from(new Int16Array(bytes(text).buffer),
                                         value => value < -data.full ? NaN : value / data.full);

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

const times = numbers(data.times);
/* ms that a frame is shown; readings may be further apart than frames. */
function lasts(frame) {
  const next = Math.min(frame + 1, times.length - 1);
  return next > 0 ? times[next] - times[next - 1] : data.step;
}
const total = times.length ? times[times.length - 1] + lasts(times.length - 1) : 1;

// ---- people: a row each

/* The segments of the results as objects, in order of their starts. */
const givenSegments = (columns => {
  const ids = numbers(columns.ids), emotions = bytes(columns.emotions), means = shorts(columns.means);
  const [starts, ends, peaks] = [columns.starts, columns.ends, columns.peaks].map(numbers);
  return Array.from(ids, (id, i) => ({id, emotion: emotions[i], start: starts[i], end: ends[i], peak: peaks[i],
                                      mean: means[i] / data.full}));
})(data.segments);
/* The turns in which somebody speaks, likewise. */
const givenTurns = (columns => {
  const [ids, starts, ends] = [columns.ids, columns.starts, columns.ends].map(numbers);
  return Array.from(ids, (id, i) => ({id, start: starts[i], end: ends[i]}));
})(data.turns);
const strength = segment => (segment.end - segment.start) / 1000 * segment.mean;
const weak = segment => segment.mean < 0.5 || segment.end - segment.start < 1000;

const given = data.rows.map(row => ({
  ...row, frames: numbers(row.frames), emotions: bytes(row.emotions), confidences: shorts(row.confidences),
  ids: numbers(row.ids), boxes: shorts(row.boxes), scores: row.scores ? shorts(row.scores) : null,
  affect: row.affect ? signed(row.affect) : null,
  turned: row.turned ? bytes(row.turned) : new Uint8Array(numbers(row.frames).length),
}));
let rows = [], segments = [];                    // as the edits have them
const edits = [];                                // of names, made in this page: {id, from, to, name}, the last counts

/* The name that the edits give an id at a time, or undefined. */
function renamed(id, time) {
  for (let i = edits.length - 1; i >= 0; i--) {
    if (edits[i].id === id && time >= edits[i].from && time < edits[i].to) return edits[i].name;
  }
}

/* A row of the readings (row, places) in `parts`, in order of their frames. */
function gather(label, parts) {
  const from = parts.flatMap(([row, places]) => places.map(place => [row, place]));
  from.sort(([a, i], [b, j]) => a.frames[i] - b.frames[j]);
  const take = (name, Type, size = 1) => {
    const made = new Type(from.length * size);
    from.forEach(([row, place], i) => {
      for (let k = 0; k < size; k++) made[i * size + k] = row[name][place * size + k];
    });
    return made;
  };
  const scored = from.every(([row]) => row.scores);
  return {label, frames: take("frames", Uint32Array), emotions: take("emotions", Uint8Array),
          confidences: take("confidences", Uint16Array), ids: take("ids", Uint32Array),
          boxes: take("boxes", Uint16Array, 4), turned: take("turned", Uint8Array),
          scores: scored ? take("scores", Uint16Array, EMOTIONS) : null,
          affect: AFFECT.length ? take("affect", Float64Array, AFFECT.length) : null,
          truth: null};
}

/* The pictures of faces that belong to a row: those whose id and time are its. */
function thumbsOf(found) {
  found.sort((a, b) => a[0] - b[0]);
  return {frames: found.map(each => each[0]), ids: found.map(each => each[1]), jpegs: found.map(each => each[2])};
}

/* Make the rows anew: those given, but for readings that the edits name otherwise. */
function buildRows() {
  const parts = new Map(), thumbs = new Map(), labels = new Map(given.map(row => [row.label, row]));
  const put = (map, key, thing) => map.has(key) ? map.get(key).push(thing) : map.set(key, [thing]);
  const keyOf = (row, id, time) => {
    const name = renamed(id, time);
    return name === undefined ? row : labels.get(name) ?? name;
  };
  for (const row of given) {
    const here = new Map();
    row.ids.forEach((id, place) => put(here, keyOf(row, id, times[row.frames[place]]), place));
    here.forEach((places, key) => put(parts, key, [row, places]));
    row.thumbs.frames.forEach((frame, i) => {
      put(thumbs, keyOf(row, row.thumbs.ids[i], times[frame]), [frame, row.thumbs.ids[i], row.thumbs.jpegs[i]]);
    });
  }
  given.filter(row => !row.frames.length).forEach(row => parts.has(row) || parts.set(row, [[row, []]]));     // coded alone
  const order = [...given.filter(row => parts.has(row)), ...[...parts.keys()].filter(key => typeof key === "string")];
  rows = order.map(key => {
    const mine = parts.get(key), whole = mine.length === 1 && mine[0][1].length === mine[0][0].frames.length;
    const made = typeof key === "object" && whole && mine[0][0] === key ? {...key} :
      gather(typeof key === "object" ? key.label : key, mine);
    const [fullest] = mine.reduce((a, b) => b[1].length > a[1].length ? b : a);
    made.named = typeof key === "string" || key.named;
    made.truth = typeof key === "object" ? key.truth : whole ? fullest.truth : null;
    made.thumbs = thumbsOf(thumbs.get(key) || []);
    return made;
  });
  rows.sort((a, b) => read(b) - read(a) || b.named - a.named || b.frames.length - a.frames.length);
  rows.forEach(prepare);
  shareSegments();
}

/* A segment, cut where the edits give its id another name; the parts have means and peaks of their own. */
function pieces(segment) {
  const inside = edits.filter(edit => edit.id === segment.id).flatMap(edit => [edit.from, edit.to])
    .filter(time => time > segment.start && time < segment.end);
  if (!inside.length) return [segment];
  const edges = [segment.start, ...new Set(inside.sort((a, b) => a - b)), segment.end];
  return edges.slice(1).map((end, i) => measured({...segment, start: edges[i], end}));
}

function measured(segment) {
  let [sum, count, best] = [0, 0, -1];
  for (const row of given) {
    const last = lowerBound(row.frames, lowerBound(times, segment.end));
    for (let place = lowerBound(row.frames, lowerBound(times, segment.start)); place < last; place++) {
      if (row.ids[place] !== segment.id) continue;
      const unscored = row.emotions[place] === segment.emotion ? confidence(row, place) :
        (1 - confidence(row, place)) / (EMOTIONS - 1);       // as vtt_emotion/results/segments.py has it
      const score = row.scores ? scoreOf(row, place, segment.emotion) : unscored;
      sum += score;
      count++;
      if (score > best) [best, segment.peak] = [score, times[row.frames[place]]];
    }
  }
  segment.mean = count ? Math.round(1000 * sum / count) / 1000 : 0;
  return segment;
}

function shareSegments() {
  const owner = new Map();
  rows.forEach(row => row.ids.forEach((id, place) => {
    const time = times[row.frames[place]], key = `${id} ${renamed(id, time) ?? ""}`;
    if (!owner.has(key)) owner.set(key, row);
  }));
  segments = givenSegments.flatMap(pieces);
  for (const segment of segments) {
    const row = owner.get(`${segment.id} ${renamed(segment.id, segment.start) ?? ""}`);
    segment.row = row;
    if (row) row.segments.push(segment);
  }
  for (const turn of givenTurns) owner.get(`${turn.id} ${renamed(turn.id, turn.start) ?? ""}`)?.turns.push(turn);
}

/* Count a row's readings and their seconds of each emotion. */
function prepare(row, place) {
  row.place = place;
  row.segments = [];
  row.turns = [];
  row.bars = [];
  row.counts = new Uint32Array(EMOTIONS);
  row.seconds = new Float64Array(EMOTIONS);
  row.emotions.forEach((emotion, i) => {
    row.counts[emotion]++;
    row.seconds[emotion] += (endOf(row, i) - times[row.frames[i]]) / 1000;
  });
}

/* When a reading ends: where the row's next begins, or a step on, whichever is sooner. */
function endOf(row, place) {
  const time = times[row.frames[place]], limit = time + 1.6 * data.step;
  let next = place + 1;
  while (next < row.frames.length && row.frames[next] === row.frames[place]) next++;
  const following = next < row.frames.length ? times[row.frames[next]] : Infinity;
  return following <= limit ? following : Math.min(total, time + data.step);
}

/* The places of a row's readings at a frame: of the last frame that was read, at most a step before. */
function readingAt(row, frame) {
  const first = lowerBound(row.frames, lowerBound(times, times[frame] - data.step + 1));
  const last = lowerBound(row.frames, frame + 1) - 1, found = [];
  for (let place = last; place >= first && place >= 0 && row.frames[place] === row.frames[last]; place--) {
    found.unshift(place);
  }
  return found;
}

const confidence = (row, place) => row.confidences[place] / data.full;
/* A reading's valence and arousal, NaN where it has none. */
const affectOf = (row, place) => row.affect.subarray(AFFECT.length * place, AFFECT.length * (place + 1));
/* How much a reading is of an emotion: its score, or where there are none the confidence of what was named. After the
   emotions come valence and arousal. */
function scoreOf(row, place, emotion) {
  if (emotion >= EMOTIONS) return affectOf(row, place)[emotion - EMOTIONS];
  if (row.scores) return row.scores[place * EMOTIONS + emotion] / data.full;
  return row.emotions[place] === emotion ? confidence(row, place) : 0;
}
const jpeg = text => `data:image/jpeg;base64,${text}`;

/* The thumbnail of a row nearest in time to a frame (a data URL), or null where none is near. */
function portrait(row, frame) {
  const place = nearest(row.thumbs.frames, frame);
  const near = place >= 0 && Math.abs(times[row.thumbs.frames[place]] - times[frame]) <= data.reach;
  return near ? jpeg(row.thumbs.jpegs[place]) : null;
}
/* The picture of a row wherever one stands for the person, or null. */
const face = row => row.thumbs.jpegs.length ? jpeg(row.thumbs.jpegs[row.thumbs.jpegs.length >> 1]) : null;

function truthAt(row, time) {
  const truth = row.truth;
  if (!truth) return null;
  for (let i = lowerBound(truth.starts, time + 1) - 1, back = 0; i >= 0 && back < 20; i--, back++) {
    if (time < truth.ends[i]) return truth.emotions[i];
  }
  return null;
}

// ---- what is shown

const state = {now: 0, from: 0, to: total, top: 0, rows: new Set(), emotions: new Set(data.emotions.keys()),
               search: "", alone: false};        // alone: one is chosen, and the others stay where they are, paler

const chosen = () => rows.filter(row => state.rows.has(row.place));
/* Whether a row is of who is searched: by a part of the name, or by an id. */
function matches(row, text) {
  const id = /^\d+$/.test(text) ? data.ids.indexOf(Number(text)) : -1;
  return row.label.toLowerCase().includes(text.toLowerCase()) || id >= 0 && row.ids.includes(id);
}
const shown = () => state.emotions.size ? chosen().filter(row => matches(row, state.search)) : [];

/* Rows with readings; others show what was coded of people who are not in the results. */
const read = row => row.frames.length > 0;

/* The lines of the timeline: a person each; of one emotion alone, the people by that one. `emotion` is null where a line
   shows all. */
function lanes() {
  const [only, ...more] = state.emotions, emotion = more.length || state.rows.size === 1 ? null : only ?? null;
  const listed = state.alone ? rows.filter(row => matches(row, state.search)) : shown();
  return listed.map(row => ({row, emotion, label: row.label, pale: !state.rows.has(row.place)}));
}

/* The lines under them all, so that none of them moves: of one person alone each of the emotions, of two people one of
   where they differ. */
function underLanes() {
  const visible = shown(), [row, other] = visible;
  if (visible.length === 1) {
    return data.emotions.map((label, emotion) =>
      ({row, emotion, label, inner: true, pale: !state.emotions.has(emotion)}));
  }
  const emotion = state.emotions.size === 1 ? [...state.emotions][0] : null;
  return visible.length === 2 && visible.every(read) ? [{row, other, emotion, label: "difference"}] : [];
}

/* The segments of what is shown, the strongest first: their seconds times their mean confidence. */
function ranked() {
  const visible = new Set(shown());
  return segments.filter(segment => visible.has(segment.row) && state.emotions.has(segment.emotion))
    .sort((a, b) => strength(b) - strength(a));
}
