/** The first lines of a file, so that its columns can be named before it is sent. */

const READ_BYTES = 64 * 1024;
const MOST_LINES = 5;
const DELIMITERS = [",", ";", "\t", "|"];

/**
 * Show the first lines of a table, and offer its columns as choices. Other files show nothing.
 * @param {File} file
 * @param {HTMLElement} region - Holds a table with a head and a body.
 * @param {HTMLDataListElement} choices
 */
export async function showHead(file, region, choices) {
  const rows = /\.(csv|tsv|txt)$/i.test(file.name) ? parse(await file.slice(0, READ_BYTES).text()) : [];
  region.hidden = rows.length < 2;
  const [names = [], ...lines] = rows;
  choices.replaceChildren(...names.map((name) => new Option(name)));
  fill(region.querySelector("thead"), [names], "th");
  fill(region.querySelector("tbody"), lines, "td");
}

function fill(section, rows, tag) {
  section.replaceChildren(
    ...rows.map((values) => {
      const row = document.createElement("tr");
      row.append(...values.map((value) => Object.assign(document.createElement(tag), { textContent: value })));
      return row;
    }),
  );
}

/** The cells of the first lines, split at the delimiter that occurs most in the first one. Quotes hold delimiters. */
export function parse(content) {
  const lines = content.split(/\r?\n/).filter(Boolean).slice(0, MOST_LINES);
  if (!lines.length) return [];
  const count = (delimiter) => lines[0].split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, next) => (count(next) > count(best) ? next : best));
  return lines.map((line) => splitLine(line, delimiter));
}

function splitLine(line, delimiter) {
  const cells = [""];
  let isQuoted = false;
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted;
    else if (character === delimiter && !isQuoted) cells.push("");
    else cells[cells.length - 1] += character;
  }
  return cells;
}
