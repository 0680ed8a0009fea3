/** Draws the data and what the network makes of it: the plane coloured by the output, or the curve with residuals. */

import { forward, scaled, unscaled } from "./network.js";

/** Points of the plane in each direction, of the plot and of a neuron's picture; points of a curve. */
const PLANE = 100;
const SMALL = 28;
const CURVE = 240;
/** How far the plane reaches before there are points. */
const EMPTY = 1.5;
const MARGIN = { left: 44, right: 14, top: 14, bottom: 30 };
/** How much of a class's colour the background has where the network is sure. */
const STRENGTH = 0.55;

/** The colours of the page, from custom properties of its CSS, as CSS colours and as [red, green, blue]. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const rgb = (name) => {
    const digits = style.getPropertyValue(name).trim().slice(1);
    return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
  };
  const classes = [1, 2, 3, 4, 5, 6].map((number) => rgb(`--class-${number}`));
  const [paper, ink, line] = ["--plot-paper", "--plot-ink", "--plot-line"].map(rgb);
  return { classes, paper, ink, line, low: classes[1], high: classes[0], size: parseFloat(style.fontSize) };
}

/** The place of a class's colour in the palette. Of two classes, the second is blue, as a neuron's high output is. */
export const colourOf = (index, count) => (count <= 2 ? 1 - index : index);

export const css = ([red, green, blue], alpha = 1) => `rgb(${red} ${green} ${blue} / ${alpha})`;

const mix = (from, to, share) => from.map((value, at) => value + (to[at] - value) * share);

/** Make a canvas sharp, and give its context and its size in CSS pixels. */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * Where the rows lie: [[least, most] of each direction]. There is space around those of the source; points that are
 * added only widen it, so that the picture stays while one clicks.
 */
export function extentOf(rows, task) {
  const pairs = (chosen) => chosen.map((row) => (task === "curve" ? [row.inputs[0], row.target] : row.inputs));
  const source = pairs(rows.filter((row) => row.base !== null));
  const added = pairs(rows.filter((row) => row.base === null));
  return [0, 1].map((at) => {
    const [least, most] = source.length ? rangeOf(source.map((pair) => pair[at])) : [-EMPTY, EMPTY];
    const space = source.length ? (most - least || 2) * 0.14 : 0;
    return rangeOf([least - space, most + space, ...added.map((pair) => pair[at])]);
  });
}

const rangeOf = (values) => [Math.min(...values), Math.max(...values)];

/** The inputs of a grid over the extent, a column per input. */
function gridOf([across, up], task, count) {
  const at = ([least, most], step, steps) => least + ((most - least) * step) / (steps - 1);
  if (task === "curve") return [Float32Array.from({ length: count }, (_, step) => at(across, step, count))];
  const size = count * count;
  return [
    Float32Array.from({ length: size }, (_, index) => at(across, index % count, count)),
    Float32Array.from({ length: size }, (_, index) => at(up, count - 1 - Math.floor(index / count), count)),
  ];
}

/** What the outputs of all neurons are drawn from: for the plot (`wide`), and for the small pictures (`small`). */
export class Views {
  constructor(extent, task, scale) {
    Object.assign(this, { extent, task, scale });
    this.wide = gridOf(extent, task, task === "curve" ? CURVE : PLANE);
    this.small = gridOf(extent, task, task === "curve" ? 2 * SMALL : SMALL);
  }

  outputs(layers, grid) {
    return forward(layers, grid.map((column, at) => scaled(column, this.scale.inputs?.[at])));
  }

  /** The network's outputs in the target's units. */
  final(outputs) {
    return outputs.at(-1).map((column) => unscaled(column, this.scale.target));
  }
}

/** Paint a point of an image with a mixture of two colours. Made for many points: it allocates nothing. */
function paint(image, index, from, to, share) {
  for (let at = 0; at < 3; at++) image.data[4 * index + at] = from[at] + (to[at] - from[at]) * share;
  image.data[4 * index + 3] = 255;
}

