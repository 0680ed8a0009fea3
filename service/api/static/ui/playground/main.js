/** The playground's page: what a person does changes the state, and the state is drawn. */

import { get, Problem } from "../api.js";
import { text } from "../texts.js";
import { Diagram } from "./diagram.js";
import { architecture, continued, documents, loadData, scaleOf, scaleOfDataset } from "./documents.js";
import { readLayers } from "./network.js";
import { drawLoss, extentOf, Plot, readTheme, Views } from "./plot.js";
import { checkPoint, complete, Invalid, MOST_POINTS, preset, read, taskOf, write } from "./state.js";
import { Player, Refused, Training } from "./training.js";
import {
  Controls, describe, describeLoss, element, explain, notify, Pens, settings, showButtons, showData, showFigures,
} from "./view.js";

const GENERATION = ["source", "samples", "noise", "classes", "dataSeed", "dataset", "across", "up", "target", "task"];
const DATA = [...GENERATION, "validation", "added", "removed"];
/** Milliseconds between two announcements of the epoch, and between two changes of the URL, while it plays. */
const CALM = 2500;

const NO_COLUMNS = { dataset: "", across: "", up: "", target: "", scaling: false };
const NO_DATA = { rows: [], labels: [], left: null, axes: [] };

/** What isn't needed for the first visit. */
const tools = () => import("./tools.js");

class Playground {
  constructor() {
    this.root = element("page");
    this.data = NO_DATA;
    this.history = [];
    this.network = null;
    this.layers = null;
    this.neuron = null;
    this.redraws = 0;
    this.isPausing = false;
    this.training = new Training(() => this.followed());
    this.player = new Player(this.training, (epoch, weights) => this.showEpoch(epoch, weights), (error) => this.fail(error));
    this.controls = new Controls((changes) => this.change(changes));
    this.pens = new Pens(element("pens"));
    this.plot = new Plot(element("plot"));
    this.diagram = new Diagram(element("diagram"), {
      onLayers: (layers) => this.change({ layers }),
      onNeuron: (neuron) => this.showNeuron(neuron),
    });
  }

  async begin() {
    const { state, faults } = read(location.hash.slice(1));
    this.state = state ?? preset("rings");
    this.listen();
    for (const { key, value, reason, values } of faults) {
      notify("warning", text("fault_link", { key, value: value.slice(0, 40), reason: text(`fault_${reason}`, values) }));
    }
    const { job, epoch } = this.state;
    await this.reload();
    if (job) await this.restore(job, epoch);
    this.announce();
  }

  /** Show the training of a link. */
  async restore(job, epoch) {
    try {
      await this.training.restore(job);
      const model = await get(`/v1/models/${this.training.job.model}`);
      const root = this.training.parts[0].job;
      const same = root.dataset === this.documents().dataset.name;
      const task = taskOf(this.state);
      const isScaled = model.input.scaling === "standard";
      const scale = isScaled ? await (same ? scaleOf(this.data.rows, task) : scaleOfDataset(root.dataset, task)) : {};
      this.learn(model, scale);
      await this.player.seek(epoch || this.training.length, -1);
      if (this.training.isActive) this.player.play();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.training.clear();
      this.state = { ...this.state, job: "", epoch: 0 };
      notify("warning", text("fault_job_gone", { detail: error.message }));
    }
    this.refresh();
  }

  // What a person does

