/** The page of epochs, batches and steps: they are counted as a training makes them. */

import { button, choice, connectAttempts, html, readout, readouts, sentence, slider } from "./controls.js";
import { Motion } from "./motion.js";
import { lastBatch, position, shuffled, stepsOf } from "./schedule.js";
import { number } from "../format.js";
import { text } from "../texts.js";

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
const MOST_CELLS = 2000;
const MOST_SQUARES = 1000;
const MOST_LARGE_SQUARES = 60;
const SHOWN_ROWS = 8;
const BAR = 24;
const SECONDS_AN_EPOCH = 8;

const state = { rows: 60000, batch: 128, epochs: 5, done: 0 };
let order = null;

const steps = () => stepsOf(state.rows, state.batch);
const total = () => steps() * state.epochs;

const canvas = html("canvas", { class: "epoch", role: "img", "aria-label": text("batches_drawing") });
const bar = html("pre", { class: "bar-text", "aria-hidden": "true" });
const rowList = html("p", { class: "row-numbers number" });
const fits = html("p", { class: "arithmetic number" });
const key = html("p", { class: "hint" });
const readings = {
  epoch: readout(text("batches_epoch")), batch: readout(text("batches_batch")), step: readout(text("batches_step")),
  size: readout(text("batches_size")),
};
const told = sentence();

const rows = choice({
  label: text("batches_rows"), value: String(state.rows), onChange: (value) => restart({ rows: Number(value) }),
  options: [[60000, "MNIST"], [50000, "CIFAR-10"], [1000, text("batches_rings")], [6, text("batches_line")]].map(
    ([count, name]) => [String(count), `${name}: ${number(count)}`]),
});
const batch = slider({
  label: text("batches_batch_size"), min: 0, max: BATCHES.length - 1, value: BATCHES.indexOf(state.batch),
  format: (index) => number(BATCHES[index]), onInput: (index) => restart({ batch: BATCHES[index] }),
});
const epochs = slider({
  label: text("batches_epochs"), min: 1, max: 10, value: state.epochs, format: String,
  onInput: (count) => restart({ epochs: count }),
});

/** A step; large epochs take several in one movement, so that an epoch takes some 8 seconds. */
const motion = new Motion({
  milliseconds: 40,
  begin: () => { if (state.done >= total()) state.done = 0; },
  step() {
    state.done = Math.min(state.done + Math.max(1, Math.round(steps() / (SECONDS_AN_EPOCH * 25))), total());
    show();
    return state.done < total();
  },
});

function color(name) {
  return getComputedStyle(canvas).getPropertyValue(name).trim();
}

/** Where each row of a small epoch lies: the rows follow one another, with a gap after each batch. */
function placeRows(width) {
  const unit = state.rows <= MOST_LARGE_SQUARES ? 48 : 11;
  const places = [];
  let [left, top] = [0, 0];
  for (let row = 0; row < state.rows; row += 1) {
    if (left + unit > width) [left, top] = [0, top + unit + 4];
    places.push({ left, top, width: unit, height: unit, batch: Math.floor(row / state.batch) + 1 });
    left += unit + 2 + ((row + 1) % state.batch === 0 ? unit / 2 : 0);
  }
  return places;
}

/** Where each batch of a large epoch lies; the last one is as much narrower as it has fewer rows. */
function placeBatches(width) {
  const shown = Math.min(steps(), MOST_CELLS);
  const cell = Math.max(5, Math.min(40, Math.floor(Math.sqrt((width * 320) / shown))));
  const columns = Math.max(1, Math.floor(width / cell));
  const size = cell - (cell > 8 ? 2 : 1);
  const share = lastBatch(state.rows, state.batch) / state.batch;
  return Array.from({ length: shown }, (_, index) => ({
    left: (index % columns) * cell, top: Math.floor(index / columns) * cell, batch: index + 1,
    width: index + 1 === steps() ? Math.max(size * share, 2) : size, height: size,
  }));
}

const drawsRows = () => state.rows <= MOST_SQUARES;

