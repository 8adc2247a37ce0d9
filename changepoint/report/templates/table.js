// The table: sorted, searched, a page at a time; details of a series when it is opened.

const PAGE = 50;
const state = {key: "id", down: false, filter: "all", search: "", page: 0, open: new Set()};
const body = document.querySelector("#list tbody");
const heads = [...document.querySelectorAll("#list th[data-key]")];
const collator = new Intl.Collator("en", {numeric: true});

for (const one of series) {
  one.main = one.main === null ? null : one.changes[one.main]; // that the table tells
  one.chance = one.q === null ? one.p : one.q;
}
const numeric = series.every(({main}) => !main || (main.time !== "" && !isNaN(main.time)));
const stamp = (main) => main && (numeric ? Number(main.time) : main.time);
const KEYS = {
  id: (one) => one.id, // the flagged first: the order in which they come
  name: (one) => one.name,
  chance: (one) => one.chance,
  number: (one) => one.number,
  when: (one) => stamp(one.main),
  before: (one) => one.main && one.main.before[0],
  after: (one) => one.main && one.main.after[0],
  ratio: (one) => one.main && one.main.ratio && one.main.ratio[0],
  impact: (one) => one.impact,
  n: (one) => one.n,
};
const ASCENDING = new Set(["name", "when"]); // at the first click

// -- which rows, in which order ---------------------------------------------------------------

const bySize = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** All series by the column chosen; what has no value comes last either way. */
function sorted() {
  const value = KEYS[state.key], sign = state.down ? -1 : 1;
  const compare = state.key === "name" ? collator.compare : bySize;
  const found = [], without = [];
  for (const one of series) {
    const key = value(one);
    if (key === null) without.push(one);
    else found.push([key, one]);
  }
  found.sort((a, b) => sign * compare(a[0], b[0]));
  return [...found.map(([, one]) => one), ...without];
}

function visible() {
  const wanted = state.search.trim().toLowerCase();
  return order.filter((one) =>
    (state.filter === "all" || (state.filter === "flagged" ? one.flagged : one.number)) &&
    (!wanted || one.name.toLowerCase().includes(wanted)));
}

let order = sorted();
let page = []; // the series that are seen

// -- the table --------------------------------------------------------------------------------

const title = (one) => one.name.trim() ? one.name : "(no name)";

function row(one) {
  const open = state.open.has(one.id), main = one.main;
  const button = make("button", {
    type: "button", class: "open", id: `b${one.id}`, dir: "auto",
    "aria-expanded": open, "aria-controls": `d${one.id}`,
  }, title(one));
  button.addEventListener("click", () => toggle(one));
  const name = make("th", {scope: "row"}, button);
  if (one.flagged) name.append(make("span", {class: "flag"}, "flagged"));
  const picture = make("td", {class: "picture"});
  if (one.bytes) picture.append(draw(one, 132, false));
  const cell = (text) => make("td", {class: text ? "number" : "number none"}, text || "–");
  const when = make("td", {class: main ? "" : "none"}, main ? main.time : "–");
  const after = cell(main ? number(main.after[0]) : "");
  if (main) after.prepend(arrow(main), " ");
  return make("tr", {class: open ? "opened" : ""}, name, picture, when,
    cell(main ? number(main.before[0]) : ""), after,
    cell(main && main.ratio ? number(main.ratio[0]) : ""), cell(signed(one.impact)),
    cell(chance(one.chance)), cell(String(one.number)), cell(thousands(one.n)));
}

/** Which way a change went. */
function arrow({before, after}) {
  const up = after[0] > before[0];
  return make("span", {class: "arrow", role: "img", "aria-label": up ? "up to" : "down to"},
    up ? "\u2191" : "\u2193");
}

/** An impact with its sign: whole numbers where it is large. */
function signed(x) {
  if (x === null) return "";
  const size = Math.abs(x) >= 100 ? thousands(Math.round(Math.abs(x))) : number(Math.abs(x));
  return `${x > 0 ? "+" : x < 0 ? "\u2212" : ""}${size}`;
}

/** Say that nothing is to be seen, and why. */
function nothing() {
  const of = {all: "", changed: " with changes", flagged: " that is flagged"}[state.filter];
  const wanted = state.search.trim();
  const search = wanted.length > 60 ? `${wanted.slice(0, 60)}\u2026` : wanted;
  const words = wanted ? `No series${of} has “${search}” in its name.` : `There is no series${of}.`;
  return make("tr", {class: "nothing"}, make("td", {colspan: 10, dir: "auto"}, words));
}

function toggle(one) {
  const button = document.getElementById(`b${one.id}`), line = button.closest("tr");
  if (state.open.delete(one.id)) line.nextSibling.remove();
  else {
    state.open.add(one.id);
    line.after(opened(one));
  }
  line.classList.toggle("opened", state.open.has(one.id));
  button.setAttribute("aria-expanded", state.open.has(one.id));
  fold();
}

/** Name the button that opens or closes all series of this page. */
function fold() {
  const unfold = document.getElementById("unfold");
  unfold.textContent = allOpen() ? "Close all of this page" : "Open all of this page";
  unfold.disabled = !page.length;
}

const allOpen = () => page.length > 0 && page.every(({id}) => state.open.has(id));

