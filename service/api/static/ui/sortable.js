/**
 * Tables that sort: `<table data-sortable>` with `<th data-sort>` in the head. A cell is sorted by its `data-value`, or
 * by its text; numbers as numbers, and cells without a value last.
 */

for (const table of document.querySelectorAll("table[data-sortable]")) {
  for (const head of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
}

function sort(table, head) {
  const isAscending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row.cells[head.cellIndex]) }));
  rows.sort((a, b) => compare(a.value, b.value, isAscending));
  body.append(...rows.map(({ row }) => row));
}

function valueOf(cell) {
  const written = cell.dataset.value ?? cell.textContent.trim();
  return written === "" || Number.isNaN(Number(written)) ? written : Number(written);
}

function compare(a, b, isAscending) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return isAscending ? order : -order;
}
