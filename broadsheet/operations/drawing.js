// The charts of the operations page: what there is to see of the last minutes, drawn by hand as SVG, the map of
// latencies as a canvas.
//
// Contract: a chart fills its element, goes by the style sheet's colours, and says in words (aria-label) what it shows.
// What is not known is a gap. Nothing here reads figures from anywhere or knows how they are written.
//
// Not here: where figures come from and which chart shows which (ops.js).

export const LONGEST_MS = 300_000;
const SPANS = [
  { ms: 60_000, every: 15_000, write: (ms) => `${ms / 1000} s` },
  { ms: 120_000, every: 30_000, write: (ms) => `${ms / 1000} s` },
  { ms: LONGEST_MS, every: 60_000, write: (ms) => `${ms / 60_000} min` },
];
const GAP_MS = 4000;
const FOOT = 18, HEAD = 12;
let span = SPANS[0];

/** Show as much time, up to `until`, as anything is known of: all charts the same. */
export function reach(ticks, until) {
  span = SPANS.find(({ ms }) => !ticks.length || ticks[0].at_ms > until - ms - GAP_MS) ?? SPANS.at(-1);
}

/** The span in words. */
const covered = () => `Last ${span.ms / 60_000} min`;

/** The next round number: 1, 2 or 5 times a power of ten, not below `least`. */
function roundUp(value, least) {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= wanted * 0.999);
}

/** Where things lie in an element: `x` of a moment, `y` of a value up to `top`. */
function plot(host, until, top, left = 0) {
  const width = host.clientWidth, height = host.clientHeight;
  return {
    width, height, left, floor: height - FOOT,
    x: (at) => left + (width - left) * (1 - (until - at) / span.ms),
    y: (value) => HEAD + (height - FOOT - HEAD) * (1 - value / top),
  };
}

/** Moments on the time line: how long ago, where, how that is written, and to which side of it. */
function moments(at, until) {
  const steps = span.ms / span.every;
  return Array.from({ length: steps + 1 }, (_, n) => ({
    x: at.x(until - n * span.every),
    text: n === 0 ? "now" : n === steps ? `${span.write(span.ms)} ago` : span.write(n * span.every),
    side: n === 0 ? "end" : n === steps ? "start" : "middle",
    crowded: n === steps - 1 && at.width - at.left < 62 * (steps + 1),
  }));
}

/** The time line below a plot, and the grid line of its highest value. */
function frame(at, until, label) {
  const parts = [`<line class="axis" x1="${at.left}" x2="${at.width}" y1="${at.floor}" y2="${at.floor}"/>`];
  for (const { x, text, side, crowded } of moments(at, until)) {
    parts.push(`<line class="axis" x1="${x}" x2="${x}" y1="${at.floor}" y2="${at.floor + 3}"/>`);
    if (!crowded) parts.push(`<text x="${x}" y="${at.height - 3}" text-anchor="${side}">${text}</text>`);
  }
  if (label) {
    parts.push(`<line class="grid" x1="${at.left}" x2="${at.width}" y1="${HEAD}" y2="${HEAD}"/>`);
    parts.push(`<text class="halo" x="${at.left}" y="${HEAD - 2}">${label}</text>`);
  }
  return parts.join("");
}

/** Ticks in the window, in runs that belong together: without what is not known, broken where nobody looked. */
function runs(ticks, until, get) {
  const found = [];
  let last = -Infinity;
  for (const tick of ticks) {
    if (tick.at_ms < until - span.ms - 1000 || get(tick) == null) continue;
    if (tick.at_ms - last > GAP_MS) found.push([]);
    found[found.length - 1].push(tick);
    last = tick.at_ms;
  }
  return found;
}

function show(host, content, words) {
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", words);
  host.innerHTML = `<svg aria-hidden="true" width="${host.clientWidth}" height="${host.clientHeight}">${content}</svg>`;
}

const line = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L");

/**
 * Layers on top of each other over time.
 * @param layers each `{name, colour, get(tick)}`, the lowest first
 * @param form how a value is written
 * @param least the least top of the scale
 */
