/** The page of a convolution: a kernel slides over a picture, and each position gives one number. */

import { button, choice, connectAttempts, html, readout, readouts, sentence, slider } from "./controls.js";
import { KERNELS, PICTURES, axis, convolve, patch } from "./convolve.js";
import { NumberGrid } from "./grid.js";
import { largePicture } from "./large_picture.js";
import { Motion } from "./motion.js";
import { significant } from "./numbers.js";
import { text } from "../texts.js";

const FULL = 9;
const state = {
  picture: PICTURES.seven.map((line) => [...line]), kernel: KERNELS.vertical.map((line) => [...line]),
  options: { stride: 1, padding: "valid" }, position: 0, revealed: Infinity,
};

const result = () => convolve(state.picture, state.kernel, state.options);
const size = () => axis(state.picture.length, state.kernel.length, state.options).size;
const place = () => [Math.floor(state.position / size()), state.position % size()];
const padding = () => axis(state.picture.length, state.kernel.length, state.options);
const short = (value) => significant(Number(value.toFixed(2)));

const pictureGrid = new NumberGrid({
  label: text("convolution_picture"),
  onPick(row, column) {
    const { before } = padding();
    const line = state.picture[row - before];
    if (line?.[column - before] === undefined) return;
    line[column - before] = line[column - before] ? 0 : FULL;
    pictures.set(null);
    change({});
  },
  describe: (row, column, value) => {
    const { before } = padding();
    const inside = state.picture[row - before]?.[column - before] !== undefined;
    const at = { row: row - before + 1, column: column - before + 1, value };
    return inside ? text("convolution_pixel", at) : text("convolution_padding_pixel");
  },
});
const resultGrid = new NumberGrid({
  label: text("convolution_result"), onPick: goTo, onFocus: goTo,
  describe: (row, column, value) =>
    text("convolution_result_cell", { row: row + 1, column: column + 1, value: value === null ? "" : short(value) }),
});
const patchGrid = new NumberGrid({ label: text("convolution_patch") });
const productGrid = new NumberGrid({ label: text("convolution_products") });

const kernelInputs = state.kernel.map((line, row) => line.map((_, column) => {
  const input = html("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", class: "weight number",
    "aria-label": text("convolution_weight", { row: row + 1, column: column + 1 }),
  });
  input.addEventListener("input", () => {
    const weight = Number(input.value.trim().replace("−", "-").replace(",", ".") || NaN);
    input.toggleAttribute("aria-invalid", !Number.isFinite(weight));
    if (!Number.isFinite(weight)) return;
    state.kernel[row][column] = weight;
    kernels.set(null);
    change({}, { keepInputs: true });
  });
  return input;
}));

const pictures = choice({
  label: text("convolution_picture"), value: "seven", onChange: (name) => takePicture(name),
  options: [["seven", text("convolution_seven")], ["square", text("convolution_square")], ["bars", text("convolution_bars")],
    ["slope", text("convolution_slope")]],
});
const kernels = choice({
  label: text("convolution_kernel"), value: "vertical", onChange: (name) => takeKernel(name),
  options: [["vertical", text("convolution_vertical")], ["horizontal", text("convolution_horizontal")],
    ["outline", text("convolution_outline")], ["blur", text("convolution_blur")], ["sharpen", text("convolution_sharpen")],
    ["identity", text("convolution_identity")]],
});
const strides = choice({
  label: text("convolution_stride"), value: "1", options: [["1", "1"], ["2", "2"], ["3", "3"]],
  onChange: (stride) => change({ options: { ...state.options, stride: Number(stride) } }),
});
const paddings = choice({
  label: text("convolution_padding"), value: "valid", options: [["valid", "valid"], ["same", "same"]],
  onChange: (name) => change({ options: { ...state.options, padding: name } }),
});

const positionPlace = html("div");
let position = null;
const shapes = { input: readout(text("convolution_input_shape")), output: readout(text("convolution_output_shape")) };
const large = largePicture();
const sum = html("p", { class: "sum number" });
const told = sentence();

const motion = new Motion({
  milliseconds: 180,
  step() {
    if (state.position + 1 >= size() ** 2) return false;
    state.position += 1;
    state.revealed = state.position;
    show();
    return state.position + 1 < size() ** 2;
  },
  begin() {
    if (state.revealed !== Infinity) return;
    state.position = 0;
    state.revealed = 0;
  },
  settled() {
    if (state.position + 1 >= size() ** 2) state.revealed = Infinity;
    show();
  },
});

function goTo(row, column) {
  motion.stop();
  state.position = row * size() + column;
  state.revealed = Infinity;
  show();
}

const forward = () => {
  const next = (state.position + 1) % size() ** 2;
  goTo(Math.floor(next / size()), next % size());
};

function takePicture(name) {
  pictures.set(name);
  change({ picture: PICTURES[name].map((line) => [...line]) });
}

