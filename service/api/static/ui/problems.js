/** Shows what a request was refused for, where the user can mend it. */

import { Problem } from "./api.js";

/**
 * Show a problem at the top of the page, or its faults at the fields of a form that they are about.
 *
 * A field is an element `.field` with the `data-pointer` or `data-parameter` of what it sets, such as `#/layers/0/units`.
 * A fault of a pointer without a field is shown at the nearest enclosing one.
 * @param {unknown} error - What was thrown; what isn't a Problem is thrown again.
 * @param {ParentNode} [form]
 */
export function showProblem(error, form) {
  if (!(error instanceof Problem)) throw error;
  if (form) clearProblem(form);
  const left = error.faults.filter((fault) => !form || !showAtField(form, fault));
  if (left.length || !error.faults.length || !form) {
    const lines = left.length ? left.map((fault) => fault.detail) : [error.message];
    const target = form?.querySelector("[data-faults]") ?? document.getElementById("faults");
    target.replaceChildren(...lines.map(notice));
    target.scrollIntoView({ block: "nearest" });
  }
  form?.querySelector("[aria-invalid]")?.focus();
}

/** Remove what `showProblem` showed. */
export function clearProblem(form) {
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  for (const place of form.querySelectorAll(".fault")) place.textContent = "";
  form.querySelector("[data-faults]")?.replaceChildren();
  document.getElementById("faults").replaceChildren();
}

function showAtField(form, fault) {
  const field = findField(form, fault);
  if (!field) return false;
  let place = field.querySelector(".fault");
  if (!place) {
    place = document.createElement("p");
    place.className = "fault";
    field.append(place);
  }
  place.textContent = place.textContent ? `${place.textContent} ${fault.detail}` : fault.detail;
  const control = field.querySelector("input, select, textarea");
  if (control) {
    place.id ||= `fault-${control.id || control.name}`;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", place.id);
  }
  return true;
}

function findField(form, fault) {
  // Those of a disabled fieldset belong to a choice that wasn't made, and may have the same pointers.
  const named = (name, value) =>
    form.querySelector(`.field[data-${name}="${CSS.escape(value)}"]:not(fieldset:disabled .field)`);
  if (fault.parameter) return named("parameter", fault.parameter);
  for (let pointer = fault.pointer; pointer && pointer !== "#"; pointer = pointer.slice(0, pointer.lastIndexOf("/"))) {
    const field = named("pointer", pointer);
    if (field) return field;
  }
  return null;
}

function notice(line) {
  const element = document.createElement("p");
  element.className = "notice";
  element.dataset.kind = "error";
  element.textContent = line;
  return element;
}
