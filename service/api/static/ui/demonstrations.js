/** Starts a demonstration, and opens its training. */

import { Problem, get, post, remove, url } from "./api.js";
import { embedded } from "./embedded.js";
import { showProblem } from "./problems.js";
import { text } from "./texts.js";

for (const button of document.querySelectorAll("[data-demonstration]")) {
  button.addEventListener("click", async () => {
    const label = button.textContent;
    button.disabled = true;
    button.textContent = text("starting");
    try {
      const job = await start(embedded(`documents-${button.dataset.demonstration}`));
      location.assign(url(`/ui/training-jobs/${job.id}`));
    } catch (error) {
      showProblem(error, button.closest("article"));
      button.disabled = false;
      button.textContent = label;
    }
  });
}

async function start({ dataset, model, training_job: job }) {
  await makeOnce("/v1/datasets", dataset);
  await makeOnce("/v1/models", model);
  // If they aren't ready yet, the job waits for them in the queue.
  return post("/v1/training-jobs", job);
}

/** Create a resource, unless an earlier run of the demonstration has; what failed then is made again. */
async function makeOnce(path, document) {
  try {
    await post(path, document);
  } catch (error) {
    if (!(error instanceof Problem) || !error.problem.type?.endsWith("/name-taken")) throw error;
    const existing = await get(`${path}/${document.name}`);
    if (existing.status !== "failed") return;
    await remove(`${path}/${document.name}`);
    await post(path, document);
  }
}
