// The areas of one replay: every area with its life, so that any event can be shown without replaying.
class Areas {
  constructor(data) {
    this.d = data; this.shift = data.shift;
    data.parts = sums(data.parts);
    for (const p of [...data.processes, ...(data.resident || [])]) for (const which of ["low", "high"]) p[which] = sums(p[which]).map((n) => n < 0 ? null : n);
    this.events = data.calls ? sums(data.calls) : null; // of which something is known; null: all
    this.lines = sums(data.line || []);
    this.stops = data.stops ? sums(data.stops) : null;
    this.moments = data.moments ? sums(data.moments) : null;
    this.spaces = (data.spaces || []).map((s) => this.space(s));
    this.owners = new Map(data.owners || []);
    this.pids = data.processes.map((p) => p.pid).filter((pid, i, all) => this.owners.has(pid) && all.indexOf(pid) === i);
  }
  space(s) {
    const first = Int32Array.from(sums(s.first)), start = Float64Array.from(sums(s.start)), n = first.length;
    const end = start.map((at, i) => at + s.pages[i]);
    const until = Int32Array.from(sums(s.until).map((at) => at || 0x7fffffff)), born = Int32Array.from(sums(s.born));
    const byStart = Int32Array.from({length: n}, (_, i) => i).sort((a, b) => start[a] - start[b] || a - b);
    return {first, until, start, end, born, look: Int32Array.from(s.look), byStart};
  }
  // Lives of a process, as [space, first event, event behind the last].
  segments(pid) {
    const rows = this.owners.get(pid) || [];
    return rows.map(([event, space], i) => [space, event, i + 1 < rows.length ? rows[i + 1][0] : this.d.events])
      .filter(([space]) => space >= 0);
  }
  spaceAt(pid, event) {
    const rows = this.owners.get(pid) || [];
    const at = upTo(rows.map((r) => r[0]), event) - 1;
    return at < 0 || rows[at][1] < 0 ? null : this.spaces[rows[at][1]];
  }
  // The areas behind an event by address: numbers of lives.
  alive(pid, event) {
    const s = this.spaceAt(pid, event);
    if (!s) return [null, []];
    const out = [];
    for (const i of s.byStart) if (s.first[i] <= event && event < s.until[i]) out.push(i);
    return [s, out];
  }
  changes(pid) {
    const found = new Set();
    for (const [space, from, to] of this.segments(pid)) {
      const s = this.spaces[space];
      found.add(from);
      for (let i = 0; i < s.first.length; i++) {
        if (s.first[i] >= from && s.first[i] < to) found.add(s.first[i]);
        if (s.until[i] >= from && s.until[i] < to) found.add(s.until[i]);
      }
    }
    return Int32Array.from(found).sort();
  }
  // The last shown moment up to `event`.
  snap(event) {
    if (!this.stops) return Math.max(0, Math.min(this.d.events - 1, event));
    return this.stops[Math.max(0, upTo(this.stops, event) - 1)];
  }
  // Whether the moments that are shown leave out no event beside this one.
  wholeAround(event) {
    const at = upTo(this.stops, event) - 1;
    return this.stops[at] === event && (at === 0 || this.stops[at - 1] === event - 1) && (at + 1 >= this.stops.length || this.stops[at + 1] === event + 1);
  }
  words(look) {
    const [perms, kind, name, flags, assumed] = this.d.looks[look], d = this.d;
    return {perms: d.words[perms], kind, name: d.names[name], flags: d.words[flags], assumed};
  }
  call(event) {
    const at = this.events ? upTo(this.events, event) - 1 : event;
    if (at < 0 || at >= this.lines.length || (this.events && this.events[at] !== event)) return null;
    const caller = this.d.stack ? this.d.callers[this.d.stack[at]] : "";
    return {name: this.d.call_names[this.d.call[at]], line: this.lines[at], caller};
  }
  event(event) {
    const told = this.d.told && this.d.told[event], call = this.call(event);
    return (call && call.line ? `line ${count(call.line)}, ` : "") + (told || (call ? call.name : "no area changes here"));
  }
  range(s, i) { return `${hex(s.start[i], this.shift)}-${hex(s.end[i], this.shift)}`; }
  birth(s, i) {
    const call = s.born[i] < 0 ? null : this.call(s.born[i]);
    if (!call) return s.born[i] < 0 ? "there before the trace" : `since event ${count(s.born[i])}`;
    const how = call.name === "init_vma" ? "there from the start (map or program headers)" : `made by ${call.name}`;
    return `${how}, event ${count(s.born[i])}` + (call.line ? `, line ${count(call.line)}` : "") +
      (call.caller ? `, called by ${call.caller}` : "");
  }
  describe(s, i) {
    const w = this.words(s.look[i]), kind = this.d.kinds[w.kind];
    return `${this.range(s, i)} ${w.perms} ${size(s.end[i] - s.start[i], this.shift)}  ${kind}${w.name ? "  " + w.name : ""}\n` +
      `${this.birth(s, i)}  [${w.flags}]${w.assumed ? "  assumed: no recorded call shows it" : ""}`;
  }
  // What the call at an event did to the areas, in words.
  effect(pid, event) {
    const s = this.spaceAt(pid, event);
    if (!s) return "";
    const came = [], gone = [];
    for (let i = 0; i < s.first.length; i++) {
      if (s.first[i] === event) came.push(i);
      if (s.until[i] === event) gone.push(i);
    }
    if (came.length + gone.length > 400) return `${count(gone.length)} areas before it became ${count(came.length)}`;
    const name = (i) => `${this.range(s, i)} ${this.words(s.look[i]).perms}`;
    const few = (list) => list.slice(0, 3).map(name).join(", ") + (list.length > 3 ? `, ${count(list.length - 3)} more` : "");
    return [gone.length ? `before: ${few(gone)}` : "", came.length ? `after: ${few(came)}` : ""].filter(Boolean).join("; ");
  }
  // Counts by kind at the highest moment of each of `bins` parts of the process's life: [event, counts].
  byKind(pid, bins, from, to) {
    const places = [];
    for (const [space, low, high] of this.segments(pid)) {
      const s = this.spaces[space];
      for (let i = 0; i < s.first.length; i++) {
        const a = Math.max(s.first[i], low), b = Math.min(s.until[i], high), kind = this.d.looks[s.look[i]][1];
        if (a < b) places.push(a * 32 + kind * 2 + 1, b * 32 + kind * 2);
      }
    }
    const changes = Float64Array.from(places).sort();
    const event = (n) => Math.floor(changes[n] / 32);
    const apply = (n) => { const by = changes[n] % 2 ? 1 : -1; now[(changes[n] % 32) >> 1] += by; total += by; };
    const now = this.d.kinds.map(() => 0), out = [], wide = Math.max(1, (to - from) / bins);
    let total = 0, next = 0;
    for (let bin = 0; bin < bins && from + bin * wide < to; bin++) {
      const low = from + bin * wide, high = low + wide;
      let best = null, most = -1, at = Math.ceil(low);
      while (next < changes.length && event(next) < low) apply(next++);
      do {
        while (next < changes.length && event(next) <= at) apply(next++);
        if (total > most) { most = total; best = [at, now.slice()]; }
        at = next < changes.length ? event(next) : high;
      } while (at < high);
      out.push(best);
    }
    return out;
  }
}

