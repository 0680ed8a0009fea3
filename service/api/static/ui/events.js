/** The events of a job, as they happen. */

import { url } from "./api.js";

const TYPES = ["transition", "progress", "epoch", "checkpoint", "message"];

/**
 * Follow the events of a job until it is final. The browser reconnects by itself, and receives each event once.
 * @param {string} jobPath - The path of the job, such as `/v1/training-jobs/tj_…`.
 * @param {{after?: number, onEvent: (type: string, data: any, seq: number) => void, onEnd?: () => void}} options
 *   `after` is the number of the last event that is known; `onEnd` is called after the last one.
 * @returns {() => void} A function that stops following.
 */
export function follow(jobPath, { after = 0, onEvent, onEnd }) {
  const source = new EventSource(url(`${jobPath}/events?after=${after}`));
  for (const type of TYPES) {
    source.addEventListener(type, (event) => onEvent(type, JSON.parse(event.data), Number(event.lastEventId)));
  }
  // At the end, the service answers a reconnection with 204, after which the browser closes the source.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) onEnd?.();
  });
  return () => source.close();
}
