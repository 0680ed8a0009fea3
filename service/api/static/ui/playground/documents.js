/** What a state stands for in the API: its dataset with its rows, its model, and its training job. */

import { get, post } from "../api.js";
import { embedded } from "../embedded.js";
import { fitScale } from "./network.js";
import { classesOf, Invalid, modelTask, MOST_CLASSES, taskOf } from "./state.js";

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
const isGenerated = (source) => source in PARAMETERS;

const splitOf = (state) => ({ validation: state.validation, test: 0, seed: state.dataSeed });

/** The document of a generated source without its name. */
const generated = (state) => ({
  source: state.source,
  parameters: PARAMETERS[state.source](state),
  split: splitOf(state),
});

/**
 * The document of rows without its name.
 * @param {{inputs: number[], target: number}[]} rows
 */
const inline = (state, rows) => ({
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

// The rows of the dataset

/** So many rows of an own dataset are used. */
export const MOST_OWN = 500;
const PAGE = 100;
const CLASS_TYPES = ["category", "boolean"];

/** What has been read: the answers for documents of generated sources, and the rows of own datasets. */
const known = new Map();

function once(key, load) {
  if (!known.has(key)) {
    known.set(key, load());
    known.get(key).catch(() => known.delete(key));
  }
  return known.get(key);
}

/**
 * @typedef {{inputs: number[], target: number, validation: boolean, base: number|null}} Row `base` is the row's index
 * in the source's rows; null if it was added
 * @typedef {{rows: Row[], labels: any[], document: object, left: {used: number, of: number, dropped: number}|null,
 *   axes: string[]}} Data `labels` are the classes; `left` says which rows of an own dataset aren't used
 */

/**
 * @returns {Promise<Data>}
 * @throws {Problem} of the API
 * @throws {Invalid} if the state names no data that can be used
 */
export async function loadData(state) {
  const base = await baseOf(state);
  const isEdited = state.added.length || state.removed.length;
  if (isGenerated(state.source) && !isEdited) return { ...base, document: generated(state) };
  const removed = new Set(state.removed);
  const rows = [
    ...base.rows.filter((row) => !removed.has(row.base)),
    ...state.added.map((point) => ({ inputs: point.slice(0, -1), target: point.at(-1), base: null })),
  ];
  const document = inline(state, rows);
  const labels = labelsOf(state, base.labels, rows);
  const validation = rows.length && state.validation ? await validationOf(document) : new Set();
  return { ...base, labels, document, rows: rows.map((row, index) => ({ ...row, validation: validation.has(index) })) };
}

function labelsOf(state, labels, rows) {
  if (taskOf(state) !== "classes") return [];
  const count = Math.max(2, labels.length, ...rows.map((row) => row.target + 1));
  return Array.from({ length: count }, (_, index) => labels[index] ?? index);
}

async function baseOf(state) {
  if (state.source === "points") return { rows: [], labels: [], left: null, axes: [] };
  if (state.source === "own") return readColumns(state);
  const answer = await draft(generated(state));
  const validation = new Set(answer.validation);
  const rows = answer.inputs.map((inputs, index) => ({
    inputs, target: answer.targets[index], validation: validation.has(index), base: index,
  }));
  const labels = taskOf(state) === "classes" ? [...new Set(answer.targets)].sort((one, other) => one - other) : [];
  return { rows, labels, left: null, axes: [] };
}

/** The rows that the API would make of a dataset's document, and which of them are for validation. */
const draft = (document) => once(JSON.stringify(document), () => post(embedded("playground").rows, document));

const validationOf = async (document) => new Set((await draft(document)).validation);

/** The datasets of a person that have two columns of numbers or more. */
export async function ownDatasets() {
  const { items } = await get("/v1/datasets?status=ready&kind=table&limit=100");
  return items.filter((item) => columnsOf(item).length > 0);
}

/** The columns of numbers of a dataset. */
export const columnsOf = (dataset) => dataset.inputs.filter((column) => column.type === "number").map(({ name }) => name);

/** What columns of a dataset can be the target, with the task that each gives. */
export const targetsOf = (dataset) => [dataset.target.name, ...columnsOf(dataset)];

async function readColumns(state) {
  if (!state.dataset || !state.across || !state.target) throw new Invalid("own");
  const dataset = await once(`dataset ${state.dataset}`, () => get(`/v1/datasets/${encodeURIComponent(state.dataset)}`));
  const all = await once(`rows ${state.dataset}`, () => readRows(dataset));
  const names = [state.across, ...(taskOf(state) === "curve" ? [] : [state.up])];
  const isClass = taskOf(state) === "classes";
  const chosen = all.map((row) => [...names.map((name) => row.instance[name]), targetIn(row, state.target, dataset)]);
  const whole = chosen.filter((row) => row.slice(0, -1).every(Number.isFinite) && row.at(-1) !== null && row.at(-1) !== undefined);
  const labels = isClass ? [...new Set(whole.map((row) => row.at(-1)))].sort() : [];
  if (labels.length > MOST_CLASSES) throw new Invalid("classes", { count: labels.length, most: MOST_CLASSES });
  const rows = whole.map((row, base) => ({
    inputs: row.slice(0, -1), target: isClass ? labels.indexOf(row.at(-1)) : Number(row.at(-1)), validation: false, base,
  }));
  if (!rows.length) throw new Invalid("no_rows");
  const left = { used: rows.length, of: dataset.rows, dropped: all.length - rows.length };
  return { rows, labels, left, axes: [...names, state.target] };
}

const targetIn = (row, name, dataset) => (name === dataset.target.name ? row.target : row.instance[name]);

/** Whether a column gives classes. */
export const hasClasses = (dataset, name) => name === dataset.target.name && CLASS_TYPES.includes(dataset.target.type);

async function readRows(dataset) {
  const rows = [];
  let next = `${dataset.links.rows}?limit=${PAGE}`;
  while (next && rows.length < MOST_OWN) {
    const page = await get(next);
    rows.push(...page.items);
    next = page.next;
  }
  return rows.slice(0, MOST_OWN);
}

/** The scale of the training rows: of each input, and of the target if it is a number. */
export const scaleOf = (rows, task) => {
  const learned = rows.filter((row) => !row.validation);
  return {
    inputs: learned[0].inputs.map((_, at) => fitScale(learned.map((row) => row.inputs[at]))),
    target: task === "classes" ? null : fitScale(learned.map((row) => row.target)),
  };
};

/** The same for a dataset that is no longer the page's. */
export async function scaleOfDataset(name, task) {
  const rows = [];
  let next = `/v1/datasets/${name}/rows?split=train&limit=${PAGE}`;
  while (next) {
    const page = await get(next);
    rows.push(...page.items.map(({ instance, target }) => ({ inputs: instance, target: [target].flat()[0] })));
    next = page.next;
  }
  return scaleOf(rows, task);
}
