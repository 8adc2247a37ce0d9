"use strict";
// The data, numbers as text, and the figure of a series at two sizes. Text from the data only
// ever becomes the text of nodes or an attribute's value.

const told = JSON.parse(document.getElementById("data").textContent);
const SVG = document.querySelector("svg")?.namespaceURI; // none where nothing is drawn
const LINES = 40; // changes marked in a figure

const series = told.series.map((row, id) => {
  const one = {id};
  told.fields.forEach((field, i) => { one[field] = row[i]; });
  one.changes = one.changes.map(
    ([position, time, credible, probability, before, after, ratio, increase]) =>
      ({position, time, credible, probability, before, after, ratio, increase}));
  return one;
});

// -- numbers as text: as the sentences have them ----------------------------------------------

/** Three significant digits, no exponent where one can be avoided. */
function number(x) {
  if (x === null) return "";
  if (x === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))));
  if (digits < 9) return x.toFixed(digits);
  return x.toExponential(2).replace(/e-(\d)$/, "e-0$1");
}

/** A probability that never claims certainty. */
function chance(p) {
  if (p === null) return "";
  if (p > 0.9999) return "> 0.9999";
  if (p < 0.0001) return "< 0.0001";
  const edge = Math.min(p, 1 - p);
  return p.toFixed(edge < 0.001 ? 4 : edge < 0.01 ? 3 : 2);
}

const span = (ends) =>
  ends ? `${number(ends[0])} (${number(ends[1])} to ${number(ends[2])})` : "";
const thousands = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

// -- nodes ------------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Text whose dates and intervals stay on a line. */
function dated(text) {
  return text.split(/(\d+-\d[-:\d]*|\([-\d.e]+ to [-\d.e]+\))/).map(
    (part, i) => (i % 2 ? make("span", {class: "whole"}, part) : part));
}

// -- the figure -------------------------------------------------------------------------------

/** The five rows of bytes; see changepoint/report/sparkline.py. */
function rows(one) {
  const text = atob(one.bytes), n = one.n_points;
  const row = (k) => Array.from({length: n}, (_, i) => text.charCodeAt(k * n + i));
  return {observed: row(0), lower: row(1), mean: row(2), upper: row(3), change: row(4)};
}

/** Round numbers from low to high, about so many. */
function marks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough * 0.999) * power;
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const label = (x) => digits > 8 || Math.abs(x) >= 1e7 ? x.toExponential(1) : x.toFixed(digits);
  const found = [];
  for (let i = first; i <= last; i += 1) found.push({at: i * step, label: label(i * step + 0)});
  return found;
}

const fixed = (x) => x.toFixed(1);

/** A line of steps, one a point, from left to right. */
function steps(values, x, y) {
  let path = "", last = null;
  values.forEach((value, i) => {
    if (value !== last) path += i ? `V${fixed(y(value))}` : `M${fixed(x(0))} ${fixed(y(value))}`;
    path += `H${fixed(x(i + 1))}`;
    last = value;
  });
  return path;
}

/** The same back from right to left, to close an area. */
function back(values, x, y) {
  let path = "";
  for (let i = values.length - 1; i >= 0; i -= 1) {
    path += `${path ? "V" : `L${fixed(x(i + 1))} `}${fixed(y(values[i]))}H${fixed(x(i))}`;
  }
  return `${path}Z`;
}

function bars(values, x, base, height, least) {
  let path = "";
  values.forEach((value, i) => {
    if (value / 255 * height < 0.3) return; // not to be seen
    const wide = Math.max(x(i + 1) - x(i), least), middle = (x(i) + x(i + 1)) / 2;
    const top = fixed(base - value / 255 * height);
    path += `M${fixed(middle - wide / 2)} ${base}V${top}h${fixed(wide)}V${base}z`;
  });
  return path;
}

/** Points, and those beyond the scale as triangles at its end. */
function points(one, values, x, y, size) {
  let inside = "", beyond = "";
  values.forEach((value, i) => {
    if (value === 255) return;
    const place = `M${fixed((x(i) + x(i + 1)) / 2)} ${fixed(y(value))}`;
    const above = value === 254, below = value === 0 && one.low !== 0;
    if (one.clipped && (above || below)) {
      beyond += `${place}m-3 ${above ? 5 : -5}h6l-3 ${above ? -5 : 5}z`;
    } else {
      inside += `${place}h0`;
    }
  });
  const dots = shape("path", {class: "dots", d: inside, "stroke-width": size});
  return beyond ? [dots, shape("path", {class: "beyond", d: beyond})] : [dots];
}

