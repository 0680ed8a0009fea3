/** The slider over the snapshots of a training job. */

import { get, post } from "../api.js";
import { number } from "../format.js";
import { showProblem } from "../problems.js";
import { text } from "../texts.js";

const READING_PAUSE = 150;
const [WIDEST, LOWEST, SHAPE, PADDING] = [640, 320, 0.72, 32]; // of the picture, in pixels; its height is a part of its width

/**
 * Let the user choose a snapshot.
 * @param {{id: string, model: string, links: Record<string, string>}} job
 * @param {number[]} known - The epochs of the snapshots, in order.
 * @param {import("./epochs.js").Epochs} epochs - Where the metrics of many epochs are.
 * @returns {{refresh: () => Promise<void>}} `refresh` reads the newest snapshots of a job that runs.
 */
export function showSnapshots(job, known, epochs) {
  const find = (id) => document.getElementById(id);
  const slider = find("snapshot");
  if (!slider) return { refresh: async () => {} };
  let timer = null;
  let isDrawing = false;

  const chosen = () => known[Number(slider.value)];

  // While a job runs, the epoch that is the latest now may be thinned out before a request for it arrives.
  const nameOf = (epoch) => (slider.value === slider.max && job.status !== "succeeded" ? "latest" : epoch);

  function fit() {
    const follows = slider.value === slider.max;
    slider.max = Math.max(0, known.length - 1);
    slider.disabled = known.length === 0;
    if (follows) slider.value = slider.max;
    show();
  }

  function show() {
    const epoch = chosen();
    for (const id of ["try-snapshot", "train-snapshot", "make-version"]) setUsable(find(id), epoch);
    find("snapshot-epoch").textContent = epoch === undefined ? text("no_snapshot") : text("epoch_number", { epoch: number(epoch) });
    slider.setAttribute("aria-valuetext", find("snapshot-epoch").textContent);
    if (epoch === undefined) return;
    draw(epoch);
    const index = epochs.numbers.indexOf(epoch);
    clearTimeout(timer);
    if (index >= 0) showMetrics(epochs.at(index));
    else timer = setTimeout(() => read(epoch), READING_PAUSE);
  }

  // The picture of an epoch replaces another once it is there, and only one is asked for at a time.
  function draw(epoch) {
    const picture = find("boundary");
    if (!picture || isDrawing || picture.dataset.epoch === String(epoch)) return;
    isDrawing = true;
    const next = new Image();
    const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    next.onload = next.onerror = ({ type }) => {
      isDrawing = false;
      picture.dataset.epoch = epoch;
      if (type === "load") {
        picture.src = next.src;
        picture.alt = text("boundary_of", { epoch: number(epoch) });
        picture.hidden = false;
      }
      if (chosen() !== epoch) draw(chosen());
    };
    const width = Math.min(WIDEST, picture.parentElement.clientWidth - PADDING);
    const height = Math.max(LOWEST, Math.round(width * SHAPE));
    next.src = `${picture.dataset.path}?epoch=${nameOf(epoch)}&width=${width}&height=${height}&theme=${theme}#${epoch}`;
  }

  async function read(epoch) {
    const snapshot = await get(`${job.links.snapshots}/${nameOf(epoch)}`).catch(() => null);
    if (chosen() === epoch) showMetrics(Object.entries(snapshot?.metrics ?? {}));
  }

  function showMetrics(entries) {
    find("snapshot-metrics").replaceChildren(
      ...entries.map(([name, value]) => {
        const element = document.createElement("span");
        const shown = document.createElement("b");
        shown.textContent = number(value);
        element.append(`${name} `, shown);
        return element;
      }),
    );
  }

  async function makeVersion(event) {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const made = await post(button.dataset.versions, { training_job: job.id, epoch: chosen() });
      location.assign(button.dataset.jobs + made.id);
    } catch (error) {
      button.disabled = false;
      showProblem(error);
    }
  }

  async function refresh() {
    const page = await get(`${job.links.snapshots}?limit=100`).catch(() => null);
    if (!page?.items.length) return;
    const newest = page.items.map((snapshot) => snapshot.epoch).reverse();
    const older = page.next === null ? [] : known.filter((epoch) => epoch < newest[0]);
    known.splice(0, known.length, ...older, ...newest);
    fit();
  }

  slider.addEventListener("input", show);
  find("make-version")?.addEventListener("click", makeVersion);
  fit();
  return { refresh };
}

/** Point a link to an epoch, or make a button usable; without an epoch, neither is. */
function setUsable(element, epoch) {
  if (!element) return;
  if (element instanceof HTMLButtonElement) {
    element.disabled = epoch === undefined;
    return;
  }
  element.hidden = epoch === undefined;
  const target = new URL(element.href);
  target.searchParams.set("epoch", epoch);
  element.href = target.href;
}