/** The picture of a neuron's outputs on a plane: blue where they are high, orange where they are low. */
function paintNeuron(values, theme, count) {
  const image = new ImageData(count, count);
  const largest = largestOf(values);
  for (let index = 0; index < values.length; index++) {
    const share = Math.min(1, Math.abs(values[index]) / largest) * 0.9;
    paint(image, index, theme.paper, values[index] < 0 ? theme.low : theme.high, share);
  }
  return image;
}

const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);

/** The plane in the colours of the classes, the stronger the more certain the network is. */
function paintClasses(scores, theme, count) {
  const image = new ImageData(count, count);
  const classes = Math.max(2, scores.length);
  for (let index = 0; index < count * count; index++) {
    const [best, share] = scores.length === 1 ? bestOfTwo(scores[0][index]) : bestOf(scores, index);
    const certainty = Math.min(1, (share * classes - 1) / (classes - 1));
    paint(image, index, theme.paper, theme.classes[colourOf(best, classes)], STRENGTH * (0.16 + 0.84 * certainty));
  }
  return image;
}

const bestOfTwo = (score) => (score > 0.5 ? [1, score] : [0, 1 - score]);

function bestOf(scores, index) {
  let best = 0;
  for (let at = 1; at < scores.length; at++) if (scores[at][index] > scores[best][index]) best = at;
  return [best, scores[best][index]];
}

/** How far a number is from the middle of a range, from -1 to 1. */
const inRange = (value, [least, most]) =>
  most > least ? Math.max(-1, Math.min(1, (2 * (value - least)) / (most - least) - 1)) : 0;

/** The colour of a number in a range. */
const numberColour = (value, range, theme) => {
  const share = inRange(value, range);
  return mix(theme.paper, share < 0 ? theme.low : theme.high, Math.abs(share));
};

function paintNumbers(values, range, theme, count) {
  const image = new ImageData(count, count);
  for (let index = 0; index < values.length; index++) {
    const share = inRange(values[index], range);
    paint(image, index, theme.paper, share < 0 ? theme.low : theme.high, 0.75 * Math.abs(share));
  }
  return image;
}

const board = document.createElement("canvas");

function stretch(context, image, x, y, width, height) {
  board.width = image.width;
  board.height = image.height;
  board.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(board, x, y, width, height);
}

/** Draw a neuron's small picture. */
export function drawNeuron(canvas, values, theme, task) {
  const { context, width, height } = prepare(canvas);
  if (!values) return;
  if (task !== "curve") {
    stretch(context, paintNeuron(values, theme, SMALL), 0, 0, width, height);
    return;
  }
  const largest = largestOf(values);
  context.strokeStyle = css(theme.line);
  context.beginPath();
  context.moveTo(0, height / 2);
  context.lineTo(width, height / 2);
  context.stroke();
  context.strokeStyle = css(theme.high);
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, at) => {
    context.lineTo((at / (values.length - 1)) * width, height / 2 - (value / largest) * (height / 2 - 3));
  });
  context.stroke();
}

/** Steps of an axis: round numbers, about five of them. */
function ticks([least, most]) {
  const rough = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= most; at += step) found.push(Number(at.toPrecision(10)) || 0);
  return found;
}

const SHAPES = [
  (context, x, y, r) => context.arc(x, y, r, 0, 2 * Math.PI),
  (context, x, y, r) => context.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r),
  (context, x, y, r) => polygon(context, x, y, 1.25 * r, 3),
  (context, x, y, r) => polygon(context, x, y, 1.2 * r, 4),
  (context, x, y, r) => polygon(context, x, y, 1.15 * r, 5),
  (context, x, y, r) => polygon(context, x, y, 1.15 * r, 6),
];

