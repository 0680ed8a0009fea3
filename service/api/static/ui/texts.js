import { embedded } from "./embedded.js";

const texts = embedded("texts");

/**
 * A text of the page.
 * @param {string} key - Its key in the page's file of texts.
 * @param {Record<string, unknown>} [values] - What replaces the `{placeholders}`.
 * @returns {string}
 */
export function text(key, values = {}) {
  if (!(key in texts)) throw new Error(`The page has no text "${key}".`);
  return texts[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
