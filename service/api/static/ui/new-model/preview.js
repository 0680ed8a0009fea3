/** The summary of the network that is being described, as the service would build it. */

import { post } from "../api.js";
import { bytes, number } from "../format.js";
import { clearProblem, showProblem } from "../problems.js";
import { text } from "../texts.js";

const PAUSE = 500;
const state = document.getElementById("state");
const table = document.getElementById("summary");
const total = document.getElementById("total");

let timer;
let running;

/**
 * Show the summary of a model's document soon, unless it changes again before.
 * @param {() => any} read - Returns the document.
 * @param {HTMLFormElement} form - Shows the faults at its fields.
 */
export function previewSoon(read, form) {
  clearTimeout(timer);
  table.dataset.stale = "";
  timer = setTimeout(() => preview(read(), form), PAUSE);
}

async function preview(model, form) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  if (!model.layers.length) return;
  state.textContent = text("computing");
  try {
    // A dry run keeps nothing, so that the name may be missing or taken.
    const built = await post("/v1/models?dry_run=true", { ...model, name: model.name || "preview" }, { signal });
    clearProblem(form);
    show(built.summary);
    state.textContent = text("current");
  } catch (error) {
    if (signal.aborted) return;
    const focused = document.activeElement;
    showProblem(error, form);
    focused?.focus();
    state.textContent = text("faulty", { detail: error.message });
  }
}

function show(summary) {
  delete table.dataset.stale;
  table.tBodies[0].replaceChildren(
    ...summary.layers.map((layer) => {
      const row = document.createElement("tr");
      row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: `${layer.name} (${layer.type})` }));
      row.insertCell().textContent = JSON.stringify(layer.output_shape);
      const parameters = row.insertCell();
      parameters.textContent = number(layer.parameters);
      parameters.className = "number";
      return row;
    }),
  );
  total.textContent = text("total", {
    parameters: number(summary.parameters),
    trainable: number(summary.trainable_parameters),
    size: bytes(summary.bytes),
  });
}
