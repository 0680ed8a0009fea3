/** The form for a new training job: shows the request that it makes, and sends it. */

import { get, post } from "../api.js";
import { embedded } from "../embedded.js";
import { parameterField } from "../parameters.js";
import { clearProblem, showProblem } from "../problems.js";
import { text } from "../texts.js";

const PATH = "/v1/training-jobs";
const field = (id) => document.getElementById(id);
const form = field("job");
const models = new Map(embedded("models").map((model) => [model.name, model]));
const schedules = new Map(embedded("schedules").map((entry) => [entry.type, entry]));
const earlier = embedded("earlier");
const chosen = { optimizer: {}, schedule: {} };
let optimizerTypes = null;
let key = crypto.randomUUID?.() ?? String(Math.random());

/* The request */

/** The request that the form describes, without what is as by default. */
function readRequest() {
  const request = { model: form.elements.model.value, dataset: form.elements.dataset.value };
  for (const control of form.querySelectorAll("[name]:not([name=model], [name=dataset], [name=start])")) {
    const [group, member] = control.name.split(".");
    const value = readControl(control);
    if (value === undefined || control.closest("[hidden]")) continue;
    if (member === undefined) request[group] = value;
    else request[group] = { ...request[group], [member]: value };
  }
  if (field("early_stopping").checked) {
    request.early_stopping = { ...request.early_stopping, ...(field("restore_best").checked ? {} : { restore_best: false }) };
  }
  if (!field("snapshots").checked) request.snapshots = null;
  if (!field("shuffle").checked) request.shuffle = false;
  return Object.assign(request, readOptimizer(), readSchedule(), readWeights(), readStart());
}

/** The value of a control; undefined if it is empty or the default. */
function readControl(control) {
  if (control.value === "" || control.value === control.dataset.default) return undefined;
  return control.type === "number" ? Number(control.value) : control.value;
}

function readOptimizer() {
  const rate = field("learning_rate").value;
  const type = field("optimizer").value;
  if (type) return { optimizer: { type, ...chosen.optimizer, ...(rate === "" ? {} : { learning_rate: Number(rate) }) } };
  if (rate === "") return {};
  const own = models.get(form.elements.model.value)?.optimizer ?? "adam";
  return { optimizer: { ...(typeof own === "string" ? { type: own } : own), learning_rate: Number(rate) } };
}

function readSchedule() {
  const type = field("schedule").value;
  return type ? { learning_rate_schedule: { type, ...chosen.schedule } } : {};
}

function readWeights() {
  const kind = field("class_weights").value;
  if (kind === "own") return { class_weights: JSON.parse(field("weights").value || "{}") };
  return kind ? { class_weights: kind } : {};
}

function readStart() {
  const kind = form.elements.start.value;
  if (kind === "random") return {};
  if (kind === "snapshot") {
    const training_job = field("training_job").value.trim();
    return { start_from: { training_job, epoch: numberOr(field("epoch").value.trim() || "latest") } };
  }
  const version = numberOr(field("version").value.trim());
  const named = typeof version === "number" ? { version } : { label: version };
  return { start_from: { ...(earlier.version ? { model: earlier.version } : {}), ...named } };
}

const numberOr = (written) => (/^\d+$/.test(written) ? Number(written) : written);

/* What the form shows */

function show() {
  field("own-weights").hidden = field("class_weights").value !== "own";
  for (const box of form.querySelectorAll("[data-shows]")) field(box.dataset.shows).hidden = !box.checked;
  for (const part of form.querySelectorAll("[data-start]")) {
    part.hidden = !part.dataset.start.split(" ").includes(form.elements.start.value);
  }
  const model = models.get(form.elements.model.value);
  field("own-optimizer").textContent = model && !field("optimizer").value ? describe(model.optimizer) : "";
  const versions = model ? [...Object.keys(model.labels), ...(model.latest_version ? [model.latest_version] : [])] : [];
  field("versions").replaceChildren(...versions.map((version) => new Option(version, version)));
  showRequest();
}

function describe(component) {
  if (typeof component === "string" || component === null) return component ?? "";
  return `${component.type} ${Object.entries(component).filter(([name]) => name !== "type").map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ")}`;
}

function showRequest() {
  const place = field("own-weights").querySelector(".fault");
  try {
    const request = JSON.stringify(readRequest(), null, 2);
    place.textContent = "";
    field("request").textContent = request;
    const body = request.replaceAll("'", "'\\''");
    field("curl").textContent = `curl -X POST ${location.origin}${document.body.dataset.root}${PATH} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    place.textContent = `${text("class_weights_json")}: ${text("fault_json")}`;
  }
}

async function showOptimizer() {
  const type = field("optimizer").value;
  field("more-optimizer").hidden = !type;
  if (type) {
    optimizerTypes ??= new Map((await get("/v1/optimizer-types")).items.map((entry) => [entry.type, entry]));
    const others = optimizerTypes.get(type).parameters.filter((parameter) => parameter.name !== "learning_rate");
    showParameters("optimizer", field("optimizer-parameters"), others, "#/optimizer");
  }
  show();
}

function showSchedule() {
  const type = field("schedule").value;
  field("schedule-parameters").hidden = !type;
  showParameters("schedule", field("schedule-parameters"), schedules.get(type)?.parameters ?? [], "#/learning_rate_schedule");
  show();
}

function showParameters(kind, place, parameters, pointer) {
  const fields = parameters.map((parameter) =>
    parameterField(parameter, chosen[kind][parameter.name], `${pointer}/${parameter.name}`, (value) => {
      if (value === undefined) delete chosen[kind][parameter.name];
      else chosen[kind][parameter.name] = value;
      showRequest();
    }),
  );
  place.replaceChildren(...fields);
}

/* From an earlier job */

function showEarlier() {
  const { optimizer, learning_rate_schedule: schedule } = earlier;
  if (optimizer) {
    const { type, learning_rate: rate, ...others } = typeof optimizer === "string" ? { type: optimizer } : optimizer;
    const known = [...field("optimizer").options].find((option) => option.value.toLowerCase() === type.toLowerCase());
    field("optimizer").value = known?.value ?? "";
    if (typeof rate === "number") field("learning_rate").value = rate;
    else if (rate !== undefined) others.learning_rate = rate;
    chosen.optimizer = others;
  }
  if (schedule) {
    const { type, ...others } = schedule;
    field("schedule").value = type;
    chosen.schedule = others;
  }
}

async function send(event) {
  event.preventDefault();
  clearProblem(form);
  field("train").disabled = true;
  field("posting").textContent = text("posting");
  try {
    const job = await post(PATH, readRequest(), { idempotencyKey: key });
    location.assign(form.getAttribute("data-jobs") + job.id); // `form.dataset` is its control of that name
  } catch (error) {
    if (error instanceof SyntaxError) field("weights").focus();
    else showProblem(error, form);
    key = crypto.randomUUID?.() ?? String(Math.random());
    field("train").disabled = false;
    field("posting").textContent = "";
  }
}

form.addEventListener("input", show);
form.addEventListener("submit", send);
field("optimizer").addEventListener("change", () => ((chosen.optimizer = {}), showOptimizer()));
field("schedule").addEventListener("change", () => ((chosen.schedule = {}), showSchedule()));
showEarlier();
showSchedule();
await showOptimizer();
