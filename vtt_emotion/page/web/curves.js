/* One tall chart with an axis: the scores of one person's emotions, or of one emotion of several people. */
const MOST = 7;                                  // curves of people at once
let curveChart = null;

/* What is drawn: lines as of the timeline, each with a label; none where several people and several emotions are shown. */
function curves() {
  const visible = shown().filter(read), emotions = [...state.emotions].sort();
  if (visible.length === 1) {
    return [...emotions.map(emotion => ({row: visible[0], emotion, label: data.emotions[emotion]})),
            ...AFFECT.map((label, i) => ({row: visible[0], emotion: EMOTIONS + i, label, signed: true}))];
  }
  if (emotions.length !== 1) return [];
  const made = visible.slice(0, MOST).map(row => ({row, emotion: emotions[0], label: row.label}));
  return visible.length === 2 ? [...made, {...made[0], other: made[1].row, label: "difference"}] : made;
}

/* [[ms, score]] of a curve: means of stretches a few px wide, null where the person is not seen. */
function points(curve) {
  const size = differenceSize(), made = [];
  const bins = curve.other ? differences(curve, state.from, state.to, size) :
    binned(curve.row, state.from, state.to, size, curve.emotion);
  bins.filter(bin => !isNaN(bin.score)).sort((a, b) => a.start - b.start).forEach((bin, i, known) => {
    if (i && bin.start - known[i - 1].start > 1.5 * size) made.push([bin.start - size / 2, null]);
    made.push([bin.start + size / 2, curve.other ? bin.differ : bin.score]);
  });
  return made;
}

function curveOption(found) {
  const ink = style("--quiet"), line = style("--line"), colours = palette(), several = shown().filter(read).length > 1;
  const least = found.some(curve => curve.signed) ? -1 : 0;
  return {
    animation: false, backgroundColor: "transparent", textStyle: {fontFamily: font(), color: ink},
    grid: {left: 0, right: RIGHT, top: 30, bottom: 6, outerBoundsMode: "none"},
    legend: {top: 0, left: 0, type: "scroll", textStyle: {color: style("--ink")}},
    tooltip: {trigger: "axis", confine: true, backgroundColor: style("--panel"), borderColor: line,
              textStyle: {color: style("--ink")}, transitionDuration: 0, axisPointer: {label: {show: false}},
              valueFormatter: value => value === null ? "–" : value.toFixed(2)},
    xAxis: {type: "value", min: state.from, max: state.to, show: false,
            axisPointer: {label: {formatter: ({value}) => clock(value)}}},
    yAxis: {type: "value", min: least, max: 1, interval: least ? 0.5 : 0.25, splitLine: {lineStyle: {color: line}},
            axisLabel: {inside: true, color: ink, verticalAlign: "bottom", margin: 2}, z: 3},
    series: found.map((curve, place) => ({
      type: "line", name: curve.label, data: points(curve), showSymbol: false, emphasis: {disabled: true},
      color: curve.signed ? style(curve.emotion > EMOTIONS ? "--quiet" : "--ink") :
        curve.other ? style("--ink") : colours[several ? place : curve.emotion].fill,
      lineStyle: {width: 2, type: ["solid", "dashed", "dotted"][(curve.signed ? curve.emotion - EMOTIONS : place) % 3]},
    })),
  };
}

function drawCurves() {
  const on = byId("curves-on").getAttribute("aria-pressed") === "true", found = on ? curves() : [];
  drawPlane(found.find(curve => curve.signed)?.row);
  byId("curves").hidden = !found.length;
  byId("curves-note").hidden = !on || found.length > 0;
  if (!found.length) return;
  if (!curveChart) {
    curveChart = echarts.init(byId("curves"), null, {renderer: "canvas"});
    curveChart.getZr().on("click", event => seek(frameAt(timeAt(event.offsetX))));
  }
  curveChart.resize();
  curveChart.setOption(curveOption(found), {notMerge: true});
  byId("curves").setAttribute("aria-label", `Curves of ${found.map(curve => curve.label).join(", ")}, ` +
    `from ${found.some(curve => curve.signed) ? -1 : 0} to 1`);
}

function wireCurves() {
  byId("curves-on").addEventListener("click", () => {
    const button = byId("curves-on");
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    drawCurves();
  });
}

/* The reading of the people shown whose score of an emotion is the highest: {row, frame, score}, or null. */
function highest(emotion) {
  let best = null;
  for (const row of shown()) {
    for (let place = 0; place < row.frames.length; place++) {
      const score = scoreOf(row, place, emotion);
      if (score > (best ? best.score : 0)) best = {row, frame: row.frames[place], score};
    }
  }
  return best;
}

function visitHighest(emotion) {
  const best = highest(emotion);
  if (!best) return say(`${data.emotions[emotion]} has no score here`);
  const time = times[best.frame];
  bring(time, 0.25);
  seek(best.frame);
  say(`${best.row.label}, ${data.emotions[emotion]} at its highest, ${best.score.toFixed(2)}, ${clock(time)}`);
}
