// The page with a poem: saving ticks at once, streaming a new poem, changing a line.
import { keep, make, recall } from "./store.js";

const at = (name) => document.querySelector(`[data-${name}]`);
let article = document.getElementById("poem");
const say = article.dataset;
const lines = () => [...at("lines").children];
const ticked = () => lines().filter((line) => line.querySelector(":checked"));
const still = matchMedia("(prefers-reduced-motion: reduce)");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const json = { "Content-Type": "application/json" };
const byId = (id) => document.getElementById(id);
const parse = async (answer) => new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
const boxOf = (line) => article.querySelector(`input[value="${line}"]`);
const calm = { preventScroll: true };
let shown = location.pathname;
let busy;
const CHARACTER = 34; // milliseconds for a character, and twice that between words

function tell(text, ...deeds) {
  at("said").replaceChildren(make("span", text), ...deeds);
}

// --- ticks: those that the server has not stored yet are kept in memory, line id -> { on, was } ---

const STORE = "poembot.ticks";
const memory = recall(STORE) ?? {};
let sending, told;

async function send() {
  if (sending) return;
  sending = true;
  let late;
  for (const [line, { on, was }] of Object.entries(memory)) {
    const asked = { method: on ? "PUT" : "DELETE", headers: json };
    const answer = await fetch(`/api/v1/lines/${line}/tick`, asked).catch(() => null);
    if (!answer || answer.status >= 429) {
      memory[line].late = true;
      late = answer ? say.unsaved : say.offline;
      continue;
    }
    if (memory[line].on !== on) continue; // the reader has changed it meanwhile
    if (!answer.ok) {
      if (boxOf(line)) boxOf(line).checked = was;
      tell(say.refused);
    } else if (memory[line].late) tell(say.saved);
    delete memory[line];
  }
  keep(STORE, memory);
  sending = false;
  if (late) {
    tell(late);
    setTimeout(send, 4000);
  } else if (Object.keys(memory).length) send(); // what was ticked meanwhile
  else if (told) look();
}

async function look() {
  const answer = await fetch(at("of").dataset.of).catch(() => null);
  if (answer?.ok) at("of").replaceChildren(...(await parse(answer)).getElementById("outlook").childNodes);
}

