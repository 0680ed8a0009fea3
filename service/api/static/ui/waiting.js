/** Waits for what a job makes, or for a job that has no stream of events. */

import { get } from "./api.js";

const PAUSE = 1000;
const FINISHED = ["ready", "available", "succeeded", "failed", "cancelled"];

/**
 * Resolves when a resource is finished.
 * @param {string} path - The path of the resource, such as `/v1/models/m`.
 * @param {HTMLProgressElement | null} bar - Shows the progress.
 * @param {(progress: any) => void} onProgress - Receives the progress as well.
 * @throws {Problem} If the resource can't be read, for instance because it was deleted.
 */
export async function waitFor(path, bar, onProgress = () => {}) {
  for (;;) {
    const resource = await get(path, bar ? {} : { prefer: "wait=20" });
    if (FINISHED.includes(resource.status)) return;
    if (bar && resource.progress) {
      bar.value = resource.progress.fraction;
      onProgress(resource.progress);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
