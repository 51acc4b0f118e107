/* What is under the pointer: the tip of the timeline. */

/* The line and the time at a point of the chart, or null beside them. */
function hit(x, y) {
  const lane = drawn[Math.floor((y - TOP) / ROW())];
  return !lane || y < TOP || x < 0 || x > width() ? null : {lane, time: timeAt(x)};
}

/* What is drawn of a line at a time: {frame, lines of text, emotion} or null where there is nothing. */
function under({row, emotion}, time) {
  const how = level(), near = 4 / width() * (state.to - state.from);
  if (how === "readings") return readingUnder(row, emotion, time, near);
  if (how === "segments" && emotion === null) {
    const segment = row.segments.filter(each => state.emotions.has(each.emotion) && time >= each.start - near &&
      time < each.end + near).sort((a, b) => strength(b) - strength(a))[0];
    return segment ? {frame: nearest(times, segment.peak), emotion: segment.emotion, value: segment.mean.toFixed(2), more: [seconds((segment.end - segment.start) / 1000),
                      `${clock(segment.start)} to ${clock(segment.end)}`]} : null;
  }
  const size = binSize(), bins = binned(row, time - near, time + near, size, emotion);
  const bin = bins.sort((a, b) => Math.abs(a.start + size / 2 - time) - Math.abs(b.start + size / 2 - time))[0];
  return bin ? binUnder(row, emotion, bin) : null;
}

function readingUnder(row, emotion, time, near) {
  const frame = Math.max(0, lowerBound(times, time + 1) - 1);
  let best = null, least = near;
  for (let place = lowerBound(row.frames, lowerBound(times, time - 2 * data.step - near)); place < row.frames.length;
       place++) {
    const start = times[row.frames[place]], end = endOf(row, place);
    if (start > time + near) break;
    const away = time < start ? start - time : time > end ? time - end : 0;
    if (state.emotions.has(emotion ?? row.emotions[place]) && away < least) [best, least] = [place, away];
  }
  if (best === null) return null;
  const what = emotion ?? row.emotions[best], value = emotion === null ? confidence(row, best) :
    scoreOf(row, best, emotion);
  return emotion !== null && !value ? null : {frame: row.frames[best] ?? frame, emotion: what, value: value.toFixed(2), more: []};
}

function binUnder(row, emotion, bin) {
  const order = [...state.emotions].filter(what => bin.spans[what]).sort((a, b) => bin.spans[b] - bin.spans[a]);
  if (emotion === null && !order.length) return null;
  const what = emotion ?? order[0], share = each => `${Math.round(100 * bin.spans[each] / bin.all)} %`;
  const rest = order.slice(1, 4).map(each => `${data.emotions[each]} ${share(each)}`).join(", ");
  const sure = bin.spans[what] ? bin.sums[what] / bin.spans[what] : 0;
  return {frame: row.frames[bin.place], emotion: what, value: emotion === null ? `${share(what)}, ${sure.toFixed(2)} sure` : bin.score.toFixed(2),
          more: [...(emotion === null && rest ? [rest] : []),
                 `${bin.count} readings, ${clock(bin.start)} to ${clock(bin.end)}`]};
}

function differenceTip(lane, time) {
  const size = differenceSize(), bin = differences(lane, time - size, time + size, size).find(each => time < each.end);
  return bin ? element("div", "tip", `${lane.row.label} and ${lane.other.label} differ in ` +
    `${Math.round(100 * bin.differ)} % at ${clock(bin.start)}`) : "";
}

/* Of a time without a reading, at which something was annotated or coded. */
function truthTip({lane, time}, truth) {
  const box = element("div", "tip"), text = element("div"), what = element("div", "tip-what", `${data.truthSays} `);
  what.append(swatch(truth), data.emotions[truth]);
  text.append(element("div", "tip-who", lane.row.label), what, element("div", "", clock(time)));
  box.append(text);
  return box;
}

function tip() {
  const found = hit(...pointer);
  if (found?.lane.other) return differenceTip(found.lane, found.time);
  const seen = found && under(found.lane, found.time), truth = found && truthAt(found.lane.row, found.time);
  if (!seen) return truth !== null && (found.lane.emotion ?? truth) === truth ? truthTip(found, truth) : "";
  const {row} = found.lane, box = element("div", "tip"), text = element("div"), what = element("div", "tip-what");
  const source = portrait(row, seen.frame);
  if (source) box.append(picture(source, ""));
  what.append(swatch(seen.emotion), element("strong", "", data.emotions[seen.emotion]), ` ${seen.value}`);
  text.append(element("div", "tip-who", row.label), what);
  for (const line of seen.more.length ? seen.more : [when(seen.frame)]) text.append(element("div", "", line));
  if (truth !== null) text.append(element("div", "", `${data.truthSays} ${data.emotions[truth]}`));
  box.append(text);
  return box;
}