// A line of addresses on which what was ever mapped is as wide as the logarithm of its pages, and gaps are narrow.
class Axis {
  constructor(parts) {
    const spaces = new Set();
    for (const [areas, pid] of parts) for (const [space] of areas.segments(pid)) spaces.add(areas.spaces[space]);
    let total = 0, n = 0;
    for (const s of spaces) total += 2 * s.start.length;
    const sorted = new Float64Array(total);
    for (const s of spaces) { sorted.set(s.start, n); sorted.set(s.end, n + s.start.length); n += 2 * s.start.length; }
    sorted.sort();
    n = 0;
    for (const at of sorted) if (!n || sorted[n - 1] !== at) sorted[n++] = at;
    this.marks = sorted.slice(0, n);
    const cover = new Int32Array(n + 1), ranks = new Map();
    for (const s of spaces) {
      const from = Int32Array.from(s.start, (page) => this.rank(page)), to = Int32Array.from(s.end, (page) => this.rank(page));
      ranks.set(s, [from, to]);
      for (const rank of from) cover[rank]++;
      for (const rank of to) cover[rank]--;
    }
    this.place = new Float64Array(n);
    let depth = 0;
    for (let i = 0; i + 1 < n; i++) {
      depth += cover[i];
      this.place[i + 1] = this.place[i] + (depth > 0 ? Math.log2(this.marks[i + 1] - this.marks[i]) + 1 : 6);
    }
    this.extent = n ? this.place[n - 1] || 1 : 1;
    this.zoom = null;
    // Where each life of a space begins and ends.
    this.places = new Map();
    for (const [s, [from, to]] of ranks) this.places.set(s, [Float64Array.from(from, (r) => this.place[r]), Float64Array.from(to, (r) => this.place[r])]);
  }
  rank(page) { return upTo(this.marks, page) - 1; }
  window() { return this.zoom || [0, this.extent]; }
  scale(x, by) {
    const [from, to] = this.window(), centre = from + x * (to - from);
    const next = [Math.max(0, centre - (centre - from) * by), Math.min(this.extent, centre + (to - centre) * by)];
    this.zoom = next[1] - next[0] >= this.extent ? null : next;
  }
}
