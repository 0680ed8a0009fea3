/** The curves of several training jobs in one chart. */

import { embedded } from "../embedded.js";
import { number } from "../format.js";
import { text } from "../texts.js";
import { Chart } from "./chart.js";

const { epochs, values, metric, names } = embedded("compared");
const place = document.getElementById("chart");
const reading = document.getElementById("reading");
const lines = names.map((label, color) => ({ label, color, width: names.length > 20 ? 1.25 : 2 }));
const rows = [...document.querySelectorAll("tr[data-line]")];
const hint = reading.textContent;
let focused = null;
let chart = null;

for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
document.getElementById("log-scale").addEventListener("change", (event) => draw(event.target.checked));
for (const row of rows) {
  const line = Number(row.dataset.line);
  for (const type of ["pointerenter", "focusin"]) row.addEventListener(type, () => chart.focus(line));
  for (const type of ["pointerleave", "focusout"]) row.addEventListener(type, () => chart.focus(null));
}
draw(false);

function draw(isLog) {
  chart?.destroy();
  chart = new Chart(place, lines, [epochs, ...values], { isLog, onHover: read, onFocus: mark });
}

function mark(line) {
  focused = line;
  for (const row of rows) row.classList.toggle("focused", Number(row.dataset.line) === line);
}

function read(index) {
  if (index === null || focused === null) {
    reading.textContent = hint;
    return;
  }
  const epoch = text("epoch_number", { epoch: number(epochs[index]) });
  reading.textContent = `${names[focused]} · ${epoch}: ${metric} ${number(values[focused][index])}`;
}
