// What the pages do beyond their markup: suggestions, results while somebody types, brushing the timeline, copies in
// place, keys. Everything here is also there without it, a page at a time. Handlers are the document's, so that what
// is put into the page later needs none of its own.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const TYPING_MS = 150;

function debounced(ms, act) {
  let timer = 0;
  const later = (...given) => { clearTimeout(timer); timer = setTimeout(act, ms, ...given); };
  later.cancel = () => clearTimeout(timer);
  return later;
}

// Only the last request counts: whatever it was before is given up.
function latest() {
  let controller = new AbortController();
  return async (address, options = {}) => {
    controller.abort();
    controller = new AbortController();
    try {
      return await fetch(address, { ...options, signal: controller.signal });
    } catch {
      return null; // given up, or the server is away: what is shown stays
    }
  };
}

const parsed = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

// Search as you type.

const fetchPage = latest();
let pushed = false; // whether the entry of the history is that of what is being typed
let shown = location.pathname + location.search;

function searchAddress(form) {
  const given = [...new FormData(form)].filter(([, text]) => text !== "");
  return given.length ? `/?${new URLSearchParams(given)}` : "/";
}

async function show(address, remember) {
  const response = await fetchPage(address);
  if (!response) return;
  let page = await parsed(response);
  const typed = $("#q").value;
  // A last word that is still being written is a beginning.
  if ($("#found", page)?.dataset.total === "0" && /[\p{L}\p{N}]{2}$/u.test(typed)) {
    const beginning = new URL(address, location);
    beginning.searchParams.set("q", `${typed}*`);
    const other = await fetchPage(beginning);
    if (!other) return;
    if (other.ok) {
      page = await parsed(other);
      address = beginning.pathname + beginning.search;
    }
  }
  if (!$("#found", page)) return;
  $("#found").replaceWith(document.adoptNode($("#found", page)));
  $("#count").textContent = $("#count", page).textContent;
  document.title = page.title;
  if (remember) {
    if (pushed) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    pushed = true;
    shown = address;
  }
  readyTimeline();
}

const showSoon = debounced(TYPING_MS, () => show(searchAddress($("#search")), true));

// Links within a page are told so, too.
addEventListener("popstate", () => { if (location.pathname + location.search !== shown) location.reload(); });
addEventListener("pageshow", () => { pushed = false; });

// Suggestions: a combobox with a list (WAI-ARIA Authoring Practices, "Editable Combobox With List Autocomplete").

const fetchSuggestions = latest();
const box = $("#suggestions");
const input = $("#q");
let chosen = -1;

function closeSuggestions() {
  if (!box || box.hidden) return;
  box.hidden = true;
  chosen = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(number) {
  const options = $$('[role="option"]', box);
  if (!options.length) return;
  const places = options.length + 1; // none is chosen between the last and the first
  chosen = ((number + 1 + places) % places) - 1;
  options.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
  if (chosen < 0) input.removeAttribute("aria-activedescendant");
  else {
    input.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  }
}

function optionFor(label, detail, address, phrase) {
  const option = document.createElement("div");
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.dataset.address = address;
  if (phrase) option.dataset.phrase = phrase;
  const text = document.createElement("span");
  text.textContent = label;
  const number = document.createElement("span");
  number.className = "number";
  number.textContent = detail;
  option.append(text, number);
  return option;
}

function listed({ phrases, names, titles }) {
  const others = new URL(searchAddress($("#search")), location);
  const of = (name, text) => {
    const address = new URL(others);
    if (name === "q") address.searchParams.set("q", text);
    else { address.searchParams.delete("q"); address.searchParams.append(name, text); }
    return address.pathname + address.search;
  };
  const count = (number) => number.toLocaleString("en");
  const groups = [
    ["Searches", phrases.map((one) => optionFor(one.text, count(one.articles), of("q", one.text), one.text))],
    ["Filters", names.map((one) => optionFor(one.text, `${one.filter}, ${count(one.articles)}`, of(one.filter, one.text)))],
    ["Articles", titles.map((one) => optionFor(one.title, one.published_at?.slice(0, 10) ?? "", `/articles/${encodeURIComponent(one.id)}`))],
  ].filter(([, options]) => options.length);
  box.replaceChildren(...groups.map(([label, options]) => {
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const heading = document.createElement("h3");
    heading.textContent = label;
    heading.setAttribute("role", "presentation");
    group.append(heading, ...options);
    return group;
  }));
  $$('[role="option"]', box).forEach((option, at) => { option.id = `suggestion-${at}`; });
  chosen = -1;
  box.hidden = groups.length === 0;
  input.setAttribute("aria-expanded", String(!box.hidden));
  input.removeAttribute("aria-activedescendant");
}

const suggestSoon = debounced(TYPING_MS / 2, async () => {
  const typed = input.value;
  if (!typed.trim() || typed.length > 256) return closeSuggestions();
  const response = await fetchSuggestions(`/v1/suggest?${new URLSearchParams({ q: typed, limit: 4 })}`);
  if (response?.ok && typed === input.value && document.activeElement === input) listed(await response.json());
});

function take(option) {
  const { phrase, address } = option.dataset;
  closeSuggestions();
  if (phrase) {
    input.value = phrase;
    show(address, true);
  } else location.assign(address);
}

if (input) {
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", "suggestions");
  input.setAttribute("aria-expanded", "false");
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-label", "Suggestions");
  input.addEventListener("input", () => { suggestSoon(); showSoon(); });
  input.addEventListener("change", () => { pushed = false; });
  input.addEventListener("blur", closeSuggestions);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (box.hidden) suggestSoon();
      else choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      take($$('[role="option"]', box)[chosen]);
    } else if (event.key === "Escape" && !box.hidden) {
      event.preventDefault();
      closeSuggestions();
    }
  });
  box.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  box.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) take(option);
  });
  $("#search").addEventListener("submit", (event) => {
    event.preventDefault();
    showSoon.cancel();
    suggestSoon.cancel();
    location.assign(searchAddress(event.target));
  });
  $("#search").addEventListener("change", (event) => {
    if (event.target.matches("select")) location.assign(searchAddress($("#search")));
  });
}

