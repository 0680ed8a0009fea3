/** The page of the loss as a landscape, with the path of gradient descent. */

import { button, connectAttempts, html, readout, readouts, sentence, slider } from "./controls.js";
import { LOWEST, POINTS, contour, largestRate, loss, update } from "./descent.js";
import { Motion } from "./motion.js";
import { decimal, significant } from "./numbers.js";
import { Plot, shape } from "./plot.js";
import { text } from "../texts.js";

const RANGES = { x: [-3, 7], y: [-7, 5] };
const LEVELS = Array.from({ length: 8 }, (_, index) => 0.02 * 4 ** index);
const START = [-1.5, 3.5];
const MOST_STEPS = 200;
const DONE = 1e-5;
const LOST = 1e6;

const settings = { rate: 0.15, momentum: 0 };
let start = START;
let states = [{ weights: start, velocity: [0, 0] }];

const weights = () => states.at(-1).weights;
const steps = () => states.length - 1;
const isOver = () => steps() >= MOST_STEPS || loss(weights()) < DONE || loss(weights()) > LOST;

const places = { landscape: html("div"), fit: html("div"), history: html("div") };

const landscape = new Plot(places.landscape, {
  label: text("loss_landscape"), ...RANGES, xLabel: text("loss_w"), yLabel: text("loss_b"), ratio: 0.7,
  draw(drawing) {
    for (const level of LEVELS.toReversed()) drawing.line(contour(level), "valley", { closed: true });
    const [x, y] = [drawing.x(LOWEST[0]), drawing.y(LOWEST[1])];
    drawing.inside.append(shape("path", { d: `M${x - 7} ${y}h14M${x} ${y - 7}v14`, class: "lowest" }));
    drawing.line(states.map((state) => state.weights), "path");
    for (const state of states) drawing.dot(state.weights, "path-dot", 3);
    drawing.dot(start, "path-start", 7);
    drawing.dot(weights(), "dot-b", 7);
  },
});

const fit = new Plot(places.fit, {
  label: text("loss_fit"), x: [-2, 5], y: [-6, 10], xLabel: "x", yLabel: "y", height: 220,
  draw(drawing) {
    const [w, b] = weights();
    drawing.curve((x) => w * x + b, "curve-a");
    for (const point of POINTS) drawing.dot(point, "dot-b", 4);
  },
});

const history = new Plot(places.history, {
  label: text("loss_history"), x: [0, 20], y: [1e-5, 1000], xLabel: text("loss_step"), yLabel: text("loss_loss"), height: 220,
  logarithmic: true,
  draw(drawing) {
    const points = states.map((state, index) => [index, Math.max(loss(state.weights), 1e-12)]);
    drawing.line(points, "curve-a");
    drawing.dot(points.at(-1), "dot-b", 5);
  },
});

const readings = {
  step: readout(text("loss_step")), loss: readout(text("loss_loss")), w: readout("w"), b: readout("b"),
};
const verdict = html("p", { class: "notice", "data-kind": "info" });
const told = sentence();

const sliders = {
  rate: slider({
    label: text("loss_rate"), min: 0.001, max: 0.5, value: settings.rate, logarithmic: true, format: (value) => significant(value),
    onInput: (rate) => restart({ rate }),
  }),
  momentum: slider({
    label: text("loss_momentum"), min: 0, max: 0.95, step: 0.05, value: settings.momentum, format: decimal,
    onInput: (momentum) => restart({ momentum }),
  }),
};

function step() {
  if (isOver()) return false;
  states.push(update(states.at(-1), settings));
  show();
  return !isOver();
}

const motion = new Motion({
  milliseconds: 90, step,
  begin: () => { if (isOver()) states = states.slice(0, 1); },
});

/** What the learning rate does here; the bound is exact, because the loss is quadratic. */
function judge() {
  const bound = largestRate(settings.momentum);
  const kind = settings.rate >= bound ? "large" : settings.rate * 12 < bound ? "small" : "right";
  verdict.dataset.kind = kind === "large" ? "warning" : "info";
  const words = { large: text("loss_is_large"), small: text("loss_is_small"), right: text("loss_is_right") };
  verdict.textContent = `${words[kind]} ${text("loss_bound", { bound: significant(bound), momentum: decimal(settings.momentum) })}`;
}

function show() {
  const [w, b] = weights();
  const found = loss(weights());
  landscape.refresh();
  fit.refresh();
  history.refresh({
    x: [0, Math.max(20, Math.ceil(steps() / 20) * 20)], y: [1e-5, Math.max(1000, 10 ** Math.ceil(Math.log10(found)))],
  });
  readings.step.set(String(steps()));
  readings.loss.set(significant(found));
  readings.w.set(significant(w));
  readings.b.set(significant(b));
  tell();
}

function tell() {
  const found = { steps: steps(), loss: significant(loss(weights())), w: significant(weights()[0]), b: significant(weights()[1]) };
  const outcome = loss(weights()) > LOST ? text("loss_diverged") : loss(weights()) < DONE ? text("loss_arrived") : text("loss_underway");
  told.set(`${text("loss_sentence", found)} ${outcome}`);
}

/** Back to the first step, with other settings or another start. */
function restart(changed = {}, place = start) {
  motion.stop();
  Object.assign(settings, changed);
  start = place;
  states = [{ weights: start, velocity: [0, 0] }];
  sliders.rate.set(settings.rate);
  sliders.momentum.set(settings.momentum);
  judge();
  show();
}

/** The start can be moved by a click, and with the arrow keys. */
function makeMovable(svg) {
  svg.setAttribute("role", "application");
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("aria-describedby", "loss-start-hint");
  svg.classList.add("movable");
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    restart({}, landscape.at(event.clientX - box.left, event.clientY - box.top));
  });
  const ways = { ArrowLeft: [-0.5, 0], ArrowRight: [0.5, 0], ArrowUp: [0, 0.5], ArrowDown: [0, -0.5] };
  svg.addEventListener("keydown", (event) => {
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const limit = (value, [low, high]) => Math.min(Math.max(value, low), high);
    restart({}, [limit(start[0] + way[0], RANGES.x), limit(start[1] + way[1], RANGES.y)]);
  });
}

makeMovable(landscape.svg);
document.getElementById("toy").append(html("div", { class: "toy-scene" },
  html("div", { class: "toy-drawings" },
    places.landscape, html("p", { class: "hint", id: "loss-start-hint" }, text("loss_start_hint"))),
  html("div", { class: "toy-controls stack" },
    sliders.rate.element, sliders.momentum.element, verdict,
    html("div", { class: "row" }, motion.button, button(text("ideas_step"), () => { motion.stop(); step(); }),
      button(text("ideas_reset"), () => restart({}, START), "quiet")),
    readouts(...Object.values(readings)), told.element),
  html("div", { class: "toy-drawings pair" }, places.fit, places.history)));
restart();

const watch = (changed) => { restart(changed, START); motion.start(); };
connectAttempts({
  small: () => watch({ rate: 0.005, momentum: 0 }),
  right: () => watch({ rate: 0.15, momentum: 0 }),
  large: () => watch({ rate: 0.19, momentum: 0 }),
  momentum: () => watch({ rate: 0.05, momentum: 0.6 }),
});
