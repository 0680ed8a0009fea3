/** The forms for a new dataset: an upload with its progress and the faults at their rows, and the built-in sources. */

import { post, url } from "../api.js";
import { acceptDrops } from "../drop.js";
import { bytes } from "../format.js";
import { clearProblem, showProblem } from "../problems.js";
import { text } from "../texts.js";
import { showHead } from "./head.js";
import { upload } from "./upload.js";

const form = document.getElementById("upload");
const builtIn = document.getElementById("built-in");
const input = document.getElementById("file");
const source = document.getElementById("source");

/** The values of the controls with a data attribute, such as `data-split="test"`, by its value; empty ones are left out. */
function collect(root, name) {
  const controls = [...root.querySelectorAll(`[data-${name}]`)].filter((control) => control.value !== "");
  return Object.fromEntries(
    controls.map((control) => [control.dataset[name], control.type === "number" ? control.valueAsNumber : control.value]),
  );
}

function openDataset(dataset) {
  location.assign(url(`/ui/datasets/${dataset.name}`));
}

/* An upload */

async function choose() {
  const files = [...input.files];
  const size = bytes(files.reduce((sum, file) => sum + file.size, 0));
  document.getElementById("chosen").textContent = files.length
    ? text("chosen_files", { names: files.map((file) => file.name).join(", "), size })
    : "";
  if (!files.length) return;
  form.elements.name.value ||= files[0].name.replace(/\..*$/, "").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  await showHead(files[0], document.getElementById("head"), document.getElementById("columns"));
}

input.addEventListener("change", choose);
acceptDrops(document.getElementById("drop"), (files) => {
  input.files = files;
  choose();
});

function describe() {
  const body = new FormData();
  for (const file of input.files) body.append("file", file);
  for (const name of ["name", "target", "types"]) {
    const value = form.elements[name].value.trim();
    if (value) body.append(name, value);
  }
  for (const column of form.elements.ignore.value.split(",").map((name) => name.trim()).filter(Boolean)) {
    body.append("ignore", column);
  }
  for (const option of ["split", "csv", "window", "picture"]) {
    const values = collect(form, option);
    if (Object.keys(values).length) body.append(option, JSON.stringify(values));
  }
  return body;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblem(form);
  showRows([]);
  const button = form.querySelector("button.primary");
  const progress = document.getElementById("sent");
  button.disabled = true;
  progress.hidden = false;
  try {
    openDataset(await upload("/v1/datasets", describe(), (part, size) => showSent(progress, part, size)));
  } catch (error) {
    const faults = error.faults ?? [];
    showRows(faults.filter((fault) => fault.row !== undefined));
    showProblem(error, form);
  } finally {
    button.disabled = false;
    progress.hidden = true;
  }
});

function showSent(progress, part, size) {
  progress.querySelector("progress").value = part;
  progress.querySelector("[role=status]").textContent =
    part < 1 ? text("sending", { percent: Math.floor(100 * part), size: bytes(size) }) : text("reading");
}

function showRows(faults) {
  const region = document.getElementById("rows-with-faults");
  region.hidden = !faults.length;
  region.querySelector("caption").textContent = text("fault_count", { count: faults.length });
  region.querySelector("tbody").replaceChildren(
    ...faults.map((fault) => {
      const row = document.createElement("tr");
      for (const value of [fault.file ?? "", fault.row, fault.column ?? "", fault.detail]) {
        row.insertCell().textContent = value;
      }
      row.cells[1].className = "number";
      return row;
    }),
  );
}

/* A built-in source */

function showParameters() {
  for (const fieldset of builtIn.querySelectorAll("[data-source]")) {
    const isChosen = fieldset.dataset.source === source.value;
    fieldset.hidden = !isChosen;
    fieldset.disabled = !isChosen;
  }
}

source.addEventListener("change", showParameters);
showParameters();

builtIn.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = builtIn.querySelector(`[data-source="${source.value}"]`);
  const split = collect(builtIn, "split");
  const document_ = {
    name: builtIn.elements.name.value,
    source: source.value,
    parameters: collect(chosen, "parameter"),
    ...(Object.keys(split).length ? { split } : {}),
  };
  try {
    openDataset(await post("/v1/datasets", document_));
  } catch (error) {
    showProblem(error, builtIn);
  }
});
