/** The rows of a state: computed by a source, entered by hand, or two columns of a dataset. */

import { get, post } from "../api.js";
import { embedded } from "../embedded.js";
import { generated, inline, isGenerated } from "./documents.js";
import { fitScale } from "./network.js";
import { Invalid, MOST_CLASSES, taskOf } from "./state.js";

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
