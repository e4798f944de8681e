// What there is to say of one run.

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
