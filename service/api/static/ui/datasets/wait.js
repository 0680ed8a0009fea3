/** Reloads the page of a dataset when its import ends. */

import { showProblem } from "../problems.js";
import { waitFor } from "../waiting.js";

const notice = document.querySelector("[data-wait-for]");

waitFor(notice.dataset.waitFor, notice.querySelector("progress"))
  .then(() => location.reload())
  .catch((error) => showProblem(error));
