/** Sends a form with files, and tells how much of it has been sent, which `fetch` doesn't. */

import { Problem, url } from "../api.js";
import { text } from "../texts.js";

/**
 * @param {string} path
 * @param {FormData} form
 * @param {(part: number, size: number) => void} onProgress - Receives the sent part, from 0 to 1, and the size in bytes.
 * @returns {Promise<any>} What was created.
 * @throws {Problem}
 */
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url(path));
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / (event.total || 1), event.total));
    request.addEventListener("load", () => {
      if (request.status < 400) resolve(request.response);
      else reject(new Problem(request.status, request.response ?? { detail: request.statusText }));
    });
    request.addEventListener("error", () => reject(new Problem(0, { detail: text("problem_network") })));
    request.send(form);
  });
}
