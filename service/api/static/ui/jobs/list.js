/** Keeps the progress of the first running jobs of the list current. */

import { follow } from "../events.js";
import { duration, number } from "../format.js";
import { metricsOf } from "../metrics.js";
import { text } from "../texts.js";

const MOST_FOLLOWED = 4; // a browser has six connections to a server

for (const row of [...document.querySelectorAll("tr[data-job]")].slice(0, MOST_FOLLOWED)) {
  follow(row.dataset.job, { after: Number(row.dataset.after), onEvent: (type, data) => show(row, type, data) });
}

function show(row, type, data) {
  if (type === "transition") {
    const badge = row.querySelector(".badge");
    badge.dataset.status = data.status;
    badge.textContent = text(`status_${data.status}`);
  }
  if (type === "progress") showProgress(row, data);
  if (type === "epoch") {
    const values = metricsOf(data).map(([name, value]) => {
      const element = document.createElement("span");
      const shown = document.createElement("b");
      shown.textContent = number(value);
      element.append(`${name} `, shown);
      return element;
    });
    row.querySelector("[data-metrics]").replaceChildren(...values);
  }
}

function showProgress(row, { epoch, epochs, fraction, eta_seconds: left }) {
  const bar = row.querySelector("progress");
  if (!bar) return;
  bar.value = fraction ?? 0;
  const part = text("progress_epochs", { epoch: number(epoch), epochs: number(epochs) });
  const rest = left === null || left === undefined ? "" : ` · ${text("progress_left", { time: duration(left) })}`;
  row.querySelector(".progress .number").textContent = part + rest;
}
