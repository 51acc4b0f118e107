/* The player: the video with its faces' boxes drawn over it, or where it does not play the pictures kept in the page;
   what is read of whom at the present time. */
const video = byId("video");
let playing = video ? "video" : "pictures";      // or "sound": a video whose picture this browser cannot decode
let stopped = false;                             // at a picture that it cannot decode, of a video that it plays else

const CROWD = 4;                                 // faces beyond which labels are small
let sought = true;                               // the picture on the screen was sought, not come to while playing
let offset = 0;                                  // ms of the browser's clock at the file's start, where `times` are 0

const frameAt = time => Math.max(0, lowerBound(times, time + 1) - 1);
const emphasised = (row, place) => state.rows.has(row.place) && state.emotions.has(row.emotions[place]) &&
  !row.turned[place];

/* The boxes of the faces at a frame, in parts of the picture: over it, none on it where it has them drawn in. */
function showBoxes(frame) {
  const layer = byId("boxes"), [wide, tall] = data.size || [video?.videoWidth, video?.videoHeight];
  const drawn = byId("draw-boxes").checked && !(data.burnt && playing === "video") && wide && times.length;
  layer.replaceChildren(...(drawn ? rows : []).flatMap(row => readingAt(row, frame).map(place => {
    const [left, top, right, bottom] = row.boxes.subarray(4 * place, 4 * place + 4), emotion = row.emotions[place];
    const box = element("div", `box ${data.emotions[emotion]}${emphasised(row, place) ? "" : " faded"}`);
    box.style.left = `${100 * left / wide}%`;
    box.style.top = `${100 * top / tall}%`;
    box.style.width = `${100 * (right - left) / wide}%`;
    box.style.height = `${100 * (bottom - top) / tall}%`;
    const said = element("span", top / tall < 0.1 ? "said below" : "said");
    said.append(element("span", "short", CODES[emotion]), element("span", "whole", `${shorten(row.label, 18)} · ` +
      `${data.emotions[emotion]} ${confidence(row, place).toFixed(2)}`));
    box.append(said);
    if (left / wide > 0.6) box.classList.add("right");
    return box;
  })));
  shrinkLabels([...layer.children]);
}

/* Make labels small that would cover another face or label, and all of a crowd. */
function shrinkLabels(boxes) {
  const crowd = boxes.length > CROWD, rects = crowd ? [] : [...boxes, ...boxes.map(box => box.firstChild)].map(
    each => each.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  boxes.forEach((box, place) => {
    const label = rects[boxes.length + place];
    box.classList.toggle("small", crowd || rects.some((other, i) => i % boxes.length !== place && meet(label, other)));
  });
}

/* What is read at the present frame, as a list, and as a sentence for screen readers; people and emotions that are not
   shown stay in it, paler. */
function showPresent() {
  const list = byId("present"), frame = state.now, said = [];
  byId("now-time").textContent = times.length ? when(frame) : "–";
  list.replaceChildren();
  for (const row of rows) {
    for (const place of readingAt(row, frame)) {
      const emotion = row.emotions[place], item = element("li", emphasised(row, place) ? "" : "faded");
      const source = portrait(row, frame), image = source ? picture(source) : element("span", "face");
      const text = element("span"), truth = truthAt(row, times[frame]), name = element("b", "", row.label);
      image.hidden = !row.thumbs.jpegs.length;
      name.title = row.label;
      text.append(name, swatch(emotion), `${data.emotions[emotion]} ${confidence(row, place).toFixed(2)}` +
                  (truth === null ? "" : `, ${data.truthSays} ${data.emotions[truth]}`));
      item.append(image, text);
      list.append(item);
      if (emphasised(row, place)) {
        said.push(`${row.label} ${data.emotions[emotion]} ${confidence(row, place).toFixed(2)}`);
      }
    }
  }
  if (!list.children.length) list.append(element("li", "quiet", "no face here"));
  showBoxes(playing === "video" ? frame : pictureFrame());
  const place = byId("place");
  place.value = frame;
  place.setAttribute("aria-valuetext", times.length ? clock(times[frame]) : "");
  byId("clock").textContent = `${clock(times[frame] || 0)} / ${clock(times.length ? total : 0)}`;
  return `${times.length ? when(frame) : ""}: ${said.join("; ") || "no face shown"}`;
}

let waiting = 0;

/* Say it to screen readers, once the keys rest: a held arrow is not to be read frame by frame. */
function say(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => { byId("said").textContent = text; }, 150);
}

const pictureAt = () => times.length ? nearest(data.pictures.times, times[state.now]) : -1;
const pictureFrame = () => pictureAt() < 0 ? state.now : nearest(times, data.pictures.times[pictureAt()]);

