/* Names given to ids in this page: people joined, split and named, and saved as a file for --names. */
const marked = new Set();                        // the rows that are ticked, in view or not
const ticked = () => [...marked];
const changes = [];                              // how many edits there were before each change
const KEPT = `names ${data.identity}`;           // of these results, in the browser's storage
let unsaved = false;

/* Keep edits and notes in the browser until they are saved as a file; without storage they last as long as the page. */
function keep() {
  unsaved = edits.length > 0 || JSON.stringify(notes) !== JSON.stringify(data.notes);
  try {
    if (unsaved) localStorage.setItem(KEPT, JSON.stringify({edits, notes})); else localStorage.removeItem(KEPT);
  } catch { /* switched off, or full */ }
}

/* The edits and notes of an earlier visit. */
function restore() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(KEPT));
  } catch { /* the same */ }
  if (!kept) return;
  edits.push(...kept.edits.map(edit => ({...edit, to: edit.to ?? Infinity})));
  notes.splice(0, notes.length, ...kept.notes);
  if (edits.length) changes.push(0);
  tell("Names and notes of an earlier visit are taken up; undo takes them back, save names writes them into a file.");
}

/* The ids of a row, each with the times that the row has of it, between the edits' ends; all, where there are none. */
function idsOf(row) {
  const found = new Map(), ends = new Map();
  row.ids.forEach((id, place) => {
    if (!ends.has(id)) {
      ends.set(id, [0, Infinity, ...edits.filter(edit => edit.id === id).flatMap(edit => [edit.from, edit.to])]
        .sort((a, b) => a - b));
    }
    const after = ends.get(id).findIndex(end => end > times[row.frames[place]]), mine = ends.get(id);
    found.set(`${id} ${mine[after]}`, {id, from: mine[after - 1], to: mine[after]});
  });
  return [...found.values()];
}

function change(added) {
  changes.push(edits.length);
  edits.push(...added);
  keep();
  rebuild();
}

/* Give all readings of the ticked rows one name. */
function join(name) {
  const found = ticked();
  if (!found.length || !name) return tell("Tick at least one person and write a name.");
  change(found.flatMap(idsOf).map(each => ({...each, name})));
  tell(`${found.map(row => row.label).join(", ")}: now ${name}.`);
}

/* Give the ticked row's readings from the present time on another name. */
function split(name) {
  const [row, ...more] = ticked(), time = times[state.now];
  if (!row || more.length || !name) return tell("Tick one person and write the name of the part that comes later.");
  const later = idsOf(row).map(each => ({...each, from: Math.max(each.from, time), name}))
    .filter(each => each.from < each.to);
  change(later);
  tell(`${row.label} from ${clock(time)} on: now ${name}.`);
}

function undo() {
  if (!changes.length) return;
  edits.length = changes.pop();
  keep();
  rebuild();
  tell("The last change is taken back.");
}

function tell(text) {
  byId("names-said").textContent = text;
}

/* The file's text: what --names gave, then the edits made here; of the same id and times the last stays. */
function namesFile() {
  const entries = new Map();
  const put = ({id, name, from, to}) => {
    const entry = {id, name, ...(from ? {from} : {}), ...(to ? {to} : {})}, key = JSON.stringify([id, from, to]);
    entries.delete(key);
    entries.set(key, entry);
  };
  for (const entry of data.names) put({from: null, to: null, ...entry});
  for (const edit of edits) {
    const part = data.parts[data.ids[edit.id]] || {id: data.ids[edit.id], from: null, to: null};
    const from = Math.max(edit.from / 1000, part.from || 0), to = Math.min(edit.to / 1000, part.to || Infinity);
    put({id: part.id, name: edit.name, from: from || null, to: to < Infinity ? to : null});
  }
  const lines = list => list.map(entry => JSON.stringify(entry)).join(",\n");
  return `{"names": [\n${lines([...entries.values()])}\n]` +
    (notes.length ? `,\n"notes": [\n${lines(notes)}\n]}\n` : "}\n");
}

/* Who looks like whom, by the results' ids: those most like each, the nearest first; all, the two most alike first. */
const near = new Map(data.alike.ids.map((id, place) => [id, [...numbers(data.alike.near[place])]]));

/* {row: its place by likeness}: to the ticked rows, or where none is ticked of each to who is most like it. */
function likeness() {
  const idsIn = row => [...new Set(row.ids)].map(place => data.ids[place]), places = new Map();
  const lists = ticked().flatMap(idsIn).map(id => near.get(id) ?? []);
  for (const list of lists.length ? lists : [data.alike.order]) {
    list.forEach((id, place) => places.set(id, Math.min(place, places.get(id) ?? Infinity)));
  }
  return new Map(rows.map(row => [row, Math.min(...idsIn(row).map(id => places.get(id) ?? 1e9))]));
}

/* Ways to compare two rows, each made when the list is drawn. */
const bySeen = (a, b) => sumOf(b) - sumOf(a);
const ORDERS = {seen: () => bySeen, came: () => (a, b) => a.frames[0] - b.frames[0], alike: () => {
  const places = likeness();
  return (a, b) => places.get(a) - places.get(b) || bySeen(a, b);
}};

/* The list of people to tick, and what can be done with them; those ticked stay at its head whatever is searched. */
function drawPeople() {
  if (!byId("names-fold").open) return;
  const text = byId("people-search").value.trim(), order = ORDERS[byId("people-order").value]();
  const found = rows.filter(row => read(row) && (marked.has(row) || matches(row, text)))
    .sort((a, b) => marked.has(b) - marked.has(a) || order(a, b));
  byId("people").replaceChildren(...found.map(row => {
    const item = element("li"), label = element("label"), box = element("input");
    [box.type, box.checked] = ["checkbox", marked.has(row)];
    box.addEventListener("change", () => marked[box.checked ? "add" : "delete"](row));
    label.append(box, ...(face(row) ? [picture(face(row))] : []), element("bdi", "", row.label),
                 element("span", "quiet", ` ${seconds(sumOf(row))}`));
    item.append(label);
    return item;
  }));
  byId("people-count").textContent = `${found.length.toLocaleString("en")} of ${rows.filter(read).length} people`;
  byId("undo").disabled = !changes.length;
  drawNotes();
}

function wireNames() {
  const name = byId("new-name");
  byId("names-fold").addEventListener("toggle", drawPeople);
  byId("people-search").addEventListener("input", drawPeople);
  byId("people-order").addEventListener("change", drawPeople);
  byId("alike")?.addEventListener("click", () => {
    byId("people-order").value = "alike";
    byId("people-search").value = "";
    drawPeople();
    byId("people").scrollTop = 0;
  });
  byId("join").addEventListener("click", () => join(name.value.trim()));
  byId("split").addEventListener("click", () => split(name.value.trim()));
  byId("undo").addEventListener("click", undo);
  byId("save-names").addEventListener("click", () => {
    save(`${data.title}.names.json`, new Blob([namesFile()], {type: "application/json"}));
    unsaved = false;
  });
  name.addEventListener("keydown", event => { if (event.key === "Enter") join(name.value.trim()); });
  window.addEventListener("beforeunload", event => { if (unsaved) event.preventDefault(); });
}