function polygon(context, x, y, radius, corners) {
  for (let corner = 0; corner < corners; corner++) {
    const angle = (2 * Math.PI * corner) / corners - Math.PI / 2;
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
}

export class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.extent = [[-1, 1], [-1, 1]];
  }

  get box() {
    const { clientWidth, clientHeight } = this.canvas;
    return {
      x: MARGIN.left, y: MARGIN.top,
      width: clientWidth - MARGIN.left - MARGIN.right, height: clientHeight - MARGIN.top - MARGIN.bottom,
    };
  }

  /** Where a point of the data is on the canvas. */
  place([x, y]) {
    const { box, extent: [across, up] } = this;
    return [
      box.x + ((x - across[0]) / (across[1] - across[0])) * box.width,
      box.y + box.height - ((y - up[0]) / (up[1] - up[0])) * box.height,
    ];
  }

  /** The point of the data at a place of the canvas; null outside the axes. */
  pointAt(x, y) {
    const { box, extent: [across, up] } = this;
    const [right, top] = [(x - box.x) / box.width, 1 - (y - box.y) / box.height];
    if (right < 0 || right > 1 || top < 0 || top > 1) return null;
    return [across[0] + right * (across[1] - across[0]), up[0] + top * (up[1] - up[0])];
  }

  /** The index of the row that is nearest to a place of the canvas; -1: none is within so many pixels. */
  rowAt(x, y, rows, task, within = 16) {
    const near = rows.map((row, index) => {
      const [left, top] = this.place(this.#pair(row, task));
      return [Math.hypot(left - x, top - y), index];
    });
    const [distance, index] = near.sort(([one], [other]) => one - other)[0] ?? [Infinity, -1];
    return distance <= within ? index : -1;
  }

  /**
   * @param {{rows, task, classes: number, theme, views: Views, outputs: Float32Array[][]|null, neuron: [number, number]|null,
   *   range: [number, number]}} scene `outputs` on the wide grid; `neuron`: the layer and the neuron to show instead
   */
  draw(scene) {
    const { context } = prepare(this.canvas);
    this.extent = scene.views.extent;
    const { box } = this;
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.fillStyle = css(scene.theme.paper);
    context.fill();
    context.clip();
    if (scene.outputs && scene.task !== "curve") stretch(context, this.#background(scene), box.x, box.y, box.width, box.height);
    context.restore();
    this.#axes(context, scene.theme);
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    if (scene.outputs && scene.task === "curve") this.#curve(context, scene);
    this.#rows(context, scene);
    context.restore();
  }

  #background({ outputs, neuron, views, task, theme, range }) {
    if (neuron) return paintNeuron(outputs[neuron[0]][neuron[1]], theme, PLANE);
    const final = views.final(outputs);
    return task === "classes" ? paintClasses(final, theme, PLANE) : paintNumbers(final[0], range, theme, PLANE);
  }

  #pair = (row, task) => (task === "curve" ? [row.inputs[0], row.target] : row.inputs);

  #axes(context, theme) {
    const { box, extent: [across, up] } = this;
    context.font = `${Math.max(11, theme.size * 0.75)}px system-ui, sans-serif`;
    context.fillStyle = css(theme.ink);
    context.strokeStyle = css(theme.line, 0.7);
    context.lineWidth = 1;
    context.textBaseline = "middle";
    for (const value of ticks(across)) {
      const [x] = this.place([value, up[0]]);
      line(context, x, box.y, x, box.y + box.height);
      context.textAlign = "center";
      context.fillText(String(value), x, box.y + box.height + 14);
    }
    for (const value of ticks(up)) {
      const [, y] = this.place([across[0], value]);
      line(context, box.x, y, box.x + box.width, y);
      context.textAlign = "right";
      context.fillText(String(value), box.x - 8, y);
    }
  }

  #curve(context, { rows, views, outputs, neuron, theme }) {
    const chosen = neuron ? outputs[neuron[0]][neuron[1]] : views.final(outputs)[0];
    const [xs] = views.wide;
    if (!neuron) {
      context.strokeStyle = css(theme.classes[1], 0.8);
      context.lineWidth = 1.5;
      for (const row of rows) {
        const at = nearest(xs, row.inputs[0]);
        const [x, y] = this.place(this.#pair(row, "curve"));
        line(context, x, y, x, this.place([xs[at], chosen[at]])[1]);
      }
    }
    context.strokeStyle = css(theme.classes[0]);
    context.lineWidth = 3;
    context.beginPath();
    xs.forEach((x, at) => context.lineTo(...this.place([x, chosen[at]])));
    context.stroke();
  }

  #rows(context, { rows, task, classes, theme, range }) {
    const size = rows.length > 500 ? 3 : rows.length > 100 ? 4 : 6;
    for (const row of rows) {
      const [x, y] = this.place(this.#pair(row, task));
      const own = theme.classes[colourOf(row.target, classes)];
      const colour = task === "classes" ? own : task === "curve" ? theme.ink : numberColour(row.target, range, theme);
      context.beginPath();
      SHAPES[task === "classes" ? row.target : 0](context, x, y, size);
      context.fillStyle = row.validation ? css(theme.paper, 0.7) : css(colour);
      context.fill();
      context.lineWidth = row.validation ? 1.5 : 1;
      context.strokeStyle = row.validation ? css(colour) : css(task === "surface" ? theme.ink : theme.paper, 0.9);
      context.stroke();
    }
  }
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

