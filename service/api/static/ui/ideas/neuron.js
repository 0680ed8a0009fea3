/** The page of one neuron: a line through points with one input, a line between classes with two. */

import { SETS, correct, crossEntropy, descend, region, separator } from "./classifier.js";
import { button, choice, connectAttempts, html, readout, readouts, sentence, slider } from "./controls.js";
import { POINTS, gradient, loss } from "./descent.js";
import { Motion } from "./motion.js";
import { added, decimal, significant } from "./numbers.js";
import { Plot, shape } from "./plot.js";
import { text } from "../texts.js";

const RATE = { line: 0.01, classes: 2 };
const BANDS = [0.1, 0.25, 0.5, 0.75, 0.9];
const BOX = { x: [-0.5, 1.5], y: [-0.5, 1.5] };
const CLOSE_ENOUGH = 1e-6;

/** The neuron itself: its inputs on the left, lines as wide as the weights, and what it adds up. */
function diagram(place, label) {
  const svg = shape("svg", { role: "img", class: "plot", viewBox: "0 0 300 130", "aria-label": label });
  place.append(svg);
  return (inputs, bias, output) => {
    const heights = inputs.length === 1 ? [65] : [35, 95];
    const lines = inputs.flatMap(({ name, weight, value }, index) => [
      shape("line", {
        x1: 44, y1: heights[index], x2: 160, y2: 65, "stroke-width": Math.min(1 + 2.5 * Math.abs(weight), 14),
        class: weight < 0 ? "wire negative" : "wire",
      }),
      shape("circle", { cx: 44, cy: heights[index], r: 18, class: "unit" }),
      shape("text", { x: 44, y: heights[index] + 5, class: "unit-words", "text-anchor": "middle" }, name),
      shape("text", {
        x: 100, y: (heights[index] + 65) / 2 + (index === 1 ? 22 : -12), class: "plot-words", "text-anchor": "middle",
      }, value),
    ]);
    svg.replaceChildren(
      ...lines,
      shape("line", { x1: 160, y1: 65, x2: 256, y2: 65, class: "wire plain", "stroke-width": 2 }),
      shape("circle", { cx: 160, cy: 65, r: 24, class: "unit" }),
      shape("text", { x: 160, y: 71, class: "unit-words", "text-anchor": "middle" }, "Σ"),
      shape("text", { x: 160, y: 112, class: "plot-words", "text-anchor": "middle" }, bias),
      shape("circle", { cx: 256, cy: 65, r: 18, class: "unit" }),
      shape("text", { x: 256, y: 70, class: "unit-words", "text-anchor": "middle" }, output));
  };
}

/** A scene: drawings beside controls. */
function scene(drawings, controls) {
  return html("div", { class: "toy-scene" },
    html("div", { class: "toy-drawings" }, ...drawings), html("div", { class: "toy-controls stack" }, ...controls));
}

/** The line with its points, and the squared error of each as a square. */
function drawErrors(drawing, { w, b }) {
  for (const [x, y] of POINTS) {
    const residual = w * x + b - y;
    const side = Math.abs(drawing.y(residual) - drawing.y(0));
    drawing.inside.append(shape("rect", {
      x: drawing.x(x) - (residual > 0 ? side : 0), y: drawing.y(Math.max(y, y + residual)), width: side, height: side,
      class: "residual-square",
    }));
    drawing.line([[x, y], [x, y + residual]], "residual");
  }
  drawing.curve((x) => w * x + b, "curve-a");
  for (const point of POINTS) drawing.dot(point, "dot-b", 6);
}

/** The probability of class 1 as bands, the line between the classes, and the points: squares and circles. */
function drawClasses(drawing, { set, weights }) {
  const corners = [[BOX.x[0], BOX.y[0]], [BOX.x[1], BOX.y[0]], [BOX.x[1], BOX.y[1]], [BOX.x[0], BOX.y[1]]];
  drawing.line(corners, "ground-b", { closed: true });
  for (const level of BANDS) drawing.line(region(weights, level, BOX), "band", { closed: true });
  drawing.line(separator(weights, BOX), "boundary");
  for (const { x, y, label } of SETS[set]) {
    if (label) drawing.dot([x, y], "dot-a", 8);
    else drawing.inside.append(shape("rect", {
      x: drawing.x(x) - 7, y: drawing.y(y) - 7, width: 14, height: 14, class: "dot-b",
    }));
  }
}

