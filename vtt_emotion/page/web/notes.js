/* Notes at a moment or over a stretch, and the strip under the timeline: how loud it is, where
   speech is heard, where the film is cut, notes. */
const notes = data.notes.map(note => ({...note}));               // {from, to, text}, s; to is null of a moment
const loudness = bytes(data.loudness), cuts = numbers(data.cuts), speech = numbers(data.speech);    // [start, end, ...], ms

function drawStrip() {
  const canvas = byId("strip"), wide = canvas.clientWidth, tall = canvas.clientHeight, ratio = devicePixelRatio || 1;
  if (!wide) return;
  [canvas.width, canvas.height] = [wide * ratio, tall * ratio];
  const brush = canvas.getContext("2d"), each = 1000 / data.soundsASecond;
  brush.scale(ratio, ratio);
  brush.fillStyle = style("--quiet");
  for (let x = 0; x < width(); x++) {            // the loudest of each px
    let most = 0;
    for (let i = Math.floor(timeAt(x) / each); i <= timeAt(x + 1) / each && i < loudness.length; i++) {
      most = Math.max(most, loudness[i]);
    }
    brush.fillRect(x, tall - most / 255 * (tall - 8), 1, most / 255 * (tall - 8));
  }
  brush.fillStyle = style("--ink");
  for (const cut of cuts) if (cut >= state.from && cut <= state.to) brush.fillRect(Math.round(xOf(cut)), 0, 1, 6);
  brush.fillStyle = style("--accent");
  for (let i = 0; i < speech.length; i += 2) brush.fillRect(xOf(speech[i]), tall - 3, xOf(speech[i + 1]) - xOf(speech[i]), 3);
  for (const {from, to} of notes) brush.fillRect(xOf(1000 * from), 1, Math.max(4, xOf(1000 * (to ?? from)) - xOf(1000 * from)), 4);
}

/* After a change of notes. */
function changeNotes() {
  keep();
  drawNotes();
  drawStrip();
}

function addNote(whole) {
  const text = byId("note").value.trim(), [from, to] = whole ? [state.from, state.to] : [times[state.now], null];
  if (!text) return tell("Write the note first.");
  notes.push({from: Math.round(from) / 1000, to: to && Math.round(to) / 1000, text});
  notes.sort((a, b) => a.from - b.from);
  byId("note").value = "";
  changeNotes();
}

function drawNotes() {
  refill(byId("notes"), notes.map((note, place) => {
    const item = element("li"), go = element("button", "", clock(1000 * note.from) +
      (note.to === null ? "" : ` to ${clock(1000 * note.to)}`)), remove = element("button", "", "remove");
    go.type = remove.type = "button";
    [go.dataset.key, remove.dataset.key] = [`go ${place}`, `remove ${place}`];
    remove.setAttribute("aria-label", `remove: ${note.text}`);
    go.addEventListener("click", () => {
      if (note.to !== null) zoom(1000 * note.from, 1000 * note.to);
      seek(frameAt(1000 * note.from));
    });
    remove.addEventListener("click", () => {
      notes.splice(place, 1);
      changeNotes();
    });
    item.append(go, element("bdi", "", note.text), remove);
    return item;
  }));
  byId("save-names").disabled = !edits.length && !data.names.length && !notes.length && !data.notes.length;
}

function notesCsv() {
  return ["start,end,note", ...notes.map(({from, to, text}) =>
    [from.toFixed(3), to === null ? "" : to.toFixed(3), cell(plain(text))].join(",")), ""].join("\n");
}

function wireNotes() {
  byId("note-here").addEventListener("click", () => addNote(false));
  byId("note-view").addEventListener("click", () => addNote(true));
  byId("note").addEventListener("keydown", event => { if (event.key === "Enter") addNote(false); });
  byId("strip").addEventListener("click", event => seek(frameAt(timeAt(event.offsetX))));
  drawNotes();
}
