/** The page of arrays: rank, shape and dtype; broadcasting; the dot product. */

import { NumpyError, broadcast, dot, filled, readLiteral, shapeOf, shown, sizeOf } from "./arrays_model.js";
import { connectAttempts, field, html, readout, readouts, sentence, slider } from "./controls.js";
import { NumberGrid } from "./grid.js";
import { printed } from "./printing.js";
import { text } from "../texts.js";

const LARGEST_DRAWN = 6;

const captioned = (words, ...children) => html("div", { class: "captioned" }, html("p", { class: "label mono" }, words), ...children);
const part = (heading, about, settings, drawings) =>
  html("section", { class: "toy-part stack" }, html("h2", {}, heading), html("div", { class: "toy-halves" },
    html("div", { class: "stack" }, html("p", {}, about), ...settings), html("div", { class: "stack" }, ...drawings)));

/** An array typed as Python, and what NumPy says about it. */
function literalPart() {
  const facts = { ndim: readout("ndim"), shape: readout("shape"), dtype: readout("dtype"), size: readout("size") };
  const printLabel = html("p", { class: "label mono" }, "print(a)");
  const print = html("pre", { tabindex: "0", role: "region", "aria-label": text("arrays_printed") });
  const fault = html("p", { class: "fault", role: "status" });
  const told = sentence();
  const input = field({ label: text("arrays_literal"), value: "", onInput: show });

  function refuse(words) {
    fault.textContent = words;
    print.hidden = true;
    printLabel.hidden = true;
    Object.values(facts).forEach((fact) => fact.set("–"));
    told.set(text("arrays_literal_refused"));
  }

  function show(source) {
    try {
      const { nested, dtype } = readLiteral(source);
      const shape = shapeOf(nested);
      const known = { ndim: shape.length, shape: shown(shape), dtype, size: sizeOf(shape) };
      fault.textContent = "";
      print.hidden = false;
      printLabel.hidden = false;
      print.textContent = printed(nested, shape, dtype);
      for (const [key, fact] of Object.entries(facts)) fact.set(String(known[key]));
      told.set(text("arrays_literal_sentence", known));
    } catch (error) {
      if (error instanceof NumpyError) refuse(`ValueError: ${error.message}`);
      else if (error instanceof SyntaxError) {
        refuse(error.message ? text("arrays_unreadable", { rest: error.message }) : text("arrays_unfinished"));
      } else throw error;
    }
  }

  const set = (source) => { input.set(source); show(source); };
  set("[[5, 78, 2, 34, 0], [6, 79, 3, 35, 1], [7, 80, 4, 36, 2]]");
  const element = part(text("arrays_rank"), text("arrays_rank_about"), [input.element, fault], [
    readouts(...Object.values(facts)), printLabel, print, told.element,
  ]);
  return { element, set };
}

/** A shape typed as numbers with commas; null if it isn't one. */
function readShape(source) {
  const lengths = source.replace(/[()\s]/g, "").replace(/,$/, "");
  if (lengths === "") return [];
  const shape = lengths.split(",").map((word) => (/^\d{1,6}$/.test(word) ? Number(word) : null));
  return shape.includes(null) || shape.length > 5 ? null : shape;
}

/** An array of rank 0, 1 or 2 as rows of a matrix, repeated to a shape. */
function stretched(values, shape, target) {
  const [rows, columns] = [target.at(-2) ?? 1, target.at(-1) ?? 1];
  const [ownRows, ownColumns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const flat = [values].flat(Infinity);
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) => ({
    value: flat[(row % ownRows) * ownColumns + (column % ownColumns)], own: row < ownRows && column < ownColumns,
  })));
}

/** The rows of the table that compares two shapes axis by axis. */
function axisRows(axes) {
  const cell = (length) => html("td", { class: "number" }, length === null ? "–" : String(length));
  return axes.map(({ a, b, result }, index) => html("tr", { class: result === null ? "mismatch" : null },
    html("th", { scope: "row" }, text("arrays_axis", { axis: index })), cell(a), cell(b),
    html("td", { class: "number" }, result === null ? text("arrays_no_match") : String(result))));
}

