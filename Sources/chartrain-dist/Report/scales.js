// Where values stand in a chart: ticks, ranges, what charts go by, and the part of it that they show.

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
