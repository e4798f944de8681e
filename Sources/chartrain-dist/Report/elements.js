// What the report's page is made of: elements, numbers as text, lines in their colours, tables.

const none = "–";

// MARK: Elements

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

const element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

let lastId = 0;
const newId = () => `id-${++lastId}`;

const section = (title, ...children) => element("section", { class: "section" }, element("h2", {}, title), children);
const card = (...children) => element("div", { class: "card stack" }, children);
const note = (text) => element("p", { class: "muted" }, text);
const fold = (title, ...children) =>
  element("details", { class: "fold" }, element("summary", {}, title), children);

// MARK: Numbers

const orNone = (format) => (value) => (Number.isFinite(value) ? format(value) : none);
const grouped = orNone((value) => Math.round(value).toLocaleString("en-US"));
const percent = orNone((value) => `${(value * 100).toFixed(1)}%`);
const exponential = (value, digits) => value.toExponential(digits).replace(/\.?0*e\+?/, "e");
// One that has exploded is as short as any other.
const lossText = orNone((value) => (Math.abs(value) < 1e4 ? value.toFixed(4) : exponential(value, 3)));
const significant = orNone((value) => {
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9) return exponential(value, 3);
  return Math.abs(value) >= 1000 ? grouped(value) : String(Number(value.toPrecision(4)));
});
const duration = orNone((seconds) => {
  if (seconds < 0.05) return `${Number(seconds.toPrecision(1))} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value % 60).padStart(2, "0");
  return `${grouped(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60))}:${two(whole)}`;
});
const count = (number, name) => `${grouped(number)} ${name}${number === 1 ? "" : "s"}`;

const finite = (values) => values.filter(Number.isFinite);
const minimum = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const maximum = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const ascending = (values) => [...new Set(values)].sort((a, b) => a - b);
const sum = (values) => finite(values).reduce((total, value) => total + value, 0);
const sumOrNull = (values) => (finite(values).length ? sum(values) : null);
function median(values) {
  const sorted = finite(values).sort((a, b) => a - b);
  if (!sorted.length) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
/// The first of those with the least value; null without any.
function least(items, value) {
  const known = items.filter((item) => Number.isFinite(value(item)));
  return known.length ? known.reduce((best, item) => (value(item) < value(best) ? item : best)) : null;
}
/// At most `limit` of them, the first and the last included.
function thinned(items, limit) {
  if (items.length <= limit) return items;
  if (limit < 2) return items.slice(-1);
  return Array.from({ length: limit }, (_, i) => items[Math.round((i * (items.length - 1)) / (limit - 1))]);
}

// MARK: Runs

/// Fills in what is missing, and what follows from the rest.
function prepared(run, index, runs) {
  let secondsSoFar = 0;
  const epochs = (run.epochs ?? []).map((epoch) => ({ ...epoch, secondsSoFar: (secondsSoFar += epoch.seconds ?? 0) }));
  const steps = run.steps ?? {};
  const speeds = finite(steps.charactersPerSecond ?? []);
  const ranks = run.ranks ?? [];
  const isOnlyOne = runs.every((other) => other === run || other.name !== run.name);
  return {
    ...run, index, epochs, steps, ranks,
    label: String((isOnlyOne ? run.name : run.directory) ?? `run ${index + 1}`),
    summary: run.summary ?? [], options: run.options ?? {}, samples: run.samples ?? [],
    checkpoints: run.checkpoints ?? [], rewinds: run.rewinds ?? [], history: run.history ?? [],
    best: least(epochs, (epoch) => epoch.validLoss),
    speed: median(speeds.length ? speeds : epochs.map((epoch) => epoch.charactersPerSecond)),
    seconds: sumOrNull(epochs.map((epoch) => epoch.seconds)),
    validSeconds: sumOrNull(epochs.map((epoch) => epoch.validSeconds)),
  };
}

const overEntropy = (run, loss) =>
  Number.isFinite(loss) && run.entropyRate > 0 ? percent(loss / run.entropyRate - 1) : none;

/// Of run or line `index`: beyond the seven colours, lines are dashed.
const ink = (index) => `color: var(--run-${index % 7})`;
const dashes = (index) => [null, "7 3", "2 4"][Math.floor(index / 7) % 3];

/// A circle, a square, a triangle or a diamond, so that lines differ in more than colour.
function markerPath(index, x, y, size) {
  const at = (dx, dy) => `${(x + dx * size).toFixed(1)},${(y + dy * size).toFixed(1)}`;
  return [
    `M${at(-1, 0)}a${size},${size} 0 1 0 ${2 * size},0a${size},${size} 0 1 0 ${-2 * size},0z`,
    `M${at(-0.9, -0.9)}L${at(0.9, -0.9)}L${at(0.9, 0.9)}L${at(-0.9, 0.9)}z`,
    `M${at(0, -1.2)}L${at(1.1, 0.9)}L${at(-1.1, 0.9)}z`,
    `M${at(0, -1.3)}L${at(1.3, 0)}L${at(0, 1.3)}L${at(-1.3, 0)}z`,
  ][index % 4];
}

/// A short piece of a line, for legends.
function swatch({ colour, kind = "line", thin = false }) {
  return svg("svg", { class: "swatch", width: 24, height: 12, style: ink(colour), "aria-hidden": "true" },
    svg("path", { class: `line ${kind}${thin ? " thin" : ""}`, "stroke-dasharray": dashes(colour), d: "M2 6H22" }),
    kind === "points" && svg("path", { class: "marker", d: markerPath(colour, 12, 6, 4) }));
}

// MARK: Tables

/// `columns`: `{title, cell(row), number, class(row)}`; the first one heads its rows.
function table({ caption, columns, rows, rowClass }) {
  const cell = (column, row, index) =>
    element(index ? "td" : "th", {
      scope: index ? null : "row", class: [column.number && "number", column.class].filter(Boolean).join(" ") || null,
    }, column.cell(row));
  return tableBox(caption, element("table", {},
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, element("tr", {},
      columns.map(({ title, number }) => element("th", { scope: "col", class: number ? "number" : null }, title)))),
    element("tbody", {}, rows.map((row) =>
      element("tr", { class: rowClass?.(row) }, columns.map((column, index) => cell(column, row, index)))))));
}

/// What scrolls must be reachable by keyboard.
const tableBox = (label, content) =>
  element("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": label }, content);
