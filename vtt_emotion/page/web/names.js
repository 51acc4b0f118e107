/* Names given to ids in this page: people joined, split and named, and saved as a file for --names. */
const ticked = () => all("#people input:checked").map(box => rows[box.value]);
const changes = [];                              // how many edits there were before each change

/* The ids of a row, each with the times that the row has of it: all, where no edit parted them. */
function idsOf(row) {
  const found = new Map();
  row.ids.forEach((id, place) => {
    const time = times[row.frames[place]], edit = edits.findLast(each => each.id === id && time >= each.from &&
      time < each.to);
    found.set(`${id} ${edit ? edit.from : 0}`, {id, from: edit ? edit.from : 0, to: edit ? edit.to : Infinity});
  });
  return [...found.values()];
}

function change(added) {
  changes.push(edits.length);
  edits.push(...added);
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
  return `{"names": [\n${[...entries.values()].map(entry => JSON.stringify(entry)).join(",\n")}\n]}\n`;
}

/* The list of people to tick, and what can be done with them. */
function drawPeople() {
  byId("people").replaceChildren(...rows.filter(read).map(row => {
    const item = element("li"), label = element("label"), box = element("input"), image = element("img", "face");
    [box.type, box.value] = ["checkbox", row.place];
    box.disabled = Boolean(row.faces);           // several people: no one to name
    image.alt = "";
    image.hidden = !row.thumbs.jpegs.length || Boolean(row.faces);
    if (!image.hidden) image.src = jpeg(row.thumbs.jpegs[row.thumbs.jpegs.length >> 1]);
    label.append(box, image, element("bdi", "", row.label), element("span", "quiet", ` ${seconds(sumOf(row))}`));
    item.append(label);
    return item;
  }));
  byId("undo").disabled = !changes.length;
  byId("save-names").disabled = !edits.length && !data.names.length;
}

function wireNames() {
  const name = byId("new-name");
  byId("join").addEventListener("click", () => join(name.value.trim()));
  byId("split").addEventListener("click", () => split(name.value.trim()));
  byId("undo").addEventListener("click", undo);
  byId("save-names").addEventListener("click", () => {
    save(`${data.title}.names.json`, new Blob([namesFile()], {type: "application/json"}));
  });
}
