/** Try it: asks a version, or a training at one of its epochs, for a prediction. */

import { get, send } from "../api.js";
import { acceptDrops } from "../drop.js";
import { embedded } from "../embedded.js";
import { clearProblem, showProblem } from "../problems.js";
import { text } from "../texts.js";
import { noAnswer, showMany, showOne, tookLine } from "./answer.js";
import { curl } from "./curl.js";
import { makeFields } from "./fields.js";
import { makePicture } from "./picture.js";

const data = embedded("data");
const form = document.getElementById("form");
const many = document.getElementById("many");
const answers = document.getElementById("answers");
const taken = document.getElementById("taken");
const epoch = document.getElementById("epoch");
const variant = document.getElementById("variant");
const isPicture = data.form.kind === "picture";
const row = isPicture ? makePicture(data.form, changed) : makeFields(form, data.form);

/** What is to be asked as soon as the service has answered, and what was answered last. */
let waiting = null;
let answered = null;
let isBusy = false;
/** The true value of the row, if it was taken from the dataset. */
let truth;

function path() {
  const chosen = epoch ? data.epochs[Number(epoch.value)] : undefined;
  if (chosen !== undefined) return `/v1/training-jobs/${data.job}/snapshots/${chosen}/predictions`;
  return variant?.value ? `${data.path}?variant=${variant.value}` : data.path;
}

/** The row isn't that of the dataset any more, so its true value isn't known. A new picture is asked for at once. */
function changed() {
  truth = undefined;
  taken.textContent = "";
  if (isPicture && !row.isEmpty()) ask();
}

function clearProblems() {
  for (const place of [form, many]) if (place) clearProblem(place);
}

function ask() {
  clearProblems();
  try {
    const file = isPicture ? row.file() : null;
    predict(file ? { file } : { body: { instances: [row.read()] } }, showOne);
  } catch (error) {
    showProblem(error, form);
  }
}

/** Ask, and show the answer. Of the requests that come meanwhile, only the last one is sent. */
async function predict(content, render) {
  waiting = { content, render };
  if (isBusy) return;
  isBusy = true;
  try {
    while (waiting) {
      answered = waiting;
      waiting = null;
      await answer(answered.content, answered.render);
    }
  } catch (error) {
    waiting = null;
    // The last answer isn't one to what was asked now.
    answers.replaceChildren(noAnswer());
    showProblem(error, answered.render === showMany ? many : form);
  } finally {
    isBusy = false;
  }
}

async function answer(content, render) {
  const where = path();
  showCurl(where, content);
  const began = performance.now();
  const response = await send("POST", where, options(content));
  const found = await response.json();
  answers.replaceChildren(...render(found, data, truth), tookLine(found, performance.now() - began));
}

function options({ body, csv, file }) {
  if (body) return { body };
  if (csv) return { form: new Blob([csv], { type: "text/csv" }) };
  const sent = new FormData();
  sent.append("file", file);
  return { form: sent };
}

function showCurl(where, content) {
  document.getElementById("curl").textContent = curl(data.url + where, content, data.with_key);
  document.getElementById("as-curl").hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
  // On a phone the answer is below the form.
  answers.scrollIntoView({ block: "nearest" });
});
if (!isPicture) form.addEventListener("input", (event) => event.target.matches("[data-type]") && changed());

// Rows of the dataset, one after another.
let rows = [];
let next = data.rows;
document.getElementById("take-row")?.addEventListener("click", async () => {
  try {
    if (!rows.length) {
      const page = await get(next);
      rows = page.items;
      next = page.next ?? data.rows;
    }
    const one = rows.shift();
    if (!one) {
      taken.textContent = text("no_rows");
      return;
    }
    row.fill(one.instance);
    truth = one.target;
    taken.textContent = text("row_taken", { row: one.row });
    ask();
  } catch (error) {
    showProblem(error, form);
  }
});

if (epoch) {
  const start = data.epoch === null ? data.epochs.length : data.epochs.indexOf(data.epoch);
  epoch.value = String(start);
  const label = () => {
    const chosen = data.epochs[Number(epoch.value)];
    const said = chosen === undefined ? text("epoch_version") : text("epoch_of", { epoch: chosen });
    document.getElementById("epoch-shown").textContent = said;
    epoch.setAttribute("aria-valuetext", said);
    if (variant) variant.disabled = chosen !== undefined; // snapshots have no variants
  };
  label();
  epoch.addEventListener("input", () => {
    label();
    askAgain();
  });
}
variant?.addEventListener("input", askAgain);

function askAgain() {
  const again = waiting ?? answered;
  if (again) predict(again.content, again.render);
}

// What was chosen or written last is sent.
document.getElementById("csv")?.addEventListener("input", () => (document.getElementById("rows-file").value = ""));
document.getElementById("predict-rows")?.addEventListener("click", () => {
  clearProblems();
  const file = document.getElementById("rows-file").files[0];
  const csv = document.getElementById("csv").value;
  truth = undefined;
  predict(file ? { file } : { csv: csv.trim() }, showMany);
});

for (const area of form.querySelectorAll(".drop")) {
  acceptDrops(area, ([file]) => {
    if (isPicture) row.choose(file);
    else predict({ file }, showMany);
  });
}