/** Two shapes, what becomes of their axes, and the sum of two small arrays. */
function broadcastPart() {
  const grids = ["a", "b", "a + b"].map((name) => new NumberGrid({ label: name }));
  const table = html("tbody");
  const drawing = html("div", { class: "equation" },
    captioned("a", grids[0].element), html("span", { class: "sign", "aria-hidden": "true" }, "+"),
    captioned("b", grids[1].element), html("span", { class: "sign", "aria-hidden": "true" }, "="),
    captioned("a + b", grids[2].element));
  const fault = html("p", { class: "fault", role: "status" });
  const tooLarge = html("p", { class: "hint" }, text("arrays_not_drawn", { most: LARGEST_DRAWN }));
  const told = sentence();
  const sources = { a: "(3, 1)", b: "(4,)" };
  const inputs = Object.fromEntries(["a", "b"].map((name) => [name, field({
    label: text("arrays_shape_of", { name }), value: sources[name],
    onInput: (source) => { sources[name] = source; show(); },
  })]));

  function draw(a, b, shape) {
    const drawn = shape.length <= 2 && shape.every((length) => length >= 1 && length <= LARGEST_DRAWN);
    drawing.hidden = !drawn;
    tooLarge.hidden = drawn;
    if (!drawn) return;
    const left = stretched(filled(a, (index) => index), a, shape);
    const right = stretched(filled(b, (index) => 10 * (index + 1)), b, shape);
    const sums = left.map((line, row) => line.map(({ value }, column) => value + right[row][column].value));
    const show = (grid, cells, most) => grid.show(cells.map((line) => line.map(({ value }) => value)), {
      most, marked: (row, column) => (cells[row][column].own ? null : "copy"),
    });
    show(grids[0], left, 60);
    show(grids[1], right, 60);
    grids[2].show(sums, { most: 60 });
  }

  function show() {
    const [a, b] = [readShape(sources.a), readShape(sources.b)];
    if (!a || !b) {
      fault.textContent = text("arrays_not_a_shape");
      drawing.hidden = true;
      tooLarge.hidden = true;
      table.replaceChildren();
      told.set(fault.textContent);
      return;
    }
    const found = broadcast(a, b);
    table.replaceChildren(...axisRows(found.axes));
    fault.textContent = found.shape ? "" : `ValueError: ${found.error.trim()}`;
    drawing.hidden = true;
    tooLarge.hidden = true;
    if (found.shape) draw(a, b, found.shape);
    told.set(found.shape
      ? text("arrays_broadcast_sentence", { a: shown(a), b: shown(b), result: shown(found.shape) })
      : text("arrays_broadcast_refused", { a: shown(a), b: shown(b) }));
  }

  function set(a, b) {
    Object.assign(sources, { a, b });
    inputs.a.set(a);
    inputs.b.set(b);
    show();
  }
  show();
  const element = part(text("arrays_broadcasting"), text("arrays_broadcasting_about"),
    [html("div", { class: "fields" }, inputs.a.element, inputs.b.element), fault], [
      html("div", { class: "scroll" }, html("table", { class: "data" },
        html("thead", {}, html("tr", {}, ...[text("arrays_axis_heading"), "a", "b", "a + b"].map((words, index) =>
          html("th", { scope: "col", class: index ? "number" : null }, words)))), table)),
      drawing, tooLarge, told.element,
    ]);
  return { element, set };
}

