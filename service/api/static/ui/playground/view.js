/** What the page shows of its state: the fields and their faults, the tools for points, buttons, figures, sentences. */

import { Problem } from "../api.js";
import { embedded } from "../embedded.js";
import { text } from "../texts.js";
import { fieldOf, MOST_OWN } from "./documents.js";
import { colourOf } from "./plot.js";
import { Invalid, LOSSES, modelTask, MOST_LAYERS, preset, readField, taskOf, write } from "./state.js";

export const settings = embedded("playground");
export const element = (id) => document.getElementById(id);
const shownNumber = (value) => (Number.isFinite(value) ? Number(value.toPrecision(3)).toString() : "–");
const find = (selector, root = document) => root.querySelector(selector);
const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

/** What a person reads about a value that can't be used, or about an error of the API. */
export const explain = (error) => {
  if (error instanceof Invalid) return text(`fault_${error.reason}`, error.values);
  return error.problem?.detail ?? error.message;
};

export class Controls {
  /** @param {(changes: object) => void} onChange called with the values of the state that a person changed */
  constructor(onChange) {
    this.fields = new Map(findAll("[data-field]").map((element) => [element.dataset.field, element]));
    for (const [name, element] of this.fields) {
      if (element.dataset.own !== undefined) continue;
      this.#input(element)?.addEventListener("change", (event) => this.#changed(name, event.target, onChange));
    }
  }

  #input = (element) => find("input, select", element);

  #changed(name, input, onChange) {
    try {
      const value = readField(name, input.type === "checkbox" ? input.checked : input.value);
      this.setFault(name, null);
      onChange({ [name]: value });
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      this.setFault(name, explain(error));
    }
  }

  /** Show a fault at its field; null: none. Returns whether the field is on the page, so that the fault is seen. */
  setFault(name, words) {
    const element = this.fields.get(name);
    if (!element) return false;
    const fault = find(".fault", element);
    fault.textContent = words ?? "";
    const input = this.#input(element);
    if (words) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
    return !element.hidden;
  }

  /** Show why the API refused a document (`kind`): at the fields that it is about, or above everything else. */
  showRefusal(kind, problem) {
    const faults = problem.faults.length ? problem.faults : [{ detail: problem.message }];
    for (const { pointer, detail } of faults) {
      const field = fieldOf(kind, pointer);
      if (!field || !this.setFault(field, detail)) notify("error", detail);
    }
  }

  clearFaults() {
    for (const name of this.fields.keys()) this.setFault(name, null);
  }

  /** Show the values of a state, and only the fields that matter for it. */
  show(state, labels) {
    const losses = LOSSES[modelTask(state, labels.length)];
    fill(find("#field-loss"), losses.map((name) => [name, name]));
    for (const [name, element] of this.fields) {
      const input = this.#input(element);
      if (!input || !(name in state) || element.dataset.own !== undefined) continue;
      if (input.type === "checkbox") input.checked = state[name];
      else if (document.activeElement !== input || input.value === "") input.value = state[name];
    }
    const task = taskOf(state);
    for (const element of findAll("[data-sources]")) element.hidden = !element.dataset.sources.split(" ").includes(state.source);
    for (const element of findAll("[data-tasks]")) element.hidden = !element.dataset.tasks.split(" ").includes(task);
    document.documentElement.toggleAttribute("data-projected", state.projected);
  }
}

/** Give a select its choices, [value, label] each, and keep what is chosen if it can be. */
export function fill(select, choices) {
  const before = select.value;
  if (JSON.stringify(choices) === select.dataset.choices) return;
  select.dataset.choices = JSON.stringify(choices);
  select.replaceChildren(...choices.map(([value, label]) => new Option(label, value)));
  if (choices.some(([value]) => value === before)) select.value = before;
}

/** The tools with which points are added: a pen per class, and an eraser. */
export class Pens {
  constructor(root) {
    this.root = root;
  }

  /** @param {any[]} labels of the classes; empty: points have numbers */
  show(labels, task) {
    const pens = task === "classes" ? labels.map((label, index) => [index, text("pen", { label })]) : [[0, text("pen_point")]];
    const form = JSON.stringify(pens);
    if (this.root.dataset.form === form) return;
    this.root.dataset.form = form;
    const all = [...pens, ["erase", text("erase")]];
    this.root.replaceChildren(...all.map(([value, label], at) => this.#pen(value, label, at === 0, task === "classes" ? colourOf(at, labels.length) : at)));
    fill(find("#point-class"), labels.map((label, index) => [String(index), String(label)]));
  }

  #pen(value, label, checked, colour) {
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "pen", value, checked });
    const made = document.createElement("label");
    made.className = "pen";
    made.dataset.pen = value;
    made.style.setProperty("--swatch", `var(--class-${colour + 1})`);
    made.append(input, document.createElement("span"), label);
    return made;
  }

  /** The number of a class, or `erase`. */
  get chosen() {
    const { value } = find("input:checked", this.root);
    return value === "erase" ? value : Number(value);
  }
}

/** Show a sentence above everything else. */
export function notify(kind, words) {
  const notice = Object.assign(document.createElement("p"), { className: "notice", textContent: words });
  notice.dataset.kind = kind;
  element("notices").append(notice);
}

