/** The page of a model or a version: its forms, its tabs of code, and the wait for a build. */

import { get, patch, put } from "../api.js";
import { showProblem } from "../problems.js";
import { makeTabs } from "./tabs.js";

const PAUSE = 1000;
const UNFINISHED = ["building", "processing"];

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
    const { label, version } = form.elements;
    await put(`${form.dataset.label}/${encodeURIComponent(label.value.trim())}`, { version: Number(version.value) });
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
if (notice) wait(notice.dataset.waitFor);

async function wait(path) {
  try {
    const resource = await get(path, { prefer: "wait=20" });
    if (!UNFINISHED.includes(resource.status)) location.reload();
    else setTimeout(() => wait(path), PAUSE);
  } catch (error) {
    showProblem(error);
  }
}
