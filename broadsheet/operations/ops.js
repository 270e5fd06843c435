// The operations page, kept up to date: it follows the service's stream of figures, writes them where they stand, and
// has them drawn.
//
// Contract: figures are written by the paths and forms that the page names, as the server writes them (wording.py).
// The stream is read by fetch, since an EventSource cannot send a key. It is followed while the page is to be seen and
// not paused; when it ends, the page says so and comes again, at last every 15 seconds. A key is kept with the tab.
//
// Not here: charts (drawing.js).

import { LONGEST_MS, heat, marks, multiples, reach, single, stacked } from "./drawing.js";

const ADDRESS = "/v1/operations";
const SILENCE_MS = 10_000;
const LEAST_MS = 1000, MOST_MS = 15_000;
const KEY = "broadsheet-key";
const UNITS = ["B", "kB", "MB", "GB", "TB"];

const fixed = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const forms = {
  count: (value) => fixed(value, 0),
  rate: (value) => fixed(value, value < 100 ? 1 : 0),
  size: (value) => {
    let unit = 0;
    for (; value >= 1000 && unit < UNITS.length - 1; unit += 1) value /= 1000;
    return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
  },
  milliseconds: (value) => value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value >= 10 ? 0 : 1)} ms`,
  seconds: (value) => value >= 7200 ? `${(value / 3600).toFixed(0)} h` : value >= 120 ? `${(value / 60).toFixed(0)} min`
    : `${value.toFixed(value >= 10 ? 0 : 1)} s`,
  share: (value) => `${(value * 100).toFixed(1)} %`,
  clock: (value) => new Date(value).toISOString().slice(11, 19),
  span: (value) => value.seconds == null ? "since the start" : `over ${value.seconds.toFixed(0)} s`,
  text: String,
};
const UNKNOWN = "–";
const CAME = { load: "searched for", shared: "with another", hit: "cache" };

const byId = (id) => document.getElementById(id);
const figures = [...document.querySelectorAll("[data-figure]")].map((element) =>
  ({ element, path: element.dataset.figure.split("."), form: forms[element.dataset.form] }));
const charts = [...document.querySelectorAll("[data-chart]")];

let ticks = [];
let past = []; // of the partitions, as far as this page has seen them
let answer = null;
let paused = false;
let stream = null;
let delay = LEAST_MS;
let timer = 0;

const layer = (name, colour, get) => ({ name, colour, get });
const PICTURES = {
  latency: (host, until) => heat(host, ticks, until, answer.bounds_ms, forms.milliseconds),
  requests: (host, until) => stacked(host, ticks, until, [
    layer("answered", "blue", (tick) => tick.answered?.ok), layer("4xx", "grey", (tick) => tick.answered?.refused),
    layer("503", "amber", (tick) => tick.answered?.full), layer("504", "violet", (tick) => tick.answered?.late),
    layer("5xx", "red", (tick) => tick.answered?.failed)], forms.count),
  cache: (host, until) => stacked(host, ticks, until, [
    layer("memory", "blue", (tick) => tick.cache?.memory), layer("Redis", "teal", (tick) => tick.cache?.redis),
    layer("shared", "violet", (tick) => tick.cache?.shared), layer("searched for", "amber", (tick) => tick.cache?.load)],
    forms.count),
  places: (host, until) => stacked(host, ticks, until, [
    layer("at work", "blue", (tick) => tick.working), layer("waiting", "amber", (tick) => tick.queued)], forms.count),
  events: (host, until) => single(host, ticks, until, layer("events", "teal", (tick) => tick.events), forms.count, 10),
  waiting: (host, until) => single(host, ticks, until, layer("oldest", "amber", (tick) => tick.waiting_s), forms.seconds),
  backlog: (host, until) => single(host, ticks, until, layer("events", "amber", (tick) => tick.backlog), forms.count, 10),
  epochs: (host, until) => marks(host, ticks, until, layer("epochs", "blue", (tick) => tick.epochs), forms.count),
};

function valueAt(path) {
  let value = answer;
  for (const [n, name] of path.entries()) {
    if (value == null) return null;
    value = n === 0 && name === "span" ? value.minute ?? value.total : value[name];
  }
  return value;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const cell = (text, words = false, of = "td") => ({ text, words, of });
const ROWS = {
  partitions: (one) => [cell(String(one.partition), false, "th"), cell(forms.count(one.articles)), cell(forms.count(one.tombstones)),
    cell(forms.count(one.segments)), cell(forms.size(one.size_bytes)), cell(forms.count(one.waiting))],
  jobs: (one) => [cell(one.kind, false, "th"),
    ...["queued", "running", "succeeded", "failed", "canceled"].map((status) => cell(forms.count(one[status])))],
  slowest: (one) => [cell(forms.milliseconds(one.spent_ms)), { ...cell(one.query === null ? "hidden" : one.query || "everything", true), small: one.filters },
    cell(CAME[one.came] ?? one.came, true), cell(one.total == null ? UNKNOWN : forms.count(one.total)), cell(forms.clock(one.at_ms))],
  failures: (one) => [cell(String(one.status)), cell(one.problem, true), cell(`${one.method} ${one.route}`, true),
    cell(one.request_id, true), cell(forms.clock(one.at_ms))],
};
const told = new Map();

function fillTable(name, rows) {
  const before = JSON.stringify(rows);
  if (told.get(name) === before) return;
  told.set(name, before);
  const body = document.querySelector(`[data-rows="${name}"] tbody`);
  body.replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    for (const { text, words, of, small } of ROWS[name](row)) {
      const made = document.createElement(of);
      made.textContent = text;
      if (of === "th") made.scope = "row";
      if (words) made.className = "words";
      if (small) {
        const more = document.createElement("small");
        more.textContent = ` ${small}`;
        made.append(more);
      }
      line.append(made);
    }
    return line;
  }));
}

function draw() {
  if (!answer) return;
  const until = answer.tick.at_ms;
  reach(ticks, until);
  for (const host of charts) {
    host.hidden = false;
    PICTURES[host.dataset.chart](host, until);
  }
  byId("multiples").hidden = false;
  multiples(byId("multiples"), answer.partitions, past, until, forms);
}

function show(next) {
  answer = next;
  ticks.push(answer.tick);
  ticks = ticks.filter((tick) => tick.at_ms > answer.tick.at_ms - LONGEST_MS - 2000);
  for (const { element, path, form } of figures) {
    const value = valueAt(path);
    write(element, value == null ? UNKNOWN : form(value));
  }
  for (const name of Object.keys(ROWS)) fillTable(name, answer[name]);
  past.push({ at_ms: answer.tick.at_ms, waiting: answer.partitions.map((one) => one.waiting) });
  past = past.filter(({ at_ms }) => at_ms > answer.tick.at_ms - LONGEST_MS);
  byId("unreadable").hidden = !answer.unreadable.length;
  byId("unreadable").replaceChildren(...answer.unreadable.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  const hidden = answer.slowest.some((one) => one.query === null);
  if (answer.slowest.length) byId("discreet").hidden = !hidden;
  byId("ask-key").hidden = !hidden;
  draw();
}

function say(state, text) {
  const element = byId("state");
  element.dataset.state = state;
  write(element, text);
}

function remember(history) {
  if (!history.length) return;
  ticks = [...ticks.filter((tick) => tick.at_ms < history[0].at_ms - 500), ...history];
}

function heard(block) {
  let name = "message", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (name === "history") remember(JSON.parse(data));
  if (name !== "operations") return;
  delay = LEAST_MS;
  say("live", "Live");
  show(JSON.parse(data));
}

/** Ask for a key; no other attempt is made until there is one. */
function askKey(refused) {
  sessionStorage.removeItem(KEY);
  byId("key").hidden = false;
  say("cut", refused ? "This key is not valid here" : "Figures are for those with a key");
}

function later() {
  say("cut", `Cut off${answer ? `; figures of ${forms.clock(answer.at)}` : ""}: trying again in ${Math.round(delay / 1000)} s`);
  timer = setTimeout(follow, delay);
  delay = Math.min(MOST_MS, delay * 2);
}

async function follow() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  stream?.abort();
  const mine = stream = new AbortController();
  const key = sessionStorage.getItem(KEY);
  let watchdog = 0;
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => mine.abort(), SILENCE_MS);
  };
  try {
    alive();
    const headers = { Accept: "text/event-stream", ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await fetch(ADDRESS, { headers, signal: mine.signal, cache: "no-store" });
    if (response.status === 401) {
      if (mine === stream) askKey(Boolean(key));
      return;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { done, value } = await reader.read();
      if (done) break;
      alive();
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) queueMicrotask(() => heard(block)); // a fault of ours is none of the stream's
    }
  } catch {
    // It broke off, or could not be begun: what follows is the same.
  } finally {
    clearTimeout(watchdog);
  }
  if (mine === stream) later();
}

/** Follow no more, until `follow`. */
function leave(text) {
  clearTimeout(timer);
  const left = stream;
  stream = null;
  left?.abort();
  say("still", text);
}

const button = byId("pause");
button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  write(button, paused ? "Resume" : "Pause");
  if (paused) leave("Paused");
  else follow();
});
document.addEventListener("visibilitychange", () => {
  if (paused) return;
  if (document.hidden) leave("Paused while out of sight");
  else follow();
});
byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId("key-text").value.trim());
  byId("key-text").value = "";
  byId("key").hidden = true;
  delay = LEAST_MS;
  follow();
});
byId("ask-key").addEventListener("click", () => {
  byId("key").hidden = false;
  byId("key-text").focus();
});
byId("partition-table").open = false;
new ResizeObserver(draw).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
follow();
