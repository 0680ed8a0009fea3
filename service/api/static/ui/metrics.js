/** The metrics of an epoch, as a training job's events and metrics have them. */

const NO_METRICS = new Set(["epoch", "seconds", "learning_rate"]);

/** The names and values of an epoch's metrics, in order. */
export function metricsOf(epoch) {
  return Object.entries(epoch).filter(([name]) => !NO_METRICS.has(name));
}
