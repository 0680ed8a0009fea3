/** A request for a prediction as a command. */

const END = "JSON";
const quote = (value) => `'${value.replaceAll("'", "'\\''")}'`;

/**
 * @param {string} url
 * @param {{body?: any, csv?: string, file?: File}} content - What is sent: JSON, CSV, or a file of a form.
 * @param {boolean} withKey - Whether the service needs a key.
 * @returns {string}
 */
export function curl(url, { body, csv, file }, withKey) {
  const parts = [`curl ${url}`];
  if (withKey) parts.push('-H "Authorization: Bearer $FITSERVE_KEY"');
  if (file) return [...parts, `-F ${quote(`file=@${file.name}`)}`].join(" \\\n  ");
  const type = csv === undefined ? "application/json" : "text/csv";
  parts.push(`-H 'Content-Type: ${type}'`, `--data-binary @- <<'${END}'`);
  return `${parts.join(" \\\n  ")}\n${csv ?? JSON.stringify(body)}\n${END}`;
}
