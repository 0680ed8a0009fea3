/** Requests to the service's public API. The browser sends the key in a cookie. */

import { text } from "./texts.js";

const { root, signIn } = document.body.dataset;

/** The response to a failed request. */
export class Problem extends Error {
  /**
   * @param {number} status - The HTTP status; 0 if the service can't be reached.
   * @param {any} problem - The problem document (RFC 9457), or `{detail}`.
   * @param {number} retryAfter - Seconds after which a retry may succeed; 0 if none are known.
   */
  constructor(status, problem, retryAfter = 0) {
    super(problem.detail);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** The faults, each with what it is about: `{detail, pointer?, parameter?, row?, column?}`. */
  get faults() {
    return this.problem.errors ?? [];
  }
}

/** The URL of a path of the service, behind a proxy too. Links of the service's answers have the prefix already. */
export function url(path) {
  return root && !path.startsWith(`${root}/`) ? root + path : path;
}

/**
 * Send a request.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, form?: FormData, prefer?: string, accept?: string, idempotencyKey?: string, signal?: AbortSignal}} [options]
 *   `body` is sent as JSON, `form` as it is.
 * @returns {Promise<Response>} A response with a status below 400.
 * @throws {Problem}
 */
export async function send(method, path, options = {}) {
  const headers = { Accept: options.accept ?? "application/json" };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.prefer) headers.Prefer = options.prefer;
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  const body = options.form ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  let response;
  try {
    response = await fetch(url(path), { method, headers, body, signal: options.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: text("problem_network") });
  }
  if (response.status < 400) return response;
  throw await readProblem(response);
}

async function readProblem(response) {
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  if (response.status === 401) {
    const here = encodeURIComponent(location.pathname.slice(root.length) + location.search);
    location.assign(`${signIn}?next=${here}`);
    problem.detail = text("problem_signed_out");
  }
  return new Problem(response.status, problem, Number(response.headers.get("Retry-After") ?? 0));
}

async function json(response) {
  return response.status === 204 ? null : response.json();
}

/** @returns {Promise<any>} The resource at a path. @throws {Problem} */
export const get = async (path, options) => json(await send("GET", path, options));

/** @returns {Promise<any>} What was created or computed. @throws {Problem} */
export const post = async (path, body, options) => json(await send("POST", path, { ...options, body }));

/** @returns {Promise<any>} The changed resource. @throws {Problem} */
export const patch = async (path, body, options) => json(await send("PATCH", path, { ...options, body }));

/** @returns {Promise<any>} The resource that was put. @throws {Problem} */
export const put = async (path, body, options) => json(await send("PUT", path, { ...options, body }));

/** @returns {Promise<null>} @throws {Problem} */
export const remove = async (path, options) => json(await send("DELETE", path, options));
