/**
 * A training over the API: its dataset, model and jobs. A job that continues another one at an epoch makes one timeline
 * with it, whose epochs are counted through.
 */

import { get, patch, post, Problem, remove } from "../api.js";
import { MADE } from "./documents.js";

const FINAL = ["succeeded", "failed", "cancelled"];
const NAME_TAKEN = "/problems/name-taken";
/** A timeline has so many jobs at most. */
const MOST_PARENTS = 30;

/** A problem of the API, and which document it concerns: `dataset`, `model` or `training_job`. */
export class Refused extends Error {
  constructor(kind, problem) {
    super(problem.message);
    Object.assign(this, { kind, problem });
  }
}

async function concerning(kind, answer) {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof Problem ? new Refused(kind, error) : error;
  }
}

/** The metrics of epochs at their places in a list, without numbers where the service no longer has them. */
function inPlaces(epochs) {
  const known = new Map(epochs.map((one) => [one.epoch, one]));
  return Array.from({ length: epochs.at(-1)?.epoch ?? 0 }, (_, at) => known.get(at + 1) ?? { epoch: at + 1 });
}

/** Create what has a name made of its content, unless it is there. */
async function ensure(kind, path, document) {
  const { items } = await get(`${path}?metadata.content=${document.metadata.content}&limit=1`);
  if (items[0]?.status === "failed") await remove(items[0].links.self);
  else if (items.length) return;
  try {
    await post(path, document);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // Another page has made the same meanwhile.
    if (!error.problem.type?.endsWith(NAME_TAKEN)) throw new Refused(kind, error);
  }
}

export class Training {
  /** @param {() => void} onChange called when the job's status or the epochs have changed */
  constructor(onChange) {
    this.onChange = onChange;
    /** The jobs in their order; `before` counts the epochs of those before it. */
    this.parts = [];
    this.weights = new Map();
    this.stopFollowing = () => {};
  }

  /** The job that was started last; null before. */
  get job() {
    return this.parts.at(-1)?.job ?? null;
  }

  get isActive() {
    return this.job !== null && !FINAL.includes(this.job.status);
  }

  /** The number of epochs that are trained, over all jobs. */
  get length() {
    const last = this.parts.at(-1);
    return last ? last.before + last.epochs.length : 0;
  }

  /** The number of epochs at the end. */
  get expected() {
    const last = this.parts.at(-1);
    return last ? last.before + (this.isActive ? Math.max(last.job.epochs, last.epochs.length) : last.epochs.length) : 0;
  }

  /** The metrics of all epochs, the first first. */
  get epochs() {
    return this.parts.flatMap((part, index) => part.epochs.slice(0, (this.parts[index + 1]?.before ?? Infinity) - part.before));
  }

  /** The job and its epoch at an epoch of the timeline. */
  locate(epoch) {
    const part = this.parts.findLast(({ before }) => epoch > before);
    return { part, job: part.job, epoch: epoch - part.before };
  }

  /** Whether the weights of an epoch are kept. */
  isKept(epoch) {
    if (epoch < 1 || epoch > this.length) return false;
    const { part, job, epoch: own } = this.locate(epoch);
    return !part.missing.has(own) && (own % (job.snapshots?.every ?? 1) === 0 || (own === part.epochs.length && !this.isActive));
  }

  /** The kept epoch that is nearest in a direction (1 or -1), from `epoch` on; null: there is none. */
  keptFrom(epoch, direction) {
    for (let at = epoch; at >= 1 && at <= this.length; at += direction) if (this.isKept(at)) return at;
    return null;
  }

  /**
   * Create the dataset, the model and the job, and follow the job.
   * @throws {Refused}
   */
  async start({ dataset, model, training_job: job }) {
    this.leave();
    await Promise.all([ensure("dataset", "/v1/datasets", dataset), ensure("model", "/v1/models", model)]);
    const posted = await concerning("training_job", post("/v1/training-jobs", job));
    this.parts = [];
    this.#add(posted, 0);
  }

  /**
   * Create a job that continues at an epoch of the timeline, which ends there.
   * @param {object} dataset its document
   * @throws {Refused}
   */
  async continueAt(epoch, dataset, job) {
    await ensure("dataset", "/v1/datasets", dataset);
    const posted = await concerning("training_job", post("/v1/training-jobs", job));
    this.leave();
    this.parts = this.parts.filter(({ before }) => before < epoch);
    this.#add(posted, epoch);
  }

  /** Show a job that exists, with those that it continues. */
  async restore(id) {
    this.leave();
    const chain = [await get(`/v1/training-jobs/${id}`)];
    while (chain[0].parent?.training_job && chain.length < MOST_PARENTS) {
      chain.unshift(await get(`/v1/training-jobs/${chain[0].parent.training_job}`));
    }
    const parts = [];
    let before = 0;
    for (const job of chain) {
      if (parts.length) before += job.parent.epoch;
      const { epochs } = await get(job.links.metrics);
      parts.push({ job, before, epochs: inPlaces(epochs), missing: new Set() });
    }
    this.parts = parts;
    if (this.isActive) this.#follow(this.job.last_event);
    this.onChange();
  }