function showPicture() {
  if (playing === "video") return;
  const place = pictureAt(), image = byId("picture-image");
  byId("picture").hidden = place < 0;
  byId("screen").hidden = place < 0;
  if (place < 0) return;
  const time = data.pictures.times[place];
  if (image.dataset.time !== String(time)) {
    [image.dataset.time, image.src] = [time, jpeg(data.pictures.jpegs[place])];
    image.alt = `The frame at ${clock(time)}`;
  }
  byId("picture-caption").textContent = time === times[state.now] ? `the frame at ${clock(time)}` :
    `the frame at ${clock(time)}, the nearest that is kept in this page`;
}

/* Go to a frame. A video that plays goes on from there; `along` while it does so by itself: nothing is said then. */
function seek(frame, along = false) {
  if (!times.length || along && keepSpan(times[frame])) return;
  if (!along) span = null;
  const before = times[state.now], inView = before >= state.from && before < state.to;
  state.now = Math.max(0, Math.min(times.length - 1, frame));
  if (video && playing !== "pictures" && !along) {
    sought = true;
    video.currentTime = (times[state.now] + lasts(state.now) / 4 + offset) / 1000;   // inside the frame, not on its edge
  }
  const text = showPresent();
  if (!along) say(text);
  if (!along || video.paused) remember();
  showPicture();
  if (inView) bring(times[state.now], 0.1);      // a timeline that was elsewhere is looked at, and stays
  placeMarks();
}

/* Go to where a segment is the strongest, since another emotion may be read where it begins; have it in view. */
function visit(segment) {
  bring(segment.peak, 0.25);
  seek(nearest(times, segment.peak));
  say(`${segment.row.label} ${data.emotions[segment.emotion]}, ${clock(segment.start)} to ${clock(segment.end)}, ` +
    `mean ${segment.mean.toFixed(2)}`);
}

/* The next segment of an emotion of the people shown, in the order of their peaks; after the last one the first. */
function jump(emotion) {
  const visible = new Set(shown());
  const found = segments.filter(each => visible.has(each.row) && each.emotion === emotion)
    .sort((a, b) => a.peak - b.peak);
  const next = found.find(each => nearest(times, each.peak) > state.now) || found[0];
  if (next && state.emotions.has(emotion)) visit(next);
  else say(`no ${data.emotions[emotion]} segment is shown`);
}

/* A frame or a second on or back. A video stops for a frame, and plays on from a second. */
function step(how) {
  const second = {"second-back": -1000, "second-on": 1000}[how];
  if (second) seek(nearest(times, Math.max(0, times[state.now] + second)));
  else {
    video?.pause();
    seek(state.now + (how === "on" ? 1 : -1));
  }
}

let subtitles = null;                            // a track of the video

/* Fill it with the segments of what is shown, a cue each, as export_results.py writes them into .vtt files. */
function fillSubtitles() {
  if (!subtitles || subtitles.mode === "disabled") return;
  const marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;"};
  [...subtitles.cues].forEach(cue => subtitles.removeCue(cue));
  for (const each of ranked().filter(segment => segment.end > segment.start).sort((a, b) => a.start - b.start)) {
    const text = `${each.row.label}: ${data.emotions[each.emotion]}`.replace(/[&<>]/g, mark => marks[mark]);
    subtitles.addCue(new VTTCue((each.start + offset) / 1000, (each.end + offset) / 1000, text));
  }
}

function wireSubtitles() {
  const box = byId("subtitles");
  subtitles = video.addTextTrack("subtitles", "emotions", "en");
  subtitles.mode = "disabled";
  box.addEventListener("change", () => { subtitles.mode = box.checked ? "showing" : "disabled"; });
  video.textTracks.addEventListener("change", () => {
    box.checked = subtitles.mode === "showing";
    fillSubtitles();
  });
}

/* Play; a pause may come before it begins, which is no error. */
const play = () => video.play().catch(() => {});

function toggle() {
  if (stopped) {
    playFrom(data.video);
    return play();
  }
  if (!video || playing === "pictures") return;
  if (video.paused) play(); else video.pause();
}

/* J, K and L as in players: a second back, pause, play and then faster. */
function shuttle(key) {
  if (key === "j") return step("second-back");
  if (!video || playing === "pictures") return;
  if (key === "k") return video.pause();
  const speeds = [...byId("speed").options].map(option => option.value), speed = byId("speed");
  if (!video.paused) speed.value = speeds[Math.min(speeds.length - 1, speed.selectedIndex + 1)];
  video.playbackRate = Number(speed.value);
  play();
}

