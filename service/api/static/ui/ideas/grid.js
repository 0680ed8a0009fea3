/** Grids of numbers as tables; cells are coloured by their value, and can be chosen with the keyboard. */

import { html } from "./controls.js";

/**
 * A grid of numbers.
 * @param {{label: string, onPick?: (row: number, column: number) => void, onFocus?: (row: number, column: number) => void,
 *   describe?: (row: number, column: number, value: number) => string}} options with `onPick`, a click, Enter and Space
 *   choose a cell, and the arrow keys move between cells; `onFocus` is called when a cell is reached; `describe`: the
 *   words for screen readers
 */
export class NumberGrid {
  constructor({ label, onPick = null, onFocus = null, describe = null }) {
    Object.assign(this, { onPick, onFocus, describe, cells: [], home: [0, 0] });
    this.body = html("tbody", { role: onPick ? "rowgroup" : null });
    this.element = html("table", { class: "numbers", "aria-label": label, role: onPick ? "grid" : null }, this.body);
    if (onPick) this.listen();
  }

  /**
   * Shows values.
   * @param {number[][]} values
   * @param {{format?: (value: number) => string, most?: number, marked?: (row: number, column: number) => ?string}}
   *   options `most`: the value with the strongest colour; `marked`: the kind of a cell, for ideas.css
   */
  show(values, { format = String, most = 9, marked = () => null } = {}) {
    if (values.length !== this.cells.length || values[0]?.length !== this.cells[0]?.length) this.build(values);
    values.forEach((line, row) => line.forEach((value, column) => {
      const cell = this.cells[row][column];
      const words = value === null ? "" : format(value);
      if (cell.textContent !== words) cell.textContent = words;
      cell.style.setProperty("--strength", Math.min(Math.abs(value ?? 0) / most, 1).toFixed(3));
      cell.classList.toggle("negative", value < 0);
      const kind = marked(row, column);
      if (kind) cell.dataset.kind = kind;
      else delete cell.dataset.kind;
      if (this.describe) cell.setAttribute("aria-label", this.describe(row, column, value));
    }));
  }

  build(values) {
    const role = this.onPick ? { row: "row", cell: "gridcell" } : { row: null, cell: null };
    this.cells = values.map((line) => line.map(() => html("td", { role: role.cell, tabindex: this.onPick ? "-1" : null })));
    this.body.replaceChildren(...this.cells.map((line) => html("tr", { role: role.row }, ...line)));
    this.element.style.setProperty("--columns", String(values[0]?.length ?? 0));
    this.home = [Math.min(this.home[0], values.length - 1), Math.min(this.home[1], values[0].length - 1)];
    if (this.onPick) this.cells[this.home[0]][this.home[1]].tabIndex = 0;
  }

  /** Row and column of an event's cell, or null. */
  find(event) {
    const cell = event.target.closest("td");
    const row = this.cells.findIndex((line) => line.includes(cell));
    return row < 0 ? null : [row, this.cells[row].indexOf(cell)];
  }

  listen() {
    const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    this.element.addEventListener("click", (event) => {
      const place = this.find(event);
      if (place) this.onPick(...place);
    });
    this.element.addEventListener("keydown", (event) => {
      const place = this.find(event);
      if (!place) return;
      const way = ways[event.key];
      if (!way && event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (way) this.cells[place[0] + way[0]]?.[place[1] + way[1]]?.focus();
      else this.onPick(...place);
    });
    this.element.addEventListener("focusin", (event) => {
      const place = this.find(event);
      if (!place) return;
      this.cells[this.home[0]][this.home[1]].tabIndex = -1;
      this.home = place;
      this.cells[place[0]][place[1]].tabIndex = 0;
      this.onFocus?.(...place);
    });
  }
}
