/** What is loaded when it is first used: own datasets, code, tidying up. */

import { Problem, post, remove } from "../api.js";
import { connectTabs } from "../tabs.js";
import { text } from "../texts.js";
import { columnsOf, hasClasses, ownDatasets, targetsOf } from "./documents.js";
import { findMade, isRunning } from "./training.js";
import { element, fill, notify, settings } from "./view.js";

const tabs = [...element("code").querySelectorAll("[role=tab]")];
let codes = {};
const chooseTab = connectTabs(tabs, (index) => {
  const panel = element("code").querySelector("[role=tabpanel]");
  panel.setAttribute("aria-labelledby", tabs[index].id);
  panel.querySelector("pre").textContent = codes[tabs[index].dataset.format] ?? "";
});

/** Offer a person's datasets and the columns of the chosen one. */
export async function offerDatasets({ state }) {
  const datasets = await ownDatasets();
  if (!datasets.length) throw new Problem(404, { detail: text("no_datasets") });
  const { dataset } = state;
  fill(element("field-dataset"), [["", text("choose")], ...datasets.map(({ name }) => [name, name])]);
  element("field-dataset").value = dataset;
  const chosen = datasets.find(({ name }) => name === dataset);
  const columns = chosen ? columnsOf(chosen).map((name) => [name, name]) : [];
  fill(element("field-across"), columns);
  fill(element("field-up"), [...columns, ["", text("up_none")]]);
  fill(element("field-target"), chosen ? targetsOf(chosen).map((name) => [name, name]) : []);
  for (const name of ["across", "up", "target"]) element(`field-${name}`).value = state[name];
}

/** Take the first columns of a dataset. */
export async function chooseDataset(app, name) {
  const chosen = (await ownDatasets()).find((dataset) => dataset.name === name);
  if (!chosen) return;
  const [across, up = ""] = columnsOf(chosen);
  const target = chosen.target.name;
  const task = taskOfColumns(chosen, up, target);
  await app.edit({ dataset: name, across, up, target, task, added: [], removed: [], scaling: true, validation: 0.2 });
}

/** Take the columns that a person chose. */
export async function chooseColumns(app) {
  const [across, up, target] = ["across", "up", "target"].map((name) => element(`field-${name}`).value);
  const chosen = (await ownDatasets()).find(({ name }) => name === app.state.dataset);
  await app.edit({ across, up, target, task: taskOfColumns(chosen, up, target), added: [], removed: [] });
}

function taskOfColumns(dataset, up, target) {
  if (hasClasses(dataset, target)) return "classes";
  return up ? "surface" : "curve";
}

/** Show the training as code. */
export async function showCode(app) {
  if (!element("code").open || !app.data.document) return;
  const { state } = app;
  const made = app.documents();
  const asked = JSON.stringify(made);
  if (asked === app.shownCode) return;
  app.shownCode = asked;
  const found = await post(settings.code, made);
  if (state !== app.state && asked !== app.shownCode) return;
  codes = found;
  chooseTab(tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true"));
}

/** Ask whether what the page made should be deleted, and do it. */
export async function tidy(app) {
  const made = await findMade();
  const running = made["training-jobs"].filter(isRunning);
  const used = new Set(running.flatMap((job) => [job.model, job.dataset]));
  const found = Object.fromEntries(
    Object.entries(made).map(([kind, items]) => [kind, items.filter((item) => !isRunning(item) && !used.has(item.name))]),
  );
  const all = Object.values(found).flat();
  const [jobs, models, datasets] = Object.values(found).map((items) => items.length);
  const sentences = [all.length ? text("tidy_found", { jobs, models, datasets }) : text("tidy_none")];
  if (running.length) sentences.push(text("tidy_running", { count: running.length }));
  element("tidy-text").textContent = sentences.join(" ");
  element("tidy-delete").hidden = !all.length;
  const dialog = element("tidy-dialog");
  dialog.returnValue = "keep";
  dialog.addEventListener("close", () => app.attempt(() => dialog.returnValue === "delete" && removeAll(app, all)), { once: true });
  dialog.showModal();
}

async function removeAll(app, items) {
  let count = 0;
  try {
    for (const item of items) {
      await remove(item.links.self);
      count += 1;
    }
  } finally {
    app.forget();
    app.refresh();
    notify("info", text("tidy_done", { count, all: items.length }));
  }
}
