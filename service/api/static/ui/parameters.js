/** Controls for the parameters of the catalogue's types, each with its documented default and range. */

import { text } from "./texts.js";

let count = 0;

/**
 * The field of a parameter.
 * @param {any} parameter - As in `/v1/layer-types`.
 * @param {any} value - The value in the document; undefined: the default.
 * @param {string} pointer - The place of the value in the document.
 * @param {(value: any) => void} onChange - Receives the new value; undefined: the default.
 * @returns {HTMLElement}
 */
export function parameterField(parameter, value, pointer, onChange) {
  const field = document.createElement("div");
  field.className = "field";
  field.dataset.pointer = pointer;
  const label = document.createElement("label");
  const control = makeControl(parameter, value);
  control.id = `parameter-${++count}`;
  label.htmlFor = control.id;
  label.textContent = parameter.name;
  const hint = Object.assign(document.createElement("p"), { className: "hint", textContent: parameter.description });
  control.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => onChange(readControl(control)));
  field.append(label, control, hint);
  return field;
}

function makeControl(parameter, value) {
  const choices = parameter.type === "boolean" ? [true, false] : parameter.type === "string" ? parameter.allowed : null;
  const control = document.createElement(choices ? "select" : "input");
  if (choices) {
    control.append(new Option(describeDefault(parameter), ""));
    for (const choice of choices) {
      control.append(new Option(String(choice), JSON.stringify(choice)));
    }
    control.value = value === undefined ? "" : JSON.stringify(value);
    return control;
  }
  control.placeholder = describeDefault(parameter);
  if (parameter.type === "integer" || parameter.type === "number") {
    control.type = "number";
    control.step = parameter.type === "integer" ? "1" : "any";
    if (parameter.minimum !== null) control.min = parameter.minimum;
    if (parameter.maximum !== null) control.max = parameter.maximum;
  }
  if (value !== undefined) control.value = typeof value === "string" ? value : JSON.stringify(value);
  return control;
}

function describeDefault({ required, default: value }) {
  if (required) return text("required");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The value of a control: JSON where it is JSON, such as `[3, 3]`, otherwise a text. */
function readControl(control) {
  const written = control.value.trim();
  if (written === "") return undefined;
  try {
    return JSON.parse(written);
  } catch {
    return written;
  }
}
