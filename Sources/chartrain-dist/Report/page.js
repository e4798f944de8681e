// Draws the report from the JSON in the element `data`, with what the other scripts have. What comes from a run enters the page as text nodes and
// attributes only, never as HTML: nothing in a file name or a sample can be markup.

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