  /** Forget the training; its jobs go on. */
  leave() {
    this.stopFollowing();
    this.stopFollowing = () => {};
  }

  /** Forget the training, and what it has shown. */
  clear() {
    this.leave();
    this.parts = [];
    this.weights.clear();
    this.onChange();
  }

  /**
   * Change the job: `desired_status`, `learning_rate`.
   * @throws {Refused}
   */
  async change(changes) {
    this.#renew(await concerning("training_job", patch(this.job.links.self, changes)));
  }

  /** The weights of an epoch as the API answers them; null if they aren't kept. */
  async weightsOf(epoch) {
    const { part, job, epoch: own } = this.locate(epoch);
    const key = `${job.links.snapshots}/${own}/weights`;
    if (!this.weights.has(key)) this.weights.set(key, get(key));
    try {
      return (await this.weights.get(key)).weights;
    } catch (error) {
      this.weights.delete(key);
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      part.missing.add(own);
      return null;
    }
  }

  #add(job, before) {
    this.parts.push({ job, before, epochs: [], missing: new Set() });
    this.#follow(0);
    this.onChange();
  }

  async #follow(after) {
    const part = this.parts.at(-1);
    // Only a page that trains needs this module.
    const { follow } = await import("../events.js");
    if (part !== this.parts.at(-1)) return;
    this.stopFollowing = follow(part.job.links.self, {
      after,
      onEvent: (type, data) => {
        if (type === "epoch") part.epochs[data.epoch - 1] = data;
        if (type === "transition") this.#renew({ status: data.status, status_reason: data.reason });
        this.onChange();
      },
      onEnd: async () => this.#renew(await get(part.job.links.self)),
    });
  }

  #renew(members) {
    Object.assign(this.job, members);
    this.onChange();
  }
}

/** The resources that the page made, as lists by kind; jobs come first, because models and datasets depend on them. */
export async function findMade() {
  const [[key, value]] = Object.entries(MADE);
  const made = {};
  for (const kind of ["training-jobs", "models", "datasets"]) {
    made[kind] = [];
    let next = `/v1/${kind}?metadata.${key}=${value}&limit=100`;
    while (next) {
      const page = await get(next);
      made[kind].push(...page.items);
      next = page.next;
    }
  }
  return made;
}

/** Whether a resource is a job that hasn't ended. */
export const isRunning = (item) => "attempt" in item && !FINAL.includes(item.status);

/** Pictures a second while playing. */
const RATE = 20;
/** A playing through epochs that are all there takes about so many seconds at most. */
const LONGEST = 8;

/** Plays through the epochs of a training as they come, and back and forth through those that are there. */
export class Player {
  /**
   * @param {Training} training
   * @param {(epoch: number, weights: object[]) => void} show draws an epoch
   * @param {(error: Error) => void} fail
   */
  constructor(training, show, fail) {
    Object.assign(this, { training, show, fail });
    this.epoch = 0;
    this.isPlaying = false;
    this.wanted = 0;
    this.timer = null;
  }

  /** Begin anew, before the first epoch. */
  reset() {
    this.pause();
    this.epoch = 0;
    this.wanted = 0;
  }

  play() {
    this.isPlaying = true;
    this.#schedule(0);
  }

  pause() {
    this.isPlaying = false;
    clearTimeout(this.timer);
    this.timer = null;
  }

  /** The training has new epochs. */
  wake() {
    if (this.isPlaying && this.timer === null) this.#schedule(0);
  }

  /**
   * Show the kept epoch that is nearest to an epoch, in the direction if there is one. Of several calls, the last counts.
   * @returns {Promise<boolean>} whether there was one
   */
  async seek(epoch, direction = 1) {
    const { training } = this;
    this.wanted = epoch;
    for (;;) {
      const nearest = (way) => training.keptFrom(Math.min(epoch, training.length), way);
      const at = nearest(direction) ?? nearest(-direction);
      if (at === null) return false;
      const weights = await training.weightsOf(at);
      if (this.wanted !== epoch) return false;
      if (weights) {
        this.epoch = at;
        this.show(at, weights);
        return true;
      }
    }
  }

  #schedule(milliseconds) {
    this.timer = setTimeout(() => this.#step(), milliseconds);
  }

  async #step() {
    const began = performance.now();
    const { training } = this;
    const stride = Math.max(1, Math.round(training.expected / (RATE * LONGEST)));
    const next = Math.min(this.epoch + stride, training.length);
    if (next <= this.epoch || training.keptFrom(next, -1) <= this.epoch) {
      this.timer = null;
      return;
    }
    try {
      const ahead = Math.min(next + stride, training.length);
      if (training.isKept(ahead)) training.weightsOf(ahead).catch(() => {});
      await this.seek(next, -1);
    } catch (error) {
      this.pause();
      this.fail(error);
    }
    if (this.isPlaying) this.#schedule(Math.max(0, 1000 / RATE - (performance.now() - began)));
  }
}
