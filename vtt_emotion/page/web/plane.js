/* One person's valence, across, and arousal, up: a point for each reading in view, and a ring at the present moment. */
const SIDE = 210, EDGE = 52;                     // px of the plane, and beside it and under it for its numbers
let planeChart = null, planeRow = null;

/* [[valence, arousal]] of the readings in view. */
function planePoints(row) {
  const made = [], last = lowerBound(row.frames, lowerBound(times, state.to));
  for (let place = lowerBound(row.frames, lowerBound(times, state.from)); place < last; place++) {
    const point = affectOf(row, place);
    if (!point.some(isNaN)) made.push([...point]);
  }
  return made;
}

function drawPlane(row) {
  planeRow = row;
  if (!AFFECT.length) return;
  byId("affect").hidden = !row;
  if (!row) return;
  const ink = style("--quiet"), line = style("--line"), data = planePoints(row);
  const axis = (name, nameGap) => ({
    type: "value", name, nameLocation: "middle", nameGap, nameTextStyle: {color: ink}, min: -1, max: 1, interval: 0.5,
    axisLine: {onZero: false, lineStyle: {color: line}}, axisLabel: {color: ink},
    splitLine: {lineStyle: {color: [line, line, ink, line, line]}},
  });
  planeChart ||= echarts.init(byId("plane"), null, {renderer: "canvas"});
  planeChart.setOption({
    animation: false, backgroundColor: "transparent", textStyle: {fontFamily: font(), color: ink},
    grid: {left: EDGE, top: 10, width: SIDE, height: SIDE, outerBoundsMode: "none"},
    xAxis: axis(AFFECT[0], 24), yAxis: axis(AFFECT[1], 34),
    series: [{type: "scatter", data, large: true, symbolSize: 4, silent: true,
              itemStyle: {color: ink, opacity: 0.4}}],
  }, {notMerge: true});
  byId("plane").setAttribute("aria-label", `Plane of ${row.label}: ${AFFECT[0]} across, ${AFFECT[1]} up, each from -1 ` +
    `to 1, of ${data.length} readings in view`);
  markPlane();
}

/* The ring, and what it says. */
function markPlane() {
  if (!planeRow) return;
  const place = readingAt(planeRow, state.now)[0], [across, up] = place === undefined ? [] : affectOf(planeRow, place);
  const known = across + up === across + up, ring = byId("plane-now");
  ring.hidden = !known;
  ring.style.transform = `translate(${EDGE + SIDE * (1 + across) / 2}px, ${10 + SIDE * (1 - up) / 2}px)`;
  byId("affect-now").textContent = `${planeRow.label} at ${clock(times[state.now])}: ` +
    (known ? `${AFFECT[0]} ${across.toFixed(2)}, ${AFFECT[1]} ${up.toFixed(2)}` : `no ${AFFECT.join(" and ")}`);
}