export function stacked(host, ticks, until, layers, form, least = 1) {
  const sum = (tick) => layers.reduce((all, layer) => all + (layer.get(tick) ?? 0), 0);
  const parts = runs(ticks, until, layers[0].get);
  const most = Math.max(0, ...parts.flat().map(sum));
  const top = roundUp(most, least), at = plot(host, until, top);
  let content = "";
  for (const part of parts) {
    let below = part.map(() => 0);
    for (const { colour, get } of layers) {
      const above = part.map((tick, n) => below[n] + (get(tick) ?? 0));
      if (above.some((value, n) => value > below[n])) {
        const up = part.map((tick, n) => [at.x(tick.at_ms), at.y(above[n])]);
        const down = part.map((tick, n) => [at.x(tick.at_ms), at.y(below[n])]).reverse();
        content += `<path class="area ${colour}" d="M${line(up)}L${line(down)}Z"/>`;
      }
      below = above;
    }
  }
  const last = parts.at(-1)?.at(-1);
  const now = last ? layers.map((layer) => `${layer.name} ${form(layer.get(last) ?? 0)}`).join(", ") : "nothing known yet";
  show(host, content + frame(at, until, form(top)), `${covered()}, at most ${form(most)}; now ${now}`);
}

/** One value over time, with the space below it veiled. */
export function single(host, ticks, until, { colour, get }, form, least = 1) {
  const parts = runs(ticks, until, get);
  const most = Math.max(0, ...parts.flat().map(get));
  const top = roundUp(most, least), at = plot(host, until, top);
  let content = "";
  for (const part of parts) {
    const points = part.map((tick) => [at.x(tick.at_ms), at.y(get(tick))]);
    const [from, to] = [points[0][0], points.at(-1)[0]];
    content += `<path class="veil ${colour}" d="M${from.toFixed(1)},${at.floor}L${line(points)}L${to.toFixed(1)},${at.floor}Z"/>`;
    content += `<path class="stroke ${colour}" d="M${line(points)}"/>`;
  }
  const last = parts.at(-1)?.at(-1);
  const now = last ? form(get(last)) : "nothing known yet";
  show(host, content + frame(at, until, form(top)), `${covered()}, at most ${form(most)}; now ${now}`);
}

/** A mark for each tick in which something happened, as high as it happened often in a second. */
export function marks(host, ticks, until, { colour, get }, form, least = 1) {
  const known = runs(ticks, until, get).flat();
  const most = Math.max(0, ...known.map(get));
  const top = roundUp(most, least), at = plot(host, until, top);
  const wide = Math.max(1, (at.width / span.ms) * 1000 - 0.75);
  const content = known.filter((tick) => get(tick) > 0).map((tick) => {
    const y = at.y(get(tick));
    return `<rect class="bar ${colour}" x="${(at.x(tick.at_ms) - wide).toFixed(1)}" y="${y.toFixed(1)}" width="${wide.toFixed(1)}" height="${(at.floor - y).toFixed(1)}"/>`;
  }).join("");
  const all = known.reduce((sum, tick) => sum + get(tick) * tick.seconds, 0);
  show(host, content + frame(at, until, form(top)), `${covered()}: ${form(all)}, at most ${form(most)} in a second`);
}

