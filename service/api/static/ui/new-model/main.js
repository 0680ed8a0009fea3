/** The form for a new model. One document holds its state; the form and the JSON are two ways to change it. */

import { get, post, url } from "../api.js";
import { embedded } from "../embedded.js";
import { showProblem } from "../problems.js";
import { text } from "../texts.js";
import { set, showLayers } from "./layers.js";
import { parameterField } from "../parameters.js";
import { previewSoon } from "./preview.js";

const field = (id) => document.getElementById(id);
const form = field("model");
const templates = new Map(embedded("templates").map((entry) => [entry.name, entry.model]));
const datasets = new Map(embedded("datasets").map((entry) => [entry.name, entry]));
const EMPTY = { name: "", task: "regression", input: { shape: [1] }, layers: [], optimizer: "adam", loss: "mean_squared_error", metrics: [] };
const OUTPUTS = {
  regression: { activation: undefined, loss: "mean_squared_error", metrics: [] },
  binary: { activation: "sigmoid", loss: "binary_crossentropy", metrics: ["accuracy"] },
  multiclass: { activation: "softmax", loss: "categorical_crossentropy", metrics: ["accuracy"] },
  multilabel: { activation: "sigmoid", loss: "binary_crossentropy", metrics: ["binary_accuracy"] },
};

const [layerTypes, optimizers, losses, metrics] = (
  await Promise.all(["layer", "optimizer", "loss", "metric"].map((kind) => get(`/v1/${kind}-types`)))
).map(({ items }) => new Map(items.map((item) => [item.type, item])));

let model = structuredClone(EMPTY);

function changed() {
  field("json").value = JSON.stringify(model, null, 2);
  previewSoon(() => model, form);
}

/* From the document to the form */

function showModel() {
  field("name").value = model.name;
  field("task").value = model.task;
  field("dataset").value = model.input?.dataset ?? "";
  field("shape").value = model.input?.shape?.join(", ") ?? "";
  field("shape").disabled = Boolean(model.input?.dataset);
  field("scaling").value = model.input?.scaling ?? "";
  field("loss").value = choose(field("loss"), model.loss);
  field("metrics").value = (model.metrics ?? []).map((metric) => (typeof metric === "string" ? metric : metric.type)).join(", ");
  showOptimizer();
  showLayers(field("layers"), model.layers, layerTypes, changed);
}

/** The option of a select for a name of Keras, in either spelling (`adam`, `Adam`), or for an object with a type. */
function choose(select, value) {
  const wanted = simplify(typeof value === "string" ? value : (value?.type ?? ""));
  return [...select.options].find((option) => simplify(option.value) === wanted)?.value ?? "";
}

const simplify = (name) => name.replace(/_/g, "").toLowerCase();

function showOptimizer() {
  const type = choose(field("optimizer"), model.optimizer);
  field("optimizer").value = type;
  const values = typeof model.optimizer === "string" ? {} : model.optimizer;
  field("optimizer-parameters").replaceChildren(
    ...(optimizers.get(type)?.parameters ?? []).slice(0, 4).map((parameter) =>
      parameterField(parameter, values[parameter.name], `#/optimizer/${parameter.name}`, (value) => {
        model.optimizer = { ...(typeof model.optimizer === "string" ? { type } : model.optimizer) };
        set(model.optimizer, parameter.name, value);
        changed();
      }),
    ),
  );
}

/* From the form to the document */

function readInput() {
  const dataset = field("dataset").value;
  field("shape").disabled = Boolean(dataset);
  const shape = field("shape").value.split(",").map((part) => part.trim()).filter(Boolean).map(Number);
  model.input = dataset ? { dataset } : { shape };
  set(model.input, "scaling", field("scaling").value || undefined);
}

/**
 * Layers to begin with: two hidden ones, which learn most tables well, and an output. Arrays with several axes are
 * flattened first. There is no suggestion for texts, and for several arrays, which need a graph.
 */
