/** Shows predictions. */

import { number } from "../format.js";
import { text } from "../texts.js";

const MOST_BARS = 10;
const MOST_ROWS = 100;
const MOST_LISTED = 5;
const LEAST_SHOWN = 0.001;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** A score as a percentage with one decimal. */
function percent(score) {
  if (score === null) return "–";
  if (score > 0 && score < LEAST_SHOWN) return text("percent_less", { value: number(100 * LEAST_SHOWN) });
  return text("percent", { value: (100 * score).toFixed(1) });
}

/**
 * The answer to one row.
 * @param {any} answer - The response.
 * @param {{task: string, unit?: string, threshold?: number}} of
 * @param {any} [truth] - The true value, if the row was taken from a dataset.
 * @returns {Node[]}
 */
export function showOne(answer, of, truth) {
  const [prediction] = answer.predictions;
  const parts = [element("p", "predicted", describe(prediction, of))];
  if (prediction.scores) parts.push(...bars(answer.classes, prediction));
  if (truth !== undefined) parts.push(compare(prediction, truth, of));
  return [...parts, ...answer.warnings.map((warning) => warningLine(warning.detail))];
}

/** What stands in place of an answer. */
export const noAnswer = () => element("p", "muted", text("no_answer"));

/** The answers to several rows, as a table. */
export function showMany(answer, of) {
  const shown = answer.predictions.slice(0, MOST_ROWS);
  const head = element("tr", "", ...[text("row"), text("prediction")].map((name) => {
    const cell = element("th", "", name);
    cell.scope = "col";
    return cell;
  }));
  const rows = shown.map((prediction, row) => element("tr", "",
    element("td", "number", number(row)), element("td", "", describe(prediction, of))));
  const table = element("div", "scroll", element("table", "data", element("thead", "", head), element("tbody", "", ...rows)));
  table.tabIndex = 0;
  const all = answer.predictions.length;
  const note = all > shown.length ? [element("p", "small muted", text("rows_shown", { shown: shown.length, all: number(all) }))] : [];
  return [table, ...note, ...warnings(answer)];
}

function describe(prediction, { task, unit }) {
  if (task === "regression") {
    const values = [prediction.value].flat().map((value) => number(value, 6)).join(", ");
    return unit ? `${values} ${unit}` : values;
  }
  if (task === "multilabel") return prediction.labels.length ? prediction.labels.join(", ") : text("no_labels");
  if (prediction.label === null) return text("not_finite");
  return `${prediction.label} · ${percent(prediction.score)}`;
}

function bars(classes, prediction) {
  const chosen = new Set(prediction.labels ?? [prediction.label]);
  const scored = classes.map((name, index) => ({ name, score: prediction.scores[index] }));
  scored.sort((one, other) => (other.score ?? -1) - (one.score ?? -1));
  const rows = scored.slice(0, MOST_BARS).map(({ name, score }) => {
    const meter = element("meter", "", percent(score));
    Object.assign(meter, { min: 0, max: 1, value: Number((score ?? 0).toFixed(4)) });
    meter.setAttribute("aria-label", String(name));
    const head = element("th", "", name);
    head.scope = "row";
    return element("tr", chosen.has(name) ? "chosen" : "", head, element("td", "", meter), element("td", "number", percent(score)));
  });
  const table = element("table", "bars", element("caption", "visually-hidden", text("classes")), element("tbody", "", ...rows));
  const left = scored.length - rows.length;
  return left > 0 ? [table, element("p", "small muted", text("more_classes", { count: number(left) }))] : [table];
}

const show = (truth) => [truth].flat().map((value) => (typeof value === "number" ? number(value, 6) : value)).join(", ");

function compare(prediction, truth, { task }) {
  const line = element("p", "", text("true_value", { value: show(truth) }), " ");
  if (task === "regression") {
    if (typeof truth === "number" && typeof prediction.value === "number") {
      line.append(text("off_by", { value: number(Math.abs(prediction.value - truth)) }));
    }
    return line;
  }
  const predicted = [prediction.labels ?? prediction.label].flat().map(String).sort();
  const isRight = JSON.stringify(predicted) === JSON.stringify([truth].flat().map(String).sort());
  line.append(element("span", isRight ? "right" : "wrong", isRight ? text("is_right") : text("is_wrong")));
  return line;
}

function warningLine(detail) {
  const line = element("p", "notice", detail);
  line.dataset.kind = "warning";
  return line;
}

/** The warnings about several rows: once for all rows that have the same one. */
function warnings(answer) {
  const rows = new Map();
  for (const { detail, row } of answer.warnings) rows.set(detail, [...(rows.get(detail) ?? []), row]);
  return [...rows].map(([detail, of]) => warningLine(of[0] === null ? detail : text("warning_rows", { rows: listRows(of), detail })));
}

function listRows(rows) {
  const shown = rows.slice(0, MOST_LISTED).map((row) => number(row)).join(", ");
  return rows.length > MOST_LISTED ? text("more_rows", { rows: shown, count: number(rows.length - MOST_LISTED) }) : shown;
}

/** How long an answer took, and what gave it. */
export function tookLine(answer, milliseconds) {
  const time = text("milliseconds", { count: number(Math.max(1, Math.round(milliseconds))) });
  return element("p", "small muted", describeAnswerer(answer, time));
}

function describeAnswerer({ epoch, version, variant }, time) {
  if (epoch !== undefined) return text("took_epoch", { time, epoch });
  return variant ? text("took_variant", { time, variant, version }) : text("took", { time, version });
}
