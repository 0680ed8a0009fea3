/** The page's form: its fields, their faults, what is visible, and the tools for points. */

import { text } from "../texts.js";
import { Invalid, LOSSES, modelTask, readField, taskOf } from "./state.js";

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
    this.root.replaceChildren(...all.map(([value, label], at) => this.#pen(value, label, at === 0)));
    fill(find("#point-class"), labels.map((label, index) => [String(index), String(label)]));
  }

  #pen(value, label, checked) {
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "pen", value, checked });
    const made = document.createElement("label");
    made.className = "pen";
    made.dataset.pen = value;
    made.style.setProperty("--swatch", `var(--class-${Number(value) + 1})`);
    made.append(input, document.createElement("span"), label);
    return made;
  }

  /** The number of a class, or `erase`. */
  get chosen() {
    const { value } = find("input:checked", this.root);
    return value === "erase" ? value : Number(value);
  }
}

/** Tabs (WAI-ARIA Authoring Practices) of texts: `show` gives them. */
export class Tabs {
  constructor(root) {
    this.tabs = findAll("[role=tab]", root);
    this.panel = find("[role=tabpanel]", root);
    this.texts = {};
    this.tabs.forEach((tab, at) => {
      tab.addEventListener("click", () => this.#choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) this.#choose(this.tabs[(at + step + this.tabs.length) % this.tabs.length], true);
      });
    });
  }

  show(texts) {
    this.texts = texts;
    this.#choose(this.tabs.find((tab) => tab.getAttribute("aria-selected") === "true"));
  }

  #choose(chosen, focus = false) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", chosen.id);
    find("pre", this.panel).textContent = this.texts[chosen.dataset.format] ?? "";
    if (focus) chosen.focus();
  }
}