function suggestLayers({ kind, inputs }) {
  const [{ shape }] = inputs;
  if (inputs.some(({ type }) => type === "text") || (kind !== "table" && inputs.length > 1)) return [];
  const hidden = { type: "Dense", units: 64, activation: "relu" };
  const isFlat = kind === "table" || shape.length < 2;
  return [...(isFlat ? [] : [{ type: "Flatten" }]), { ...hidden }, { ...hidden }, { type: "Dense", units: 1 }];
}

/**
 * Suggest what suits the data: a name, the task by its target, an output with as many units as it has classes, and
 * layers if there are none yet.
 */
function suitDataset() {
  const dataset = datasets.get(field("dataset").value);
  if (!dataset?.target) return;
  const { target } = dataset;
  model.name ||= dataset.name;
  if (!model.layers.length) model.layers = suggestLayers(dataset);
  const classes = target.classes?.length ?? 0;
  model.task = { labels: "multilabel", number: "regression" }[target.type] ?? (classes === 2 ? "binary" : "multiclass");
  field("task").value = model.task;
  const numbers = target.shape?.[0] ?? 1;
  suitTask({ binary: 1, regression: numbers }[model.task] ?? classes);
}

function suitTask(units) {
  const { activation, loss, metrics: names } = OUTPUTS[model.task];
  Object.assign(model, { loss, metrics: names });
  const last = model.layers.at(-1);
  if (last?.type === "Dense") {
    set(last, "activation", activation);
    if (units) last.units = units;
  } else if (units) {
    model.layers.push({ type: "Dense", units, ...(activation && { activation }) });
  }
}

form.addEventListener("input", ({ target }) => {
  if (target.id === "name") model.name = target.value;
  else if (target.id === "shape" || target.id === "scaling") readInput();
  else if (target.id === "metrics") model.metrics = target.value.split(",").map((part) => part.trim()).filter(Boolean);
  else if (target.id === "loss") model.loss = target.value;
  else return;
  changed();
});
field("dataset").addEventListener("change", () => {
  readInput();
  suitDataset();
  showModel();
});
field("task").addEventListener("change", () => {
  model.task = field("task").value;
  suitTask();
  showModel();
});
field("optimizer").addEventListener("change", () => {
  model.optimizer = field("optimizer").value;
  showOptimizer();
  changed();
});
field("template").addEventListener("change", () => beginWith(field("template").value));
field("new-type").addEventListener("input", () => {
  field("about-type").textContent = layerTypes.get(field("new-type").value)?.description ?? "";
});
field("new-type").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  addLayer();
});
field("add").addEventListener("click", addLayer);

function addLayer() {
  const type = field("new-type").value.trim() || field("new-type").placeholder;
  if (!layerTypes.has(type)) {
    field("about-type").textContent = text("unknown_type", { type });
    return;
  }
  model.layers.push({ type });
  field("new-type").value = "";
  field("about-type").textContent = "";
  showLayers(field("layers"), model.layers, layerTypes, changed);
  field("layers").lastElementChild.querySelector("input, select, button")?.focus();
}

field("apply").addEventListener("click", () => {
  field("json-fault").textContent = "";
  try {
    model = { ...EMPTY, ...JSON.parse(field("json").value) };
    showModel();
  } catch (error) {
    field("json-fault").textContent = text("not_json", { reason: error.message });
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  field("making").textContent = text("making");
  try {
    const made = await post("/v1/models", model);
    location.assign(url(`/ui/models/${made.name}`));
  } catch (error) {
    showProblem(error, form);
  } finally {
    field("making").textContent = "";
  }
});

function beginWith(name) {
  const template = templates.get(name);
  const dataset = field("dataset").value;
  model = structuredClone({ ...EMPTY, ...template });
  model.name = "";
  // The template's own dataset may not exist here.
  if (dataset || model.input.dataset) model.input = dataset ? { dataset } : { shape: [1] };
  showModel();
}

/* The first view */

for (const [id, types] of [["optimizer", optimizers], ["loss", losses]]) {
  field(id).append(...[...types.keys()].map((type) => new Option(type)));
}
field("types").append(...[...layerTypes.values()].map(({ type, category }) => new Option(category, type)));
field("metric-types").append(...[...metrics.keys()].map((type) => new Option(type)));
beginWith(field("template").value);
if (field("dataset").value && !field("template").value) {
  suitDataset();
  showModel();
}