/** Two matrices of sizes that can be set, and their dot product. */
function dotPart() {
  const sizes = { rows: 2, inner: 3, inner2: 3, columns: 2 };
  const grids = {
    a: new NumberGrid({ label: "a" }), b: new NumberGrid({ label: "b" }),
    result: new NumberGrid({
      label: "np.dot(a, b)", onPick: pick, onFocus: pick,
      describe: (row, column, value) => text("arrays_cell", { row: row + 1, column: column + 1, value }),
    }),
  };
  const captions = { a: html("span"), b: html("span"), result: html("span") };
  const resultPlace = captioned(captions.result, grids.result.element);
  const sum = html("p", { class: "sum number" });
  const fault = html("p", { class: "fault", role: "status" });
  const told = sentence();
  let chosen = [0, 0];

  const control = (name, label) => slider({
    label, min: 1, max: 4, value: sizes[name], format: String, onInput: (length) => { sizes[name] = length; show(); },
  });
  const sliders = {
    rows: control("rows", text("arrays_rows_of", { name: "a" })), inner: control("inner", text("arrays_columns_of", { name: "a" })),
    inner2: control("inner2", text("arrays_rows_of", { name: "b" })), columns: control("columns", text("arrays_columns_of", { name: "b" })),
  };

  function pick(row, column) {
    chosen = [row, column];
    show();
  }

  function show() {
    const a = filled([sizes.rows, sizes.inner], (index) => ((index * 3) % 5) + 1);
    const b = filled([sizes.inner2, sizes.columns], (index) => ((index * 2) % 7) - 2);
    chosen = [Math.min(chosen[0], sizes.rows - 1), Math.min(chosen[1], sizes.columns - 1)];
    const [row, column] = chosen;
    grids.a.show(a, { format: minus, marked: (y) => (y === row ? "window" : null) });
    grids.b.show(b, { format: minus, marked: (_, x) => (x === column ? "window" : null) });
    captions.a.textContent = `a ${shown(shapeOf(a))}`;
    captions.b.textContent = `b ${shown(shapeOf(b))}`;
    try {
      const product = dot(a, b);
      const terms = a[row].map((value, index) => `${value} · ${b[index][column] < 0 ? `(−${-b[index][column]})` : b[index][column]}`);
      const total = String(product[row][column]).replace("-", "−");
      grids.result.show(product, { most: 40, marked: (y, x) => (y === row && x === column ? "window" : null), format: minus });
      captions.result.textContent = `np.dot(a, b) ${shown(shapeOf(product))}`;
      resultPlace.hidden = false;
      fault.textContent = "";
      sum.textContent = `${terms.join(" + ")} = ${total}`;
      told.set(text("arrays_dot_sentence", { row: row + 1, column: column + 1, total }));
    } catch (error) {
      if (!(error instanceof NumpyError)) throw error;
      resultPlace.hidden = true;
      fault.textContent = `ValueError: ${error.message}`;
      sum.textContent = "";
      told.set(text("arrays_dot_refused"));
    }
  }

  function set(changed) {
    Object.assign(sizes, changed);
    for (const [name, control] of Object.entries(sliders)) control.set(sizes[name]);
    show();
  }
  show();
  const element = part(text("arrays_dot"), text("arrays_dot_about"),
    [html("div", { class: "fields two" }, ...Object.values(sliders).map((control) => control.element)), fault], [
      html("div", { class: "equation" },
        captioned(captions.a, grids.a.element), html("span", { class: "sign", "aria-hidden": "true" }, "·"),
        captioned(captions.b, grids.b.element), html("span", { class: "sign", "aria-hidden": "true" }, "="), resultPlace),
      sum, told.element,
    ]);
  return { element, set };
}

const minus = (value) => String(value).replace("-", "−");

const literal = literalPart();
const broadcasting = broadcastPart();
const product = dotPart();
document.getElementById("toy").append(literal.element, broadcasting.element, product.element);

const showIn = (part, ...values) => {
  part.set(...values);
  return part.element;
};
connectAttempts({
  float: () => showIn(literal, "[1, 2.5, 4]"),
  ragged: () => showIn(literal, "[[1, 2], [3]]"),
  bias: () => showIn(broadcasting, "(3, 4)", "(4,)"),
  mismatch: () => showIn(broadcasting, "(3, 4)", "(3,)"),
  dense: () => showIn(product, { rows: 3, inner: 4, inner2: 4, columns: 2 }),
});
