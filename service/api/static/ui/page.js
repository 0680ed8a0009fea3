/** What every page does: times in the browser's time zone, and buttons that send a request or copy a text. */

import { send } from "./api.js";
import { showProblem } from "./problems.js";
import { text } from "./texts.js";

/** A moment in the browser's own time zone. */
export function writeMoment(when) {
  return when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = time.dateTime;
  time.textContent = writeMoment(new Date(time.dateTime));
}

// <button data-send="DELETE /v1/models/m" data-body='{…}' data-sure="Really?" data-then="/ui/models">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-send]");
  if (!button || (button.dataset.sure && !window.confirm(button.dataset.sure))) return;
  const [method, path] = button.dataset.send.split(" ");
  button.disabled = true;
  try {
    await send(method, path, button.dataset.body ? { body: JSON.parse(button.dataset.body) } : {});
    if (button.dataset.then) location.assign(button.dataset.then);
    else location.reload();
  } catch (error) {
    button.disabled = false;
    showProblem(error);
  }
});

// <button data-copy="id of the element with the text">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = text("copied");
});
