/** Epochs, batches and steps: which rows a step takes. */

/** Steps of an epoch: the last batch takes what is left. */
export const stepsOf = (rows, batch) => Math.ceil(rows / batch);

/** Rows in the last batch of an epoch. */
export const lastBatch = (rows, batch) => rows - (stepsOf(rows, batch) - 1) * batch;

/**
 * Where a training is after `done` steps, counted over all epochs.
 * @returns {?{epoch: number, batch: number, step: number, first: number, last: number, size: number}} the step that
 *   was made last, all counted from 1: its epoch, its batch in the epoch, and its first and last row in the epoch's
 *   order; null before the first step
 */
export function position(done, { rows, batch }) {
  if (done < 1) return null;
  const steps = stepsOf(rows, batch);
  const within = (done - 1) % steps;
  const first = within * batch + 1;
  const last = Math.min(first + batch - 1, rows);
  return { epoch: Math.floor((done - 1) / steps) + 1, batch: within + 1, step: done, first, last, size: last - first + 1 };
}

/** Numbers from 0 to below 1 from a seed above 0: x ← 16807 · x mod 2³¹ − 1 (Park and Miller, 1988). */
function random(seed) {
  let state = seed;
  return () => {
    state = (16807 * state) % 2147483647;
    return state / 2147483647;
  };
}

/** The order of an epoch: every row number from 0 once, shuffled (Fisher and Yates). */
export function shuffled(rows, epoch) {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const next = random(epoch);
  for (let index = rows - 1; index > 0; index -= 1) {
    const other = Math.floor(next() * (index + 1));
    [order[index], order[other]] = [order[other], order[index]];
  }
  return order;
}
