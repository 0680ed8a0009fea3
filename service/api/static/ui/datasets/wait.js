/** Reloads the page of a dataset when its import ends. */

import { get } from "../api.js";
import { showProblem } from "../problems.js";

const PAUSE = 1000;
const notice = document.querySelector("[data-wait-for]");
const bar = notice.querySelector("progress");

async function look() {
  try {
    const dataset = await get(notice.dataset.waitFor);
    if (dataset.status !== "processing") {
      location.reload();
      return;
    }
    if (bar && dataset.progress) bar.value = dataset.progress.fraction;
    setTimeout(look, PAUSE);
  } catch (error) {
    showProblem(error);
  }
}

look();