/** The epoch: what is done, the current batch, and what follows. */
function draw(now) {
  const width = canvas.parentElement.clientWidth;
  if (!width) return;
  const places = drawsRows() ? placeRows(width) : placeBatches(width);
  const height = places.at(-1).top + places.at(-1).height;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.inlineSize = `${width}px`;
  canvas.style.blockSize = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const colors = { done: color("--idea-a"), now: color("--idea-b"), open: color("--line") };
  const current = now ? now.batch : 0;
  for (const place of places) {
    pen.fillStyle = place.batch === current ? colors.now : place.batch < current ? colors.done : colors.open;
    pen.fillRect(place.left, place.top, place.width, place.height);
  }
}

function show() {
  const now = position(state.done, state);
  draw(now);
  const at = now ?? { epoch: 1, batch: 0, step: 0, size: 0 };
  readings.epoch.set(text("batches_of", { part: number(at.epoch), whole: number(state.epochs) }));
  readings.batch.set(text("batches_of", { part: number(at.batch), whole: number(steps()) }));
  readings.step.set(text("batches_of", { part: number(at.step), whole: number(total()) }));
  readings.size.set(now ? number(at.size) : "–");
  const filledCells = Math.round((BAR * at.batch) / steps());
  bar.textContent = `Epoch ${at.epoch}/${state.epochs}\n${at.batch}/${steps()} ${"━".repeat(filledCells)}${"─".repeat(BAR - filledCells)}`;
  rowList.textContent = now ? listed(now) : text("batches_no_rows");
  tell(now);
}

/** The row numbers of the step's batch, in the shuffled order of its epoch. */
function listed(now) {
  if (order?.epoch !== now.epoch || order.rows.length !== state.rows) {
    order = { epoch: now.epoch, rows: shuffled(state.rows, now.epoch) };
  }
  const numbers = [...order.rows.slice(now.first - 1, Math.min(now.last, now.first - 1 + SHOWN_ROWS))].map((row) => number(row));
  const more = now.size - numbers.length;
  const found = { first: number(now.first), last: number(now.last), rows: numbers.join(", "), more: number(more) };
  return more > 0 ? text("batches_rows_and_more", found) : text("batches_rows_all", found);
}

function tell(now) {
  told.set(now ? text("batches_sentence", {
    epoch: now.epoch, epochs: state.epochs, batch: number(now.batch), steps: number(steps()), step: number(now.step),
    total: number(total()), size: number(now.size),
  }) : text("batches_start_sentence", { steps: number(steps()), last: number(lastBatch(state.rows, state.batch)) }));
}

/** What the numbers say before anything runs. */
function calculate() {
  const cut = !drawsRows() && steps() > MOST_CELLS;
  const legend = drawsRows() ? text("batches_squares") : text("batches_cells");
  fits.textContent = text("batches_arithmetic", {
    rows: number(state.rows), batch: number(state.batch), steps: number(steps()), last: number(lastBatch(state.rows, state.batch)),
    epochs: state.epochs, total: number(total()),
  });
  key.textContent = cut ? text("batches_cut", { shown: number(MOST_CELLS), steps: number(steps()) }) : legend;
}

function restart(changed = {}) {
  motion.stop();
  Object.assign(state, changed, { done: 0 });
  rows.set(String(state.rows));
  batch.set(BATCHES.indexOf(state.batch));
  epochs.set(state.epochs);
  calculate();
  show();
}

function goTo(done) {
  motion.stop();
  state.done = Math.min(done, total());
  show();
}

const nextEpoch = () => goTo((Math.floor(state.done / steps()) + 1) * steps());

document.getElementById("toy").append(html("div", { class: "toy-scene" },
  html("div", { class: "toy-drawings" }, html("div", { class: "epoch-place" }, canvas), key, fits, bar, rowList),
  html("div", { class: "toy-controls stack" },
    rows.element, batch.element, epochs.element,
    html("div", { class: "row" }, motion.button, button(text("ideas_step"), () => goTo(state.done + 1)),
      button(text("batches_next_epoch"), nextEpoch), button(text("ideas_reset"), () => restart(), "quiet")),
    readouts(...Object.values(readings)), told.element)));
new ResizeObserver(() => draw(position(state.done, state))).observe(canvas.parentElement);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(position(state.done, state)));
restart();
connectAttempts({
  mnist: () => { restart({ rows: 60000, batch: 128, epochs: 5 }); motion.start(); },
  last: () => { restart({ rows: 60000, batch: 128, epochs: 5 }); goTo(469); },
  one: () => restart({ rows: 60000, batch: 1 }),
  all: () => { restart({ rows: 6, batch: 8, epochs: 5 }); goTo(1); },
});
