// One replay on the page: its bar, its picture over time, its charts and tables.
class Side {
  constructor(data, group, many) {
    this.d = data; this.group = group; this.a = new Areas(data); this.event = 0; this.colourBy = "kind";
    this.plots = [];
    this.of = many ? `, ${data.name}` : "";
    this.many = many;
    this.head = make("div", {class: "now"});
    this.body = make("section", {class: "side", "aria-label": "replay on " + data.name});
    if (this.a.pids.length) this.buildHead();
    this.buildBody();
  }
  buildHead() {
    if (this.many) this.head.append(make("h3", {}, this.d.name));
    this.words = make("output", {class: "count"});
    this.effect = make("p", {class: "effect"});
    this.bar = canvas("bar", "the address space at this event, low addresses left" + this.of);
    this.hover = make("div", {class: "hover", "aria-live": "polite"}, this.group.sides.length ? "" : "Point at an area, or use the arrow keys, to see what it is.");
    this.head.append(this.words, this.effect, this.bar);
    if (this.group.compares) { this.strip = canvas("strip", "ranges whose protection differs" + this.of); this.head.append(this.strip); }
    this.head.append(this.hover);
    this.listen(this.bar);
  }
  buildBody() {
    const d = this.d, root = this.body;
    if (this.many) root.append(make("h2", {}, d.name));
    root.append(make("h3", {}, d.one_moment ? "The map, area by area" : "VMAs over time"));
    if (d.one_moment) root.append(make("p", {class: "note"},
      "A map is one moment and has no time: its areas are put in one after the other, the lowest address first."));
    this.chartAt = make("div", {class: "chart"});
    root.append(this.chartAt, key(d.processes.slice(0, 8).map((p, i) => [`${`${p.pid} ${p.name}`.trim()}: at most ${count(p.peak)}`, LINE_COLOURS[i % 8]])));
    if (d.all_processes > d.processes.length) root.append(make("p", {class: "note"},
      `Of ${count(d.all_processes)} processes the ${count(d.processes.length)} with the most VMAs are on this page; the lines of ${Math.min(8, d.processes.length)} are named.`));
    if (d.wrong.length) {
      const list = make("ul", {class: "wrong"});
      for (const [event, words] of d.wrong) list.append(make("li", {}, make("button", {type: "button",
        onclick: () => this.group.go(this, event)}, `event ${count(event)}`), ` ${words}`));
      root.append(make("p", {class: "bad"}, `Red: ${plural(d.wrong.length, "difference", "differences")} from what was recorded or expected.`), list);
    }
    const shown = d.processes;
    if (shown.length) root.append(folded("The same as a table", () => table(
      ["from event", ...shown.map((p) => `${p.pid} ${p.name}`)],
      d.parts.map((first, i) => [first, ...shown.map((p) => p.high[i] === null ? "" : p.low[i] === p.high[i] ? p.high[i] : `${count(p.low[i])} to ${count(p.high[i])}`)]),
      "lowest and highest VMA count of each part of the run" + this.of)));
    if (this.a.pids.length) this.buildAreas(root);
    else root.append(make("p", {class: "note"}, "No event of this run has an address space to show."));
    root.append(make("h3", {}, "Accesses and faults"));
    if (d.has_faults) {
      const names = Object.keys(d.faults);
      this.faults = canvas("faults", "accesses over time by outcome, stacked" + this.of);
      root.append(this.faults, key(names.map((n, i) => [n, OUTCOME_COLOURS[i % 8]])), folded("The same as a table", () =>
        table(["from event", ...names], d.parts.map((first, i) => [first, ...names.map((n) => d.faults[n][i])]), "accesses by outcome" + this.of)));
      this.walk(this.faults);
      this.faults.addEventListener("click", (e) => this.group.go(this, d.parts[Math.floor(this.across(e, this.faults) * d.parts.length)]));
    } else root.append(make("p", {class: "note"}, d.touches_known ? "None: no access is in this trace." : "Not recorded in this trace."));
    root.append(make("h3", {}, "Resident memory over time"));
    if (d.resident && d.resident.length) {
      const shift = this.a.shift;
      this.residentAt = make("div", {class: "chart"});
      root.append(make("p", {class: "note"}, "Pages that are present after the process's own events, as VmRSS counts them: what the accesses of this trace brought in. What a kernel touches unseen (arguments of exec, larger fault-around) is not in it."), this.residentAt,
        key(d.resident.slice(0, 8).map((p, i) => [`${`${p.pid} ${p.name}`.trim()}: at most ${someMebibytes(p.peak, shift)}`, LINE_COLOURS[i % 8]])),
        folded("The same as a table", () => table(["from event", ...d.resident.map((p) => `${p.pid} ${p.name}`)],
          d.parts.map((first, i) => [first, ...d.resident.map((p) => p.high[i] === null ? "" : p.low[i] === p.high[i] ? p.high[i] : `${count(p.low[i])} to ${count(p.high[i])}`)]),
          `fewest and most present pages of ${plural(2 ** (shift - 10), "KiB", "KiB")} in each part of the run` + this.of)));
    } else root.append(make("p", {class: "note"}, d.resident ? "None: no process has an address space." : "Not recorded in this trace: it does not say which pages were touched."));
    root.append(make("h3", {}, "Refused calls"));
    if (d.refused.length) root.append(table(["event", "line", "call", "errno", "because of"], d.refused, "calls that ended in an error" + this.of));
    else root.append(make("p", {class: "note"}, "None."));
  }
  buildAreas(root) {
    const d = this.d;
    root.append(make("h3", {}, d.one_moment ? "The address space, area by area" : "The address space over time"));
    root.append(make("p", {class: "note"}, (this.a.stops
      ? `Shown are ${count(this.a.stops.length)} of ${count(d.events)} events, ${this.a.wholeAround(d.processes[0].peak_event) ? "every one around the peak" : "the peak"} among them: there are too many changes for one page. `
      : "Every event is shown. ") + "Events go downwards, addresses from left to right; gaps are collapsed. Click: go there. Wheel, + and -: zoom; double click, 0: all."));
    this.picture = canvas("picture", "the address space over time: events downwards, low addresses left" + this.of);
    this.keyAt = make("div");
    root.append(this.picture, this.keyAt);
    this.listen(this.picture);
    this.listAt = folded("Areas at this event, as a table", () => { this.list = make("div"); this.areaTable(); return this.list; });
    root.append(this.listAt, make("h3", {}, "VMAs by kind"));
    this.kinds = canvas("kinds", "VMAs by kind over time, stacked" + this.of);
    this.walk(this.kinds);
    this.kinds.addEventListener("click", (e) => {
      const row = this.stacked[Math.floor(this.across(e, this.kinds) * this.stacked.length)];
      if (row) this.group.go(this, row[0]);
    });
    root.append(this.kinds, folded("The same as a table", () => table(["at event", ...d.kinds],
      this.stacked.map(([event, n]) => [event, ...n]), "VMAs by kind at the highest moment of each part" + this.of)));
  }
  // Arrow keys on a chart over time go to other events.
  walk(surface) {
    surface.addEventListener("keydown", (e) => this.group.keyed(this, e));
  }
  across(e, surface) { const box = surface.getBoundingClientRect(); return Math.max(0, Math.min(0.999999, (e.clientX - box.left) / box.width)); }
  charts() {
    const d = this.d, shift = this.a.shift;
    if (!d.processes.length) { this.chartAt.append(make("p", {class: "note"}, "No process has a VMA count here.")); return; }
    this.plots = [this.chart(this.chartAt, d.processes, (n) => n, {incrs: WHOLE, label: "VMAs"})];
    if (this.residentAt) this.plots.push(this.chart(this.residentAt, d.resident, (n) => n === null ? null : mebibytes(n, shift), {label: "MiB"}));
  }
  // Lines of processes over events, the lowest and the highest value of each part.
  chart(at, lines, value, upright) {
    const d = this.d, series = [{label: "event"}], columns = [d.parts], bands = [];
    lines.forEach((p, i) => {
      const colour = LINE_COLOURS[i % 8];
      series.push({label: `${p.pid} ${p.name}`.trim() + ", highest", stroke: colour, width: 1.5, points: {show: false}, spanGaps: true});
      series.push({label: "lowest", stroke: colour, width: 0.5, points: {show: false}, spanGaps: true});
      bands.push({series: [2 * i + 1, 2 * i + 2], fill: colour + "40"});
      columns.push(p.high.map(value), p.low.map(value));
    });
    const pen = () => ink(), axis = {stroke: pen, grid: {stroke: "#8884"}, ticks: {stroke: "#8888"}};
    return new uPlot({
      width: Math.max(200, at.clientWidth), height: 220, bands, series,
      scales: {x: {time: false}, y: {range: (_, low, high) => [Math.min(0, low || 0), high > 0 ? high * 1.05 : 1]}}, legend: {show: false},
      axes: [{...axis, label: "event", labelSize: 20, incrs: WHOLE}, {...axis, size: 64, labelSize: 20, ...upright}],
      hooks: {
        ready: [(u) => u.over.addEventListener("click", () => { if (u.cursor.left >= 0) this.group.go(this, Math.round(u.posToVal(u.cursor.left, "x"))); })],
        draw: [(u) => {
          const x = u.valToPos(this.event, "x", true), box = u.bbox;
          for (const [event] of d.wrong) { // a triangle above each event that the recording shows otherwise
            const at = u.valToPos(event, "x", true), wide = 5 * dots();
            u.ctx.fillStyle = DIFFERS; u.ctx.beginPath(); u.ctx.moveTo(at - wide, box.top); u.ctx.lineTo(at + wide, box.top);
            u.ctx.lineTo(at, box.top + 2 * wide); u.ctx.fill();
          }
          if (x < box.left || x > box.left + box.width) return;
          u.ctx.fillStyle = ink(); u.ctx.fillRect(x - 0.5, box.top, 1, box.height);
        }],
      },
    }, columns, at);
  }
  choose(pid, axis) {
    this.pid = pid; this.axis = axis;
    const parts = this.a.segments(pid);
    this.from = parts.length ? parts[0][1] : 0;
    this.to = parts.length ? parts[parts.length - 1][2] : 1;
    this.changed = this.a.stops ? this.a.stops.filter((e) => this.from <= e && e < this.to) : this.a.changes(pid);
    this.stacked = this.a.pids.length ? this.a.byKind(pid, Math.min(400, Math.max(1, this.to - this.from)), this.from, this.to) : [];
    this.legend();
  }
  legend() {
    this.colours = [];
    if (!this.keyAt) return;
    const kinds = new Set(), perms = new Set();
    for (const [space] of this.a.segments(this.pid)) for (const look of new Set(this.a.spaces[space].look)) {
      const w = this.a.words(look);
      kinds.add(w.kind); perms.add(w.perms.slice(0, 3));
    }
    const entries = this.colourBy === "kind" ? [...kinds].sort().map((k) => [this.d.kinds[k], KIND_COLOURS[k]])
      : [...perms].sort().map((p) => [p, PERM_COLOURS[p]]);
    this.keyAt.replaceChildren(key(entries));
  }
  colour(look) {
    const known = this.colours[look];
    return known || (this.colours[look] = this.colourOf(look));
  }
  colourOf(look) {
    const w = this.a.words(look);
    return w.perms.startsWith("---") ? "none" : this.colourBy === "kind" ? KIND_COLOURS[w.kind] : PERM_COLOURS[w.perms.slice(0, 3)];
  }
  // Paint lives: `lives` calls back with life and place across; the rarest colours come last, so that none is lost,
  // and no access as stripes over everything.
  paint(g, lives) {
    const found = new Map(), wide = g.canvas.width, [low, high] = this.axis.window(), scale = wide / (high - low);
    lives((s, i, y, h) => {
      const [from, to] = this.axis.places.get(s), x0 = (from[i] - low) * scale, x1 = (to[i] - low) * scale;
      if (x1 <= 0 || x0 >= wide) return;
      const x = Math.max(0, Math.floor(x0)), w = Math.min(wide, Math.max(x + 1, Math.round(x1))) - x;
      const colour = this.colour(s.look[i]);
      let boxes = found.get(colour);
      if (!boxes) found.set(colour, boxes = []);
      const n = boxes.length;
      if (n && boxes[n - 4] === x && boxes[n - 3] === y && boxes[n - 2] === w && boxes[n - 1] === h) return;
      boxes.push(x, y, w, h);
    });
    const order = [...found.keys()].sort((a, b) => (a === "none") - (b === "none") || found.get(b).length - found.get(a).length);
    for (const colour of order) {
      g.fillStyle = colour === "none" ? stripes(g, KIND_COLOURS[NO_ACCESS]) : colour;
      const boxes = found.get(colour);
      for (let n = 0; n < boxes.length; n += 4) g.fillRect(boxes[n], boxes[n + 1], boxes[n + 2], boxes[n + 3]);
    }
    g.fillStyle = "#0006";
    return found;
  }
  draw() {
    if (!this.bar || this.pid === undefined) return;
    const g = fit(this.bar), [s, alive] = this.a.alive(this.pid, this.event), tall = this.bar.height;
    const found = this.paint(g, (put) => { for (const i of alive) put(s, i, 0, tall); });
    for (const boxes of found.values()) for (let n = 0; n < boxes.length; n += 4) if (boxes[n + 2] > 4) g.fillRect(boxes[n], 0, 1, tall);
    this.drawPicture();
    this.drawStacks();
    for (const plot of this.plots) plot.redraw(false);
  }
  drawPicture() {
    const g = fit(this.picture), wide = this.picture.width, tall = this.picture.height, span = Math.max(1, this.to - this.from);
    this.paint(g, (put) => {
      for (const [space, from, to] of this.a.segments(this.pid)) {
        const s = this.a.spaces[space], rows = s.byStart;
        for (const i of rows) {
          const a = Math.max(s.first[i], from), b = Math.min(s.until[i], to);
          if (a >= b) continue;
          const y = Math.floor((a - this.from) / span * tall), end = Math.round((b - this.from) / span * tall);
          put(s, i, y, Math.max(1, end - y));
        }
      }
    });
    g.fillStyle = ink();
    g.fillRect(0, Math.round((this.event - this.from + 0.5) / span * tall) - 1, wide, 2);
  }
  drawStacks() {
    this.stack(this.kinds, this.stacked.map((r) => r[1]), KIND_COLOURS, (this.event - this.from + 0.5) / Math.max(1, this.to - this.from), "VMAs");
    if (this.faults) {
      const names = Object.keys(this.d.faults);
      this.stack(this.faults, this.d.parts.map((_, i) => names.map((n) => this.d.faults[n][i])), OUTCOME_COLOURS, (this.event + 0.5) / this.d.events, this.perPart());
    }
  }
  perPart() {
    const wide = Math.round(this.d.events / this.d.parts.length);
    return wide > 1 ? `accesses in a part of about ${count(wide)} events` : "access at an event";
  }
  stack(surface, rows, colours, here, unit) {
    const g = fit(surface), highest = rows.reduce((most, r) => Math.max(most, r.reduce((a, b) => a + b, 0)), 0), whole = highest || 1;
    const wide = surface.width / rows.length, none = stripes(g, KIND_COLOURS[NO_ACCESS]), room = surface.height - 16 * dots();
    rows.forEach((row, i) => {
      let y = surface.height;
      row.forEach((n, k) => {
        const tall = n / whole * room;
        g.fillStyle = surface === this.kinds && k === NO_ACCESS ? none : colours[k % 8];
        g.fillRect(Math.floor(i * wide), y - tall, Math.ceil(wide), tall);
        y -= tall;
      });
    });
    g.fillStyle = ink();
    g.font = `${12 * dots()}px sans-serif`;
    g.fillText(`highest: ${count(highest)} ${unit}`, 4, 12 * dots());
    g.fillRect(Math.floor(here * surface.width), 16 * dots(), 1, room);
  }
  show(event) {
    this.event = this.a.snap(event);
    if (!this.words) return;
    const [s, alive] = this.a.alive(this.pid, this.event);
    const n = s ? plural(alive.length, "VMA", "VMAs") + " after it" : "the process has no address space";
    this.words.textContent = `event ${count(this.event)}, ${this.a.event(this.event)}; ${n}`;
    this.effect.textContent = this.a.effect(this.pid, this.event);
    this.spot = undefined;
    this.draw();
    if (this.list) this.areaTable();
  }
  areaTable() {
    const [s, alive] = this.a.alive(this.pid, this.event);
    this.list.replaceChildren(table(["range", "permissions", "size", "kind", "name", "VmFlags", "birth"], alive.map((i) => {
      const w = this.a.words(s.look[i]);
      return [this.a.range(s, i), w.perms, size(s.end[i] - s.start[i], this.a.shift), this.d.kinds[w.kind], w.name, w.flags, this.a.birth(s, i)];
    }), `areas after event ${count(this.event)}` + this.of));
  }
  listen(surface) {
    const whole = surface === this.picture;
    const place = (e) => { const box = surface.getBoundingClientRect(); return [this.across(e, surface), Math.max(0, Math.min(0.999999, (e.clientY - box.top) / box.height))]; };
    const eventAt = (y) => whole ? this.a.snap(this.from + Math.floor(y * (this.to - this.from))) : this.event;
    surface.addEventListener("mousemove", (e) => { const [x, y] = place(e); this.point(x, eventAt(y)); });
    surface.addEventListener("click", (e) => { const [x, y] = place(e); if (whole) this.group.go(this, eventAt(y)); this.point(x, eventAt(y)); });
    surface.addEventListener("dblclick", () => { this.axis.zoom = null; this.group.draw(); });
    surface.addEventListener("wheel", (e) => {
      e.preventDefault();
      const [x, y] = place(e);
      this.axis.scale(x, e.deltaY < 0 ? 0.7 : 1 / 0.7);
      this.group.draw();
      this.point(x, eventAt(y));
    }, {passive: false});
    surface.addEventListener("keydown", (e) => {
      const [s, alive] = this.a.alive(this.pid, this.event);
      if (e.key === "ArrowUp" || e.key === "ArrowDown") { e.preventDefault(); this.group.step(this, e.key === "ArrowUp" ? -1 : 1, e.shiftKey); }
      if (e.key === "+" || e.key === "-") { this.axis.scale(0.5, e.key === "+" ? 0.7 : 1 / 0.7); this.group.draw(); }
      if (e.key === "0") { this.axis.zoom = null; this.group.draw(); }
      if ((e.key === "ArrowLeft" || e.key === "ArrowRight") && alive.length) {
        e.preventDefault();
        this.spot = Math.max(0, Math.min(alive.length - 1, (this.spot === undefined ? -1 : this.spot) + (e.key === "ArrowRight" ? 1 : -1)));
        this.hover.textContent = this.a.describe(s, alive[this.spot]);
      }
    });
  }
  point(x, event) {
    const [from, to] = this.axis.window(), spot = from + x * (to - from), [s, alive] = this.a.alive(this.pid, event);
    const before = event === this.event ? "" : `event ${count(event)}: `;
    if (s) {
      const [low, high] = this.axis.places.get(s);
      for (const i of alive) if (low[i] <= spot && spot < high[i]) {
        this.hover.textContent = before + this.a.describe(s, i);
        return;
      }
    }
    this.hover.textContent = before + "nothing is mapped here\n ";
  }
}
