// Charts: a horizontal axis to choose, zoom by dragging, values where the pointer is.
(() => {
  const SIDE = 1000;
  const charts = [];

  const short = (v) => {
    for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
      if (Math.abs(v) >= size) return +(v / size).toPrecision(4) + letter;
    return String(+v.toPrecision(4));
  };
  const full = (v, share) =>
    share ? (100 * v).toFixed(1) + " %" : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(+v.toPrecision(4));

  const ticks = (low, high, most) => {
    if (!(high > low)) return [low];
    const raw = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw * (1 - 1e-12));
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i++) found.push(i * step);
    return found;
  };

  const labels = (place, values, at, side, text) => {
    place.replaceChildren(...values.map((v) => {
      const label = document.createElement("span");
      label.style[side] = 100 * at(v) + "%";
      label.textContent = text(v);
      return label;
    }));
  };

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.plot = figure.querySelector(".plot");
      this.data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
      this.lines = this.plot.querySelector(".lines");
      this.hidden = new Set();
      this.axis = Object.keys(this.data.axes)[0];
      this.zoom = null;
      this.few = figure.classList.contains("small") ? 3 : 5;
      for (const button of figure.querySelectorAll(".legend button"))
        button.addEventListener("click", () => this.toggle(button));
      this.listen();
    }

    toggle(button) {
      const i = +button.dataset.series;
      const shown = this.hidden.delete(i);
      if (!shown) this.hidden.add(i);
      button.setAttribute("aria-pressed", String(shown));
      this.draw();
    }

    shown() { return this.data.series.filter((_, i) => !this.hidden.has(i)); }

    ends() {
      if (this.zoom) return this.zoom;
      let low = Infinity, high = -Infinity;
      for (const s of this.data.series)
        s.x[this.axis].forEach((x, i) => {
          if (x !== null && s.y[i] !== null) { low = Math.min(low, x); high = Math.max(high, x); }
        });
      return low < high ? [low, high] : [low - 0.5, high + 0.5];
    }

    heights([low, high]) {
      if (!this.zoom || this.data.share) return this.data.y;
      let least = Infinity, most = -Infinity;
      for (const s of this.shown())
        s.x[this.axis].forEach((x, i) => {
          for (const v of [s.y[i], s.low?.[i], s.high?.[i]])
            if (x >= low && x <= high && v !== null && v !== undefined) { least = Math.min(least, v); most = Math.max(most, v); }
        });
      if (least > most) return this.data.y;
      const room = 0.06 * (most - least) || 0.5 * Math.abs(most) || 0.5;
      return [least - room, most + room];
    }

    draw() {
      const [low, high] = this.ends(), [bottom, top] = this.heights([low, high]);
      const across = (x) => (x - low) / (high - low), up = (y) => (y - bottom) / (top - bottom);
      const point = (x, y) => (SIDE * across(x)).toFixed(1) + " " + (SIDE * (1 - up(y))).toFixed(1);
      const pieces = [];
      for (const s of this.shown()) {
        const xs = s.x[this.axis];
        if (s.low) {
          const seen = xs.map((_, i) => i).filter((i) => xs[i] !== null && s.low[i] !== null && s.high[i] !== null);
          if (seen.length) pieces.push(["band", s.style, "M" + [...seen.map((i) => point(xs[i], s.high[i])), ...seen.reverse().map((i) => point(xs[i], s.low[i]))].join("L") + "Z"]);
        }
        let path = "", drawing = false, count = 0;
        xs.forEach((x, i) => {
          const there = x !== null && s.y[i] !== null;
          if (there) { path += (drawing ? "L" : "M") + point(x, s.y[i]); count++; }
          drawing = there;
        });
        pieces.push([count === 1 ? "line dot" : "line", s.style, path + (count === 1 ? "h0" : "")]);
      }
      this.lines.replaceChildren(...pieces.map(([kind, style, d]) => {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("class", kind);
        path.style.cssText = style;
        path.setAttribute("d", d);
        return path;
      }));
      const yTicks = ticks(bottom, top, this.few);
      this.plot.querySelector(".grid").setAttribute("d", yTicks.map((t) => `M0 ${(SIDE * (1 - up(t))).toFixed(1)}H${SIDE}`).join(""));
      labels(this.plot.querySelector(".ylabels"), yTicks, up, "bottom", (v) => this.data.share ? +(100 * v).toFixed(1) + " %" : short(v));
      const shown = this.data.powers ? ticks(low, high, this.few).filter(Number.isInteger) : ticks(low, high, this.few);
      labels(this.plot.querySelector(".xlabels"), shown, across, "left", (v) => short(this.data.powers ? 10 ** v : v));
      this.plot.querySelector(".xname").textContent = this.data.axes[this.axis];
    }

    listen() {
      const touch = document.createElement("div");
      touch.className = "touch";
      const rule = document.createElement("div"), zone = document.createElement("div"), tip = document.createElement("div");
      rule.className = "rule"; zone.className = "zone"; tip.className = "tip";
      for (const part of [rule, zone, tip]) { part.hidden = true; touch.append(part); }
      this.plot.append(touch);
      const share = (event) => {
        const box = touch.getBoundingClientRect();
        return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      };
      const value = (at) => { const [low, high] = this.ends(); return low + at * (high - low); };
      let from = null;
      touch.addEventListener("pointerdown", (event) => {
        if (event.pointerType !== "mouse") return;
        from = share(event);
        touch.setPointerCapture(event.pointerId);
      });
      touch.addEventListener("pointermove", (event) => {
        const at = share(event);
        if (from !== null) {
          zone.hidden = false;
          zone.style.left = 100 * Math.min(from, at) + "%";
          zone.style.width = 100 * Math.abs(at - from) + "%";
        }
        this.tell(value(at), rule, tip);
      });
      touch.addEventListener("pointerup", (event) => {
        const at = share(event);
        if (from !== null && Math.abs(at - from) > 0.02) {
          this.zoom = [value(Math.min(from, at)), value(Math.max(from, at))];
          this.draw();
        }
        from = null;
        zone.hidden = true;
      });
      touch.addEventListener("pointerleave", () => { rule.hidden = tip.hidden = zone.hidden = true; from = null; });
      touch.addEventListener("dblclick", () => { this.zoom = null; this.draw(); });
    }

    tell(x, rule, tip) {
      const [low, high] = this.ends(), lines = [];
      let nearest = null;
      for (const s of this.shown()) {
        let best = -1;
        s.x[this.axis].forEach((own, i) => {
          if (own !== null && s.y[i] !== null && (best < 0 || Math.abs(own - x) < Math.abs(s.x[this.axis][best] - x))) best = i;
        });
        if (best < 0) continue;
        const own = s.x[this.axis][best];
        // A line that ends before has nothing to say here.
        if (Math.abs(own - x) > 0.1 * (high - low)) continue;
        if (nearest === null || Math.abs(own - x) < Math.abs(nearest - x)) nearest = own;
        const band = s.low && s.low[best] !== null ? ` (${full(s.low[best], this.data.share)} to ${full(s.high[best], this.data.share)})` : "";
        lines.push([s, full(s.y[best], this.data.share) + band]);
      }
      if (nearest === null || nearest < low || nearest > high) { rule.hidden = tip.hidden = true; return; }
      const at = (nearest - low) / (high - low);
      const head = document.createElement("b");
      head.textContent = full(this.data.powers ? 10 ** nearest : nearest, false) + " " + this.data.axes[this.axis];
      tip.replaceChildren(head, ...lines.map(([s, text]) => {
        const line = document.createElement("div"), colour = document.createElement("i");
        colour.style.cssText = s.style;
        line.append(colour, this.data.series.length > 1 ? `${s.name}: ${text}` : text);
        return line;
      }));
      rule.hidden = tip.hidden = false;
      rule.style.left = 100 * at + "%";
      tip.style.left = at < 0.5 ? `calc(${100 * at}% + 10px)` : "";
      tip.style.right = at < 0.5 ? "" : `calc(${100 * (1 - at)}% + 10px)`;
    }
  }

  for (const figure of document.querySelectorAll("figure.chart"))
    if (figure.querySelector('script[type="application/json"]')) charts.push(new Chart(figure));

  // One axis for all charts of the page.
  for (const button of document.querySelectorAll("button[data-axis]"))
    button.addEventListener("click", () => {
      for (const other of document.querySelectorAll("button[data-axis]"))
        other.setAttribute("aria-pressed", String(other.dataset.axis === button.dataset.axis));
      for (const chart of charts)
        if (button.dataset.axis in chart.data.axes) { chart.axis = button.dataset.axis; chart.zoom = null; chart.draw(); }
    });

  // The search among all metrics.
  for (const field of document.querySelectorAll("input[data-filter]"))
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/[\s_]+/).filter(Boolean);
      let count = 0;
      for (const figure of document.querySelectorAll(`#${field.dataset.filter} figure.chart`)) {
        const name = figure.dataset.name.toLowerCase();
        figure.hidden = !words.every((word) => name.includes(word));
        if (!figure.hidden) count++;
      }
      document.getElementById(field.dataset.filter + "-count").textContent = `${count} shown`;
    });
})();