function takeKernel(name) {
  kernels.set(name);
  change({ kernel: KERNELS[name].map((line) => [...line]) });
}

/** Takes changed settings, and shows the whole result. */
function change(changed, { keepInputs = false } = {}) {
  motion.stop();
  const before = size();
  Object.assign(state, changed);
  state.revealed = Infinity;
  if (size() !== before || !position) {
    state.position = Math.min(state.position, size() ** 2 - 1);
    position = slider({
      label: text("convolution_position"), min: 0, max: size() ** 2 - 1, value: state.position,
      format: (index) => text("convolution_place", { row: Math.floor(index / size()) + 1, column: (index % size()) + 1 }),
      onInput: (index) => goTo(Math.floor(index / size()), index % size()),
    });
    positionPlace.replaceChildren(position.element);
  }
  strides.set(String(state.options.stride));
  paddings.set(state.options.padding);
  large.show(state.kernel, state.options);
  if (!keepInputs) kernelInputs.forEach((line, row) => line.forEach((input, column) => {
    input.value = significant(state.kernel[row][column]);
    input.removeAttribute("aria-invalid");
  }));
  show();
}

/** The picture with the zeros that the padding adds. */
function padded() {
  const { before, after } = padding();
  const length = state.picture.length + before + after;
  return Array.from({ length }, (_, row) =>
    Array.from({ length }, (__, column) => state.picture[row - before]?.[column - before] ?? 0));
}

function show() {
  const [row, column] = place();
  const { before } = padding();
  const { top, left, values } = patch(state.picture, state.kernel, [row, column], state.options);
  const covered = (y, x) => y - before >= top && y - before < top + 3 && x - before >= left && x - before < left + 3;
  pictureGrid.show(padded(), {
    most: FULL,
    marked: (y, x) => {
      if (covered(y, x)) return "window";
      return state.picture[y - before]?.[x - before] === undefined ? "padding" : null;
    },
  });
  const found = result();
  const most = Math.max(...found.flat().map(Math.abs), 1);
  const reached = found.map((line, y) => line.map((value, x) => (y * size() + x <= state.revealed ? value : null)));
  resultGrid.show(reached, { format: short, most, marked: (y, x) => (y === row && x === column ? "window" : null) });
  patchGrid.show(values, { most: FULL, marked: () => "window" });
  const products = values.map((line, y) => line.map((value, x) => value * state.kernel[y][x]));
  productGrid.show(products, { format: short, most: Math.max(...products.flat().map(Math.abs), 1) });
  const total = short(found[row][column]);
  sum.textContent = `${products.flat().map(short).join(" + ").replaceAll("+ −", "− ")} = ${total}`;
  position.set(state.position);
  shapes.input.set(`(1, ${state.picture.length}, ${state.picture[0].length}, 1)`);
  shapes.output.set(`(1, ${found.length}, ${found[0].length}, 1)`);
  told.set(text("convolution_sentence", { row: row + 1, column: column + 1, total, size: size() }));
}

const captioned = (words, ...children) => html("div", { class: "captioned" }, html("p", { class: "label" }, words), ...children);
const kernelTable = html("table", { class: "numbers weights", "aria-label": text("convolution_kernel") }, html("tbody", {},
  ...kernelInputs.map((line) => html("tr", {}, ...line.map((input) => html("td", {}, input))))));

document.getElementById("toy").append(
  html("div", { class: "toy-choices" }, pictures.element, kernels.element, strides.element, paddings.element),
  html("div", { class: "player" }, motion.button, button(text("ideas_step"), forward), positionPlace),
  html("div", { class: "slide" },
    captioned(text("convolution_picture"), pictureGrid.element, html("p", { class: "hint" }, text("convolution_edit"))),
    captioned(text("convolution_kernel"), kernelTable, html("p", { class: "hint" }, text("convolution_edit_kernel"))),
    captioned(text("convolution_result"), resultGrid.element, readouts(shapes.input, shapes.output))),
  html("div", { class: "toy-part stack" },
    html("div", { class: "product" },
      captioned(text("convolution_patch"), patchGrid.element),
      captioned(text("convolution_products"), productGrid.element),
      captioned(text("convolution_sum"), sum)),
    told.element),
  html("div", { class: "toy-part stack" },
    html("h2", {}, text("convolution_large")), html("p", {}, text("convolution_large_about")), large.element));
change({});
connectAttempts({
  vertical: () => { takePicture("square"); takeKernel("vertical"); },
  horizontal: () => { takePicture("bars"); takeKernel("horizontal"); },
  blur: () => { takePicture("seven"); takeKernel("blur"); },
  same: () => { change({ options: { stride: 1, padding: "same" } }); },
  stride: () => { change({ options: { stride: 2, padding: "same" } }); },
});