function mark(box) {
  box.classList.toggle("fresh", box.checked);
  memory[box.value] = { on: box.checked, was: memory[box.value]?.was ?? !box.checked };
  keep(STORE, memory);
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

// --- the page ---

function dress() {
  for (const [line, { on }] of Object.entries(memory)) {
    if (boxOf(line)) boxOf(line).checked = on;
  }
}

// Replace the poem by the one on the page that was fetched; the focus stays.
async function show(asked, url) {
  const answer = await asked.catch(() => null);
  const page = await parse(answer);
  if (!answer?.ok || !page.getElementById("poem")) return url ? location.assign(url) : refuse(answer, page);
  if (!url) arrive(answer.url);
  const { id } = document.activeElement;
  for (const part of ["poem", "after"]) byId(part).replaceWith(page.getElementById(part));
  if (!page.getElementById("news")) byId("news")?.classList.add("gone");
  document.querySelector("main > .flash")?.classList.add("gone");
  article = byId("poem");
  document.title = page.title;
  shown = location.pathname;
  if (id) byId(id)?.focus(calm);
  dress();
}

function arrive(url) {
  history.replaceState(null, "", `/poems/${article.dataset.poem}`);
  history.pushState(null, "", url);
}

// Say why nothing was written: in the server's words, if its *page* has some.
function refuse(answer, page) {
  const why = page?.querySelector(".flash, [data-why]");
  if (answer?.status === 429) tell(say.limited.replace("{n}", answer.headers.get("Retry-After")));
  else if (!answer || answer instanceof TypeError) tell(say.unreached);
  else tell(why?.textContent ?? say.failed);
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

// The wish in a form, and the rows that stay: slot -> row.
function wished(form, submitter) {
  const fields = new FormData(form, submitter);
  const wish = { lines: Math.max(lines().length, 5) };
  const place = fields.get("place") - 1;
  const own = fields.get("own")?.trim();
  let stay = ticked();
  if (place >= 0) {
    stay = lines().filter((line, slot) => slot < place || (slot > place && stay.includes(line)));
    if (own && own !== lines()[place]?.dataset.text) Object.assign(wish, { own, own_slot: place });
    wish.lines = Math.min(16, Math.max(wish.lines, place + (wish.own && place >= lines().length - 1 ? 2 : 1)));
  } else {
    wish.prime = fields.get("prime")?.trim() || null;
    if (fields.get("temperature")) wish.temperature = Number(fields.get("temperature"));
    if (fields.get("fresh")) [stay, wish.lines] = [[], 5];
    else if (stay.length === lines().length) return [];
  }
  wish.keep = stay.map((line) => Number(line.dataset.line));
  const kept = new Map(stay.map((line) => [lines().indexOf(line), line]));
  if (wish.own) kept.set(place, row(wish.own));
  return [wish, kept];
}

function row(text = "") {
  const made = at("row").content.firstElementChild.cloneNode(true);
  made.querySelector(".text").firstChild.textContent = text;
  return made;
}

function begin(wish, kept) {
  const list = at("lines");
  const rows = Array.from({ length: wish.lines }, (_, slot) => kept.get(slot) ?? row());
  list.style.minHeight = `${list.offsetHeight}px`;
  article.classList.add("writing");
  at("aloud").replaceChildren();
  list.replaceChildren(...rows);
  tell(say.writing);
  at("said").prepend(at("pencil").content.firstElementChild.cloneNode(true));
  if (list.getBoundingClientRect().top < 0) list.scrollIntoView();
}

// Show the text at the pace of handwriting. A line gets its full width at once, so that no word jumps.
async function pen(queue) {
  for (;;) {
    const next = queue.shift();
    if (next?.end) return;
    if (!next) await wait(10);
    const line = lines()[next?.slot];
    if (!line) continue;
    const [ink, rest] = line.querySelector(".text").childNodes;
    for (const one of lines()) one.classList.toggle("now", one === line);
    rest.textContent = next.text;
    for (const character of still.matches ? [next.text] : next.text) {
      ink.textContent += character;
      rest.textContent = rest.textContent.slice(character.length);
      if (!still.matches) await wait((CHARACTER * (character === " " ? 2 : 1)) / (queue.length > 2 ? 2 : 1));
    }
  }
}

async function stream(wish, kept) {
  const headers = { ...json, Accept: "text/event-stream" };
  const asked = { method: "POST", headers, body: JSON.stringify(wish) };
  const answer = await fetch(`/api/v1/voices/${say.voice}/poems`, asked);
  if (!answer.ok) throw answer;
  const queue = [];
  const written = pen(queue);
  let poem;
  try {
    for await (const [event, data] of events(answer.body)) {
      if (event === "text" && !kept.has(data.slot)) queue.push({ slot: data.slot, text: data.delta });
      if (event === "line") at("aloud").append(make("p", data.text));
      if (event === "done") poem = data;
    }
  } finally {
    queue.push({ end: true });
    await written;
  }
  if (!poem) throw new Error("cut");
  return poem;
}

// Stream a poem; while the engine is full, try again after Retry-After.
async function attempt(wish, kept, tries = 4) {
  for (;;) {
    try {
      return await stream(wish, kept);
    } catch (error) {
      if (error.status !== 503 || --tries <= 0) throw error;
      const seconds = error.headers.get("Retry-After") || 5;
      tell(say.waiting.replace("{n}", seconds));
      await wait(seconds * 1000);
    }
  }
}

async function write(form, submitter) {
  if (busy) return;
  const again = byId("again");
  const [wish, kept] = wished(form, submitter);
  if (!wish) {
    byId("ways").showPopover?.();
    return tell(say.all);
  }
  busy = true;
  shut();
  again.focus(calm);
  const before = lines();
  again.setAttribute("aria-disabled", "true");
  begin(wish, kept);
  try {
    const poem = await attempt(wish, kept);
    arrive(poem.url);
    await show(fetch(poem.url), poem.url);
  } catch (error) {
    at("lines").replaceChildren(...before);
    article.classList.remove("writing");
    again.removeAttribute("aria-disabled");
    if (error.status < 429) await show(post(form, submitter)); // that answer is a page, which says why
    else refuse(error);
  }
  busy = false;
}

// --- changing a line, where it stands ---

const post = (form, submitter) =>
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });

// Open the editor of a line at once; the three candidates follow when they are written.
async function open(form, button) {
  if (busy) return;
  shut();
  at("said").replaceChildren();
  if (button.value > lines().length) at("lines").append(make("li"));
  const line = lines()[button.value - 1];
  line.append(at("opened").content.firstElementChild.cloneNode(true));
  const editor = at("editor");
  const { own, place } = editor.querySelector("form").elements;
  editor.opener = button;
  place.value = button.value;
  own.value = line.dataset.text ?? "";
  const typing = matchMedia("(hover: hover)").matches; // on a phone the keyboard would hide the candidates
  (typing ? own : editor).focus();
  editor.scrollIntoView({ block: "nearest" });
  const answer = await post(form, button).catch(() => null);
  const page = await parse(answer);
  const come = page.querySelector("[name=candidate]")?.form;
  editor.querySelector(".candidates").replaceWith(come ?? "");
  if (!come && editor.isConnected) refuse(answer, page);
}

function shut() {
  const editor = at("editor");
  const line = editor?.closest("li");
  (line?.dataset.line ? editor : line)?.remove();
  editor?.opener.focus(calm);
}

async function change(form, submitter) {
  if (busy) return;
  const { own, place } = at("editor").querySelector("form").elements;
  const slot = place.value - 1;
  if (submitter?.name === "how" && own.value.trim() === lines()[slot].dataset.text) return shut();
  busy = true;
  await show(post(form, submitter));
  busy = false;
  if (!at("editor")) lines()[slot]?.querySelector("input, button")?.focus(calm);
}

// --- what the reader does ---

dress();
send();
addEventListener("change", (event) => {
  if (event.target.matches(".seal")) mark(event.target);
});
addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("#write, #change, [data-change]")) return;
  event.preventDefault();
  if (form.id === "change") open(form, submitter);
  else if (form.id === "write" || submitter?.value === "onward") write(form, submitter);
  else change(form, submitter);
});
addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  shut();
});
addEventListener("keydown", (event) => event.key === "Escape" && shut());
addEventListener("online", send);
addEventListener("popstate", () => location.pathname !== shown && show(fetch(location.href), location.href));