/** Say which buttons can be used. */
export function showButtons(app) {
  const { state, training, player } = app;
  const can = (id, possible) => (element(id).disabled = !possible);
  can("train", settings.may_train && !app.isBusy && !app.loading && app.data.rows.length > 0);
  can("go-on", app.canContinue);
  can("pause", training.job !== null);
  can("stop", training.isActive);
  can("back", player.epoch > 1);
  can("step", player.epoch > 0 && (player.epoch < training.length || app.canContinue));
  can("undo", app.history.length > 0);
  can("add-layer", state.layers.length < MOST_LAYERS);
  can("remove-layer", state.layers.length > 0);
  element("pause").textContent = app.isPlaying ? text("pause") : text("play");
  element("project").setAttribute("aria-pressed", String(state.projected));
  const wanted = write({ ...state, job: "", epoch: 0, projected: false });
  for (const button of app.root.querySelectorAll("[data-preset]")) {
    button.setAttribute("aria-pressed", String(write(preset(button.dataset.preset)) === wanted));
  }
}

/** Say how many rows there are, and name what the pictures show. */
export function showData(app) {
  const { rows, left, labels } = app.data;
  const validation = rows.filter((row) => row.validation).length;
  const notes = [text("note_rows", { train: rows.length - validation, validation })];
  if (left && left.used < left.of) notes.push(text("note_own", { ...left, most: MOST_OWN }));
  if (left?.dropped) notes.push(text("note_dropped", left));
  element("data-note").textContent = notes.join(" ");
  const task = taskOf(app.state);
  const names = app.data.axes.length ? app.data.axes : ["x", "y", "y"];
  app.diagram.build(
    app.state.layers,
    names.slice(0, task === "curve" ? 1 : 2),
    task === "classes" && labels.length > 2 ? labels.map(String) : [task === "classes" ? text("class_") : names.at(-1)],
  );
  element("plot").setAttribute("aria-label", text(`plot_${task}`, { count: rows.length }));
  element("legend").replaceChildren(...legendOf(task, labels, app.range));
}

function legendOf(task, labels, range) {
  const item = (words, members) => {
    const made = Object.assign(document.createElement("li"), { textContent: words, className: members.kind ?? "" });
    if (members.colour) made.style.setProperty("--swatch", `var(--class-${members.colour})`);
    return made;
  };
  if (task === "surface") {
    return [item(text("legend_number", { least: shownNumber(range[0]), most: shownNumber(range[1]) }), { kind: "range" })];
  }
  return labels.map((label, at) => item(text("legend_class", { label }), { colour: colourOf(at, labels.length) + 1 }));
}

/** The network as an equation, if it is a single neuron that takes one number. */
function showEquation({ layers, network }) {
  const [{ kernel, bias, inputs, activation } = {}] = layers ?? [];
  const isLine = layers?.length === 1 && inputs === 1 && activation === "linear" && !network.scale.target;
  const [slope, intercept] = isLine ? [kernel[0], bias[0]].map((value) => value.toFixed(3).replace("-", "−")) : [];
  element("equation").textContent = isLine ? text("equation", { slope, intercept }) : "";
}

/** Show the epoch and its metrics. */
export function showFigures(app) {
  showEquation(app);
  const { training, player } = app;
  const now = training.epochs[player.epoch - 1];
  const slider = element("epoch");
  Object.assign(slider, { min: Math.min(1, training.length), max: training.length, value: player.epoch, disabled: !training.length });
  const epochs = text("epoch_of", { epoch: player.epoch, epochs: training.expected });
  slider.setAttribute("aria-valuetext", epochs);
  element("figure-epoch").textContent = training.job ? epochs : "–";
  element("figure-loss").textContent = shownNumber(now?.loss);
  element("figure-validation").textContent = shownNumber(now?.val_loss);
  showMetric(app, now ?? {});
}

/** Show the accuracy or the error, on validation rows if there are any. */
function showMetric(app, epoch) {
  const isClass = taskOf(app.state) === "classes";
  const name = isClass ? "accuracy" : "mean_absolute_error";
  const isValidation = app.data.rows.some((row) => row.validation);
  const label = isClass ? text("accuracy") : text("error");
  const value = epoch[isValidation ? `val_${name}` : name];
  element("figure-metric-name").textContent = isValidation ? text("on_validation", { metric: label }) : label;
  element("figure-metric").textContent = isClass && Number.isFinite(value) ? `${shownNumber(100 * value)} %` : shownNumber(value);
}

/** How the training goes, as a sentence. */
export function describe(app) {
  const { training, player } = app;
  const { job } = training;
  if (!job) return app.isBusy ? "" : text("status_ready_to");
  const loss = shownNumber(training.epochs[player.epoch - 1]?.loss);
  if (job.status === "queued") return text("status_waits");
  if (job.status === "cancelled") return text("status_was_cancelled");
  if (job.status === "failed") return job.error?.detail ?? "";
  if (job.status === "paused") {
    return training.length ? text("status_job_paused", { epoch: training.length }) : text("status_job_paused_early");
  }
  if (training.isActive && !training.length) return text("status_begins");
  if (player.epoch < training.length || training.isActive) {
    return text("status_epoch", { epoch: player.epoch, epochs: training.expected, loss });
  }
  if (job.status_reason === "stopped") return text("status_stopped", { epochs: training.length });
  return text("status_ended", { epochs: training.length, loss });
}

/** Describe the curve of the loss to those who don't see it. */
export function describeLoss({ training }) {
  const { epochs } = training;
  const [first, last] = [epochs[0]?.loss, epochs.at(-1)?.loss].map(shownNumber);
  const words = epochs.length ? text("loss_picture", { first, last, epoch: epochs.length }) : text("loss_by_epoch");
  element("loss").setAttribute("aria-label", words);
}