const BESIDE = 54;
const LABELLED = new Map([[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"], [10_000, "10 s"]]);

/** How many searches took how long, when: time from left to right, longer ones higher, more of them darker. */
export function heat(host, ticks, until, bounds, form) {
  const known = runs(ticks, until, (tick) => tick.searches).flat();
  const at = plot(host, until, 1, BESIDE), rows = bounds.length + 1;
  const high = (at.floor - HEAD) / rows;
  const canvas = host.querySelector("canvas") ?? host.appendChild(document.createElement("canvas"));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(at.width * ratio);
  canvas.height = Math.round(at.height * ratio);
  const pen = canvas.getContext("2d"), style = getComputedStyle(host);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  pen.scale(ratio, ratio);
  pen.font = `11px ${style.getPropertyValue("--sans")}`;

  // Where a time lies: each bucket is as high as any other, and times lie evenly in theirs.
  const row = bounds.map((bound, n) => ({ bound, from: n ? bounds[n - 1] : 0 }));
  const y = (ms) => {
    const n = row.findIndex(({ bound }) => ms <= bound);
    const place = n < 0 ? rows - 0.5 : n + (ms - row[n].from) / (row[n].bound - row[n].from);
    return at.floor - place * high;
  };
  const most = Math.max(1, ...known.flatMap((tick) => Math.max(...tick.searches) / tick.seconds));
  pen.fillStyle = colour("blue");
  for (const tick of known) {
    const right = at.x(tick.at_ms), left = Math.max(at.left, at.x(tick.at_ms - Math.min(tick.seconds, 4) * 1000));
    tick.searches.forEach((count, n) => {
      if (!count) return;
      pen.globalAlpha = 0.16 + 0.74 * Math.log1p(count / tick.seconds) / Math.log1p(most);
      pen.fillRect(left, at.floor - (n + 1) * high, right - left + 0.3, high - 1);
    });
  }
  pen.globalAlpha = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  bounds.forEach((bound, n) => {
    const level = Math.round(at.floor - (n + 1) * high) - 0.5;
    if (!LABELLED.has(bound)) return;
    pen.strokeStyle = colour("rule");
    pen.beginPath();
    pen.moveTo(at.left, level);
    pen.lineTo(at.width, level);
    pen.stroke();
    pen.fillStyle = colour("faint");
    pen.fillText(LABELLED.get(bound), at.left - 6, level);
  });
  for (const [name, get] of [["ink", (tick) => tick.p50_ms], ["accent", (tick) => tick.p99_ms]]) {
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    for (const part of runs(ticks, until, get)) {
      for (const [stroke, width] of [["paper", 4], [name, 1.75]]) {
        pen.strokeStyle = colour(stroke);
        pen.lineWidth = width;
        pen.beginPath();
        part.forEach((tick) => pen.lineTo(at.x(tick.at_ms), y(get(tick))));
        pen.stroke();
      }
    }
  }
  drawTimes(pen, at, until, colour);
  const count = known.reduce((sum, tick) => sum + tick.searches.reduce((all, one) => all + one, 0), 0);
  const last = known.filter((tick) => tick.p99_ms != null).at(-1);
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", `${covered()}: ${count} searches` +
    (last ? `; in the last second with any, half within ${form(last.p50_ms)}, 99 % within ${form(last.p99_ms)}` : ""));
}

function drawTimes(pen, at, until, colour) {
  pen.strokeStyle = colour("edge");
  pen.fillStyle = colour("faint");
  pen.lineWidth = 1;
  pen.textBaseline = "alphabetic";
  pen.beginPath();
  pen.moveTo(at.left, at.floor + 0.5);
  pen.lineTo(at.width, at.floor + 0.5);
  for (const { x, text, side, crowded } of moments(at, until)) {
    pen.textAlign = side === "middle" ? "center" : side;
    if (!crowded) pen.fillText(text, x, at.height - 3);
    pen.moveTo(x, at.floor);
    pen.lineTo(x, at.floor + 4);
  }
  pen.stroke();
}

const MANY = 32;
const BARS = [["articles", "articles", "blue", "count"], ["on disk", "size_bytes", "teal", "size"], ["segments", "segments", "violet", "count"]];

/**
 * A small panel for each partition, all to the same scale: what waits over time, and what there is.
 * @param past how many events waited for each, when: `{at_ms, waiting}`
 */
export function multiples(list, partitions, past, until, forms) {
  const many = partitions.length > MANY;
  const most = Object.fromEntries(BARS.map(([, name]) => [name, Math.max(1, ...partitions.map((one) => one[name]))]));
  const longest = Math.max(10, ...past.flatMap(({ waiting }) => waiting));
  list.classList.toggle("many", many);
  list.innerHTML = partitions.map((one, n) => {
    const waiting = one.waiting ? `<b class="late">${forms.count(one.waiting)} wait</b>` : "<b>up to date</b>";
    const bars = BARS.map(([said, name, colour, form]) => `<span>${said} <b>${forms[form](one[name])}</b></span>` +
      `<svg class="${colour}" aria-hidden="true"><rect class="rail" width="100%" height="4"/>` +
      `<rect class="bar" width="${(100 * one[name] / most[name]).toFixed(1)}%" height="4"/></svg>`).join("");
    return `<li><strong>${one.partition} ${waiting}</strong>${many ? "" : waited(past, n, longest, until)}${bars}</li>`;
  }).join("");
}

function waited(past, n, longest, until) {
  const parts = runs(past, until, ({ waiting }) => waiting[n]).map((part) => {
    const points = part.map(({ at_ms, waiting }) => [100 * (1 - (until - at_ms) / span.ms), 20 * (1 - waiting[n] / longest)]);
    return `<path class="veil" d="M${points[0][0].toFixed(1)},20L${line(points)}L${points.at(-1)[0].toFixed(1)},20Z"/><path class="stroke" d="M${line(points)}"/>`;
  });
  return `<svg class="past amber" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true"><line x1="0" x2="100" y1="20" y2="20"/>${parts.join("")}</svg>`;
}