// The timeline: a bar is a link; several are chosen by dragging, or by Shift with the arrow keys.

let brush = null; // { from, to } as numbers of bars, while a range is being chosen

const bars = () => $$("#timeline a");
const barOf = (event) => {
  const svg = $("#timeline");
  const { left, width } = svg.getBoundingClientRect();
  const count = bars().length;
  return Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * count)));
};

function readyTimeline() {
  bars().forEach((bar, at, all) => bar.setAttribute("tabindex", at === all.length - 1 ? "0" : "-1")); // one stop for Tab
}

function paintBrush() {
  const [from, to] = brush ? [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to)] : [1, 0];
  const inside = bars().filter((bar, at) => {
    bar.classList.toggle("brushed", at >= from && at <= to);
    return at >= from && at <= to;
  });
  const output = $("#brushed");
  if (!output || !inside.length) return;
  const total = inside.reduce((sum, bar) => sum + Number(bar.dataset.count), 0).toLocaleString("en");
  const last = inside.length > 1 ? ` to ${inside.at(-1).dataset.label}` : "";
  output.textContent = `${inside[0].dataset.label}${last}: ${total}`;
}

function goToBrushed() {
  const [first, last] = [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to)].map((at) => bars()[at]);
  const address = new URL($("#timeline").dataset.base, location);
  address.searchParams.set("from", first.dataset.first);
  address.searchParams.set("to", last.dataset.last);
  brush = null;
  location.assign(address.pathname + address.search);
}

document.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.target.closest?.("#timeline")) return;
  brush = { from: barOf(event), to: barOf(event), dragged: false };
});
document.addEventListener("pointermove", (event) => {
  if (!brush || brush.dragged === undefined) return;
  brush.to = barOf(event);
  if (brush.to !== brush.from) brush.dragged = true;
  if (brush.dragged) paintBrush();
});
document.addEventListener("pointerup", () => {
  if (brush?.dragged) goToBrushed();
  else if (brush?.dragged === false) brush = null; // the link is followed
});
document.addEventListener("pointercancel", () => { brush = null; paintBrush(); });
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("#timeline")) event.preventDefault(); });
document.addEventListener("pointerover", (event) => {
  const bar = event.target.closest?.("#timeline a");
  if (bar && !brush) $("#brushed").textContent = `${bar.dataset.label}: ${Number(bar.dataset.count).toLocaleString("en")}`;
});
document.addEventListener("focusin", (event) => {
  const bar = event.target.closest?.("#timeline a");
  if (bar && !brush) $("#brushed").textContent = `${bar.dataset.label}: ${Number(bar.dataset.count).toLocaleString("en")}`;
});

function onTimelineKey(event, bar) {
  const all = bars();
  const at = all.indexOf(bar);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    const next = Math.min(all.length - 1, Math.max(0, to));
    if (event.shiftKey) brush = { from: brush?.from ?? at, to: next };
    else brush = null;
    all.forEach((one, number) => one.setAttribute("tabindex", number === next ? "0" : "-1"));
    all[next].focus();
    paintBrush();
  } else if (event.key === "Enter" && brush && brush.from !== brush.to) {
    event.preventDefault();
    goToBrushed();
  } else if (event.key === "Escape" && brush) {
    brush = null;
    paintBrush();
  }
}

// Copies are shown below the article that stands for them.

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a.copies");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const shown = $(".short", link.closest("li"));
  if (shown) {
    shown.hidden = !shown.hidden;
    link.setAttribute("aria-expanded", String(!shown.hidden));
    return;
  }
  const response = await fetch(link.href).catch(() => null);
  const list = response?.ok && $("#copies .short", await parsed(response));
  if (!list) return location.assign(link.href);
  link.parentElement.after(document.adoptNode(list));
  link.setAttribute("aria-expanded", "true");
});

// Keys of one letter can be turned off (WCAG 2.2, success criterion 2.1.4).

const KEYS_OFF = "broadsheet.keys";
const keysWork = () => localStorage.getItem(KEYS_OFF) !== "off";

function step(by) {
  const links = $$("a.hit");
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

const KEYS = {
  "/": () => { input?.focus(); input?.select(); },
  j: () => step(1),
  k: () => step(-1),
  n: () => $('a[rel="next"]')?.click(),
  p: () => $('a[rel="prev"]')?.click(),
  "?": () => showKeys(),
};

function showKeys() {
  $("#keys-on").checked = keysWork();
  $("#keys").showModal();
}

document.addEventListener("keydown", (event) => {
  const bar = event.target.closest?.("#timeline a");
  if (bar) onTimelineKey(event, bar);
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, select, textarea, dialog")) return;
  if (Object.hasOwn(KEYS, event.key) && $("#keys") && keysWork()) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
document.addEventListener("click", (event) => { if (event.target.closest?.("#show-keys")) showKeys(); });
$("#show-keys")?.removeAttribute("hidden");
$("#keys-on")?.addEventListener("change", (event) => {
  if (event.target.checked) localStorage.removeItem(KEYS_OFF);
  else localStorage.setItem(KEYS_OFF, "off");
});

readyTimeline();
