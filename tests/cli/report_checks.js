// What must hold of a report in a browser. Appended to a copy of it; leaves its findings in the title.
"use strict";
(() => {
    const wrong = [], all = (what, from = document) => [...from.querySelectorAll(what)];
    const check = (name, holds) => holds || wrong.push(name);

    // charts and drawings are drawn, inside of their frames
    check("no charts", all("figure svg").length >= 4);
    for (const svg of all("svg")) {
        const name = svg.getAttribute("aria-label") ?? svg.id;
        const html = svg.outerHTML;
        check("numbers in " + name, !/NaN|Infinity|\bnan\b|="-?inf/.test(html));
        if (svg.hasAttribute("aria-hidden"))
            continue;
        check("words for " + name, svg.getAttribute("role") === "img" && svg.querySelector("title")?.textContent);
        check("shapes in " + name, all("path[d]:not([d='']),rect,circle", svg).length > 0);
        const frame = svg.viewBox.baseVal, box = svg.closest("[class*=by-]") ? null : svg.getBBox();
        if (box && box.width)
            check(`${name} in its frame: ${box.x} ${box.y} ${box.width} ${box.height}`,
                  box.x >= -1 && box.y >= -1 && box.x + box.width <= frame.width + 1 && box.y + box.height <= frame.height + 1);
    }

    // tables sort, both ways, and say so; rows are neither lost nor made
    check("no tables sort", all("table.sorts").length > 0);
    for (const table of all("table.sorts")) {
        const rows = () => [...table.tBodies[0].rows], before = rows().length;
        [...table.tHead.rows[0].cells].forEach((head, i) => {
            const button = head.querySelector("button");
            check("a head without button: " + head.textContent, button);
            for (const [way, sign] of [["ascending", 1], ["descending", -1]]) {
                button?.focus();
                check("a head without focus: " + head.textContent, document.activeElement === button);
                button?.click();
                check(`${head.textContent} ${way}`, head.getAttribute("aria-sort") === way);
                check("two sorted columns", all("[aria-sort]", table).length === 1);
                const values = rows().map(r => r.cells[i].dataset.v).filter(v => v !== undefined && v !== "").map(Number);
                check(`order of ${head.textContent} ${way}: ${values}`,
                      values.every((v, j) => j === 0 || sign * (v - values[j - 1]) >= 0 || isNaN(v)));
            }
        });
        check("rows lost", rows().length === before);
    }
    check("sorting is not said", document.getElementById("said").textContent.startsWith("Sorted by"));

    // one scale of drawings is shown at a time
    const shown = () => all(".drawings .by").filter(s => getComputedStyle(s).display !== "none").length;
    const models = all(".drawings figure").length;
    check("no drawings", models > 0);
    for (const input of all(".by-input")) {
        input.click();
        check("drawings by " + input.id, shown() === models);
    }

    // headings go down by one, everything named has a name, ids are unique
    let level = 1;
    for (const h of all("h1,h2,h3,h4")) {
        check("a heading leaps: " + h.textContent, +h.tagName[1] <= level + 1);
        level = +h.tagName[1];
    }
    for (const e of all("table"))
        check("a table without caption", e.caption?.textContent.trim());
    for (const e of all("input"))
        check("an input without label", e.labels.length);
    const ids = all("[id]").map(e => e.id);
    check("ids twice: " + ids.filter((id, i) => ids.indexOf(id) !== i), new Set(ids).size === ids.length);
    check("an anchor that leads nowhere", all("a[href^='#']").every(a => document.getElementById(a.hash.slice(1))));
    check("something from elsewhere", all("img,image,use,link,iframe,object,embed,audio,video,[src]").length === 0);
    check("something was loaded", performance.getEntriesByType("resource").length === 0);
    const wide = all("body *").find(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide,.drawings,.skip"));
    check(`wider than its window (${document.documentElement.scrollWidth} > ${innerWidth}): ${wide?.outerHTML.slice(0, 80)}`,
          document.documentElement.scrollWidth <= innerWidth);

    // words can be read on what they stand on
    const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const bright = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
    const colour = c => c.match(/[\d.]+/g)?.map(Number);
    const ground = e => {
        for (; e; e = e.parentElement) {
            const c = colour(getComputedStyle(e).backgroundColor);
            if (c && (c.length < 4 || c[3] > 0))
                return c;
        }
        return [255, 255, 255];
    };
    for (const e of all("h1,h2,h3,p,dt,dd,td,th,a,button,label,figcaption,li,svg text")) {
        const s = getComputedStyle(e), on = bright(ground(e));
        const ink = bright(colour(e.closest("svg") ? s.fill : s.color));
        const contrast = (Math.max(ink, on) + .05) / (Math.min(ink, on) + .05);
        check(`contrast ${contrast.toFixed(2)} of <${e.tagName}> ${e.textContent.slice(0, 30)}`, contrast >= 4.5);
    }
    document.title = wrong.length ? "WRONG: " + [...new Set(wrong)].slice(0, 12).join(" | ") : "ALL RIGHT";
    parent.postMessage(document.title, "*"); // to a page that shows it in a narrow frame
})();
