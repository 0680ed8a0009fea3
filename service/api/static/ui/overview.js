/** Keeps the progress of the jobs on the overview current, and reloads it when one of them ends. */

import { follow } from "./events.js";
import { duration, number } from "./format.js";
import { metricsOf } from "./metrics.js";
import { showProblem } from "./problems.js";
import { text } from "./texts.js";
import { waitFor } from "./waiting.js";

const MOST_FOLLOWED = 4;

for (const card of [...document.querySelectorAll("[data-job], [data-wait-for]")].slice(0, MOST_FOLLOWED)) {
  const { job, waitFor: made } = card.dataset;
  if (job) {
    follow(job, { onEvent: (type, data) => show(card, type, data), onEnd: () => location.reload() });
  } else {
    waitFor(made, card.querySelector("progress"), (progress) => show(card, "progress", progress))
      .then(() => location.reload())
      .catch((error) => showProblem(error));
  }
}

function show(card, type, data) {
  if (type === "progress") {
    const bar = card.querySelector("progress");
    if (bar) bar.value = data.fraction ?? 0;
    const sentence = card.querySelector(".progress .number");
    if (sentence) sentence.textContent = describe(data);
  }
  if (type === "epoch") {
    const line = card.querySelector("[data-metrics]");
    if (line) line.textContent = metricsOf(data).map(([name, value]) => `${name} ${number(value)}`).join(" · ");
  }
}

function describe({ epoch, epochs, fraction, eta_seconds: left }) {
  const part = epochs
    ? text("progress_epochs", { epoch: number(epoch), epochs: number(epochs) })
    : text("progress_percent", { percent: number(100 * (fraction ?? 0), 3) });
  return left === null || left === undefined ? part : `${part} · ${text("progress_left", { time: duration(left) })}`;
}
