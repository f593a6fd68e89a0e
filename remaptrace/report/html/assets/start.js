// Replays that share one time: several machines, or a guest and its host. One control moves all of them.
class Group {
  constructor(kind, sides, root) {
    this.kind = kind;
    this.compares = kind === "machines";
    const many = sides.length > 1;
    this.sides = [];
    for (const data of sides) this.sides.push(new Side(data, this, many || kind === "several"));
    this.first = this.sides[0];
    if (this.first.a.pids.length) this.control(root);
    const heads = make("div", {class: "heads " + kind}), bodies = make("div", {class: "bodies " + kind});
    for (const side of this.sides) { heads.append(side.head); bodies.append(side.body); }
    if (this.compares) heads.append(this.differ = folded("Ranges whose protection differs at this event, as a table", () => {
      this.differTable = make("div"); this.compare(); return this.differTable;
    }));
    root.append(heads, bodies);
    for (const side of this.sides) side.charts();
    if (this.first.a.pids.length) this.choose(this.first.a.pids[0]);
  }
  control(root) {
    const button = (label, words, act) => make("button", {type: "button", "aria-label": words, title: words, onclick: act}, label);
    this.slider = make("input", {type: "range", min: "0", max: "0", step: "1", value: "0", "aria-label": "event",
      oninput: () => this.move(this.ofSlider(+this.slider.value))});
    this.slider.addEventListener("keydown", (e) => {
      this.keyed(this.first, e, {ArrowUp: 1, ArrowDown: -1});
    });
    this.number = make("input", {type: "number", min: "0", max: String(this.first.d.events - 1), title: "any number: Enter goes there",
      onchange: () => this.move(+this.number.value)});
    this.pick = make("select", {"aria-label": "process", onchange: () => this.choose(+this.pick.value)});
    for (const pid of this.first.a.pids) {
      const known = this.first.d.processes.find((p) => p.pid === pid);
      this.pick.append(make("option", {value: String(pid)}, `process ${pid}${known && known.name ? " " + known.name : ""}`));
    }
    this.by = make("select", {"aria-label": "colour by", onchange: () => { for (const s of this.sides) { s.colourBy = this.by.value; s.legend(); } this.draw(); }},
      make("option", {value: "kind"}, "colour: kind"), make("option", {value: "perms"}, "colour: permission"));
    root.append(make("h2", {}, "The address space at an event"), make("div", {class: "moment"},
      this.pick, this.by, button("◀", "to the change of areas before", () => this.step(this.first, -1)), this.slider,
      button("▶", "to the next change of areas", () => this.step(this.first, 1)), make("label", {}, "event ", this.number),
      button("peak", "to the event with the most VMAs", () => this.move(this.peak()))),
    make("p", {class: "note"}, "Arrow keys go from change to change of areas, with Shift from event to event; so do they on the charts, and on the page for the moment used last."));
  }
  // An arrow key: to the change before or the next one, with Shift to the event.
  keyed(side, e, more) {
    const by = {ArrowLeft: -1, ArrowRight: 1, ...more}[e.key];
    if (!by || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    this.step(side, by, e.shiftKey);
  }
  peak() { const p = this.first.d.processes.find((one) => one.pid === this.pid); return p ? p.peak_event : this.first.from; }
  ofSlider(value) { return this.first.a.stops ? this.first.changed[value] : value; }
  choose(pid) {
    this.pid = pid;
    this.pick.value = String(pid);
    const shared = this.compares ? new Axis(this.sides.map((s) => [s.a, pid])) : null;
    for (const side of this.sides) side.choose(pid, shared || new Axis([[side.a, pid]]));
    const first = this.first;
    this.slider.min = String(first.a.stops ? 0 : first.from);
    this.slider.max = String(first.a.stops ? first.changed.length - 1 : first.to - 1);
    const told = first.d.differing_at;
    this.move(this.compares && first.d.differing.length && told >= first.from && told < first.to ? told : this.peak());
  }
  // From one side's event to that of another: the same, or through the events that brought a host's calls about.
  ofFirst(side, event) {
    if (!side.a.moments) return event;
    return Math.max(0, upTo(side.a.moments, event) - 1);
  }
  go(side, event) { this.move(side.a.moments ? side.a.moments[Math.min(event, side.a.moments.length - 1)] : event); }
  step(side, by, single) {
    const first = this.first, at = first.event;
    if (single && !first.a.stops) { this.move(at + by); return; }
    const n = upTo(first.changed, at), next = by > 0 ? n : (first.changed[n - 1] === at ? n - 2 : n - 1);
    if (next >= 0 && next < first.changed.length) this.move(first.changed[next]);
  }
  move(event) {
    Group.last = this;
    if (event === undefined || Number.isNaN(event)) return;
    const first = this.first, wanted = Math.max(first.from, Math.min(first.to - 1, event));
    for (const side of this.sides) side.show(this.ofFirst(side, wanted));
    this.slider.value = String(first.a.stops ? upTo(first.changed, first.event) - 1 : first.event);
    this.number.value = String(first.event);
    if (this.compares) this.compare();
  }
  // Where the protections of the first two machines differ behind the event that is shown.
  differences() {
    const [one, two] = this.sides, told = one.d.differing;
    if (told.length && one.d.differing_at === one.event) return told.map(([s, e, a, b]) => [s / 2 ** one.a.shift, e / 2 ** one.a.shift, a, b]);
    const [s, mine] = one.a.alive(this.pid, one.event), [t, theirs] = two.a.alive(this.pid, two.event);
    const marks = [];
    for (const i of mine) marks.push(s.start[i], s.end[i]);
    for (const i of theirs) marks.push(t.start[i], t.end[i]);
    const sorted = [...new Set(marks)].sort((a, b) => a - b), out = [];
    let i = 0, j = 0;
    for (let k = 0; k + 1 < sorted.length; k++) {
      const at = sorted[k];
      while (i < mine.length && s.end[mine[i]] <= at) i++;
      while (j < theirs.length && t.end[theirs[j]] <= at) j++;
      const a = i < mine.length && s.start[mine[i]] <= at ? one.a.words(s.look[mine[i]]).perms : "unmapped";
      const b = j < theirs.length && t.start[theirs[j]] <= at ? two.a.words(t.look[theirs[j]]).perms : "unmapped";
      if (a === b) continue;
      const last = out[out.length - 1];
      if (last && last[1] === at && last[2] === a && last[3] === b) last[1] = sorted[k + 1];
      else out.push([at, sorted[k + 1], a, b]);
    }
    return out;
  }
  compare() {
    const found = this.differences();
    for (const side of this.sides) {
      const g = fit(side.strip), wide = side.strip.width, [low, high] = side.axis.window();
      g.fillStyle = DIFFERS;
      for (const [start, end] of found) {
        const a = (this.near(side.axis, start) - low) / (high - low) * wide, b = (this.near(side.axis, end) - low) / (high - low) * wide;
        if (b > 0 && a < wide) g.fillRect(Math.floor(a), 0, Math.max(2, b - a), side.strip.height);
      }
    }
    this.differ.firstChild.textContent = found.length
      ? `Red: ${plural(found.length, "range", "ranges")} whose protection differs here, as a table` : "No protection differs here";
    if (this.differTable) {
      const shift = this.first.a.shift;
      this.differTable.replaceChildren(table(["range", "size", this.sides[0].d.name, this.sides[1].d.name],
        found.map(([s, e, a, b]) => [`${hex(s, shift)}-${hex(e, shift)}`, size(e - s, shift), a, b]), "ranges whose protection differs"));
    }
  }
  near(axis, page) {
    const i = axis.rank(page);
    if (i < 0) return 0;
    if (axis.marks[i] === page || i + 1 >= axis.marks.length) return axis.place[i];
    return axis.place[i] + (axis.place[i + 1] - axis.place[i]) * (page - axis.marks[i]) / (axis.marks[i + 1] - axis.marks[i]);
  }
  draw() { for (const side of this.sides) side.draw(); if (this.compares) this.compare(); }
  resize() {
    for (const side of this.sides) for (const plot of side.plots) plot.setSize({width: Math.max(200, side.chartAt.clientWidth), height: 220});
    if (this.pid !== undefined) this.draw();
  }
}

// Links to the replays of a page that has several.
function contents(data, groups, root) {
  const list = make("ul", {class: "contents"});
  groups.forEach((group, i) => {
    root.children[i].id = `replay-${i + 1}`;
    const peaks = group.first.d.processes;
    const words = peaks.length ? `, ${plural(peaks[0].peak, "VMA", "VMAs")} at the peak` : "";
    list.append(make("li", {}, make("a", {href: `#replay-${i + 1}`}, group.sides.map((s) => s.d.name).join(" and ")), words));
  });
  return make("nav", {"aria-label": "replays on this page"}, make("h2", {}, "Replays on this page"), list);
}

function start() {
  const data = unpacked(window.remaptraceData);
  const root = document.getElementById("sides");
  const groups = data.groups.map(([kind, members]) => {
    const section = make("section", {"aria-label": members.map((i) => data.sides[i].name).join(" and ")});
    root.append(section);
    return new Group(kind, members.map((i) => data.sides[i]), section);
  });
  const titles = new Map();
  for (const one of data.tables) {
    const times = (titles.get(one.title) || 0) + 1;
    titles.set(one.title, times);
    const label = times > 1 ? `${one.title} (${times})` : one.title;
    if (one.facts) one.rows = flat(one.facts);
    const section = make("section", {"aria-label": label}, make("h2", {}, label));
    section.append(one.folded ? folded(plural(one.rows.length, "row", "rows"), () => table(one.head, one.rows, label)) : table(one.head, one.rows, label));
    document.getElementById(one.lead ? "lead" : "tables").append(section);
  }
  const with_moments = groups.filter((g) => g.first.a.pids.length);
  Group.last = with_moments[0];
  document.addEventListener("keydown", (e) => { if (e.target === document.body && Group.last) Group.last.keyed(Group.last.first, e); });
  if (groups.length > 1) document.getElementById("lead").append(contents(data, groups, root));
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => groups.forEach((g) => g.resize()), 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => groups.forEach((g) => g.resize()));
  window.addEventListener("beforeprint", () => { // paper is light, whatever the screen is
    document.documentElement.classList.add("paper");
    for (const d of document.querySelectorAll("details")) { // all tables of a long trace would be a book: the large ones if they are open
      if (d.fill) { d.fill(); d.open = d.open || d.querySelectorAll("tr").length <= MOST_PRINTED; }
    }
    groups.forEach((g) => g.resize());
  });
  window.addEventListener("afterprint", () => { document.documentElement.classList.remove("paper"); groups.forEach((g) => g.resize()); });
  window.remaptrace = {data, groups, sides: groups.flatMap((g) => g.sides)};
  window.ready = true;
}
try { start(); } catch (error) {
  document.getElementById("sides").append(make("p", {class: "bad"}, "The charts of this page could not be drawn: " + error));
  throw error;
}
