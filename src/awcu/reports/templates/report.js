"use strict";

// Sorting: a column's own best order, then the other, then the order it came in.
const ORDERS = { number: ["descending", "ascending"], text: ["ascending", "descending"], up: ["ascending", "descending"] };

function compared(kind, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  return (one, other) => {
    // What has no value stays last.
    if (one.key === "" || other.key === "") return (one.key === "") - (other.key === "");
    if (kind === "text") return sign * one.key.localeCompare(other.key, "en", { numeric: true });
    return sign * (Number(one.key) - Number(other.key));
  };
}

function sortBy(button) {
  const header = button.closest("th");
  const orders = [...ORDERS[button.dataset.kind], null];
  const next = orders[(orders.indexOf(header.getAttribute("aria-sort")) + 1) % orders.length];
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  if (next) header.setAttribute("aria-sort", next);
  for (const body of header.closest("table").querySelectorAll("tbody:not([data-fixed])")) {
    const rows = [...body.rows];
    rows.forEach((row, place) => { row.dataset.place ??= place; });
    rows.sort((one, other) => one.dataset.place - other.dataset.place);
    if (next) {
      const keyed = rows.map((row) => ({ row, key: row.cells[header.cellIndex].dataset.key ?? "" }));
      rows.splice(0, rows.length, ...keyed.sort(compared(button.dataset.kind, next)).map((one) => one.row));
    }
    body.append(...rows);
  }
}

for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sortBy(button));
}