  listen() {
    const on = (id, action, event = "click") => element(id)?.addEventListener(event, (given) => this.attempt(() => action(given)));
    on("train", () => this.train());
    on("go-on", () => this.trainOn(this.state.epochs));
    on("pause", () => this.togglePlaying());
    on("stop", () => this.training.change({ desired_status: "stopped" }));
    on("step", () => this.step());
    on("back", () => this.move(this.player.epoch - 1, -1));
    on("epoch", ({ target: { valueAsNumber: to } }) => this.move(to, to < this.player.epoch ? -1 : 1), "input");
    on("add-layer", () => this.change({ layers: [...this.state.layers, this.state.layers.at(-1) ?? { units: 4, activation: "relu" }] }));
    on("remove-layer", () => this.change({ layers: this.state.layers.slice(0, -1) }));
    on("undo", () => this.undo());
    on("clear", () => this.edit({ source: "points", task: taskOf(this.state), added: [], removed: [], validation: 0 }));
    on("plot", (event) => this.click(event));
    on("point", (event) => this.enterPoint(event), "submit");
    on("share", (event) => this.share(event.target));
    on("project", () => this.change({ projected: !this.state.projected }));
    on("tidy", async () => (await tools()).tidy(this));
    on("code", async () => (await tools()).showCode(this), "toggle");
    on("field-dataset", async (event) => (await tools()).chooseDataset(this, event.target.value), "change");
    for (const name of ["across", "up", "target"]) on(`field-${name}`, async () => (await tools()).chooseColumns(this), "change");
    for (const button of this.root.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.attempt(() => this.choosePreset(button.dataset.preset)));
    }
    element("tools").hidden = false;
    new ResizeObserver(() => this.redraw()).observe(element("plot"));
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    // Another link was opened here. A fragment without settings is the id of an element, as in the link to the content.
    window.addEventListener("hashchange", () => location.hash.includes("=") && location.reload());
  }

  /** Do what a person asked for, and show what goes wrong where it belongs. */
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (error instanceof Refused) this.controls.showRefusal(error.kind, error.problem);
    else if (error instanceof Problem || error instanceof Invalid) notify("error", explain(error));
    else throw error;
  }

  choosePreset(name) {
    this.forget();
    return this.edit({ ...preset(name), projected: this.state.projected });
  }

  /** Change the points, so that it can be undone. */
  edit(changes) {
    return this.change(changes, { undoable: true });
  }

  undo() {
    const before = this.history.pop();
    return before && this.change(before);
  }

  /** Change the state, and all that follows from it. */
  async change(changes, { undoable = false } = {}) {
    const before = this.state;
    const changed = (name) => name in changes && changes[name] !== before[name];
    if (undoable) this.history.push(Object.fromEntries(DATA.map((name) => [name, before[name]])));
    this.state = { ...before, ...changes };
    if (changed("source") && this.state.source !== "own") Object.assign(this.state, NO_COLUMNS);
    if (taskOf(this.state) !== taskOf(before) && !("loss" in changes)) this.state.loss = "";
    if (GENERATION.some(changed) && !("removed" in changes)) this.state.removed = [];
    if ((changed("source") || changed("task")) && !("added" in changes)) this.state.added = [];
    element("notices").replaceChildren();
    if (DATA.some(changed)) await this.reload();
    else this.refresh();
    if (changed("rate")) await this.changeRate();
  }

  async changeRate() {
    const { rate } = this.state;
    if (this.training.isActive) await this.training.change({ learning_rate: rate });
    if (this.training.job) this.say(this.training.isActive ? text("status_rate", { rate }) : text("status_rate_later", { rate }));
  }

  // The data

  /** Load the rows of the state; of several calls, the last counts. */
  async reload() {
    this.loading = Symbol("loading");
    const { loading } = this;
    this.say(text("status_loading"));
    showButtons(this);
    try {
      if (this.state.source === "own") await (await tools()).offerDatasets(this);
      const data = await loadData(this.state);
      if (loading !== this.loading) return;
      this.data = data;
      this.controls.clearFaults();
    } catch (error) {
      if (loading !== this.loading) return;
      this.data = NO_DATA;
      this.showFaultOfData(error);
    }
    this.loading = null;
    this.state = complete(this.state, this.data.labels.length);
    this.setViews();
    this.refresh();
    this.announce();
  }

  showFaultOfData(error) {
    if (error instanceof Problem) this.controls.showRefusal("dataset", error);
    else if (error instanceof Invalid) this.controls.setFault(this.state.source === "own" ? "dataset" : "points", explain(error));
    else throw error;
  }

  setViews() {
    const task = taskOf(this.state);
    this.views = new Views(extentOf(this.data.rows, task), task, this.network?.scale ?? {});
    const targets = this.data.rows.map((row) => row.target);
    this.range = targets.length ? [Math.min(...targets), Math.max(...targets)] : [-1, 1];
  }

  async click(event) {
    const place = this.plot.pointAt(event.offsetX, event.offsetY);
    if (!place) return;
    if (this.pens.chosen === "erase") {
      await this.erase(this.plot.rowAt(event.offsetX, event.offsetY, this.data.rows, taskOf(this.state)));
    } else {
      await this.add([...place, ...this.thirdOf(this.pens.chosen)]);
    }
  }

  /** The third number of a point: its class, or its value. */
  thirdOf(chosen) {
    const task = taskOf(this.state);
    if (task === "curve") return [];
    return [task === "classes" ? chosen : Number(element("point-value").value)];
  }

  async enterPoint(event) {
    event.preventDefault();
    const place = [element("point-x"), element("point-y")].map((input) => Number(input.value));
    if (event.submitter?.value === "erase") {
      await this.erase(this.plot.rowAt(...this.plot.place(place), this.data.rows, taskOf(this.state), Infinity));
    } else {
      await this.add([...place, ...this.thirdOf(Number(element("point-class").value))]);
    }
  }

  add(point) {
    const rounded = point.map((value) => Number(value.toPrecision(4)));
    checkPoint(rounded, taskOf(this.state));
    if (this.data.rows.length >= MOST_POINTS) throw new Invalid("many_points", { most: MOST_POINTS });
    return this.edit({ added: [...this.state.added, rounded] });
  }

  erase(index) {
    if (index < 0) return null;
    const { base } = this.data.rows[index];
    if (base !== null) return this.edit({ removed: [...this.state.removed, base] });
    const first = this.data.rows.findIndex((row) => row.base === null);
    return this.edit({ added: this.state.added.filter((_, at) => at !== index - first) });
  }

  // The training

  documents() {
    return documents(this.state, this.data.document, this.data.labels.length);
  }

  /** What a network has learned from: its model, and the scale of its numbers. */
  learn(model, scale) {
    this.network = { model, scale, activations: model.layers.map((layer) => layer.activation ?? "linear") };
    this.setViews();
  }

  forget() {
    element("notices").replaceChildren();
    this.training.clear();
    this.player.reset();
    Object.assign(this, { network: null, layers: null });
    this.state = { ...this.state, job: "", epoch: 0 };
    this.setViews();
  }

  async train() {
    if (!this.data.rows.length) throw new Invalid("no_points");
    if (this.training.isActive) await this.training.change({ desired_status: "cancelled" }).catch(() => {});
    this.controls.clearFaults();
    this.forget();
    const made = this.documents();
    this.isBusy = true;
    this.learn(made.model, this.state.scaling ? scaleOf(this.data.rows, taskOf(this.state)) : {});
    this.refresh();
    this.say(text("status_creating"));
    try {
      await this.training.start(made);
      this.player.play();
    } finally {
      this.isBusy = false;
      this.refresh();
    }
  }

  /** Continue at the shown epoch, with the data and the optimizer as they are now. */
  async trainOn(epochs) {
    const { job, epoch } = this.training.locate(this.player.epoch);
    const { dataset } = this.documents();
    this.isBusy = true;
    this.refresh();
    try {
      await this.training.continueAt(this.player.epoch, dataset, continued(this.state, this.data.document, job, epoch, epochs));
      this.player.play();
    } finally {
      this.isBusy = false;
      this.refresh();
    }
  }

  get canContinue() {
    const isIdle = !this.isBusy && !this.loading && !this.training.isActive;
    return settings.may_train && isIdle && this.training.isKept(this.player.epoch) && this.data.rows.length > 0;
  }

  async togglePlaying() {
    const { player, training } = this;
    const isPlaying = this.isPlaying;
    if (isPlaying) player.pause();
    else {
      if (player.epoch >= training.length && !training.isActive) player.epoch = 0;
      player.play();
    }
    this.refresh();
    if (training.isActive) {
      this.isPausing = isPlaying;
      await training.change({ desired_status: isPlaying ? "paused" : "running" });
    }
  }

  get isPlaying() {
    return this.player.isPlaying && (this.training.isActive || this.player.epoch < this.training.length);
  }

  async move(epoch, direction) {
    this.player.pause();
    await this.player.seek(Math.max(1, epoch), direction);
    this.refresh();
  }

  async step() {
    if (this.player.epoch < this.training.length) await this.move(this.player.epoch + 1, 1);
    else if (this.canContinue) await this.trainOn(1);
  }

  /** The training has new epochs, or another status. */
  followed() {
    const { player, training } = this;
    player.wake();
    if (this.isPausing && training.job?.status === "paused") {
      this.isPausing = false;
      // The training went on for a moment after the player had stopped.
      player.seek(training.length, -1).then(() => this.refresh(), player.fail);
    }
    this.later();
  }

  /** Refresh once for many events. */
  later() {
    if (this.isPlanned) return;
    this.isPlanned = true;
    requestAnimationFrame(() => {
      this.isPlanned = false;
      this.refresh();
      this.announce();
    });
  }

  showEpoch(epoch, weights) {
    this.layers = readLayers(weights, this.network.activations);
    this.redraw();
    this.redraws += 1;
    this.root.dataset.redraws = this.redraws;
    showFigures(this);
    if (!this.isPlaying) this.later();
    else this.announce();
  }

  showNeuron(neuron) {
    this.neuron = neuron;
    const [layer, unit] = neuron ?? [];
    const isHidden = neuron && layer < this.state.layers.length;
    element("shown-neuron").textContent = isHidden ? text("shown_layer", { layer: layer + 1, neuron: unit + 1 }) : "";
    if (this.theme) this.drawPlot();
  }

  // What is shown

  /** Bring everything on the page up to the state. */
  refresh() {
    const { state, data, training } = this;
    if (this.network && training.job && data.document && architecture(this.network.model) !== architecture(this.documents().model)) {
      this.forget();
      this.say(text("status_changed"));
    }
    const job = training.job?.id ?? "";
    this.state = { ...this.state, job, epoch: job && !this.isPlaying ? this.player.epoch : 0 };
    this.controls.show(state, data.labels);
    this.pens.show(data.labels, taskOf(state));
    showButtons(this);
    showData(this);
    showFigures(this);
    this.redraw();
    this.writeUrl();
    if (element("code").open) this.attempt(async () => (await tools()).showCode(this));
  }

  writeUrl() {
    const hash = `#${write(this.state)}`;
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }

  redraw() {
    if (!this.views) return;
    this.theme = readTheme(this.root);
    this.drawPlot();
    const small = this.layers && this.views.outputs(this.layers, this.views.small);
    this.diagram.draw(this.layers, this.views.small, small, this.theme, this.views.task);
    const { training, player, theme } = this;
    const starts = training.parts.slice(1).map((part) => part.before + 1);
    drawLoss(element("loss"), { epochs: training.epochs, expected: training.expected, shown: player.epoch, starts, theme });
  }

  drawPlot() {
    const { views, layers, neuron, theme, range } = this;
    const outputs = layers && views.outputs(layers, views.wide);
    // The task is that of the data: the state's is another one while its data is loading.
    const { rows, labels } = this.data;
    this.plot.draw({ rows, task: views.task, classes: labels.length, theme, views, outputs, neuron: outputs && neuron, range });
  }

  /** Say how it goes, calmly while it plays. */
  announce() {
    const words = describe(this);
    const isStage = !this.isPlaying || this.stage !== this.training.job?.status;
    if (!words || (!isStage && performance.now() - this.saidAt < CALM)) return;
    this.stage = this.training.job?.status;
    this.say(words);
    describeLoss(this);
    this.showOutcome();
  }

  say(words) {
    this.saidAt = performance.now();
    if (element("status").textContent !== words) element("status").textContent = words;
  }

  /** Show what a job that has ended has to say, once. */
  showOutcome() {
    const { job } = this.training;
    if (!job || this.training.isActive || this.outcome === job.id || !job.warnings) return;
    this.outcome = job.id;
    for (const { detail } of job.warnings) notify("warning", detail);
    if (this.layers?.some(({ kernel }) => kernel.some(Number.isNaN))) notify("error", text("fault_weights_diverged"));
  }

  // The tools

  async share(button) {
    this.writeUrl();
    await navigator.clipboard.writeText(location.href);
    button.textContent = text("shared");
  }
}

new Playground().begin();
