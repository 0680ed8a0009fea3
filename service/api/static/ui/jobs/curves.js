/** The curves of a training job: a chart for each metric, with what happened to the training. */

import { number } from "../format.js";
import { text } from "../texts.js";
import { Chart } from "./chart.js";

const RATE = "learning_rate";

export class Curves {
  /**
   * @param {HTMLElement} place - Gets a figure for each metric.
   * @param {import("./epochs.js").Epochs} epochs
   * @param {() => {best: any, marks: any[]}} job - What is marked at present.
   */
  constructor(place, epochs, job) {
    this.place = place;
    this.epochs = epochs;
    this.job = job;
    this.isLog = false;
    this.figures = [];
  }

  /** Draw all epochs that are known. */
  draw() {
    const names = [...this.epochs.metrics, ...(this.epochs.variesRate ? [RATE] : [])];
    if (names.join() !== this.figures.map((figure) => figure.name).join()) this.#build(names);
    else for (const figure of this.figures) figure.chart.update(this.#data(figure));
    for (const figure of this.figures) this.#read(figure, null);
    this.place.dataset.epoch = this.epochs.last;
  }

  setLog(isLog) {
    this.isLog = isLog;
    this.#build(this.figures.map((figure) => figure.name));
    this.draw();
  }

  #build(names) {
    for (const figure of this.figures) figure.chart.destroy();
    this.figures = names.map((name) => this.#makeFigure(name));
    this.place.replaceChildren(...this.figures.map((figure) => figure.element));
    for (const figure of this.figures) figure.chart = this.#makeChart(figure);
  }

  #makeFigure(name) {
    const columns = name === RATE ? [RATE] : this.epochs.of(name);
    const element = document.createElement("figure");
    element.className = "card chart";
    const title = document.createElement("h3");
    title.textContent = name === RATE ? text("learning_rate") : name;
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.setAttribute("role", "img");
    const reading = document.createElement("figcaption");
    reading.className = "small reading";
    element.append(title, plot, reading);
    return { name, columns, element, plot, reading };
  }

  #makeChart(figure) {
    const isStepped = figure.name === RATE;
    const lines = figure.columns.map((label, color) => ({ label, color, dash: color ? [7, 4] : [], isStepped }));
    return new Chart(figure.plot, lines, this.#data(figure), {
      isLog: this.isLog,
      marks: () => this.#marks(figure),
      onHover: (index) => this.#read(figure, index),
    });
  }

  #data(figure) {
    return [this.epochs.numbers, ...figure.columns.map((column) => this.epochs.columns[column])];
  }

  #marks(figure) {
    const { best, marks } = this.job();
    const monitored = best && figure.columns.find((column) => column in best);
    const found = marks.map((mark) => ({ epoch: mark.epoch + 0.5, kind: mark.type === "order" ? "order" : "pause", label: label(mark) }));
    const ordered = new Set(marks.filter((mark) => mark.learning_rate).map((mark) => mark.epoch + 1));
    const rates = this.epochs.rateChanges.filter((epoch) => !ordered.has(epoch)).map((epoch) => ({ epoch, kind: "rate" }));
    const mark = best?.epoch && { epoch: best.epoch, kind: "best", label: text("best"), value: monitored && best[monitored] };
    return [...(mark ? [mark] : []), ...found, ...rates];
  }

  /** Show the values at an index below the chart; null: the latest ones. */
  #read(figure, index) {
    const at = index ?? this.epochs.count - 1;
    if (at < 0) return;
    const parts = figure.columns.map((column, line) => [kindOf(column, figure), this.epochs.columns[column][at], line]);
    const epoch = text("epoch_number", { epoch: number(this.epochs.numbers[at]) });
    figure.reading.replaceChildren(`${epoch}: `, ...parts.flatMap(([name, value, line]) => [swatch(line), ` ${name} ${number(value)} `]));
    if (index === null) {
      const values = parts.map(([name, value]) => `${name} ${number(value)}`).join(", ");
      figure.plot.setAttribute("aria-label", text("chart_of", { name: figure.name, epoch: number(this.epochs.last), values }));
    }
  }
}

const kindOf = (column, figure) => (figure.name === RATE ? "" : text(column === figure.name ? "of_train" : "of_validation"));

function label(mark) {
  if (mark.type === "paused") return text("status_paused");
  if (mark.type !== "order") return text("mark_short_interrupted");
  if (mark.learning_rate) return text("mark_short_rate", { rate: number(mark.learning_rate) });
  return text("mark_short_epochs", { epochs: number(mark.epochs) });
}

/** A short piece of a line, as a key. */
function swatch(line, dashes = line ? [7, 4] : []) {
  const names = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(names, "svg");
  const stroke = document.createElementNS(names, "line");
  for (const [name, value] of Object.entries({ width: 22, height: 10, class: "swatch", "aria-hidden": "true" })) picture.setAttribute(name, value);
  for (const [name, value] of Object.entries({ x1: 0, x2: 22, y1: 5, y2: 5, class: `series-${(line % 8) + 1}`, "stroke-dasharray": dashes.join(" ") })) {
    stroke.setAttribute(name, value);
  }
  picture.append(stroke);
  return picture;
}