/** Data and band above, the probability of a change below, on one axis of time. */
function draw(one, width, full) {
  const above = full ? marks(one.low, one.high, 5) : [];
  const below = full ? [1, 0.5, 0.2, 0.1].find((p) => p <= one.peak * 1.001) : 0;
  const longest = Math.max(3, ...above.map((mark) => mark.label.length));
  const left = full ? longest * 6.2 + 10 : 1, right = width - (full ? 10 : 1);
  const top = full ? 36 : 2, floor = full ? 226 : 27; // of the panel with the data
  const base = full ? 316 : 38, tall = full ? 52 : 9; // of the panel with the bars
  const height = full ? 340 : 39;
  const n = one.n_points, data = rows(one);
  const x = (i) => left + i / n * (right - left);
  const y = (byte) => floor - byte / 254 * (floor - top);
  const text = (at, up, label, anchor, kind = "tick") =>
    shape("text", {x: fixed(at), y: fixed(up), "text-anchor": anchor, class: kind}, label);
  const rule = (kind, d) => shape("path", {class: kind, d});
  const svg = shape("svg", {
    viewBox: `0 0 ${Math.round(width)} ${height}`, width: Math.round(width), height,
    role: "img", "aria-label": one.sentence, class: full ? "figure" : "spark",
  });
  for (const mark of above) {
    const at = floor - (mark.at - one.low) / (one.high - one.low) * (floor - top);
    svg.append(rule("grid", `M${fixed(left)} ${fixed(at)}H${fixed(right)}`),
               text(left - 6, at + 4, mark.label, "end"));
  }
  if (below) {
    const at = base - below / one.peak * tall;
    svg.append(rule("grid", `M${fixed(left)} ${fixed(at)}H${fixed(right)}`),
               text(left - 6, at + 4, String(below), "end"), text(left - 6, base + 4, "0", "end"));
  }
  svg.append(
    rule("band", steps(data.upper, x, y) + back(data.lower, x, y)),
    ...points(one, data.observed, x, y, full ? Math.min(5, Math.max(2.6, 700 / n)) : 1.6),
    rule("mean", steps(data.mean, x, y)),
    rule("bars", bars(data.change, x, base, tall, full ? 1.5 : 1)),
  );
  if (one.changes.length <= LINES) {
    for (const change of one.changes) {
      svg.append(rule("mark", `M${fixed(x(change.position))} ${top - 4}V${base}`));
    }
  }
  if (!full) return svg;
  for (const [position, words] of told.events ?? []) {
    const at = fixed(x(position)), up = top + 2;
    svg.append(rule("event", `M${at} ${top - 4}V${base}`),
               shape("text", {class: "event", "text-anchor": "end",
                              transform: `translate(${fixed(x(position) - 3)} ${up}) rotate(-90)`},
                     words));
  }
  svg.append(rule("axis", `M${fixed(left)} ${base}H${fixed(right)}`));
  const away = one.clipped ? `, ${one.clipped} beyond the scale` : "";
  const pooled = one.stride > 1 ? `, a dot is ${one.stride} rows together` : "";
  svg.append(text(0, 12, told.label + pooled + away, "start", "name"),
             text(0, base - tall - 14, "P(change)", "start", "name"));
  label(svg, told.axes[one.axis], x, left, right, base, text);
  date(svg, one.changes, x, left, right, text);
  return svg;
}

/** The marks of time that don't touch each other. */
function label(svg, ticks, x, left, right, base, text) {
  let end = -Infinity;
  for (const [position, words] of ticks) {
    const half = words.length * 3.2;
    const at = Math.min(Math.max(x(position), left + half - 8), right - half + 8);
    if (at - half < end + 10) continue;
    svg.append(shape("path", {class: "axis", d: `M${fixed(x(position))} ${base}v4`}),
               text(at, base + 18, words, "middle"));
    end = at + half;
  }
}

/** The dates of the changes above their lines, as far as there is room. */
function date(svg, changes, x, left, right, text) {
  let end = -Infinity;
  for (const change of changes.length <= LINES ? changes : []) {
    const half = change.time.length * 3.2;
    const at = Math.min(Math.max(x(change.position), left + half), right - half);
    if (at - half < end + 8 || change.time.length > 24) continue;
    svg.append(text(at, 28, change.time, "middle", "when"));
    end = at + half;
  }
}

// -- figures are drawn when they come near the screen, and all of them for paper ---------------

const drawn = new Map(); // box -> [series, width]

function place(box, one) {
  const width = Math.max(box.clientWidth || 700, 240);
  if (drawn.get(box) === width) return;
  drawn.set(box, width);
  box.replaceChildren(draw(one, width, true));
}

const near = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (isIntersecting) place(target, series[target.dataset.figure]);
  }
}, {rootMargin: "600px"});

function figure(one) {
  const box = make("div", {class: "box", "data-figure": one.id});
  near.observe(box);
  return box;
}

function drawAll() {
  for (const box of document.querySelectorAll("[data-figure]")) {
    if (!drawn.has(box)) place(box, series[box.dataset.figure]);
  }
}

for (const box of document.querySelectorAll("[data-figure]")) near.observe(box);
addEventListener("beforeprint", drawAll);
matchMedia("print").addEventListener("change", (print) => { if (print.matches) drawAll(); });
let waiting = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    for (const box of drawn.keys()) {
      if (box.isConnected) place(box, series[box.dataset.figure]);
      else drawn.delete(box);
    }
  });
});
