// Tables sort by the column whose head is pressed: numbers by data-v, words as they read; what has no value comes last.
"use strict";
for (const table of document.querySelectorAll("table.sorts")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], said = document.getElementById("said");
    const value = (row, i) => row.cells[i].dataset.v ?? row.cells[i].textContent.trim();
    heads.forEach((head, i) => head.querySelector("button")?.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending", sign = down ? -1 : 1;
        const rows = [...body.rows].sort((a, b) => {
            const x = value(a, i), y = value(b, i);
            if (x === "" || y === "")
                return (x === "") - (y === "");
            const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
            return sign * order;
        });
        body.append(...rows);
        for (const other of heads)
            other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        said.textContent = "Sorted by " + head.textContent.trim() + (down ? ", falling" : ", rising");
    }));
}
document.documentElement.classList.add("live");
