/* All segments in a table, sorted and filtered, and one of them played or looped. */
const PAGE = 100;                                // lines of the table, until more are asked for
let listing = {by: "worth", down: true, count: PAGE}, span = null;        // span: what is played: {segment, loop}

const KEYS = {worth: strength, person: each => each.row.label, emotion: each => each.emotion,
              start: each => each.start, length: each => each.end - each.start, mean: each => each.mean};

/* The segments of what is shown that the table lists, in its order. */
function listed() {
  const emotion = byId("all-emotion").value, key = KEYS[listing.by], way = listing.down ? -1 : 1;
  return ranked().filter(each => emotion === "" || each.emotion === Number(emotion)).sort((a, b) => way *
    (listing.by === "person" ? key(a).localeCompare(key(b), "en", {numeric: true}) : key(a) - key(b)));
}

function drawAllSegments() {
  if (!byId("all-fold").open) return;
  const found = listed();
  refill(byId("all-body"), found.slice(0, listing.count).map((segment, place) => {
    const line = element("tr"), head = element("th"), actions = element("td");
    head.scope = "row";
    head.append(element("bdi", "", shorten(segment.row.label, 24)));
    actions.append(...["go", ...(video ? ["play", "loop"] : [])].map(what => {
      const button = element("button", "", what);
      button.type = "button";
      button.dataset.key = `${what} ${place}`;
      if (what === "loop") button.setAttribute("aria-pressed", String(Boolean(span?.loop && span.segment === segment)));
      button.setAttribute("aria-label", `${what}: ${segment.row.label} ${data.emotions[segment.emotion]} ` +
        clock(segment.start));
      button.addEventListener("click", () => what === "go" ? visit(segment) : playSpan(segment, what === "loop"));
      return button;
    }));
    const what = element("td");
    what.append(swatch(segment.emotion), data.emotions[segment.emotion]);
    line.append(head, what, element("td", "", clock(segment.start)),
                element("td", "", seconds((segment.end - segment.start) / 1000)),
                element("td", "", segment.mean.toFixed(3)), actions);
    return line;
  }));
  byId("all-more").hidden = found.length <= listing.count;
  byId("all-more").textContent = `${Math.min(PAGE, found.length - listing.count)} more of ${found.length}`;
  all("#all-table th[data-order]").forEach(head => head.setAttribute("aria-sort", head.dataset.order !== listing.by ?
    "none" : listing.down ? "descending" : "ascending"));
}

/* Play a segment from its start to its end, again and again if `loop`; what is looped already stops. */
function playSpan(segment, loop) {
  const stops = loop && span?.loop && span.segment === segment;
  seek(frameAt(segment.start));
  span = stops ? null : {segment, loop};
  if (stops) video.pause(); else play();
  drawAllSegments();
}

/* What the player does at a time while a segment is played: goes back to its start, or stops. */
function keepSpan(time) {
  if (!span || time < span.segment.end - 1) return false;
  const {segment, loop} = span;
  if (!loop) {
    span = null;
    video.pause();
    return false;
  }
  seek(frameAt(segment.start));
  span = {segment, loop};                        // a seek ends it
  return true;
}

/* Open the table at an emotion. */
function listEmotion(emotion) {
  byId("all-emotion").value = emotion;
  byId("all-fold").open = true;
  drawAllSegments();
  byId("all-fold").scrollIntoView({block: "nearest"});
}

function wireSegments() {
  byId("all-fold").addEventListener("toggle", drawAllSegments);
  byId("all-emotion").addEventListener("change", drawAllSegments);
  byId("all-more").addEventListener("click", () => {
    listing.count += PAGE;
    drawAllSegments();
  });
  all("#all-table th[data-order] button").forEach(button => button.addEventListener("click", () => {
    const by = button.parentElement.dataset.order;
    listing = {...listing, by, down: listing.by === by ? !listing.down : !["person", "emotion", "start"].includes(by)};
    drawAllSegments();
  }));
}
