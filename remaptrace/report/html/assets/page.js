"use strict";
(function () {
  const KIND_COLOURS = ["#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#8a8a8a", "#b8a800"];
  const PERM_COLOURS = {"r--": "#56B4E9", "r-x": "#0072B2", "rw-": "#E69F00", "rwx": "#D55E00", "---": "#8a8a8a", "-w-": "#CC79A7", "--x": "#009E73", "-wx": "#b8a800"};
  const OUTCOME_COLOURS = ["#56B4E9", "#D55E00", "#CC79A7", "#009E73", "#E69F00", "#8a8a8a", "#0072B2", "#b8a800"];
  const NO_ACCESS = 6;

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") node.className = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    for (const child of children) node.append(child);
    return node;
  }
  const count = (n) => n.toLocaleString("en-US");
  const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
  function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }
  function size(pages, shift) {
    let n = pages * 2 ** (shift - 10), unit = "KiB";
    for (const next of ["MiB", "GiB", "TiB", "PiB"]) if (n >= 1024 && n % 1024 === 0) { n /= 1024; unit = next; }
    return count(n) + " " + unit;
  }
  function hex(page, shift) { return (BigInt(page) << BigInt(shift)).toString(16); }

  function table(head, rows, caption) {
    const body = make("tbody");
    for (const row of rows) {
      const line = make("tr");
      for (const cell of row) {
        const text = typeof cell === "number" ? count(cell) : String(cell);
        line.append(make("td", /^-?[\d,.]+( [KMGT]iB|%)?$/.test(text) ? {class: "n"} : {}, text));
      }
      body.append(line);
    }
    const line = make("tr");
    for (const name of head) line.append(make("th", {scope: "col"}, name));
    const whole = make("table", {}, make("thead", {}, line), body);
    if (caption) whole.prepend(make("caption", {}, caption));
    return make("div", {class: "wide", tabindex: "0", role: "region", "aria-label": `table: ${caption || head.join(", ")}`}, whole);
  }
  function folded(summary, fill) {
    const details = make("details", {}, make("summary", {}, summary));
    let done = false;
    details.addEventListener("toggle", () => { if (details.open && !done) { done = true; details.append(fill()); } });
    return details;
  }
  function key(entries) {
    const list = make("ul", {class: "key"});
    for (const [name, colour] of entries) {
      const box = make("i");
      box.style.background = name === "no access" || name === "---"
        ? `repeating-linear-gradient(135deg, ${colour} 0 3px, transparent 3px 6px)` : colour;
      list.append(make("li", {}, box, name));
    }
    return list;
  }
  function canvas(name, label) { return make("canvas", {class: name, tabindex: "0", role: "img", "aria-label": label}); }
  function fit(surface) {
    const box = surface.getBoundingClientRect(), scale = window.devicePixelRatio || 1;
    surface.width = Math.max(1, Math.round(box.width * scale));
    surface.height = Math.max(1, Math.round(box.height * scale));
    return surface.getContext("2d");
  }

  class Side {
    constructor(data, many, root, moved) {
      this.d = data; this.moved = moved; this.of = many ? `, ${data.name}` : "";
      const sums = (steps) => { let sum = 0; return steps.map((step) => sum += step); };
      const a = data.areas, start = sums(a.start), born = sums(a.born), line = sums(a.line);
      data.areas = start.map((from, i) => [from, from + a.pages[i], data.words[a.perms[i]], a.kind[i], a.name[i], born[i],
        data.words[a.flags[i]], data.words[a.made[i]], line[i]]); this.colourBy = "kind"; this.zoom = null; this.at = 0;
      this.states = this.unfold();
      this.root = make("section", {"aria-label": "replay on " + data.name});
      if (many) this.root.append(make("h2", {}, data.name));
      root.append(this.root);
      this.build();
      const peak = data.frames.reduce((best, f, i) => f[2] > data.frames[best][2] ? i : best, 0);
      if (data.frames.length) { this.choose(data.frames[peak][1]); this.go(peak, true); }
    }
    unfold() {
      const last = new Map(), out = [];
      for (const [, pid, , , , added, removed] of this.d.frames) {
        const now = new Set(last.get(pid) || []);
        for (const a of removed) now.delete(a);
        for (const a of added) now.add(a);
        last.set(pid, now);
        out.push(Int32Array.from(now).sort((a, b) => this.d.areas[a][0] - this.d.areas[b][0]));
      }
      return out;
    }
    build() {
      const d = this.d, root = this.root;
      root.append(make("h2", {}, "VMAs over time"));
      this.chartAt = make("div", {class: "chart"});
      root.append(this.chartAt);
      this.chart();
      const shown = d.processes.length ? d.processes : [];
      root.append(folded("The same as a table", () => table(
        ["from event", ...shown.map((p) => `${p.pid} ${p.name}`)],
        d.parts.map((first, i) => [first, ...shown.map((p) => p.high[i] === null ? "" : p.low[i] === p.high[i] ? p.high[i] : `${count(p.low[i])} to ${count(p.high[i])}`)]),
        "lowest and highest VMA count of each part of the run" + this.of)));
      if (!d.frames.length) { root.append(make("p", {class: "note"}, "No event of this run has an address space to show.")); return; }
      root.append(make("h2", {}, "The address space"));
      const exact = d.frames.length >= d.events ? "every event" : `${count(d.frames.length)} of ${count(d.events)} events`;
      root.append(make("p", {class: "note"}, `Shown behind ${exact}, the peak among them. Wheel zooms, double click resets; arrow keys move.`));
      this.slider = make("input", {type: "range", min: "0", max: "0", value: "0", "aria-label": "moment", oninput: () => this.go(this.mine[+this.slider.value])});
      this.words = make("output", {class: "count"});
      this.pick = make("select", {"aria-label": "process", onchange: () => { this.choose(+this.pick.value); this.go(this.mine[this.mine.length - 1]); }});
      for (const pid of new Set(d.frames.map((f) => f[1]))) {
        const known = d.processes.find((p) => p.pid === pid);
        this.pick.append(make("option", {value: String(pid)}, known && known.name ? `${pid} ${known.name}` : String(pid)));
      }
      this.by = make("select", {"aria-label": "colour by", onchange: () => { this.colourBy = this.by.value; this.legend(); this.draw(); }},
        make("option", {value: "kind"}, "colour: kind"), make("option", {value: "perms"}, "colour: permission"));
      root.append(make("div", {class: "moment"}, this.pick, this.slider, this.by));
      root.append(make("div", {class: "moment"}, this.words));
      this.bar = canvas("bar", "the address space at this moment, low addresses left");
      this.picture = canvas("picture", "the address space over time: events downwards, low addresses left");
      this.hover = make("div", {class: "hover", "aria-live": "polite"}, "Point at an area to see what it is.");
      this.keyAt = make("div");
      root.append(this.bar, this.hover, this.picture, this.keyAt);
      for (const surface of [this.bar, this.picture]) this.listen(surface);
      root.append(folded("Areas at this moment, as a table", () => { this.list = make("div"); this.areaTable(); return this.list; }));
      root.append(make("h2", {}, "VMAs by kind"));
      this.kinds = canvas("kinds", "VMAs by kind over time, stacked");
      root.append(this.kinds, folded("The same as a table", () => table(["event", ...d.kinds],
        this.mine.map((f) => [d.frames[f][0], ...this.byKind(f)]), "VMAs by kind" + this.of)));
      root.append(make("h2", {}, "Accesses and faults"));
      if (d.has_faults) {
        this.faults = canvas("faults", "accesses over time by outcome, stacked");
        const names = Object.keys(d.faults);
        root.append(this.faults, key(names.map((n, i) => [n, OUTCOME_COLOURS[i % 8]])), folded("The same as a table", () =>
          table(["from event", ...names], d.parts.map((first, i) => [first, ...names.map((n) => d.faults[n][i])]), "accesses by outcome" + this.of)));
      } else root.append(make("p", {class: "note"}, "Not recorded in this trace."));
      root.append(make("h2", {}, "Refused calls"));
      if (d.refused.length) root.append(table(["event", "call", "errno"], d.refused, "calls that ended in an error" + this.of));
      else root.append(make("p", {class: "note"}, "None."));
    }
    chart() {
      const d = this.d, series = [{label: "event"}], columns = [d.parts], bands = [];
      d.processes.forEach((p, i) => {
        const colour = KIND_COLOURS[(i * 3) % 8];
        series.push({label: `${p.pid} ${p.name}`.trim(), stroke: colour, width: 1.5, points: {show: false}, spanGaps: true});
        series.push({label: "lowest", stroke: colour, width: 0.5, points: {show: false}, show: true, spanGaps: true});
        bands.push({series: [2 * i + 1, 2 * i + 2], fill: colour + "40"});
        columns.push(p.high, p.low);
      });
      const ink = getComputedStyle(document.body).color;
      const axis = {stroke: ink, grid: {stroke: "#8888"}, ticks: {stroke: "#8888"}};
      const options = {
        width: this.chartAt.clientWidth || 800, height: 230, bands, series,
        scales: {x: {time: false}}, legend: {show: d.processes.length <= 6},
        axes: [{...axis, label: "event"}, {...axis, size: 70}],
        hooks: {ready: [(u) => u.over.addEventListener("click", () => {
          if (u.cursor.left >= 0) this.goEvent(u.posToVal(u.cursor.left, "x"));
        })]},
      };
      if (!d.processes.length) { this.chartAt.append(make("p", {class: "note"}, "No process has a VMA count here.")); return; }
      this.plot = new uPlot(options, columns, this.chartAt);
    }
    resize() { if (this.plot) this.plot.setSize({width: this.chartAt.clientWidth, height: 230}); this.draw(); }
    choose(pid) {
      this.pid = pid;
      this.mine = [];
      this.d.frames.forEach((f, i) => { if (f[1] === pid) this.mine.push(i); });
      this.slider.max = String(this.mine.length - 1);
      this.pick.value = String(pid);
      this.zoom = null;
      this.axis();
      this.legend();
    }
    axis() {
      const d = this.d, used = new Set();
      for (const f of this.mine) for (const a of this.states[f]) used.add(a);
      const ends = new Set();
      for (const a of used) { ends.add(d.areas[a][0]); ends.add(d.areas[a][1]); }
      const marks = [...ends].sort((a, b) => a - b), rank = new Map(marks.map((m, i) => [m, i]));
      const cover = new Int32Array(marks.length + 1);
      for (const a of used) { cover[rank.get(d.areas[a][0])]++; cover[rank.get(d.areas[a][1])]--; }
      const place = new Float64Array(marks.length);
      let depth = 0;
      for (let i = 0; i + 1 < marks.length; i++) {
        depth += cover[i];
        place[i + 1] = place[i] + (depth > 0 ? Math.log2(marks[i + 1] - marks[i]) + 1 : 6);
      }
      this.marks = marks; this.place = place; this.rank = rank;
      this.extent = place.length ? place[place.length - 1] || 1 : 1;
    }
    window() { return this.zoom || [0, this.extent]; }
    columnsOf(width) {
      const [from, to] = this.window(), scale = width / (to - from);
      return (page) => (this.place[this.rank.get(page)] - from) * scale;
    }
    colour(area) { return this.colourBy === "kind" ? KIND_COLOURS[area[3]] : PERM_COLOURS[area[2].slice(0, 3)] || "#8a8a8a"; }
    legend() {
      const entries = this.colourBy === "kind" ? this.d.kinds.map((k, i) => [k, KIND_COLOURS[i]]) : Object.entries(PERM_COLOURS);
      this.keyAt.replaceChildren(key(entries));
    }
    paint(pixels, width, top, bottom, frame) {
      const x = this.columnsOf(width), main = new Int32Array(width).fill(-1), guard = new Uint8Array(width);
      for (const a of this.states[frame]) {
        const area = this.d.areas[a];
        const from = Math.max(0, Math.floor(x(area[0]))), to = Math.min(width, Math.max(from + 1, Math.ceil(x(area[1]))));
        for (let c = from; c < to; c++) if (area[3] === NO_ACCESS) guard[c] = 1; else main[c] = a;
      }
      const grey = rgb(KIND_COLOURS[NO_ACCESS]), cache = new Map();
      for (let c = 0; c < width; c++) {
        if (main[c] < 0 && !guard[c]) continue;
        let colour = null;
        if (main[c] >= 0) {
          const name = this.colour(this.d.areas[main[c]]);
          colour = cache.get(name);
          if (!colour) cache.set(name, colour = rgb(name));
        }
        for (let y = top; y < bottom; y++) {
          const hatch = guard[c] && (c + y) % 6 < 3, ink = hatch ? grey : colour;
          if (!ink) continue;
          const p = (y * width + c) * 4;
          pixels[p] = ink[0]; pixels[p + 1] = ink[1]; pixels[p + 2] = ink[2]; pixels[p + 3] = 255;
        }
      }
    }
    draw() {
      if (!this.mine) return;
      let g = fit(this.bar), image = g.createImageData(this.bar.width, this.bar.height);
      this.paint(image.data, image.width, 0, image.height, this.at);
      g.putImageData(image, 0, 0);
      g = fit(this.picture);
      image = g.createImageData(this.picture.width, this.picture.height);
      const rows = this.mine.length;
      this.mine.forEach((frame, i) => this.paint(image.data, image.width,
        Math.floor(i * image.height / rows), Math.max(Math.floor((i + 1) * image.height / rows), Math.floor(i * image.height / rows) + 1), frame));
      g.putImageData(image, 0, 0);
      const here = (this.mine.indexOf(this.at) + 0.5) * image.height / rows;
      g.strokeStyle = getComputedStyle(document.body).color; g.lineWidth = 2;
      g.beginPath(); g.moveTo(0, here); g.lineTo(image.width, here); g.stroke();
      this.stack(this.kinds, this.mine.map((f) => this.byKind(f)), KIND_COLOURS, this.mine.indexOf(this.at));
      if (this.faults) {
        const names = Object.keys(this.d.faults);
        this.stack(this.faults, this.d.parts.map((_, i) => names.map((n) => this.d.faults[n][i])), OUTCOME_COLOURS, -1);
      }
    }
    byKind(frame) {
      const sums = this.d.kinds.map(() => 0);
      for (const a of this.states[frame]) sums[this.d.areas[a][3]]++;
      return sums;
    }
    stack(surface, rows, colours, here) {
      const g = fit(surface), highest = Math.max(1, ...rows.map((r) => r.reduce((a, b) => a + b, 0)));
      const wide = surface.width / rows.length;
      rows.forEach((row, i) => {
        let y = surface.height;
        row.forEach((n, k) => {
          const tall = n / highest * (surface.height - 14 * (window.devicePixelRatio || 1));
          g.fillStyle = colours[k % 8];
          g.fillRect(Math.floor(i * wide), y - tall, Math.ceil(wide), tall);
          y -= tall;
        });
      });
      g.fillStyle = getComputedStyle(document.body).color;
      g.font = `${12 * (window.devicePixelRatio || 1)}px sans-serif`;
      g.fillText("highest " + count(highest), 4, 12 * (window.devicePixelRatio || 1));
      if (here >= 0) g.fillRect(Math.floor((here + 0.5) * wide), 0, 1, surface.height);
    }
    go(frame, quiet) {
      if (frame === undefined) return;
      this.at = frame;
      const [event, pid, n, text, where] = this.d.frames[frame];
      this.slider.value = String(this.mine.indexOf(frame));
      this.words.textContent = `event ${count(event)} (${where}), process ${pid}: ${text}; ${count(n)} VMAs behind it`;
      this.draw();
      if (this.list) this.areaTable();
      if (!quiet && this.moved) this.moved(this, event);
    }
    goEvent(event, quiet) {
      if (!this.d.frames.length) return;
      let best = this.mine[0];
      for (const f of this.mine) if (Math.abs(this.d.frames[f][0] - event) < Math.abs(this.d.frames[best][0] - event)) best = f;
      this.go(best, quiet);
    }
    areaTable() {
      const d = this.d, most = 2000, state = [...this.states[this.at]];
      const rows = state.slice(0, most).map((a) => {
        const [start, end, perms, kind, name, born, flags, made, line] = d.areas[a];
        return [`${hex(start, d.shift)}-${hex(end, d.shift)}`, perms, size(end - start, d.shift), d.kinds[kind], d.names[name], flags, made ? `${made}, event ${count(born)}, line ${line}` : "before the trace"];
      });
      this.list.replaceChildren(table(["range", "permissions", "size", "kind", "name", "VmFlags", "made by"], rows, "areas at this moment" + this.of));
      if (state.length > most) this.list.append(make("p", {class: "note"}, `${count(state.length - most)} more are not listed.`));
    }
    describe(area) {
      const [start, end, perms, kind, name, born, flags, call, line] = area, d = this.d;
      const made = call ? `made by ${call}, event ${count(born)}, line ${line}` : "there before the trace";
      return `${hex(start, d.shift)}-${hex(end, d.shift)} ${perms} ${size(end - start, d.shift)}  ${d.kinds[kind]}  ${d.names[name]}\n${made}  [${flags}]`;
    }
    listen(surface) {
      const position = (e) => { const box = surface.getBoundingClientRect(); return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]; };
      const frameAt = (y) => surface === this.bar ? this.at : this.mine[Math.max(0, Math.min(this.mine.length - 1, Math.floor(y * this.mine.length)))];
      surface.addEventListener("mousemove", (e) => {
        const [x, y] = position(e);
        this.point(x, frameAt(y));
      });
      surface.addEventListener("click", (e) => { const [, y] = position(e); this.go(frameAt(y)); });
      surface.addEventListener("dblclick", () => { this.zoom = null; this.draw(); });
      surface.addEventListener("wheel", (e) => {
        e.preventDefault();
        const [x] = position(e), [from, to] = this.window(), centre = from + x * (to - from), by = e.deltaY < 0 ? 0.7 : 1 / 0.7;
        const next = [Math.max(0, centre - (centre - from) * by), Math.min(this.extent, centre + (to - centre) * by)];
        this.zoom = next[1] - next[0] >= this.extent ? null : next;
        this.draw();
        this.point(x, frameAt(0));
      }, {passive: false});
      surface.addEventListener("keydown", (e) => {
        const i = this.mine.indexOf(this.at), state = this.states[this.at];
        if (e.key === "ArrowUp" || e.key === "ArrowDown") { e.preventDefault(); this.go(this.mine[i + (e.key === "ArrowUp" ? -1 : 1)]); }
        if ((e.key === "ArrowLeft" || e.key === "ArrowRight") && state.length) {
          e.preventDefault();
          this.spot = Math.max(0, Math.min(state.length - 1, (this.spot === undefined ? -1 : this.spot) + (e.key === "ArrowRight" ? 1 : -1)));
          this.hover.textContent = this.describe(this.d.areas[state[this.spot]]);
        }
      });
    }
    point(x, frame) {
      const [from, to] = this.window(), spot = from + x * (to - from), d = this.d;
      for (const a of this.states[frame]) {
        const area = d.areas[a];
        if (this.place[this.rank.get(area[0])] <= spot && spot < this.place[this.rank.get(area[1])]) {
          this.hover.textContent = (frame === this.at ? "" : `event ${count(d.frames[frame][0])}: `) + this.describe(area);
          return;
        }
      }
      this.hover.textContent = "nothing is mapped here\n ";
    }
  }

  async function start() {
    const packed = Uint8Array.from(atob(document.getElementById("data").textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = JSON.parse(await new Response(stream).text());
    const root = document.getElementById("sides"), sides = [];
    const moved = (from, event) => { for (const other of sides) if (other !== from) other.goEvent(event, true); };
    for (const one of data.sides) sides.push(new Side(one, data.sides.length > 1, root, moved));
    for (const one of data.tables) {
      const section = make("section", {}, make("h2", {}, one.title));
      section.append(one.folded ? folded(`${count(one.rows.length)} rows`, () => table(one.head, one.rows, one.title)) : table(one.head, one.rows, one.title));
      document.getElementById("tables").append(section);
    }
    let waiting = 0;
    window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => sides.forEach((s) => s.resize()), 120); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => sides.forEach((s) => s.draw()));
    window.remaptrace = {data, sides};
    window.ready = true;
  }
  start().catch((error) => {
    document.getElementById("sides").append(make("p", {class: "bad"}, "This page needs a browser of 2023 or later: " + error));
    throw error;
  });
})();
