// The control chart: points, the mean of each stage, and the limits, a row a step.

/** Lines of steps, one a row, broken where there is no number. */
function broken(values, x, y) {
  let path = "", last = null;
  values.forEach((value, i) => {
    if (value !== null) {
      if (last === null) path += `M${fixed(x(i))} ${fixed(y(value))}`;
      else if (value !== last) path += `V${fixed(y(value))}`;
      path += `H${fixed(x(i + 1))}`;
    }
    last = value;
  });
  return path;
}

/** The points joined, row by row; a gap where one is missing. */
function joined(values, x, y) {
  return values.map((value, i) => value === null ? "" :
    `${i && values[i - 1] !== null ? "L" : "M"}${fixed(x(i + 0.5))} ${fixed(y(value))}`).join("");
}

function drawChart(chart, width) {
  const lines = ["y", "centre", "lower", "upper", "wide_lower", "wide_upper"]
    .map((name) => chart[name]).filter((line) => line);
  const all = [...lines.flat(), chart.target].filter((value) => value !== null);
  const rough = [Math.min(...all), Math.max(...all)];
  const room = (rough[1] - rough[0] || Math.abs(rough[0]) || 1) * 0.04;
  const low = rough[0] >= 0 && rough[0] < room ? 0 : rough[0] - room, high = rough[1] + room;
  const grid = marks(low, high, 5), longest = Math.max(3, ...grid.map(({label}) => label.length));
  const left = longest * 6.2 + 10, right = width - 10, top = 24, base = 270, n = chart.y.length;
  const x = (i) => left + i / n * (right - left);
  const y = (value) => base - (value - low) / (high - low) * (base - top);
  const text = (at, up, label, anchor, kind = "tick") =>
    shape("text", {x: fixed(at), y: fixed(up), "text-anchor": anchor, class: kind}, label);
  const rule = (kind, d) => shape("path", {class: kind, d});
  const svg = shape("svg", {viewBox: `0 0 ${Math.round(width)} 296`, width: Math.round(width),
    height: 296, role: "img", "aria-label": chart.label, class: "figure"});
  for (const mark of grid) {
    svg.append(rule("grid", `M${fixed(left)} ${fixed(y(mark.at))}H${fixed(right)}`),
               text(left - 6, y(mark.at) + 4, mark.label, "end"));
  }
  const dots = chart.y.map((value, i) => value === null ? "" :
    `M${fixed(x(i + 0.5))} ${fixed(y(value))}h0`).join("");
  svg.append(rule("thread", joined(chart.y, x, y)),
    shape("path", {class: "dots", d: dots, "stroke-width": Math.min(5, Math.max(2.6, 700 / n))}),
    rule("limit", broken(chart.lower, x, y) + broken(chart.upper, x, y)));
  if (chart.wide_lower) {
    svg.append(rule("laney", broken(chart.wide_lower, x, y) + broken(chart.wide_upper, x, y)));
  }
  svg.append(rule("mean", broken(chart.centre, x, y)));
  if (chart.target !== null) {
    svg.append(rule("target", `M${fixed(left)} ${fixed(y(chart.target))}H${fixed(right)}`));
  }
  for (const i of chart.beyond) {
    svg.append(shape("circle", {class: "out", cx: fixed(x(i + 0.5)), cy: fixed(y(chart.y[i])), r: 5}));
  }
  svg.append(rule("axis", `M${fixed(left)} ${base}H${fixed(right)}`),
             text(0, 12, chart.label, "start", "name"));
  label(svg, chart.ticks, x, left, right, base, text);
  return svg;
}

const chartBox = document.querySelector("[data-chart]");
if (chartBox) {
  const again = () => chartBox.replaceChildren(
    drawChart(told.chart, Math.max(chartBox.clientWidth || 700, 240)));
  again();
  addEventListener("resize", again);
}
