/** The page of activation functions: a function, its derivative, and softmax. */

import { FUNCTIONS, softmax } from "./activation_functions.js";
import { choice, connectAttempts, html, readout, readouts, sentence, slider } from "./controls.js";
import { decimal, significant } from "./numbers.js";
import { Plot } from "./plot.js";
import { text } from "../texts.js";

const LAYERS = 5;
const TANGENT = 1.2;
const state = { name: "relu", x: 1 };
const places = { value: html("div"), derivative: html("div") };

const current = () => FUNCTIONS[state.name];

const plots = [
  new Plot(places.value, {
    label: text("activations_value_plot"), x: [-6, 6], y: [-2, 4], xLabel: "x", yLabel: text("activations_f"), height: 300,
    draw(drawing) {
      const [value, slope] = [current().value(state.x), current().derivative(state.x)];
      drawing.curve(current().value, "curve-a");
      const reach = TANGENT / Math.hypot(1, slope);
      drawing.line([-reach, reach].map((step) => [state.x + step, value + slope * step]), "tangent");
      drawing.line([[state.x, 0], [state.x, value]], "residual");
      drawing.dot([state.x, value], "dot-b", 7);
    },
  }),
  new Plot(places.derivative, {
    label: text("activations_derivative_plot"), x: [-6, 6], y: [-0.4, 2], xLabel: "x", yLabel: text("activations_slope"),
    height: 220,
    draw(drawing) {
      drawing.curve(current().derivative, "curve-c", current().corners);
      drawing.dot([state.x, current().derivative(state.x)], "dot-b", 7);
    },
  }),
];

const readings = {
  value: readout(text("activations_f")), slope: readout(text("activations_slope")),
  product: readout(text("activations_product", { layers: LAYERS })),
};
const about = html("p", { class: "about" });
const told = sentence();

const names = choice({
  label: text("activations_function"), value: state.name, options: Object.keys(FUNCTIONS).map((name) => [name, name]),
  onChange: (name) => change({ name }),
});
const input = slider({
  label: text("activations_x"), min: -6, max: 6, step: 0.1, value: state.x, format: (value) => decimal(value, 1),
  onInput: (x) => change({ x }),
});

function change(changed) {
  Object.assign(state, changed);
  names.set(state.name);
  input.set(state.x);
  plots.forEach((plot) => plot.refresh());
  const found = {
    name: state.name, x: decimal(state.x, 1), value: significant(current().value(state.x)),
    slope: significant(current().derivative(state.x)), product: significant(current().derivative(state.x) ** LAYERS),
    layers: LAYERS,
  };
  for (const [key, reading] of Object.entries(readings)) reading.set(found[key]);
  about.textContent = text(`activations_about_${state.name}`);
  told.set(text("activations_sentence", found));
}

const logits = [2, 1, 0];
const bars = logits.map(() => ({ bar: html("div", { class: "bar" }), share: html("span", { class: "number" }) }));
const softmaxTold = sentence();
const logitSliders = logits.map((value, index) => slider({
  label: text("activations_logit", { number: index + 1 }), min: -5, max: 5, step: 0.1, value,
  format: (logit) => decimal(logit, 1), onInput: (logit) => changeLogits(logits.with(index, logit)),
}));

function changeLogits(changed) {
  logits.splice(0, logits.length, ...changed);
  const shares = softmax(logits);
  shares.forEach((share, index) => {
    logitSliders[index].set(logits[index]);
    bars[index].bar.style.inlineSize = `${100 * share}%`;
    bars[index].share.textContent = `${decimal(100 * share, 1)} %`;
  });
  softmaxTold.set(text("activations_softmax_sentence", {
    shares: shares.map((share) => `${decimal(100 * share, 1)} %`).join(", "),
  }));
}

const softmaxPart = html("div", { class: "toy-part stack" },
  html("h2", {}, text("activations_softmax")), html("p", {}, text("activations_softmax_about")),
  html("div", { class: "softmax" }, ...logitSliders.flatMap((part, index) => [
    part.element, html("div", { class: "bar-row" }, html("div", { class: "bar-ground" }, bars[index].bar), bars[index].share),
  ])),
  softmaxTold.element);

document.getElementById("toy").append(
  html("div", { class: "toy-scene" },
    html("div", { class: "toy-drawings" }, places.value),
    html("div", { class: "toy-controls stack" }, names.element, about, input.element, readouts(...Object.values(readings)), told.element),
    html("div", { class: "toy-drawings" }, places.derivative)),
  softmaxPart);
change({});
changeLogits(logits);
connectAttempts({
  relu: () => change({ name: "relu", x: -2 }),
  sigmoid: () => change({ name: "sigmoid", x: 5 }),
  tanh: () => change({ name: "tanh", x: 0 }),
  softmax: () => {
    changeLogits([5, 4, 3]);
    return softmaxPart;
  },
});