function opened(one) {
  const link = make("a", {href: `#s${one.id}`, class: "link"}, "link to this series");
  const inside = make("div", {class: "inside"}, make("p", {class: "sentence", dir: "auto"},
    ...dated(one.sentence)), details(one), link);
  return make("tr", {class: "detail", id: `d${one.id}`}, make("td", {colspan: 10}, inside));
}

function show() {
  const found = visible(), pages = Math.max(1, Math.ceil(found.length / PAGE));
  state.page = Math.min(state.page, pages - 1);
  const first = state.page * PAGE, shown = found.slice(first, first + PAGE);
  body.replaceChildren(...(shown.length ? shown.flatMap(
    (one) => (state.open.has(one.id) ? [row(one), opened(one)] : [row(one)])) : [nothing()]));
  page = shown;
  fold();
  document.getElementById("rank").hidden = state.key === "id";
  const range = `${thousands(first + 1)}–${thousands(first + shown.length)}`;
  document.getElementById("count").textContent =
    `${thousands(found.length)} of ${thousands(series.length)} series`;
  document.getElementById("place").textContent =
    found.length ? `${range} of ${thousands(found.length)}` : "no series";
  document.getElementById("previous").disabled = state.page === 0;
  document.getElementById("next").disabled = state.page === pages - 1;
  for (const head of heads) {
    if (head.dataset.key !== state.key) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
  }
}

// -- details ----------------------------------------------------------------------------------

/** Figure, numbers and warnings of a series. */
function details(one) {
  const parts = one.bytes ? [figure(one)] : [];
  if (one.changes.length) parts.push(changes(one));
  const by = one.q === null ? [] : [`P(any change): ${chance(one.q)} in the batch, ` +
    `${chance(one.p)} by itself at even odds`];
  const missing = one.missing ? `, ${thousands(one.missing)} missing` : "";
  const file = told.files[one.file];
  const facts = [...by, `${thousands(one.n)} rows${missing}`, ...(file ? [file] : [])];
  parts.push(make("p", {class: "facts", dir: "auto"}, facts.join(" · ")));
  for (const text of one.warnings) {
    parts.push(make("p", {class: "warning", dir: "auto"}, `Warning: ${text}`));
  }
  return make("div", {}, ...parts);
}

function changes(one) {
  const heads = ["change", "95 % within", "P", `${told.label} before`, "after", "ratio",
    "P(increase)"];
  const line = (change) => make("tr", {},
    make("th", {scope: "row"}, ...dated(change.time)),
    ...[change.credible, chance(change.probability), span(change.before), span(change.after),
      span(change.ratio), chance(change.increase)].map((text) => make("td", {}, ...dated(text))));
  const table = make("table", {class: "changes"},
    make("caption", {class: "unseen"}, "The changes"),
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", {scope: "col"}, text)))),
    make("tbody", {}, ...one.changes.map(line)));
  return make("div", {class: "scroll", role: "region", "aria-label": "Table of the changes",
    tabindex: "0"}, table);
}

// -- what people do ---------------------------------------------------------------------------

for (const head of heads) {
  head.firstElementChild.addEventListener("click", () => {
    const {key} = head.dataset;
    state.down = state.key === key ? !state.down : !ASCENDING.has(key);
    state.key = key;
    state.page = 0;
    order = sorted();
    show();
  });
}

function turn(pages) {
  state.page += pages;
  show();
  document.querySelector(".controls").scrollIntoView({block: "nearest"});
}

/** Open the series that the address names. */
function follow() {
  const id = /^#s(\d+)$/.exec(location.hash)?.[1];
  if (id === undefined || !series[id]) return;
  const one = series[id];
  document.getElementById("search").value = state.search = "";
  state.filter = "all";
  document.querySelector("[name=filter]").checked = true;
  state.open.add(one.id);
  state.page = Math.floor(visible().indexOf(one) / PAGE);
  show();
  const button = document.getElementById(`b${id}`);
  button.closest("tr").scrollIntoView();
  button.focus({preventScroll: true});
}

if (body) {
  document.getElementById("search").addEventListener("input", ({target}) => {
    state.search = target.value;
    state.page = 0;
    show();
  });
  for (const input of document.querySelectorAll("[name=filter]")) {
    input.addEventListener("change", () => {
      state.filter = input.value;
      state.page = 0;
      show();
    });
  }
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("rank").addEventListener("click", () => {
    Object.assign(state, {key: "id", down: false, page: 0});
    order = sorted();
    show();
  });
  document.getElementById("unfold").addEventListener("click", () => {
    const open = !allOpen();
    for (const {id} of page) state.open[open ? "add" : "delete"](id);
    show();
  });
  document.getElementById("previous").addEventListener("click", () => turn(-1));
  document.getElementById("next").addEventListener("click", () => turn(1));
  body.addEventListener("click", ({target}) => {
    const line = target.closest("tr");
    const button = line.querySelector("button.open");
    if (button && !target.closest("button") && !String(getSelection())) button.click();
  });
  document.getElementById("app").hidden = false;
  show();
  addEventListener("hashchange", follow);
  addEventListener("load", follow); // after the browser's own jump, which takes the focus away
}
