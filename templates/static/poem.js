// The poem in front of the reader: ticks that are kept at once, and poems that write themselves.
import { keep, make, recall } from "./store.js";

const at = (name) => document.querySelector(`[data-${name}]`);
let article = document.getElementById("poem");
const say = article.dataset;
const lines = () => [...at("lines").children];
const ticked = () => lines().filter((line) => line.querySelector(":checked"));
const still = matchMedia("(prefers-reduced-motion: reduce)");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const json = { "Content-Type": "application/json" };
let shown = location.pathname;
let room = "";
const CHARACTER = 34; // milliseconds a character takes to appear; a backlog goes faster

function tell(text, ...deeds) {
  at("said").replaceChildren(make("span", text), ...deeds);
}

// --- ticks: what the server has not heard yet is remembered, line id -> { on, was } ---

const STORE = "poembot.ticks";
const memory = recall(STORE) ?? {};
let sending, told;

async function send() {
  if (sending) return;
  sending = true;
  let late;
  for (const [line, { on, was }] of Object.entries(memory)) {
    const method = on ? "PUT" : "DELETE";
    const answer = await fetch(`/api/v1/lines/${line}/tick`, { method, headers: json }).catch(() => null);
    if (!answer || answer.status >= 429) {
      memory[line].late = late = true;
      continue;
    }
    if (memory[line].on !== on) {
      late = true; // changed its mind meanwhile
      continue;
    }
    if (!answer.ok) {
      const box = article.querySelector(`input[value="${line}"]`);
      if (box) box.checked = was;
      tell(say.refused);
      offer();
    } else if (memory[line].late) tell(say.saved);
    delete memory[line];
  }
  keep(STORE, memory);
  sending = false;
  if (late) {
    if (Object.values(memory).some((tick) => tick.late)) tell(say.offline);
    setTimeout(send, 4000);
  } else if (told) look();
}

// How far off the next version is, now that it has one line more.
async function look() {
  const answer = await fetch(at("of").dataset.of).catch(() => null);
  const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page) at("of").replaceChildren(...page.getElementById("outlook").childNodes);
}

function mark(box) {
  box.classList.toggle("fresh", box.checked);
  memory[box.value] = { on: box.checked, was: memory[box.value]?.was ?? !box.checked };
  keep(STORE, memory);
  offer();
  const undo = make("button", say.undo, { type: "button", className: "plain" });
  undo.addEventListener("click", () => {
    box.checked = !box.checked;
    mark(box);
    box.focus();
  });
  tell(box.checked ? (told ? say.ticked : say.first) : say.unticked, undo);
  told ||= box.checked;
  send();
}

function offer() {
  const kept = ticked().length;
  const again = article.querySelector('[data-write="keep"]'); // a shared poem has no tools
  if (again) again.hidden = !kept || kept === lines().length;
}

// --- the page: what the server wrote, with what only a script can do ---

function dress() {
  for (const [line, { on }] of Object.entries(memory)) {
    const box = article.querySelector(`input[value="${line}"]`);
    if (box) box.checked = on;
  }
  offer();
}

// Show the poem of an address as the server does; whoever had the focus keeps it.
async function show(url) {
  const answer = await fetch(url).catch(() => null);
  const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page || !page.getElementById("poem")) return location.assign(url);
  const { id } = document.activeElement;
  for (const part of ["poem", "after", "news"])
    document.getElementById(part)?.replaceWith(page.getElementById(part) ?? "");
  article = document.getElementById("poem");
  document.title = page.title;
  shown = new URL(url, location).pathname;
  at("lines").style.minHeight = room; // the page does not jump
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
  dress();
}

// --- writing ---

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r", "");
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const read = (key) => new RegExp(`^${key}: ?(.*)$`, "m").exec(rest.slice(0, end))?.[1];
      if (read("data")) yield [read("event"), JSON.parse(read("data"))];
    }
  }
}

// What a form asks for, and the texts that stand already: slot -> text.
function wished(form) {
  const fields = new FormData(form);
  const wish = { lines: Math.max(lines().length, 5) };
  const ways = article.querySelector("[name=temperature]:checked")?.value;
  if (ways) wish.temperature = Number(ways);
  let stay = [];
  if (form.dataset.write === "new") wish.prime = fields.get("prime")?.trim() || null;
  else if (form.dataset.write === "keep") stay = ticked();
  else {
    stay = lines().slice(0, fields.get("place") - 1);
    wish.own = fields.get("own").trim();
    wish.lines = Math.max(wish.lines, stay.length + 2);
  }
  wish.keep = stay.map((line) => Number(line.dataset.line));
  const kept = new Map(stay.map((line) => [lines().indexOf(line), line.dataset.text]));
  if (wish.own) kept.set(stay.length, wish.own);
  return [wish, kept];
}

