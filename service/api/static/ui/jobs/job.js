/** The page of a training job: draws its curves, and follows its events until it is final. */

import { get, patch } from "../api.js";
import { embedded } from "../embedded.js";
import { duration, number } from "../format.js";
import { writeMoment } from "../page.js";
import { clearProblem, showProblem } from "../problems.js";
import { text } from "../texts.js";
import { Curves } from "./curves.js";
import { Epochs } from "./epochs.js";
import { showSnapshots } from "./snapshots.js";

const FINAL = new Set(["succeeded", "failed", "cancelled"]);
const DRAWING_PAUSE = 80;
const REFRESHING_PAUSE = 2000;
const ANNOUNCING_PAUSE = 10_000;
const LOGGING_PAUSE = 400;
const LONGEST_LOG = 20_000;

const { job, columns, marks, snapshots, most } = embedded("job");
const epochs = new Epochs(columns, most);
const find = (id) => document.getElementById(id);
const curves = new Curves(find("charts"), epochs, () => ({ best: job.best, marks }));
for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
const kept = showSnapshots(job, snapshots, epochs);

if (epochs.count) curves.draw();
find("log-scale").addEventListener("change", (event) => curves.setLog(event.target.checked));
find("orders")?.addEventListener("submit", order);
if (!FINAL.has(job.status)) followJob();

async function followJob() {
  const { follow } = await import("../events.js");
  follow(job.links.self, { after: job.last_event, onEvent: receive, onEnd: () => location.reload() });
}

/** Call `act` soon, but not more often than once in a while. */
function occasionally(milliseconds, act) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      last = performance.now();
      act();
    }, Math.max(0, last + milliseconds - performance.now()));
  };
}

const redraw = occasionally(DRAWING_PAUSE, () => requestAnimationFrame(showEpochs));
const refresh = occasionally(REFRESHING_PAUSE, async () => {
  const current = await get(job.links.self).catch(() => null);
  if (current === null) return;
  Object.assign(job, { best: current.best, progress: current.progress });
  showBest();
  redraw();
  showBaseline(current.baseline);
  showProgress(current.progress);
  await kept.refresh();
});
const announce = occasionally(ANNOUNCING_PAUSE, () => {
  const values = epochs.at(epochs.count - 1).map(([name, value]) => `${name} ${number(value)}`);
  find("announcement").textContent = `${text("epoch_number", { epoch: number(epochs.last) })}: ${values.join(", ")}`;
});

function receive(type, data) {
  if (type === "epoch" && epochs.add(data)) {
    addToLog(describeEpoch(data));
    redraw();
    refresh();
    announce();
  }
  if (type === "progress") showProgress(data);
  if (type === "transition") showTransition(data);
  if (type === "message") {
    addToLog(data.text);
    if (data.order) addMark({ ...data.order, type: "order", epoch: data.order.epoch - 1 });
  }
}

function showEpochs() {
  curves.draw();
  const values = epochs.at(epochs.count - 1).map(([name, value]) => {
    const element = document.createElement("span");
    const shown = document.createElement("b");
    shown.textContent = number(value);
    element.append(`${name} `, shown, " ");
    return element;
  });
  find("latest").replaceChildren(...values);
  const thinned = find("thinned");
  thinned.hidden = epochs.count >= epochs.last;
  thinned.textContent = text("thinned", { shown: number(epochs.count), all: number(epochs.last) });
}

function showBest() {
  const [[metric, value] = []] = Object.entries(job.best ?? {}).filter(([name]) => name !== "epoch");
  if (metric) find("best").textContent = text("best_epoch", { epoch: number(job.best.epoch), metric, value: number(value) });
}

function showBaseline(baseline) {
  if (!baseline) return;
  const values = Object.entries(baseline).map(([name, value]) => `${name} ${number(value)}`);
  find("baseline").textContent = `${text("naive_guess")} ${values.join(", ")}`;
}

function showProgress(progress) {
  job.progress = progress;
  const bar = find("progress").querySelector("progress");
  if (!bar) return;
  bar.value = progress.fraction ?? 0;
  const part = text("progress_epochs", { epoch: number(progress.epoch), epochs: number(progress.epochs) });
  const then = describeRest(progress);
  find("progress").querySelector(".number").textContent = then ? `${part} · ${then}` : part;
}

/** What comes: the time that is left, or what follows the last epoch. */
function describeRest({ fraction, eta_seconds: left }) {
  if (fraction === 1) return text("progress_saving");
  return left === null || left === undefined ? "" : text("progress_left", { time: duration(left) });
}

function makeBadge(status) {
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.dataset.status = status;
  badge.textContent = text(`status_${status}`);
  return badge;
}

function showTransition({ status, reason }) {
  job.status = status;
  find("status").replaceChildren(makeBadge(status));
  for (const button of document.querySelectorAll("[data-when]")) {
    button.hidden = !button.dataset.when.split(" ").includes(status);
    button.disabled = false;
  }
  const item = document.createElement("li");
  item.className = "row";
  const when = document.createElement("span");
  when.className = "small muted";
  when.textContent = writeMoment(new Date());
  item.append(makeBadge(status), when);
  find("transitions").append(item);
  const started = find("started");
  if (status === "running" && !started.textContent) started.textContent = ` · ${text("started")} ${when.textContent}`;
  if (status === "paused" || (status === "queued" && reason)) addMark({ epoch: epochs.last, type: status });
}

function addMark(mark) {
  if (marks.some((known) => known.type === mark.type && known.epoch === mark.epoch)) return;
  marks.push(mark);
  const item = document.createElement("li");
  item.textContent = describeMark(mark);
  find("marks").append(item);
  redraw();
}

function describeMark(mark) {
  if (mark.type === "paused") {
    return mark.epoch ? text("mark_paused", { epoch: number(mark.epoch) }) : text("mark_paused_early");
  }
  if (mark.type !== "order") {
    return mark.epoch ? text("mark_interrupted", { epoch: number(mark.epoch) }) : text("mark_interrupted_early");
  }
  const epoch = number(mark.epoch + 1);
  const parts = [
    mark.epochs && text("mark_epochs", { epoch, epochs: number(mark.epochs) }),
    mark.learning_rate !== null && text("mark_rate", { epoch, rate: number(mark.learning_rate) }),
  ];
  return parts.filter(Boolean).join(" ");
}

/** A line of the log, as the service writes it. */
function describeEpoch({ epoch, seconds, learning_rate: rate, ...metrics }) {
  const values = Object.entries({ ...metrics, ...(rate === undefined ? {} : { learning_rate: rate }) });
  const shown = values.map(([name, value]) => `${name}: ${value === null ? "nan" : Number(value.toPrecision(4))}`);
  return `${[`Epoch ${epoch}/${job.progress.epochs}`, `${seconds.toFixed(1)}s`, ...shown].join(" - ")}\n`;
}

const logged = [];
const writeLog = occasionally(LOGGING_PAUSE, () => {
  const shown = find("log").textContent;
  const before = shown === text("nothing_printed") ? "" : shown;
  find("log").textContent = (before + logged.splice(0).join("")).slice(-LONGEST_LOG);
});

function addToLog(line) {
  logged.push(line);
  writeLog();
}

async function order(event) {
  event.preventDefault();
  const form = event.target;
  clearProblem(form);
  const changes = { epochs: Number(form.elements.epochs.value) };
  const rate = form.elements.learning_rate.value;
  if (rate !== "") changes.learning_rate = Number(rate);
  try {
    const changed = await patch(form.dataset.job, changes);
    showProgress(changed.progress);
    find("ordered").textContent = text("changed");
  } catch (error) {
    showProblem(error, form);
  }
}
