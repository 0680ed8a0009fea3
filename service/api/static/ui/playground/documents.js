/** What the page posts to the API: the dataset, the model and the training job of a state. */

import { classesOf, modelTask, taskOf } from "./state.js";

/** By this metadata, the page finds all that it made. */
export const MADE = { made_by: "playground" };
/** So many snapshots of a job are kept at most. */
const MOST_SNAPSHOTS = 500;

/** The parameters of each source, from the state. */
const PARAMETERS = {
  circles: ({ samples, noise, dataSeed }) => ({ samples, noise, factor: 0.5, seed: dataSeed }),
  moons: ({ samples, noise, dataSeed }) => ({ samples, noise, seed: dataSeed }),
  xor: ({ samples, noise, dataSeed }) => ({ samples, noise, seed: dataSeed }),
  spirals: ({ samples, noise, dataSeed, classes }) => ({ samples, classes, turns: 1, noise, seed: dataSeed }),
  blobs: ({ samples, noise, dataSeed, classes }) => ({ samples, classes, features: 2, spread: noise, seed: dataSeed }),
  line: ({ samples, noise, dataSeed }) => ({ samples, slope: 2, intercept: -1, noise, seed: dataSeed }),
  sine: ({ samples, noise, dataSeed }) => ({ samples, cycles: 1, amplitude: 1, noise, seed: dataSeed }),
};

/** Whether a source computes its rows. */
export const isGenerated = (source) => source in PARAMETERS;

const splitOf = (state) => ({ validation: state.validation, test: 0, seed: state.dataSeed });

/** The document of a generated source without its name. */
export const generated = (state) => ({
  source: state.source,
  parameters: PARAMETERS[state.source](state),
  split: splitOf(state),
});

/**
 * The document of rows without its name.
 * @param {{inputs: number[], target: number}[]} rows
 */
export const inline = (state, rows) => ({
  source: "inline",
  inputs: rows.map((row) => row.inputs),
  targets: rows.map((row) => (taskOf(state) === "classes" ? row.target : [row.target])),
  split: splitOf(state),
});

const optimizerOf = ({ optimizer, rate }) =>
  optimizer === "Momentum" ? { type: "SGD", learning_rate: rate, momentum: 0.9 } : { type: optimizer, learning_rate: rate };

function outputOf(state, found) {
  if (taskOf(state) !== "classes") return { type: "Dense", units: 1 };
  const classes = classesOf(state, found);
  if (classes > 2) return { type: "Dense", units: classes, activation: "softmax" };
  return { type: "Dense", units: 1, activation: "sigmoid" };
}

/** The model's document without its name. `found`: the number of classes of the data. */
function modelOf(state, found) {
  const task = modelTask(state, found);
  const hidden = state.layers.map(({ units, activation }) => ({ type: "Dense", units, activation }));
  const regression = task === "regression";
  return {
    task,
    input: { shape: [taskOf(state) === "curve" ? 1 : 2], scaling: state.scaling ? "standard" : "none" },
    ...(regression && { target: { scaling: state.scaling ? "standard" : "none" } }),
    layers: [...hidden, outputOf(state, found)],
    optimizer: optimizerOf(state),
    loss: state.loss,
    metrics: [regression ? "mean_absolute_error" : "accuracy"],
  };
}

/**
 * Two 32-bit FNV-1a hashes of a text, from different bases, as 16 digits. Not for security: pages on a host of the
 * local network have no `crypto.subtle`.
 */
function hash(words) {
  const from = (basis) => {
    let value = basis;
    for (let at = 0; at < words.length; at++) value = Math.imul(value ^ words.charCodeAt(at), 0x01000193);
    return (value >>> 0).toString(16).padStart(8, "0");
  };
  return from(0x811c9dc5) + from(0x3c6ef372);
}

const named = (document) => {
  const content = hash(JSON.stringify(document));
  return { name: `playground-${content}`, ...document, metadata: { ...MADE, content } };
};

/**
 * Everything that a training needs. The names are hashes of the content: the same state uses the same resources.
 * @param {object} dataset as of `generated` or `inline`
 * @param {number} found the number of classes of the data
 */
export function documents(state, dataset, found) {
  const data = named(dataset);
  const model = named(modelOf(state, found));
  return { dataset: data, model, training_job: jobOf(state, model.name, data.name, state.epochs) };
}

const jobOf = ({ batch, seed }, model, dataset, epochs) => ({
  model,
  dataset,
  epochs,
  batch_size: batch,
  seed,
  snapshots: { every: Math.ceil(epochs / MOST_SNAPSHOTS), keep: MOST_SNAPSHOTS },
  metadata: MADE,
});

/**
 * A job that continues at an epoch of another one, whose model it trains, with the optimizer as it is set now.
 * @param {{model: string, id: string}} parent
 */
export const continued = (state, dataset, parent, epoch, epochs) => ({
  ...jobOf(state, parent.model, named(dataset).name, epochs),
  optimizer: optimizerOf(state),
  start_from: { training_job: parent.id, epoch },
});

/** The part of a model that a continued training can't change, as text for comparisons. */
export const architecture = ({ task, input, layers, loss, target = null }) =>
  JSON.stringify([
    task,
    input.shape,
    input.scaling,
    layers.map(({ units, activation }) => [units, activation ?? "linear"]),
    loss,
    target?.scaling ?? "none",
  ]);

/** The fields of the form that the parts of a document come from, by the start of their pointers. */
const POINTERS = {
  dataset: { parameters: null, split: "validation", inputs: "points", targets: "points" },
  model: { optimizer: "rate", loss: "loss", layers: "layers", input: "layers", target: "scaling" },
  training_job: {
    epochs: "epochs", batch_size: "batch", seed: "seed", optimizer: "rate", learning_rate: "rate", dataset: "source", model: "layers",
  },
};
const PARAMETER_FIELDS = { samples: "samples", noise: "noise", spread: "noise", classes: "classes", seed: "dataSeed" };

/** The name of the field that a fault's pointer concerns; null: none. */
export function fieldOf(kind, pointer = "") {
  const [first, second] = pointer.replace(/^#\//, "").split("/");
  if (kind === "dataset" && first === "parameters") return PARAMETER_FIELDS[second] ?? null;
  return POINTERS[kind]?.[first] ?? null;
}
