/** The page of a model or a version: its forms, its tabs of code, and the wait for a build. */

import { patch, post, put } from "../api.js";
import { showProblem } from "../problems.js";
import { waitFor } from "../waiting.js";
import { makeTabs } from "./tabs.js";

document.querySelectorAll("[data-tabs]").forEach(makeTabs);

// <form data-change="/v1/models/m">: its fields are a merge patch. An empty choice is null.
for (const form of document.querySelectorAll("form[data-change]")) {
  submit(form, async () => {
    const entries = [...form.elements].filter((control) => control.name).map((control) => [control.name, read(control)]);
    await patch(form.dataset.change, Object.fromEntries(entries));
  });
}

// <form data-label="/v1/models/m/labels">
for (const form of document.querySelectorAll("form[data-label]")) {
  submit(form, async () => {
    const { label, version, variant } = form.elements;
    const target = { version: Number(version.value), ...(variant?.value ? { variant: variant.value } : {}) };
    await put(`${form.dataset.label}/${encodeURIComponent(label.value.trim())}`, target);
  });
}

// <form data-create="/v1/models/m/versions/1/variants">: its filled fields are a request that creates something.
for (const form of document.querySelectorAll("form[data-create]")) {
  submit(form, async () => {
    const filled = [...form.elements].filter((control) => control.name && control.value !== "");
    const entries = filled.map((control) => [control.name, control.type === "number" ? Number(control.value) : control.value]);
    await post(form.getAttribute("data-create"), Object.fromEntries(entries)); // `form.dataset` may be a control
  });
}

function read(control) {
  return control.localName === "select" ? control.value || null : control.value;
}

/** Run an action instead of sending a form, and then reload the page. */
function submit(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await action();
      location.reload();
    } catch (error) {
      showProblem(error, form);
    }
  });
}

const notice = document.querySelector("[data-wait-for]");
if (notice) {
  waitFor(notice.dataset.waitFor, notice.querySelector("progress"))
    .then(() => location.reload())
    .catch((error) => showProblem(error));
}