/* Pictures in place of a video that does not play, and why. */
function fallBack(how, why) {
  playing = how;
  video.hidden = true;
  byId("play").hidden = how === "pictures" && !stopped;
  byId("play").textContent = "▶ play";
  for (const id of ["mute", "speed"]) byId(id).hidden = how === "pictures";
  byId("subtitles-label").hidden = true;
  byId("video-note").hidden = false;
  byId("video-note").textContent = why + (data.pictures.times.length ? " Pictures are shown instead." : "");
  byId("find-video").hidden = how !== "pictures" || stopped;
  fitScreen();
  showPicture();
  showPresent();
}

/* A video in the place of pictures, from the present moment on: one that was chosen, or the page's own again. */
function playFrom(source) {
  [playing, stopped] = ["video", false];
  for (const id of ["play", "mute", "speed", "subtitles-label"]) byId(id).hidden = false;
  for (const id of ["picture", "video-note", "find-video"]) byId(id).hidden = true;
  video.hidden = byId("screen").hidden = false;
  video.src = source;
  seek(state.now);
}

/* The screen has the shape of the picture, so that the boxes lie on it. */
function fitScreen() {
  const [wide, tall] = playing === "video" && video.videoWidth ? [video.videoWidth, video.videoHeight] :
    data.size || [16, 9];
  byId("screen").style.setProperty("--ratio", wide / tall);
}

/* Some browsers' clocks are 0 where the file starts, others' go by the times written in it; its first frame shown tells.
   It is the present one, or as near to it as a wrong offset comes. */
function findOffset(now, shown) {
  const ahead = times.length ? 1000 * shown.mediaTime - times[state.now] : 0;
  if (Math.abs(ahead - data.start) >= Math.abs(ahead)) return;
  offset = data.start;
  if (video.paused) seek(state.now);
  fillSubtitles();
}

function wireVideo() {
  fitScreen();
  if (!video) return;
  video.addEventListener("error", () => {
    stopped = video.error.code === MediaError.MEDIA_ERR_DECODE;
    fallBack("pictures", stopped ? `This browser cannot decode a picture of ${data.videoName} at or before ` +
      `${clock(times[state.now])}. “play” goes on from another moment; create_results.py --overlay writes a copy that ` +
      "it plays throughout." : `${data.videoName} could not be played: it is not at ${decodeURIComponent(data.video)} ` +
      "from this page, or this browser does not know its kind.");
  });
  byId("video-file").addEventListener("change", event => event.target.files.length &&
    playFrom(URL.createObjectURL(event.target.files[0])));
  video.addEventListener("loadedmetadata", () => {
    if (video.videoWidth) fitScreen();
    else fallBack("sound", `This browser cannot decode the picture of ${data.videoName} (HEVC of a phone, perhaps); ` +
      "its sound plays. create_results.py --overlay writes a copy that every browser plays.");
  });
  const along = seconds => {                     // the last picture may come after the pause
    if (!video.paused) sought = false;
    if (!video.seeking && !sought) seek(frameAt(seconds * 1000 - offset), true);
  };
  const each = (_, shown) => {                   // its time is that of the picture on the screen, the clock runs ahead
    along(shown.mediaTime);
    video.requestVideoFrameCallback(each);
  };
  if (video.requestVideoFrameCallback) {
    video.requestVideoFrameCallback(findOffset);
    video.requestVideoFrameCallback(each);
  }
  video.addEventListener("timeupdate", () => {
    if (!video.requestVideoFrameCallback || playing !== "video") along(video.currentTime);
  });
  for (const event of ["play", "pause"]) {
    video.addEventListener(event, () => {
      byId("play").textContent = video.paused ? "▶ play" : "❚❚ pause";
    });
  }
  video.addEventListener("ended", () => { if (keepSpan(Infinity)) play(); });      // a loop of the film's end
  video.addEventListener("pause", () => {
    if (!video.seeking) say(showPresent());
    remember();
  });
  byId("play").addEventListener("click", toggle);
  video.addEventListener("click", toggle);
  byId("boxes").addEventListener("click", toggle);
  byId("mute").addEventListener("click", () => {
    video.muted = !video.muted;
    byId("mute").setAttribute("aria-pressed", String(video.muted));
  });
  byId("speed").addEventListener("change", () => { video.playbackRate = Number(byId("speed").value); });
  wireSubtitles();
  video.src = data.video;
}

function wirePlayer() {
  byId("place").max = Math.max(0, times.length - 1);
  byId("place").addEventListener("input", () => seek(Number(byId("place").value)));
  byId("draw-boxes").addEventListener("change", showPresent);
  byId("full").hidden = !document.fullscreenEnabled;
  byId("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen(); else byId("now").requestFullscreen();
  });
  wireVideo();
}
