/** Reads a row from the fields of the form, and fills them with one. */

import { Problem } from "../api.js";
import { text } from "../texts.js";

/** What is wrong with a field, in the form of what the service says about it. */
export const fieldFault = (pointer, detail) => new Problem(0, { detail, errors: [{ pointer, detail }] });

/**
 * The part of a form that asks for a row.
 * @param {HTMLElement} root - The element with the fields.
 * @param {any} form - Its description: `kind`, and `fields` or `parts`.
 * @returns {{read: () => any, fill: (instance: any) => void}} `read` throws Problem.
 */
export function makeFields(root, form) {
  const controls = [...root.querySelectorAll("[data-type]")];
  if (form.kind === "columns") {
    return {
      read: () => Object.fromEntries(form.fields.map((field, index) => [field.name, readControl(controls[index], field)])),
      fill: (row) => form.fields.forEach((field, index) => fillControl(controls[index], field, row[field.name] ?? null)),
    };
  }
  if (form.kind === "parts") {
    const parts = form.parts.map((part) => {
      const own = root.querySelector(`[data-part="${CSS.escape(part.name)}"]`);
      return [part.name, makeFields(own, part)];
    });
    return {
      read: () => Object.fromEntries(parts.map(([name, part]) => [name, part.read()])),
      fill: (row) => parts.forEach(([name, part]) => part.fill(row[name])),
    };
  }
  if (form.kind === "json") {
    return {
      read: () => readJson(controls[0], form),
      fill: (row) => { controls[0].value = JSON.stringify(row); },
    };
  }
  return {
    read: () => form.fields.map((field, index) => readControl(controls[index], field)),
    fill: (row) => form.fields.forEach((field, index) => fillControl(controls[index], field, row[index])),
  };
}

function readControl(control, field) {
  const { value } = control;
  if (control.dataset.type === "category") return value === "" ? null : field.categories[Number(value)];
  if (control.dataset.type === "boolean") return value === "" ? null : value === "true";
  if (control.dataset.type === "text") return value === "" ? null : value;
  if (control.validity.badInput) throw fieldFault(field.pointer, text("fault_number"));
  return value === "" ? null : Number(value);
}

function fillControl(control, field, value) {
  if (control.dataset.type === "category") {
    const index = field.categories.findIndex((category) => category === value);
    control.value = index < 0 ? "" : String(index);
  } else {
    control.value = value === null ? "" : String(value);
  }
}

function readJson(control, form) {
  const written = control.value.trim();
  // A line of CSV is a list without its brackets.
  const source = form.shape.length === 1 && !written.startsWith("[") ? `[${written}]` : written;
  try {
    return JSON.parse(source);
  } catch (error) {
    throw fieldFault(form.pointer, text("fault_json", { detail: error.message }));
  }
}
