// The table of all stored levels: sorted by any column, and longer when asked.
(() => {
  const STEP = 100;
  for (const box of document.querySelectorAll(".all-levels")) {
    const data = JSON.parse(box.querySelector('script[type="application/json"]').textContent);
    const body = box.querySelector("tbody"), heads = [...box.querySelectorAll("thead th")];
    const controls = box.querySelector(".controls"), more = controls.querySelector("button"), told = controls.querySelector("span");
    const count = data.names.length;
    let order = data.names.map((_, i) => i), shown = body.rows.length;

    const digits = (v) => v === null ? "–" : Number.isInteger(v) ? v.toLocaleString("en") : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : Math.abs(v) < 1e-3 ? v.toExponential(1) : String(+v.toPrecision(3));
    const text = (column, i) => {
      const v = data.columns[column][i];
      if (!data.shares[column]) return digits(v);
      return v === null || v < 0 ? "–" : (v >= 0.01 || v === 0 ? (100 * v).toFixed(1) : String(+(100 * v).toPrecision(1))) + " %";
    };
    const value = (column, i) =>
      column === 0 ? data.names[i] : column > data.columns.length ? data.whys[data.why[i]] : data.columns[column - 1][i];

    const draw = () => {
      body.replaceChildren(...order.slice(0, shown).map((i) => {
        const row = document.createElement("tr"), head = document.createElement("th"), code = document.createElement("code");
        head.scope = "row"; head.className = "l"; code.textContent = data.names[i]; head.append(code);
        row.append(head);
        for (let c = 0; c < data.columns.length; c++) {
          const cell = row.insertCell();
          cell.className = "r"; cell.textContent = text(c, i);
        }
        const why = row.insertCell();
        why.className = "l"; why.textContent = data.whys[data.why[i]];
        return row;
      }));
      more.hidden = shown >= count;
      told.textContent = `${Math.min(shown, count)} of ${count} levels`;
    };

    const sort = (column, down) => {
      const sign = down ? -1 : 1;
      order.sort((a, b) => {
        const x = value(column, a), y = value(column, b);
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y) || a - b;
      });
      heads.forEach((head, c) => head.setAttribute("aria-sort", c !== column ? "none" : down ? "descending" : "ascending"));
      draw();
    };

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button"; button.className = "sort"; button.textContent = head.textContent;
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const words = column === 0 || column > data.columns.length;
        sort(column, now === "descending" ? false : now === "ascending" ? true : !words);
      });
      head.replaceChildren(button);
    });
    heads[1].setAttribute("aria-sort", "descending");
    controls.hidden = false;
    more.addEventListener("click", () => { shown += STEP; draw(); });
    draw();
  }
})();
