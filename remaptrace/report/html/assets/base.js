// Small things that all parts of the page use: elements, numbers, tables, colours.
const KIND_COLOURS = ["#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#8a8a8a", "#b8a800"];
const PERM_COLOURS = {"r--": "#56B4E9", "r-x": "#0072B2", "rw-": "#E69F00", "rwx": "#D55E00", "---": "#8a8a8a",
  "-w-": "#CC79A7", "--x": "#009E73", "-wx": "#b8a800"};
const OUTCOME_COLOURS = ["#56B4E9", "#D55E00", "#CC79A7", "#009E73", "#E69F00", "#8a8a8a", "#0072B2", "#b8a800"];
const LINE_COLOURS = KIND_COLOURS.map((_, i) => KIND_COLOURS[(i * 3) % 8]);
const WHOLE = [1, 2, 5].flatMap((n) => Array.from({length: 12}, (_, e) => n * 10 ** e)).sort((a, b) => a - b);
const DIFFERS = "#e01b24", NO_ACCESS = 6, MOST_ROWS = 2000, MOST_PRINTED = 60;

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
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
const ink = () => getComputedStyle(document.body).color;
const dots = () => window.devicePixelRatio || 1;
function size(pages, shift) {
  let n = pages * 2 ** (shift - 10), unit = "KiB";
  for (const next of ["MiB", "GiB", "TiB", "PiB"]) if (n >= 1024 && n % 1024 === 0) { n /= 1024; unit = next; }
  return count(n) + " " + unit;
}
// Pages as mebibytes: the unit of charts of memory.
const mebibytes = (pages, shift) => pages * 2 ** (shift - 20);
const someMebibytes = (pages, shift) => `${mebibytes(pages, shift).toLocaleString("en-US", {maximumFractionDigits: 2})} MiB`;
const hex = (page, shift) => (BigInt(page) << BigInt(shift)).toString(16);
function sums(steps) { let sum = 0; return steps.map((step) => sum += step); }
// The data of the page: JSON, and behind it columns of numbers (varint, zigzag), see columns.py.
function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true), bytes = new Uint8Array(buffer, 4 + length);
  const column = ([first, size]) => {
    const out = [];
    let value = 0, scale = 1;
    for (let i = first; i < first + size; i++) {
      value += (bytes[i] & 127) * scale;
      scale *= 128;
      if (bytes[i] < 128) { out.push(value % 2 ? -(value + 1) / 2 : value / 2); value = 0; scale = 1; }
    }
    return out;
  };
  return JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)),
    (_, value) => value && value.$ ? column(value.$) : value);
}
// How many of the ascending `values` are <= `wanted`.
function upTo(values, wanted) {
  let low = 0, high = values.length;
  while (low < high) { const half = (low + high) >> 1; if (values[half] <= wanted) low = half + 1; else high = half; }
  return low;
}

// How much of a whole agrees: in words, and as a bar.
function share(agree, all) {
  const bar = make("div", {class: "share"}), done = make("i");
  done.style.width = `${agree === all ? 100 : Math.min(99, 100 * agree / all)}%`;
  bar.append(done);
  return make("td", {class: "n"}, agree === all ? `all ${count(all)}` : `${count(agree)} of ${count(all)}`, bar);
}
// A number as the part of a whole: in digits, and as a bar.
function part(value, whole) {
  const bar = make("div", {class: "of"}), done = make("i");
  done.style.width = `${whole ? Math.min(100, 100 * value / whole) : 0}%`;
  bar.append(done);
  return make("td", {class: "n"}, count(value), bar);
}
// Facts as rows: every plain value under its path.
function flat(value, path = "") {
  if (value === null || typeof value !== "object") return [[path, value === null ? "not recorded" : String(value)]];
  if (Array.isArray(value)) return value.flatMap((one, i) => flat(one, `${path}[${i}]`));
  return Object.entries(value).flatMap(([key, one]) => flat(one, path ? `${path}.${key}` : key));
}
function table(head, rows, caption) {
  const body = make("tbody"), all = rows.length;
  const fill = (from, until) => {
    for (const row of rows.slice(from, until)) {
      const line = make("tr");
      for (const cell of row) {
        if (cell && cell.share) { line.append(share(...cell.share)); continue; }
        if (cell && cell.part) { line.append(part(...cell.part)); continue; }
        const text = typeof cell === "number" ? count(cell) : String(cell);
        line.append(make("td", typeof cell === "number" || /^[\d,.]+( [KMGTP]iB|%)$/.test(text) ? {class: "n"} : {}, text));
      }
      body.append(line);
    }
  };
  fill(0, MOST_ROWS);
  const line = make("tr");
  for (const name of head) line.append(make("th", {scope: "col"}, name));
  const whole = make("table", {}, make("caption", {}, caption), make("thead", {}, line), body);
  const box = make("div", {class: "wide", tabindex: "0", role: "region", "aria-label": `table: ${caption}`}, whole);
  if (all > MOST_ROWS) {
    const more = make("button", {type: "button", onclick: () => { fill(MOST_ROWS, all); more.remove(); }},
      `show the other ${count(all - MOST_ROWS)} rows`);
    box.append(more);
  }
  return box;
}
function folded(summary, fill) {
  const details = make("details", {}, make("summary", {}, summary));
  let done = false;
  details.fill = () => { if (!done) { done = true; details.append(fill()); } };
  details.addEventListener("toggle", () => { if (details.open) details.fill(); });
  return details;
}
function key(entries) {
  const list = make("ul", {class: "key"});
  for (const [name, colour] of entries) {
    const box = make("i");
    box.style.background = name === "no access" || name === "---"
      ? `repeating-linear-gradient(135deg, ${colour} 0 2px, transparent 2px 5px)` : colour;
    list.append(make("li", {}, box, name));
  }
  return list;
}
function canvas(name, label) { return make("canvas", {class: name, tabindex: "0", role: "img", "aria-label": label}); }
function fit(surface) {
  const box = surface.getBoundingClientRect();
  surface.width = Math.max(1, Math.round(box.width * dots()));
  surface.height = Math.max(1, Math.round(box.height * dots()));
  return surface.getContext("2d");
}
function stripes(g, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const t = tile.getContext("2d");
  t.strokeStyle = colour; t.lineWidth = 2;
  t.beginPath(); t.moveTo(-1, 7); t.lineTo(7, -1); t.moveTo(-1, 1); t.lineTo(1, -1); t.moveTo(5, 7); t.lineTo(7, 5);
  t.stroke();
  return g.createPattern(tile, "repeat");
}