function nearest(xs, x) {
  const step = xs[1] - xs[0];
  return Math.max(0, Math.min(xs.length - 1, Math.round((x - xs[0]) / step)));
}

/** Draw the loss of the epochs, of the training and of the validation rows, with the shown epoch marked. */
export function drawLoss(canvas, { epochs, expected, shown, starts, theme }) {
  const { context, width, height } = prepare(canvas);
  const box = { x: 44, y: 8, width: width - 54, height: height - 30 };
  const values = epochs.flatMap((epoch) => [epoch.loss, epoch.val_loss]).filter(Number.isFinite);
  if (!values.length) return;
  const most = largestOf(values) * 1.05;
  const last = Math.max(expected, 2);
  const x = (epoch) => box.x + ((epoch - 1) / (last - 1)) * box.width;
  const y = (value) => box.y + box.height - (value / most) * box.height;
  context.font = `${Math.max(11, theme.size * 0.75)}px system-ui, sans-serif`;
  context.fillStyle = css(theme.ink);
  context.strokeStyle = css(theme.line);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const value of ticks([0, most])) {
    line(context, box.x, y(value), box.x + box.width, y(value));
    context.fillText(String(value), box.x - 6, y(value));
  }
  context.textAlign = "center";
  context.fillText("1", x(1), height - 10);
  context.fillText(String(last), Math.min(x(last), width - 14), height - 10);
  context.setLineDash([2, 4]);
  context.strokeStyle = css(theme.ink, 0.6);
  for (const start of starts) line(context, x(start), box.y, x(start), box.y + box.height);
  for (const [name, colour, dash] of [["val_loss", theme.classes[1], [6, 4]], ["loss", theme.classes[0], []]]) {
    context.setLineDash(dash);
    context.strokeStyle = css(colour);
    context.lineWidth = 2;
    context.beginPath();
    epochs.forEach((epoch, at) => Number.isFinite(epoch[name]) && context.lineTo(x(at + 1), y(epoch[name])));
    context.stroke();
  }
  context.setLineDash([]);
  const now = epochs[shown - 1];
  if (!now) return;
  context.lineWidth = 1;
  context.strokeStyle = css(theme.ink);
  line(context, x(shown), box.y, x(shown), box.y + box.height);
  context.fillStyle = css(theme.classes[0]);
  context.beginPath();
  context.arc(x(shown), y(now.loss), 4.5, 0, 2 * Math.PI);
  context.fill();
}
