/** Draws the network neuron by neuron: a small picture of each one's output, and its weights as lines. */

import { text } from "../texts.js";
import { css, drawNeuron, prepare } from "./plot.js";
import { HIDDEN, MOST_UNITS } from "./state.js";

/** The largest width of a line, and the weight from which lines grow no wider. */
const WIDEST = 6;
const LARGE = 3;

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

export class Diagram {
  /**
   * @param {HTMLElement} root
   * @param {{onLayers: (layers) => void, onNeuron: (neuron: [number, number]|null) => void}} handlers
   */
  constructor(root, handlers) {
    this.lines = element("canvas", { className: "diagram-lines" });
    this.lines.setAttribute("aria-hidden", "true");
    this.columns = element("div", { className: "diagram-columns" });
    root.replaceChildren(this.lines, this.columns);
    this.handlers = handlers;
    this.pinned = null;
    this.built = "";
  }

  /**
   * Build the columns, unless they are as they were.
   * @param {{units: number, activation: string}[]} hidden the layers that can be changed
   * @param {string[]} inputs @param {string[]} outputs their names
   */
  build(hidden, inputs, outputs) {
    const form = JSON.stringify([hidden, inputs, outputs]);
    if (form === this.built) return;
    this.built = form;
    const focused = document.activeElement?.dataset?.control;
    this.hidden = hidden;
    this.nodes = [
      inputs.map((name) => this.#node("input", name)),
      ...hidden.map((layer, at) => Array.from({ length: layer.units }, (_, unit) => this.#neuron(at, unit))),
      outputs.map((name, unit) => this.#neuron(hidden.length, unit, name)),
    ];
    const heads = [this.#head(text("inputs")), ...hidden.map((layer, at) => this.#controls(layer, at)), this.#head(text("outputs"))];
    this.columns.replaceChildren(
      ...this.nodes.map((nodes, at) => element("div", { className: "diagram-column" }, heads[at], ...nodes)),
    );
    if (focused) this.columns.querySelector(`[data-control="${focused}"]`)?.focus();
    this.pinned = null;
    this.handlers.onNeuron(null);
  }

  #head = (words) => element("p", { className: "diagram-head", textContent: words });

  #controls(layer, at) {
    const number = at + 1;
    const change = (changes) => {
      const layers = this.hidden.map((one, index) => (index === at ? { ...one, ...changes } : one));
      this.handlers.onLayers(layers);
    };
    const button = (step, label, sign) => {
      const made = element("button", { type: "button", className: "button quiet", textContent: sign });
      made.setAttribute("aria-label", label);
      made.dataset.control = `${sign}${at}`;
      made.disabled = layer.units + step < 1 || layer.units + step > MOST_UNITS;
      made.addEventListener("click", () => change({ units: layer.units + step }));
      return made;
    };
    const select = element("select", {}, ...HIDDEN.map((name) => new Option(name, name, false, name === layer.activation)));
    select.setAttribute("aria-label", text("activation_of", { number }));
    select.dataset.control = `activation-${at}`;
    select.addEventListener("change", () => change({ activation: select.value }));
    const count = element("span", { className: "number", textContent: layer.units });
    const units = element("div", { className: "diagram-units" }, button(-1, text("fewer", { number }), "−"), count, button(1, text("more_neurons", { number }), "+"));
    return element("div", { className: "diagram-head" }, units, select);
  }

  #node(kind, name) {
    const canvas = element("canvas", { className: "diagram-picture" });
    const label = element("span", { className: "diagram-name", textContent: name });
    const node = element("div", { className: `diagram-node ${kind}` }, canvas, label);
    return Object.assign(node, { picture: canvas });
  }

  #neuron(layer, unit, name = "") {
    const node = element("button", { type: "button", className: "diagram-node neuron" });
    node.picture = element("canvas", { className: "diagram-picture" });
    node.append(node.picture, ...(name ? [element("span", { className: "diagram-name", textContent: name })] : []));
    const label = name ? text("output_neuron", { name }) : text("hidden_neuron", { layer: layer + 1, neuron: unit + 1 });
    node.setAttribute("aria-label", label);
    node.setAttribute("aria-pressed", "false");
    const pick = (neuron) => this.handlers.onNeuron(neuron ?? this.pinned);
    node.addEventListener("pointerenter", () => pick([layer, unit]));
    node.addEventListener("pointerleave", () => pick(null));
    node.addEventListener("click", () => {
      const isPinned = node.getAttribute("aria-pressed") === "true";
      this.columns.querySelectorAll("[aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false"));
      node.setAttribute("aria-pressed", String(!isPinned));
      this.pinned = isPinned ? null : [layer, unit];
      pick(null);
    });
    return node;
  }

  /**
   * @param {object[]|null} layers as of `readLayers`; null: not trained
   * @param {Float32Array[]} inputs the small grid
   * @param {Float32Array[][]|null} outputs of all neurons on it
   */
  draw(layers, inputs, outputs, theme, task) {
    this.nodes.forEach((nodes, column) => {
      nodes.forEach((node, at) => drawNeuron(node.picture, column ? outputs?.[column - 1]?.[at] : inputs[at], theme, task));
    });
    this.#drawLines(layers, theme);
  }

  #drawLines(layers, theme) {
    const { context } = prepare(this.lines);
    const origin = this.lines.getBoundingClientRect();
    const places = this.nodes.map((nodes) =>
      nodes.map((node) => {
        const box = node.picture.getBoundingClientRect();
        return { left: box.left - origin.left, right: box.right - origin.left, y: box.top + box.height / 2 - origin.top };
      }),
    );
    for (let column = 1; column < places.length; column++) {
      const layer = layers?.[column - 1];
      places[column - 1].forEach((from, input) => {
        places[column].forEach((to, unit) => {
          const weight = layer ? layer.kernel[input * layer.units + unit] : 0;
          const share = Math.min(1, Math.abs(weight) / LARGE);
          context.strokeStyle = layer ? css(weight < 0 ? theme.low : theme.high, 0.25 + 0.75 * share) : css(theme.line);
          context.lineWidth = layer ? 0.5 + WIDEST * share : 1;
          const middle = (from.right + to.left) / 2;
          context.beginPath();
          context.moveTo(from.right, from.y);
          context.bezierCurveTo(middle, from.y, middle, to.y, to.left, to.y);
          context.stroke();
        });
      });
    }
  }
}