function lineScene() {
  const weights = { w: 0.5, b: 1 };
  const place = html("div");
  const sketch = html("div", { class: "sketch" });
  const drawUnit = diagram(sketch, text("neuron_diagram"));
  const error = readout(text("neuron_mse"));
  const told = sentence();

  const plot = new Plot(place, {
    label: text("neuron_line_plot"), x: [-3, 6], y: [-6, 10], xLabel: "x", yLabel: "y", ratio: 0.62,
    draw: (drawing) => drawErrors(drawing, weights),
  });

  const sliders = {
    w: slider({
      label: text("neuron_w"), min: -4, max: 4, step: 0.05, value: weights.w, format: decimal,
      onInput: (value) => change({ w: value }),
    }),
    b: slider({
      label: text("neuron_b"), min: -6, max: 6, step: 0.05, value: weights.b, format: decimal,
      onInput: (value) => change({ b: value }),
    }),
  };

  const step = () => {
    const slope = gradient([weights.w, weights.b]);
    set({ w: weights.w - RATE.line * slope[0], b: weights.b - RATE.line * slope[1] });
    return loss([weights.w, weights.b]) > CLOSE_ENOUGH;
  };
  const motion = new Motion({ milliseconds: 12, step });

  function set(changed) {
    Object.assign(weights, changed);
    for (const name of ["w", "b"]) sliders[name].set(weights[name]);
    show();
  }
  function change(changed) {
    motion.stop();
    set(changed);
  }
  function show() {
    const found = loss([weights.w, weights.b]);
    plot.refresh();
    drawUnit([{ name: "x", weight: weights.w, value: `× ${decimal(weights.w)}` }], added(weights.b), "y");
    error.set(significant(found));
    told.set(text("neuron_line_sentence", { w: decimal(weights.w), b: added(weights.b), loss: significant(found) }));
  }
  show();
  const element = scene([place], [
    sketch, sliders.w.element, sliders.b.element, readouts(error),
    html("div", { class: "row" }, motion.button, button(text("ideas_step"), () => { motion.stop(); step(); }),
      button(text("ideas_reset"), () => change({ w: 0.5, b: 1 }), "quiet")),
    html("p", { class: "hint" }, text("neuron_line_rate")), told.element,
  ]);
  return { element, change, motion };
}

function classScene() {
  const state = { set: "and", weights: { w1: 1, w2: -1, b: 0 } };
  const place = html("div");
  const sketch = html("div", { class: "sketch" });
  const drawUnit = diagram(sketch, text("neuron_diagram"));
  const entropy = readout(text("neuron_entropy"));
  const right = readout(text("neuron_correct"));
  const told = sentence();

  const plot = new Plot(place, {
    label: text("neuron_class_plot"), ...BOX, xLabel: "x₁", yLabel: "x₂", ratio: 0.72,
    draw: (drawing) => drawClasses(drawing, state),
  });

  const names = { w1: text("neuron_w1"), w2: text("neuron_w2"), b: text("neuron_b") };
  const sliders = Object.fromEntries(Object.entries(names).map(([name, label]) => [name, slider({
    label, min: -12, max: 12, step: 0.1, value: state.weights[name], format: (value) => decimal(value, 1),
    onInput: (value) => change({ [name]: value }),
  })]));
  const sets = choice({
    label: text("neuron_points"), value: state.set,
    options: [["and", text("neuron_and")], ["or", text("neuron_or")], ["xor", text("neuron_xor")], ["blobs", text("neuron_blobs")]],
    onChange: (value) => { state.set = value; show(); },
  });

  let steps = 0;
  const step = () => {
    set(descend(state.weights, SETS[state.set], RATE.classes));
    steps += 1;
    return steps < 400;
  };
  const motion = new Motion({ milliseconds: 25, step, settled: () => { steps = 0; } });

  function set(changed) {
    Object.assign(state.weights, changed);
    for (const name of Object.keys(names)) sliders[name].set(state.weights[name]);
    show();
  }
  function change(changed, points = state.set) {
    motion.stop();
    state.set = points;
    sets.set(points);
    set(changed);
  }
  function show() {
    const { w1, w2, b } = state.weights;
    const points = SETS[state.set];
    const found = { loss: significant(crossEntropy(state.weights, points)), correct: correct(state.weights, points) };
    plot.refresh();
    drawUnit([
      { name: "x₁", weight: w1 / 4, value: `× ${decimal(w1, 1)}` }, { name: "x₂", weight: w2 / 4, value: `× ${decimal(w2, 1)}` },
    ], `${added(b, 1)}, σ`, "p");
    entropy.set(found.loss);
    right.set(text("neuron_of", { correct: found.correct, points: points.length }));
    told.set(text("neuron_class_sentence", { ...found, points: points.length }));
  }
  show();
  const element = scene([place, legend()], [
    sets.element, sketch, ...Object.values(sliders).map((part) => part.element), readouts(entropy, right),
    html("div", { class: "row" }, motion.button, button(text("ideas_step"), () => { motion.stop(); step(); }),
      button(text("ideas_reset"), () => change({ w1: 1, w2: -1, b: 0 }), "quiet")),
    html("p", { class: "hint" }, text("neuron_class_rate")), told.element,
  ]);
  return { element, change, motion };
}

const legend = () => html("p", { class: "legend" },
  html("span", { class: "key-square" }), text("neuron_class_0"), html("span", { class: "key-circle" }), text("neuron_class_1"));

const scenes = { line: lineScene(), classes: classScene() };
const inputs = choice({
  label: text("neuron_inputs"), value: "line", options: [["line", text("neuron_one")], ["classes", text("neuron_two")]],
  onChange: open,
});

function open(name) {
  inputs.set(name);
  for (const [key, { element, motion }] of Object.entries(scenes)) {
    element.hidden = key !== name;
    if (element.hidden) motion.stop();
  }
}

document.getElementById("toy").append(inputs.element, scenes.line.element, scenes.classes.element);
open("line");
connectAttempts({
  fit: () => { open("line"); scenes.line.change({ w: 2, b: -1 }); },
  train: () => { open("line"); scenes.line.change({ w: -1, b: 4 }); scenes.line.motion.start(); },
  and: () => { open("classes"); scenes.classes.change({ w1: 1, w2: -1, b: 0 }, "and"); scenes.classes.motion.start(); },
  xor: () => { open("classes"); scenes.classes.change({ w1: 1, w2: -1, b: 0 }, "xor"); scenes.classes.motion.start(); },
});