function begin(wish, kept) {
  const list = at("lines");
  const rows = Array.from({ length: wish.lines }, (_, slot) => {
    const row = at("row").content.firstElementChild.cloneNode(true);
    row.querySelector(".text").textContent = kept.get(slot) ?? "";
    return row;
  });
  const row = parseFloat(getComputedStyle(list).lineHeight);
  room = `${Math.max(list.offsetHeight, 1.6 * row * wish.lines + row)}px`;
  list.style.minHeight = room;
  article.classList.add("writing");
  document.getElementById("next").replaceChildren();
  at("aloud").replaceChildren();
  list.replaceChildren(...rows);
  tell(say.writing);
  at("said").prepend(at("pencil").content.firstElementChild.cloneNode(true));
  if (list.getBoundingClientRect().top < 0) article.scrollIntoView();
}

// Write at a reader's pace, though characters come in faster.
async function pen(queue) {
  for (;;) {
    const next = queue.shift();
    if (next?.end) return;
    const row = next && lines()[next.slot];
    if (!row) {
      await wait(10);
      continue;
    }
    for (const line of lines()) line.classList.toggle("now", line === row);
    row.querySelector(".text").textContent += next.character;
    if (!still.matches) await wait(queue.length > 60 ? CHARACTER / 2 : CHARACTER);
  }
}

async function stream(wish, kept) {
  const headers = { ...json, Accept: "text/event-stream" };
  const asked = { method: "POST", headers, body: JSON.stringify(wish) };
  const answer = await fetch(`/api/v1/voices/${say.voice}/poems`, asked);
  if (!answer.ok) {
    const seconds = Number(answer.headers.get("Retry-After")) || 5;
    throw Object.assign(new Error(), { status: answer.status, seconds });
  }
  const queue = [];
  const written = pen(queue);
  let poem;
  try {
    for await (const [event, data] of events(answer.body)) {
      if (event === "text" && !kept.has(data.slot))
        for (const character of data.delta) queue.push({ slot: data.slot, character });
      else if (event === "line") {
        at("aloud").append(make("p", data.text));
      } else if (event === "done") poem = data;
      else if (event === "error") throw new Error(data.code);
    }
  } finally {
    queue.push({ end: true });
    await written;
  }
  if (!poem) throw new Error("cut");
  return poem;
}

// A full engine says when to come back.
async function attempt(wish, kept, tries = 4) {
  for (;;) {
    try {
      return await stream(wish, kept);
    } catch (error) {
      if (error.status !== 503 || --tries <= 0) throw error;
      tell(say.waiting.replace("{n}", error.seconds));
      await wait(error.seconds * 1000);
    }
  }
}

let busy;

async function write(form) {
  if (busy) return;
  busy = true;
  const before = lines();
  const button = form.querySelector("button");
  button.setAttribute("aria-disabled", "true");
  const [wish, kept] = wished(form);
  begin(wish, kept);
  try {
    const poem = await attempt(wish, kept);
    history.replaceState(null, "", `/poems/${article.dataset.poem}`);
    history.pushState(null, "", poem.url);
    await show(poem.url);
  } catch (error) {
    at("lines").replaceChildren(...before);
    article.classList.remove("writing");
    button.removeAttribute("aria-disabled");
    tell(error.status === 429 ? say.limited.replace("{n}", error.seconds) : say.failed);
  }
  busy = false;
}

// --- what the reader does ---

dress();
send();
if (location.hash === "#next") {
  history.replaceState(null, "", location.pathname); // what one shares of it is the poem
  document.querySelector('[data-live="next"]')?.requestSubmit();
}
addEventListener("change", (event) => {
  if (event.target.matches(".seal")) mark(event.target);
});
addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-write]")) return;
  event.preventDefault();
  write(event.target);
});
addEventListener("click", (event) => {
  const deed = event.target.closest("[data-edit]");
  if (!deed) return;
  const line = deed.closest("li");
  const own = document.getElementById("own");
  at("ways").open = true;
  own.form.elements.place.selectedIndex = lines().indexOf(line);
  own.value = line.dataset.text;
  own.focus();
  own.select();
});
addEventListener("online", send);
addEventListener("popstate", () => location.pathname !== shown && show(location.href));
