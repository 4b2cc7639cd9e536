// Episodes step by step: drawn from tiles, paused until somebody plays them.
(() => {
  // Slow where people ask for little motion.
  const MILLISECONDS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 180;
  const digits = (v) => String(+v.toPrecision(3));

  class Film {
    constructor(canvas, frames, drawn) {
      this.canvas = canvas; this.frames = frames; this.shown = -1; this.drawn = drawn;
      [canvas.width, canvas.height] = frames.size;
      const bytes = atob(frames.changes);
      this.changes = new Uint16Array(bytes.length / 2);
      for (let i = 0; i < this.changes.length; i++) this.changes[i] = bytes.charCodeAt(2 * i) | bytes.charCodeAt(2 * i + 1) << 8;
      this.sheet = new Image();
      this.sheet.addEventListener("load", () => { this.ready = true; drawn(); });
      this.sheet.src = frames.sheet;
    }

    show(step) {
      const { tile, shift, across, columns, starts } = this.frames;
      const last = Math.min(step, starts.length - 2);
      if (!this.ready || last === this.shown) return;
      const context = this.canvas.getContext("2d");
      for (let f = last > this.shown ? this.shown + 1 : 0; f <= last; f++)
        for (let i = starts[f]; i < starts[f + 1]; i++) {
          const place = this.changes[2 * i], kind = this.changes[2 * i + 1];
          context.drawImage(this.sheet, (kind % columns) * tile, Math.floor(kind / columns) * tile, tile, tile,
            (place % across) * tile - shift, Math.floor(place / across) * tile - shift, tile, tile);
        }
      this.shown = last;
    }
  }

  class Player {
    constructor(box) {
      this.data = JSON.parse(box.querySelector('script[type="application/json"]').textContent);
      this.steps = this.data.rewards.length;
      this.slider = box.querySelector("input");
      this.output = box.querySelector("output");
      this.numbers = box.querySelector(".numbers");
      this.bars = box.querySelector(".bars");
      this.play = box.querySelector('[data-do="play"]');
      this.films = [["world", "frames"], ["view", "view"]]
        .filter(([, key]) => this.data[key])
        .map(([kind, key]) => new Film(box.querySelector("canvas." + kind), this.data[key], () => this.draw()));
      this.step = 0; this.timer = null;
      this.totals = [0];
      for (const reward of this.data.rewards) this.totals.push(this.totals[this.totals.length - 1] + reward);
      this.slider.addEventListener("input", () => { this.stop(); this.go(+this.slider.value); });
      this.play.addEventListener("click", () => this.timer ? this.stop() : this.start());
      box.querySelector('[data-do="back"]').addEventListener("click", () => { this.stop(); this.go(this.step - 1); });
      box.querySelector('[data-do="on"]').addEventListener("click", () => { this.stop(); this.go(this.step + 1); });
      box.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
        if (by !== undefined && event.target !== this.slider) { event.preventDefault(); this.stop(); this.go(this.step + by); }
        if (event.key === " " && event.target === this.slider) { event.preventDefault(); this.play.click(); }
      });
      for (const part of box.querySelectorAll(".stage, .controls")) part.hidden = false;
      this.draw();
    }

    start() {
      if (this.step >= this.steps) this.go(0);
      this.play.textContent = "Pause";
      this.timer = setInterval(() => { this.go(this.step + 1); if (this.step >= this.steps) this.stop(); }, MILLISECONDS);
    }

    stop() { clearInterval(this.timer); this.timer = null; this.play.textContent = "Play"; }

    go(step) { this.step = Math.min(Math.max(step, 0), this.steps); this.draw(); }

    draw() {
      const { data, step } = this, now = Math.min(step, this.steps - 1), ended = step >= this.steps;
      for (const film of this.films) film.show(step);
      this.slider.value = step;
      const does = ended ? "it has ended" : data.told[now];
      this.slider.setAttribute("aria-valuetext", `step ${step} of ${this.steps}, ${does}`);
      this.output.textContent = `${step} of ${this.steps}`;
      const parts = [["return so far", digits(this.totals[step])]];
      if (now >= 0) parts.push(["expects", digits(data.values[now])], ["does", does]);
      this.numbers.replaceChildren(...parts.map(([name, value]) => {
        const part = document.createElement("span"), bold = document.createElement("b");
        bold.textContent = value;
        part.append(name + " ", bold);
        return part;
      }));
      if (data.chances && now >= 0)
        this.bars.replaceChildren(...data.actions.flatMap((name, a) => {
          const label = document.createElement("span"), track = document.createElement("div"), bar = document.createElement("i"), share = document.createElement("span");
          label.textContent = name;
          if (!ended && data.told[now] === name) label.className = "taken";
          bar.style.width = data.chances[now][a] / 10 + "%";
          track.append(bar);
          share.textContent = (data.chances[now][a] / 10).toFixed(1) + " %";
          return [label, track, share];
        }));
      for (const film of this.films)
        film.canvas.setAttribute("aria-label", `${data.name} at step ${step} of ${this.steps}; ${does}`);
    }
  }

  for (const box of document.querySelectorAll(".player")) new Player(box);
})();
