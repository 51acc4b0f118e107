/* What all parts are made with: times and names as text, elements, colours, files saved. */

/* ms as 1:02.34, from an hour on as 1:01:02.34; without hundredths where they say nothing. */
function clock(time, short = false) {
  const hundredths = short ? Math.round(time / 1000) * 100 : Math.round(time / 10);
  const two = number => String(number).padStart(2, "0");
  const hours = Math.floor(hundredths / 360000), minutes = Math.floor(hundredths / 6000) % 60;
  const seconds = two(Math.floor(hundredths / 100) % 60) + (short ? "" : `.${two(hundredths % 100)}`);
  return hours ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}
const when = frame => clock(times[frame]) + (data.numbered ? `, frame ${frame}` : "");
const seconds = number => `${number < 100 ? number.toFixed(1) : Math.round(number).toLocaleString("en")} s`;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/* Put other children into a box; the focus stays on the one that has the same key, if it is still there. */
function refill(box, children) {
  const key = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  box.replaceChildren(...children);
  if (key !== undefined) all("[data-key]", box).find(each => each.dataset.key === key)?.focus({preventScroll: true});
}

/* A face, beside a name that says whose it is. */
function picture(source, className = "face") {
  const made = element("img", className);
  [made.alt, made.src] = ["", source];
  return made;
}

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/* The colours of the emotions and of letters on them, as the scheme has them now. */
const palette = () => data.emotions.map(name => ({fill: style(`--${name}`), ink: style(`--on-${name}`)}));

function swatch(emotion) {
  const made = element("span", `swatch ${data.emotions[emotion]}`, CODES[emotion]);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/* A name in at most `most` letters: its middle is left out, so that names that end differently stay apart. */
function shorten(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${letters.slice(0, most - 1 - end).join("")}…${letters.slice(-end).join("")}`;
}

function save(name, content) {
  const link = element("a");
  link.href = content instanceof Blob ? URL.createObjectURL(content) : content;
  link.download = name;
  link.click();
  if (content instanceof Blob) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
