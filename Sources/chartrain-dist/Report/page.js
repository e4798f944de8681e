"use strict";
// Draws the report from the JSON in the element `data`. What comes from a run enters the page as text nodes and
// attributes only, never as HTML: nothing in a file name or a sample can be markup. The block keeps names off `window`.
{
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

  // MARK: Scales

  function linearTicks([low, high], limit) {
    const rough = (high - low) / limit;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && ticks.length < 50; i++) ticks.push(i * step || 0);
    return ticks;
  }

  function logTicks([low, high], limit) {
    const within = (factors) => {
      const ticks = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const factor of factors) ticks.push(factor * 10 ** power);
      return ticks.filter((tick) => tick >= low * 0.9999 && tick <= high * 1.0001);
    };
    const ticks = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map(within);
    const fitting = ticks.find((some) => some.length <= limit) ?? thinned(ticks[3], limit);
    return fitting.length >= 3 ? fitting : linearTicks([low, high], limit).filter((tick) => tick > 0);
  }

  function tickTexts(ticks, isLog) {
    const short = ticks.map((tick) => {
      const value = Number(tick.toPrecision(6));
      return value && Math.abs(value) < 1e-4 ? exponential(value, 4) : String(value);
    });
    if (short.some((text) => text.includes("e"))) return short;
    const digits = short.map((text) => (text.split(".")[1] ?? "").length);
    return ticks.map((tick, i) => {
      const shown = isLog && ticks.at(-1) >= 10 * ticks[0] ? digits[i] : maximum(digits);
      return tick.toLocaleString("en-US", { minimumFractionDigits: shown, maximumFractionDigits: shown });
    });
  }

  /// The range that shows these values, with air around them.
  function paddedRange(values, { isLog, fromZero }) {
    if (!values.length) return [isLog ? 0.1 : 0, 1];
    const low = minimum(values), high = maximum(values);
    if (isLog) {
      const air = Math.max((high / low) ** 0.06, 1.01);
      return [low / air, high * air];
    }
    if (fromZero && low >= 0) return [0, high > 0 ? high * 1.06 : 1];
    const air = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
    return [low - air, high + air];
  }

  // MARK: What charts go by

  /// What stands below the charts: `place` gives a run's place of each step on it, `text` names a place, `tick` in short; `isWhole` where only whole numbers are places.
  const axes = [
    { name: "step", place: () => (step) => step, text: (step) => `step ${grouped(step)}`, tick: grouped, isWhole: true },
    { name: "epoch", place: (run) => between(run, (epoch) => epoch.epoch),
      text: (epoch) => `epoch ${Number(epoch.toFixed(2))}`, tick: (epoch) => String(Number(epoch.toFixed(3))), isWhole: false },
    { name: "training time", place: (run) => between(run, (epoch) => epoch.secondsSoFar), text: duration, tick: duration, isWhole: false },
  ];

  /// From a step to the value between those that are known at the ends of epochs, or beyond the last as fast as before it.
  function between(run, value) {
    const knots = [{ step: 0, value: 0 }, ...run.epochs.map((epoch) => ({ step: epoch.step, value: value(epoch) }))];
    return (step) => {
      const found = knots.findIndex((knot) => knot.step >= step);
      const after = found < 0 ? knots.length - 1 : Math.max(1, found);
      const [a, b] = [knots[after - 1], knots[after]];
      return b.step > a.step ? a.value + ((b.value - a.value) * (step - a.step)) / (b.step - a.step) : b.value;
    };
  }

  // MARK: Zoom

  /// The part of `axis` that all charts show: they zoom together.
  class Zoom {
    constructor(axis) { Object.assign(this, { axis, charts: [], full: [0, 1], range: [0, 1] }); }

    /// Takes the steps of all charts as the whole.
    start() {
      const steps = this.charts.flatMap((chart) => chart.lines.flatMap((line) => line.points.map((point) => point.x)));
      if (!steps.length) return;
      const low = minimum(steps), high = maximum(steps);
      this.full = low < high ? [low, high] : [low - 1, high + 1];
      this.range = this.full;
    }

    get isFull() { return this.range[0] <= this.full[0] && this.range[1] >= this.full[1]; }

    set(low, high) {
      const [first, last] = this.full;
      const length = clamp(high - low, Math.max(this.axis.isWhole ? 1 : 0, (last - first) / 200), last - first);
      const start = clamp((low + high - length) / 2, first, last - length);
      this.range = [start, start + length];
      for (const chart of this.charts) chart.redraw();
    }

    reset() { this.set(...this.full); }

    /// By `factor` < 1 into it, around a step that stays where it is.
    by(factor, centre = (this.range[0] + this.range[1]) / 2) {
      const [low, high] = this.range;
      const length = Math.min((high - low) * factor, this.full[1] - this.full[0]);
      const start = centre - ((centre - low) / (high - low)) * length;
      this.set(start, start + length);
    }

    pan(part) {
      const [low, high] = this.range;
      const [first, last] = this.full;
      const shift = clamp((high - low) * part, first - low, last - high);
      this.set(low + shift, high + shift);
    }
  }

  // MARK: Charts

  /// `lines`: `{label, colour, kind: "line" | "points" | "level", thin, points: [{x, y, note}]}`; a level has a `y` alone.
  class Chart {
    constructor(zoom, { title, unit, lines, format, fromZero = false, wide = false, skipsStart = false, marks = [], showCaption = true }) {
      Object.assign(this, { zoom, axis: zoom.axis, title, unit, format, fromZero, wide, skipsStart, marks });
      this.lines = lines.filter((line) => line.kind === "level" || line.points.some((point) => Number.isFinite(point.y)));
      this.hasData = this.lines.some((line) => line.kind !== "level");
      this.hidden = new Set();
      this.isLog = false;
      this.cursor = null;
      this.pointers = new Map();
      this.node = this.figure(showCaption);
      if (this.hasData) zoom.charts.push(this);
    }

    figure(showCaption) {
      const frame = (controls, ...children) => element("figure", { class: `chart card${this.wide ? " wide" : ""}` },
        element("div", { class: "chart-head" }, element("h3", {}, this.title), controls),
        element("p", { class: "muted small" }, this.unit), children);
      if (!this.hasData) return frame(null, element("p", { class: "empty" }, "No values."));
      const caption = newId();
      this.svg = svg("svg", { role: "img", "aria-label": `Chart: ${this.title}`, "aria-describedby": caption });
      this.readout = element("div", { class: "readout", "aria-hidden": "true", hidden: true });
      this.spoken = element("div", { class: "hidden", "aria-live": "polite" });
      this.plot = element("div", {
        class: "plot", tabindex: 0, role: "application", "aria-label": `${this.title}, chart`, "aria-describedby": caption,
        onpointerdown: (event) => this.pointerDown(event), onpointermove: (event) => this.pointerMove(event),
        onpointerup: (event) => this.pointerUp(event), onpointercancel: (event) => this.pointerGone(event),
        onpointerleave: (event) => event.pointerType === "mouse" && this.showAt(null),
        ondblclick: () => this.zoom.reset(), onkeydown: (event) => this.key(event), onblur: () => this.showAt(null),
      }, this.svg, this.readout);
      this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      new ResizeObserver(() => this.redraw()).observe(this.plot);
      const numbers = fold("Table");
      numbers.addEventListener("toggle", () => numbers.append(this.table()), { once: true });
      return frame(this.controls(), this.lines.length > 1 && this.legend(), this.plot, this.spoken,
        element("figcaption", { id: caption, class: showCaption ? null : "hidden" }, this.sentences()), numbers);
    }

    controls() {
      const button = (label, text, action) =>
        element("button", { type: "button", "aria-label": `${label}: ${this.title}`, title: label, onclick: action }, text);
      this.logButton = button("Logarithmic scale", "log", () => this.toggleLog());
      this.logButton.setAttribute("aria-pressed", "false");
      this.outButton = button("Zoom out", "−", () => this.zoom.by(2));
      this.resetButton = button("Show all", "Reset", () => this.zoom.reset());
      const hasPositive = this.lines.some((line) => line.points.some((point) => point.y > 0));
      return element("div", { class: "controls" }, hasPositive && this.logButton,
        this.outButton, button("Zoom in", "+", () => this.zoom.by(0.5)), this.resetButton);
    }

    toggleLog() {
      this.isLog = !this.isLog;
      this.logButton.setAttribute("aria-pressed", String(this.isLog));
      this.redraw();
    }

    legend() {
      const toggle = (line) => (event) => {
        const shown = this.hidden.delete(line);
        if (!shown) this.hidden.add(line);
        event.currentTarget.setAttribute("aria-pressed", String(shown));
        this.redraw();
      };
      return element("div", { class: "legend", role: "group", "aria-label": `Lines of the chart: ${this.title}` },
        this.lines.map((line) =>
          element("button", { type: "button", "aria-pressed": "true", title: line.label, onclick: toggle(line) },
            swatch(line), element("span", { class: "name" }, line.label))));
    }

    /// What the chart shows, in words.
    sentences() {
      return this.lines.map((line) => {
        const known = line.points.filter((point) => Number.isFinite(point.y));
        if (line.kind === "level") return `${line.label}: ${this.format(line.y)}.`;
        const name = this.lines.length > 1 ? `${line.label}: ` : "";
        const [first, last, lowest] = [known[0], known.at(-1), least(known, (point) => point.y)];
        const at = (point) => `${this.format(point.y)} at ${this.axis.text(point.x)}`;
        return known.length === 1 ? `${name}${at(first)}.` : `${name}from ${at(first)} to ${at(last)}, least ${at(lowest)}.`;
      }).map((text) => text[0].toUpperCase() + text.slice(1)).join(" ");
    }

    /// At most a hundred rows: the steps of validations, and some of the others.
    table() {
      const lines = this.lines.filter((line) => line.kind !== "level");
      const stepsOf = (kind) => ascending(lines.filter((line) => line.kind === kind).flatMap((line) => line.points.map((point) => point.x)));
      const marked = thinned(stepsOf("points"), 50);
      const rows = ascending([...marked, ...thinned(stepsOf("line"), 100 - marked.length)]);
      // Of runs whose steps were thinned differently, the nearest step stands for the one that is not there.
      const reach = rows.length > 1 ? (rows.at(-1) - rows[0]) / rows.length / 2 : 0;
      const value = (line, step) => {
        const nearest = least(line.points, (point) => Math.abs(point.x - step));
        return Math.abs(nearest.x - step) <= (line.kind === "line" ? reach : 0) ? nearest.y : null;
      };
      return table({
        caption: `${this.title} by ${this.axis.name}`,
        columns: [{ title: this.axis.name, cell: this.axis.tick }, ...lines.map((line) => ({
          title: lines.length > 1 ? line.label : this.title.toLowerCase(), number: true, cell: (step) => this.format(value(line, step)),
        }))],
        rows,
      });
    }

    // Drawing

    redraw() {
      if (this.pending) return;
      this.pending = requestAnimationFrame(() => { this.pending = null; this.draw(); });
    }

    get shown() { return this.lines.filter((line) => !this.hidden.has(line)); }

    isVisible(point) {
      const [low, high] = this.zoom.range;
      return point.x >= low && point.x <= high && Number.isFinite(point.y) && (!this.isLog || point.y > 0);
    }

    draw() {
      const width = this.width = this.plot.clientWidth;
      if (!width) return;
      const height = width < 500 ? 230 : this.wide ? 360 : 240;
      this.scale(width, height);
      const { left, right, top, bottom } = this.box;
      const clip = newId();
      this.overlay = svg("g", {});
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.replaceChildren(
        svg("clipPath", { id: clip }, svg("rect", { x: left - 5, y: top - 6, width: right - left + 10, height: bottom - top + 12 })),
        this.axes(), ...this.markLines(), svg("g", { "clip-path": `url(#${clip})` }, this.shown.map((line) => this.drawLine(line))), this.overlay);
      this.outButton.disabled = this.resetButton.disabled = this.zoom.isFull;
      this.drawOverlay();
    }

    /// Where the run went on or back.
    markLines() {
      const { top, bottom } = this.box;
      return this.marks.filter((mark) => mark.x >= this.zoom.range[0] && mark.x <= this.zoom.range[1]).map((mark) =>
        svg("line", { class: "mark", x1: this.x(mark.x), x2: this.x(mark.x), y1: top, y2: bottom }, svg("title", {}, mark.label)));
    }

    /// Whether a value counts for the range: that of the first steps, which fall fast, would leave no room for the others.
    counts(point, line) {
      const [first, last] = [line.points[0].x, line.points.at(-1).x];
      return this.isVisible(point) && (!this.skipsStart || this.isLog || !this.zoom.isFull || line.kind === "points" || point.x >= first + 0.1 * (last - first));
    }

    /// Sets the place of the axes, and `x` and `y`, which map to it.
    scale(width, height) {
      const values = this.shown.flatMap((line) => line.kind === "level" ? [line.y] : line.points.filter((p) => this.counts(p, line)).map((p) => p.y));
      const range = paddedRange(values, { isLog: this.isLog, fromZero: this.fromZero });
      this.yTicks = (this.isLog ? logTicks : linearTicks)(range, height > 300 ? 8 : 6);
      this.yTexts = tickTexts(this.yTicks, this.isLog);
      const textWidth = Math.max(...this.yTexts.map((text) => text.length), 2) * 7;
      this.box = { left: textWidth + 10, right: width - 14, top: 10, bottom: height - 28 };
      const { left, right, top, bottom } = this.box;
      const map = this.isLog ? Math.log : (value) => value;
      const [low, high] = range.map(map);
      this.y = (value) => bottom - ((map(value) - low) / (high - low)) * (bottom - top);
      const [first, last] = this.zoom.range;
      this.x = (step) => left + ((step - first) / (last - first)) * (right - left);
      this.stepAt = (x) => first + ((clamp(x, left, right) - left) / (right - left)) * (last - first);
    }

    axes() {
      const { left, right, bottom } = this.box;
      const { tick: tickText, isWhole } = this.axis;
      const xTicks = linearTicks(this.zoom.range, clamp((right - left) / (7 * tickText(this.zoom.full[1]).length + 16), 2, 13))
        .filter((tick) => !isWhole || Number.isInteger(tick));
      const textX = (tick) => Math.min(this.x(tick), this.width - 3.6 * tickText(tick).length);
      return svg("g", { "aria-hidden": "true" },
        this.yTicks.map((tick, i) => [
          svg("line", { class: "grid", x1: left, x2: right, y1: this.y(tick), y2: this.y(tick) }),
          svg("text", { x: left - 8, y: this.y(tick) + 4, "text-anchor": "end" }, this.yTexts[i]),
        ]),
        svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
        xTicks.map((tick) => [
          svg("line", { class: "axis", x1: this.x(tick), x2: this.x(tick), y1: bottom, y2: bottom + 4 }),
          svg("text", { x: textX(tick), y: bottom + 19, "text-anchor": "middle" }, tickText(tick)),
        ]));
    }

    drawLine(line) {
      const { left, right } = this.box;
      const d = line.kind === "level" ? `M${left} ${this.y(line.y).toFixed(1)}H${right}` : this.path(line.points);
      return svg("g", { style: ink(line.colour) },
        svg("path", { class: `line ${line.kind}${line.thin ? " thin" : ""}`, "stroke-dasharray": dashes(line.colour), d }),
        line.kind === "points" && svg("path", {
          class: "marker", d: line.points.filter((p) => this.isVisible(p)).map((p) => markerPath(line.colour, this.x(p.x), this.y(p.y), 4)).join(""),
        }));
    }

    /// Broken where a value is missing, and where a run went back to an earlier step.
    path(points) {
      const pieces = [[]];
      let before = -Infinity;
      for (const { x, y } of points) {
        const isKnown = Number.isFinite(y) && (!this.isLog || y > 0);
        if (!isKnown || x <= before) pieces.push([]);
        if (isKnown) pieces.at(-1).push(`${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`);
        before = x;
      }
      // A value without neighbours is a dot.
      return pieces.map((piece) => (piece.length === 1 ? `M${piece[0]}m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0` : piece.length ? `M${piece.join("L")}` : "")).join("");
    }

    // Reading values

    nearest(line) {
      const visible = line.points.filter((point) => this.isVisible(point));
      const point = least(visible, (other) => Math.abs(other.x - this.cursor));
      // A line that ended long before says nothing about this step.
      return point && (line.kind === "points" || Math.abs(this.x(point.x) - this.x(this.cursor)) < 40) ? { line, point } : null;
    }

    drawOverlay() {
      const { left, right, top, bottom } = this.box;
      const parts = [];
      this.readout.hidden = this.cursor == null;
      if (this.cursor != null) {
        this.cursor = clamp(this.cursor, ...this.zoom.range);
        const values = this.shown.filter((line) => line.kind !== "level").map((line) => this.nearest(line)).filter(Boolean);
        const anchor = (values.find(({ line }) => line.kind === "line") ?? values[0])?.point.x ?? this.cursor;
        const x = this.x(anchor);
        parts.push(svg("line", { class: "crosshair", x1: x, x2: x, y1: top, y2: bottom }));
        for (const { line, point } of values)
          parts.push(svg("path", { class: "marker", style: ink(line.colour), d: markerPath(line.colour, this.x(point.x), this.y(point.y), 5) }));
        this.fillReadout(anchor, values);
        const size = this.readout.offsetWidth;
        this.readout.style.left = `${clamp(x > (left + right) / 2 ? x - size - 14 : x + 14, 0, Math.max(0, this.width - size))}px`;
      }
      if (this.drag?.isWide) {
        const [from, to] = [this.drag.from, this.drag.to].sort((a, b) => a - b);
        parts.push(svg("rect", { class: "selection", x: from, y: top, width: to - from, height: bottom - top }));
      }
      this.overlay.replaceChildren(...parts);
    }

    fillReadout(x, values) {
      this.readout.replaceChildren(element("div", { class: "muted" }, this.axis.text(x)), ...values.map(({ line, point }) =>
        element("div", {}, swatch(line), element("span", { class: "name" }, line.label),
          point.note && element("span", { class: "muted" }, point.note), element("span", { class: "value" }, this.format(point.y)))));
      const words = ({ line, point }) => `${line.label} ${point.note ?? ""} ${this.format(point.y)}`;
      this.words = `${this.axis.text(x)}: ${values.map(words).join("; ")}`;
    }

    showAt(step) {
      this.cursor = step;
      if (this.box) this.drawOverlay();
    }

    // Input. The mouse drags a range; a finger reads values, and two fingers zoom.

    place(event) { return event.clientX - this.plot.getBoundingClientRect().left; }

    pointerDown(event) {
      if (event.button !== 0 || !this.box) return;
      this.plot.setPointerCapture(event.pointerId);
      const x = this.place(event);
      this.pointers.set(event.pointerId, x);
      if (event.pointerType === "touch") this.showAt(this.stepAt(x));
      else this.drag = { from: this.within(x), to: this.within(x), isWide: false };
    }

    pointerMove(event) {
      if (!this.box) return;
      const x = this.place(event);
      if (this.pointers.has(event.pointerId) && this.pointers.size === 2) return this.pinch(event.pointerId, x);
      if (this.drag) {
        this.drag.to = this.within(x);
        this.drag.isWide ||= Math.abs(this.drag.to - this.drag.from) > 6;
      }
      this.showAt(this.stepAt(x));
    }

    pinch(id, x) {
      const other = [...this.pointers].find(([key]) => key !== id)[1];
      const before = Math.max(Math.abs(this.pointers.get(id) - other), 20);
      this.pointers.set(id, x);
      this.zoom.by(before / Math.max(Math.abs(x - other), 20), this.stepAt((x + other) / 2));
    }

    pointerUp(event) {
      const drag = this.drag;
      this.pointerGone(event);
      if (drag?.isWide) this.zoom.set(...[drag.from, drag.to].map(this.stepAt).sort((a, b) => a - b));
    }

    pointerGone(event) {
      this.pointers.delete(event.pointerId);
      this.drag = null;
      if (this.box) this.drawOverlay();
    }

    within(x) { return clamp(x, this.box.left, this.box.right); }

    /// The wheel alone scrolls the page; with Ctrl, which is also what a touchpad's pinch sends, it zooms.
    wheel(event) {
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey || event.metaKey) this.zoom.by(Math.exp(clamp(event.deltaY / 200, -1, 1)), this.stepAt(this.place(event)));
      else if (isSideways && !this.zoom.isFull) this.zoom.pan(event.deltaX / 600);
      else return;
      event.preventDefault();
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const move = (by) => () => this.moveCursor(by);
      const actions = {
        ArrowLeft: event.shiftKey ? () => this.zoom.pan(-0.2) : move(-1), ArrowRight: event.shiftKey ? () => this.zoom.pan(0.2) : move(1),
        PageUp: move(-10), PageDown: move(10), Home: move(-Infinity), End: move(Infinity),
        "+": () => this.zoom.by(0.5, this.cursor ?? undefined), "=": () => this.zoom.by(0.5, this.cursor ?? undefined),
        "-": () => this.zoom.by(2, this.cursor ?? undefined), 0: () => this.zoom.reset(), Escape: () => this.zoom.reset(),
      };
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    }

    moveCursor(by) {
      const line = this.shown.find((other) => other.kind !== "level" && other.points.some((point) => this.isVisible(point)));
      if (!line) return;
      const steps = ascending(line.points.filter((point) => this.isVisible(point)).map((point) => point.x));
      const here = this.cursor == null ? -1 : steps.indexOf(least(steps, (step) => Math.abs(step - this.cursor)));
      this.showAt(steps[clamp(here + by, 0, steps.length - 1)]);
      this.spoken.textContent = this.words;
    }
  }

  function stepPoints(run, column, axis) {
    const values = run.steps[column] ?? [];
    const place = axis.place(run);
    return (run.steps.step ?? []).map((step, i) => ({ x: place(step), y: values[i] ?? null }));
  }

  function lossLines(runs, axis) {
    const isOne = runs.length === 1;
    const name = (run, what) => (isOne ? what : `${run.label}, ${what}`);
    const lines = runs.flatMap((run) => [
      { label: name(run, "training"), colour: run.index, kind: "line", thin: true, points: stepPoints(run, "loss", axis) },
      {
        label: name(run, "validation"), colour: isOne ? 1 : run.index, kind: "points",
        points: run.epochs.map(({ step, epoch, validLoss }) => ({ x: axis.place(run)(step), y: validLoss, note: `epoch ${grouped(epoch)}` })),
      },
    ]);
    const entropies = [...new Set(runs.map((run) => run.entropyRate).filter(Number.isFinite))];
    return [...lines, ...entropies.map((y) => ({ label: "true entropy", colour: 5, kind: "level", y, points: [] }))];
  }

  /// Of one run: where it went on, and where it went back to.
  function marks(runs, axis) {
    if (runs.length > 1) return [];
    const [run] = runs;
    return [...run.history.filter((entry) => entry.isRestart).map((entry) => ({ step: entry.step, label: `${entry.text}, after step ${grouped(entry.step)}` })),
      ...run.rewinds.map(({ step, fromStep }) => ({ step, label: `went back from step ${grouped(fromStep)} to ${grouped(step)}` }))]
      .map(({ step, label }) => ({ x: axis.place(run)(step), label }));
  }

  function charts(runs, axis) {
    const zoom = new Zoom(axis);
    const showCaption = runs.length === 1;
    const stepLines = (column) => runs.map((run) => ({
      label: runs.length === 1 ? "value" : run.label, colour: run.index, kind: "line", thin: true, points: stepPoints(run, column, axis),
    }));
    const all = [
      { title: "Loss", unit: "nats per character; the training loss is smoothed", lines: lossLines(runs, axis), format: lossText, wide: true, skipsStart: true },
      { title: "Learning rate", unit: "Adam's step size", lines: stepLines("learningRate"), format: significant, fromZero: true },
      { title: "Gradient norm", unit: "before clipping", lines: stepLines("gradientNorm"), format: significant, fromZero: true },
      { title: "Characters/s", unit: "of all ranks together", lines: stepLines("charactersPerSecond"), format: grouped, fromZero: true },
    ].map((options) => new Chart(zoom, { ...options, marks: marks(runs, axis), showCaption }));
    zoom.start();
    return all.map((chart) => chart.node);
  }

  function chartsSection(runs) {
    const box = element("div", { class: "charts" });
    // Where no epoch is over, there is nothing else to go by.
    const known = runs.every((run) => run.epochs.length) ? axes : axes.slice(0, 1);
    const buttons = known.map((axis) => element("button", { type: "button", onclick: () => show(axis) }, axis.name));
    function show(axis) {
      known.forEach((other, i) => buttons[i].setAttribute("aria-pressed", String(other === axis)));
      box.replaceChildren(...charts(runs, axis));
    }
    show(known[0]);
    return element("section", { class: "section" }, element("h2", {}, "Charts"),
      known.length > 1 && element("div", { class: "axis-choice", role: "group", "aria-label": "What the charts go by" }, "by ", buttons),
      element("p", { class: "muted small hint" }, "Drag over a range to zoom, or pinch; a double click shows all again. All charts show the same range. ",
        element("span", { class: "keys" }, "Keys: arrows read values, + and − zoom, Shift with arrows moves, 0 shows all.")), box);
  }

  // MARK: One run

  const figure = (name, value, note) => element("div", { class: "card" },
    element("div", { class: "figure-name" }, name), element("div", { class: "figure-value" }, value), element("div", { class: "figure-note" }, note));

  function figures(run) {
    const { best, epochs, speed, ranks } = run;
    const over = best ? overEntropy(run, best.validLoss) : none;
    const lossNote = best
      ? [`epoch ${grouped(best.epoch)} of ${grouped(epochs.at(-1).epoch)} made`,
        Number.isFinite(best.bitsPerCharacter) && `${lossText(best.bitsPerCharacter)} bits per character`,
        over !== none && `${over} over the true entropy`].filter(Boolean).join(" · ")
      : epochs.length ? "not validated" : "no epoch is over yet";
    const speedNote = speed == null ? "" : ranks.length > 1 ? `median; ${grouped(speed / ranks.length)} for each of ${grouped(ranks.length)} ranks` : "median";
    const timeNote = run.seconds == null ? "no epoch is over yet"
      : `${count(epochs.length, "epoch")}${run.validSeconds == null ? "" : `; validation ${duration(run.validSeconds)} more`}`;
    return element("div", { class: "figures" },
      figure("Best validation loss, nats per character", lossText(best?.validLoss), lossNote),
      figure("Characters per second", grouped(speed), speedNote),
      figure("Training time", duration(run.seconds), timeNote));
  }

  const facts = (run) => run.summary.length > 0 && element("dl", { class: "facts" },
    run.summary.map(([name, value]) => [element("dt", {}, String(name)), element("dd", {}, String(value))]));

  function epochSection(run) {
    if (!run.epochs.length) return section("Epochs", card(note("No epoch is over yet.")));
    const number = (title, cell) => ({ title, cell, number: true });
    const isKnown = (key) => run.epochs.some((epoch) => Number.isFinite(epoch[key]));
    const columns = [
      { title: "epoch", cell: (epoch) => [grouped(epoch.epoch), epoch === run.best && element("span", { class: "tag" }, "best")] },
      number("step", (epoch) => grouped(epoch.step)),
      number("training loss", (epoch) => lossText(epoch.trainLoss)),
      number("validation loss", (epoch) => lossText(epoch.validLoss)),
      number("bits/char", (epoch) => lossText(epoch.bitsPerCharacter)),
      run.entropyRate > 0 && number("over entropy", (epoch) => overEntropy(run, epoch.validLoss)),
      number("chars/s", (epoch) => grouped(epoch.charactersPerSecond)),
      number("training", (epoch) => duration(epoch.seconds)),
      isKnown("validSeconds") && number("validation", (epoch) => duration(epoch.validSeconds)),
      isKnown("validIdleSeconds") && number("ranks idle in it", (epoch) => duration(epoch.validIdleSeconds)),
    ].filter(Boolean);
    return section("Epochs", card(table({ caption: "Epochs", columns, rows: run.epochs, rowClass: (epoch) => (epoch === run.best ? "best" : null) })));
  }

  // MARK: Where the time went

  const phaseOrder = ["text", "embed", "forward", "loss", "backward", "reduce", "optimizer"];
  const phaseColour = (phase) => `background: var(--phase-${phaseOrder.includes(phase) ? phaseOrder.indexOf(phase) : 7})`;

  /// How many ranks an epoch ran on, as far as it says so.
  const rankCount = (epoch) => Math.max(0, ...Object.values(epoch.phaseSeconds ?? {}).map((seconds) => seconds?.length ?? 0));

  /// The last epochs, since the number of ranks last changed.
  function epochsOfLastRanks(run) {
    const epochs = run.epochs.filter((epoch) => epoch.phaseSeconds);
    const others = epochs.findLastIndex((epoch) => rankCount(epoch) !== rankCount(epochs.at(-1)));
    return epochs.slice(others + 1);
  }

  function changedRanksSentence(run) {
    const first = epochsOfLastRanks(run)[0];
    return first == null || first === run.epochs.find((epoch) => epoch.phaseSeconds) ? null
      : `Counted from epoch ${grouped(first.epoch)} on: before it the run was on another number of ranks.`;
  }

  /// Each rank's seconds in each phase, over all epochs since the number of ranks last changed.
  function phaseTotals(run) {
    const records = epochsOfLastRanks(run).map((epoch) => epoch.phaseSeconds);
    const found = new Set(records.flatMap((record) => Object.keys(record)));
    const phases = [...phaseOrder.filter((phase) => found.delete(phase)), ...found];
    const last = run.epochs.findLast((epoch) => epoch.phaseSeconds);
    const hosts = new Map(run.ranks.map(({ rank, host }) => [rank, host]));
    const ranks = Array.from({ length: last ? rankCount(last) : 0 }, (_, rank) => {
      const seconds = phases.map((phase) => sum(records.map((record) => record[phase]?.[rank])));
      const total = sum(seconds);
      // In `reduce` ranks wait for each other, so that all take equally long in all: the rest is what tells them apart.
      const work = total - (seconds[phases.indexOf("reduce")] ?? 0);
      return { rank, name: [`rank ${grouped(rank)}`, hosts.get(rank)].filter(Boolean).join(", "), seconds, total, work };
    });
    return { phases, ranks };
  }

  function rankBar(phases, rank, longest) {
    const part = (phase, i) => {
      const share = rank.seconds[i] / rank.total;
      return rank.seconds[i] > 0 && element("span", {
        style: `${phaseColour(phase)}; width: ${((100 * rank.seconds[i]) / longest).toFixed(3)}%`, class: phase === "forward" ? "dark" : null,
        title: `${phase}: ${duration(rank.seconds[i])}, ${percent(share)}`,
      }, element("b", {}, percent(share).replace(/\.\d/, ""), element("span", { class: "seconds" }, ` ${duration(rank.seconds[i])}`)));
    };
    return [
      element("span", { class: "label" }, rank.role && `${rank.role}: `, rank.name),
      element("div", { class: "bar", "aria-hidden": "true" }, phases.map(part)),
      element("span", { class: "total" }, duration(rank.total)),
    ];
  }

  const phaseTable = (phases, ranks) => table({
    caption: "Seconds of each rank in each phase",
    columns: [{ title: "rank", cell: (rank) => (rank.role ? `${rank.name} (${rank.role})` : rank.name) },
      ...phases.map((phase, i) => ({
        title: phase, number: true, cell: (rank) => `${duration(rank.seconds[i])} (${percent(rank.total ? rank.seconds[i] / rank.total : null)})`,
      })),
      { title: "total", number: true, cell: (rank) => duration(rank.total) }],
    rows: ranks,
  });

  /// Bars and table of all ranks, or of three that stand for many, until all are asked for.
  function rankBreakdown(phases, ranks) {
    const longest = Math.max(...ranks.map((rank) => rank.total)) || 1;
    const bars = element("div", { class: "bars" });
    const details = fold("Table");
    const show = (some) => {
      bars.replaceChildren(...some.flatMap((rank) => rankBar(phases, rank, longest)));
      details.replaceChildren(details.firstChild, phaseTable(phases, some));
    };
    if (ranks.length <= 12) {
      show(ranks);
      return [bars, details];
    }
    const sorted = [...ranks].sort((a, b) => b.work - a.work);
    const three = [["slowest", 0], ["median", sorted.length >> 1], ["fastest", sorted.length - 1]].map(([role, at]) => ({ ...sorted[at], role }));
    const button = element("button", { type: "button", class: "show-all", "aria-expanded": "false", onclick: () => {
      const isAll = button.getAttribute("aria-expanded") === "false";
      button.setAttribute("aria-expanded", String(isAll));
      button.textContent = isAll ? "Show three" : `Show all ${grouped(ranks.length)} ranks`;
      show(isAll ? ranks : three);
    } }, `Show all ${grouped(ranks.length)} ranks`);
    show(three);
    return [bars, element("p", {}, button), details];
  }

  function balanceSentence(ranks) {
    const middle = median(ranks.map((rank) => rank.work));
    if (ranks.length < 2 || !middle) return null;
    const slowest = ranks.reduce((a, b) => (b.work > a.work ? b : a));
    return `Slowest is ${slowest.name}: ${duration(slowest.work)} outside reduce, where the others wait for it, ` +
      `${percent(slowest.work / middle - 1)} more than the median.`;
  }

  function idleSentence(run) {
    const idle = sumOrNull(run.epochs.map((epoch) => epoch.validIdleSeconds));
    if (run.validSeconds == null || idle == null) return null;
    const all = sum(run.epochs.map((epoch) => (epoch.validSeconds ?? 0) * (rankCount(epoch) || run.ranks.length)));
    const share = all > 0 ? `, ${percent(idle / all)} of their time in it` : "";
    return `Validation took ${duration(run.validSeconds)}; in it ranks waited ${duration(idle)} for others, all added up${share}.`;
  }

  function timeSection(run) {
    const { phases, ranks } = phaseTotals(run);
    const sentences = [changedRanksSentence(run), balanceSentence(ranks), idleSentence(run)].filter(Boolean).map((text) => element("p", {}, text));
    if (!ranks.length) return section("Where the time went", card(sentences, note("No times of phases were recorded.")));
    const keys = element("ul", { class: "phase-keys" }, phases.map((phase) => element("li", {}, element("i", { style: phaseColour(phase) }), phase)));
    return section("Where the time went", card(sentences, keys, rankBreakdown(phases, ranks)));
  }

  // MARK: Samples, checkpoints, events

  function sampleSection(run) {
    const { samples } = run;
    if (!samples.length) return section("Samples", card(note("No samples were written.")));
    const text = element("pre", { class: "sample", dir: "auto", tabindex: 0, "aria-label": "Sample" });
    const place = element("output", {});
    const slider = element("input", { type: "range", min: 0, max: samples.length - 1, step: 1, value: samples.length - 1, "aria-label": "Sample of epoch" });
    const button = (label, sign, by) => element("button", { type: "button", "aria-label": label, title: label, onclick: () => {
      slider.value = Number(slider.value) + by;
      show();
    } }, sign);
    const [before, after] = [button("Earlier sample", "‹", -1), button("Later sample", "›", 1)];
    function show() {
      const index = Number(slider.value);
      text.textContent = samples[index].text;
      place.value = `after epoch ${grouped(samples[index].epoch)}`;
      slider.setAttribute("aria-valuetext", place.value);
      before.disabled = index === 0;
      after.disabled = index === samples.length - 1;
    }
    slider.addEventListener("input", show);
    show();
    return section("Samples", card(element("div", { class: "sample-controls" }, place, samples.length > 1 && [before, slider, after]), text));
  }

  /// Each part is escaped, so that a name cannot become another scheme or a query.
  const link = (path) => element("a", { href: `./${path.split("/").map(encodeURIComponent).join("/")}` }, path.split("/").at(-1));

  function checkpointSection(run) {
    if (!run.checkpoints.length) return section("Checkpoints", card(note("No checkpoint was written.")));
    const place = (saved) =>
      saved.failure != null ? element("span", { class: "bad" }, `failed: ${saved.failure}`) : saved.file != null ? link(saved.file)
        : element("span", { class: "muted" }, "replaced since, or removed");
    return section("Checkpoints", card(table({
      caption: "Checkpoints",
      columns: [
        { title: "step", cell: (saved) => grouped(saved.step) }, { title: "epoch", cell: (saved) => grouped(saved.epoch), number: true },
        { title: "written in", cell: (saved) => duration(saved.seconds), number: true },
        { title: "training waited", cell: (saved) => duration(saved.waitSeconds), number: true },
        { title: "names", cell: (saved) => (saved.names ?? []).join(", ") }, { title: "file", cell: place, class: "text" },
      ],
      rows: run.checkpoints,
    })));
  }

  function events(run) {
    const { skippedSteps = 0, stepsWithoutLine = 0, rewinds, checkpoints } = run;
    const lastStep = run.steps.step?.at(-1);
    return [
      run.isSound === false && `The run ${run.state} after step ${grouped(lastStep)}` +
        (run.state.startsWith("ended") ? ": it was killed, or its host or its storage was lost." : "."),
      skippedSteps > 0 && `${count(skippedSteps, "step")} ${skippedSteps === 1 ? "was" : "were"} skipped: loss or gradient was not finite.`,
      stepsWithoutLine > 0 && `Of ${count(stepsWithoutLine, "step")} there is no line: the storage took none. The curves lack them.`,
      ...rewinds.map((rewind) => `At step ${grouped(rewind.fromStep)} the run went back to step ${grouped(rewind.step)} in epoch ` +
        `${grouped(rewind.epoch)}; from there on learning rates are multiplied by ${significant(rewind.rateFactor)}.`),
      run.best != null && run.epochs.at(-1)?.validLoss > 1.5 * run.best.validLoss &&
        `The validation loss ended at ${lossText(run.epochs.at(-1).validLoss)}, far above its best, ${lossText(run.best.validLoss)}.`,
      ...checkpoints.filter((saved) => saved.failure != null).map((saved) =>
        `The checkpoint ${(saved.names ?? []).join(", ")} at step ${grouped(saved.step)} could not be written: ${saved.failure}`),
    ].filter(Boolean);
  }

  const moment = (seconds) => {
    const date = new Date(seconds * 1000);
    return Number.isFinite(date.getTime()) ? `${date.toISOString().slice(0, 19).replace("T", " ")} UTC` : none;
  };

  function eventSection(run) {
    const sentences = events(run);
    const good = run.state === "going on" ? "Nothing has gone wrong so far." : "Nothing went wrong.";
    return section("What happened", card(
      sentences.length ? element("ul", { class: "events" }, sentences.map((text) => element("li", {}, text))) : element("p", { class: "good" }, good),
      run.history.length > 0 && table({
        caption: "Starts, ends and warnings",
        columns: [{ title: "when", cell: ({ time }) => moment(time) }, { title: "after step", cell: ({ step }) => grouped(step), number: true },
          { title: "what", cell: ({ text }) => text, class: "text" }],
        rows: run.history,
      })));
  }

  // MARK: Options and ranks

  function optionText(value) {
    if (value == null) return none;
    if (Array.isArray(value)) return value.map(optionText).join(value.some((item) => item instanceof Object) ? "\n" : ", ") || none;
    if (value instanceof Object) return Object.entries(value).map(([name, inner]) => `${name} ${optionText(inner)}`).join(", ");
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(10))) : String(value);
  }

  function optionSection(run) {
    const options = Object.entries(run.options);
    const hosts = new Set(run.ranks.map((rank) => rank.host)).size;
    const rankTable = table({
      caption: "Hosts and processors of the ranks",
      columns: [{ title: "rank", cell: ({ rank }) => grouped(rank) }, { title: "host", cell: ({ host }) => String(host) },
        { title: "processors", cell: ({ processors }) => processors ?? none, class: "text" }],
      rows: run.ranks,
    });
    return section("Options and hosts", card(
      fold(count(options.length, "option"), table({
        caption: "Options",
        columns: [{ title: "option", cell: ([name]) => name }, { title: "value", cell: ([, value]) => optionText(value), class: "text" }],
        rows: options,
      })),
      run.ranks.length > 0 && fold(`${count(run.ranks.length, "rank")} on ${count(hosts, "host")}`, rankTable)));
  }

  const details = (run) => [epochSection, timeSection, sampleSection, checkpointSection, eventSection, optionSection].map((make) => make(run));

  // MARK: Several runs

  /// Names of options that are not the same in all runs. Where a run writes differs always, and says nothing.
  function differingOptions(runs) {
    const names = new Set(runs.flatMap((run) => Object.keys(run.options)));
    names.delete("runDir");
    return [...names].filter((name) => new Set(runs.map((run) => optionText(run.options[name]))).size > 1);
  }

  function comparisonSection(runs) {
    const best = least(runs, (run) => run.best?.validLoss);
    const summaryOf = (run, name) => run.summary.find((row) => row[0] === name)?.[1] ?? none;
    const row = (title, cell, isOption = false) => element("tr", {}, element("th", { scope: "row" }, title), runs.map((run) =>
      element("td", { class: isOption && cell(run) !== cell(runs[0]) ? "differs" : null }, cell(run))));
    const options = differingOptions(runs);
    const heads = runs.map((run) => element("th", { scope: "col" }, swatch({ colour: run.index }), element("a", { href: `#run-${run.index}` }, run.label)));
    return section("Comparison", element("div", { class: "card" }, tableBox("Comparison of the runs", element("table", { class: "comparison" },
      element("caption", { class: "hidden" }, "Comparison of the runs"),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "run"), heads)),
      element("tbody", {},
        row("model", (run) => summaryOf(run, "model")),
        row("best validation loss", (run) => run === best
          ? [element("strong", {}, lossText(run.best.validLoss)), element("span", { class: "tag" }, "best")] : lossText(run.best?.validLoss)),
        row("at epoch", (run) => (run.best ? `${grouped(run.best.epoch)} of ${grouped(run.epochs.at(-1).epoch)} made` : none)),
        row("characters/s, median", (run) => grouped(run.speed)),
        row("training time", (run) => duration(run.seconds)),
        row("state", (run) => run.state ?? none),
        row("ranks", (run) => (run.ranks.length ? grouped(run.ranks.length) : none))),
      element("tbody", {},
        element("tr", { class: "group" }, element("th", { scope: "rowgroup" }, options.length ? "Options that differ" : "No options differ"),
          runs.map(() => element("td", {}))),
        options.map((name) => row(name, (run) => optionText(run.options[name]), true)))))));
  }

  function runDetails(run) {
    const loss = run.best ? `validation loss ${lossText(run.best.validLoss)}` : "no validation yet";
    return element("details", { class: "run", id: `run-${run.index}` },
      element("summary", {}, swatch({ colour: run.index }), run.label,
        element("span", { class: "muted" }, `${loss} · ${grouped(run.speed)} characters/s · ${duration(run.seconds)}`)),
      element("div", { class: "body" }, element("p", { class: "muted small" }, run.directory), figures(run), facts(run), details(run)));
  }

  /// A link to a run opens it.
  function openTarget() {
    const target = /^#run-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!target) return;
    target.open = true;
    target.scrollIntoView();
  }

  // MARK: The page

  function header(data, title, directory) {
    const generated = new Date(data.generated);
    const isDate = Number.isFinite(generated.getTime());
    const words = isDate && `${generated.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" })} UTC`;
    return element("header", { class: "header" },
      element("p", { class: "eyebrow" }, `chartrain-dist ${data.version ?? ""}`), element("h1", {}, title),
      directory && element("p", { class: "directory muted" }, directory),
      isDate && element("p", { class: "muted small" }, "Report of ", element("time", { datetime: generated.toISOString() }, words)));
  }

  function drawPage() {
    // A seed may be larger than numbers here are exact: its digits are taken as they are, where the browser gives them.
    const exactSeed = (key, value, context) => (key === "seed" && typeof value === "number" ? context?.source ?? value : value);
    const data = JSON.parse(document.getElementById("data").textContent, exactSeed);
    const runs = (data.runs ?? []).map(prepared);
    const isOne = runs.length === 1;
    const title = isOne ? runs[0].label : `${count(runs.length, "run")} compared`;
    document.title = `${title} – chartrain-dist`;
    const page = document.getElementById("page");
    page.append(header(data, title, isOne && runs[0].directory));
    if (isOne) page.append(...[figures(runs[0]), facts(runs[0]), chartsSection(runs), ...details(runs[0])].filter(Boolean));
    else if (runs.length) page.append(comparisonSection(runs), chartsSection(runs), section("Each run", runs.map(runDetails)));
    addEventListener("hashchange", openTarget);
    openTarget();
  }

  drawPage();
}
