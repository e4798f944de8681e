// The charts, and what is drawn in each.

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
