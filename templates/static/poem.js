// The poem in front of the reader: ticks that are kept at once, and poems that write themselves.
const article = document.querySelector("[data-poem]");
const say = article?.dataset;
const find = (name) => article.querySelector(`[data-${name}]`);
const lines = () => [...find("lines").children];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const STORE = "poembot.ticks"; // line id -> on, for what the server has not heard yet
const CHARACTER = 34; // milliseconds a character takes to appear; a backlog goes faster

function tell(text, deed) {
  const span = document.createElement("span");
  span.textContent = text;
  find("said").replaceChildren(span, ...(deed ? [deed] : []));
}

// --- ticks ---

const read = () => {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
};
const memory = read(); // outlives a browser that keeps no storage
let sending = false;

function remember() {
  try {
    localStorage.setItem(STORE, JSON.stringify(memory));
  } catch {
    // Private windows may refuse: the page itself still remembers.
  }
}

async function send() {
  if (sending) return;
  sending = true;
  let late = false;
  for (const [line, { on, was }] of Object.entries(memory)) {
    let answer;
    try {
      answer = await fetch(`/api/v1/lines/${line}/tick`, {
        method: on ? "PUT" : "DELETE",
        headers: { "Content-Type": "application/json" },
      });
    } catch {
      answer = null;
    }
    if (!answer || answer.status >= 500 || answer.status === 429) {
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
  remember();
  sending = false;
  if (late) {
    if (Object.values(memory).some((tick) => tick.late)) tell(say.offline);
    setTimeout(send, 4000);
  }
}

function mark(box) {
  const line = box.value;
  box.classList.toggle("fresh", box.checked);
  memory[line] = { on: box.checked, was: memory[line]?.was ?? !box.checked };
  remember();
  offer();
  const undo = document.createElement("button");
  undo.type = "button";
  undo.className = "plain";
  undo.textContent = say.undo;
  undo.addEventListener("click", () => {
    box.checked = !box.checked;
    mark(box);
    box.focus();
  });
  tell(box.checked ? say.ticked : say.unticked, undo);
  send();
}

const ticked = () => lines().filter((line) => line.querySelector("input")?.checked);

function offer() {
  const kept = ticked();
  article.querySelector("form[data-keep]").hidden = !kept.length || kept.length === lines().length;
}

// --- writing ---

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let current = article?.dataset.poem;

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r", "");
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const found = { event: "message", data: "" };
      for (const row of rest.slice(0, end).split("\n")) {
        const [, key, text] = /^(\w+): ?(.*)$/.exec(row) ?? [];
        if (key === "data") found.data += text;
        else if (key) found[key] = text;
      }
      if (found.data) yield [found.event, JSON.parse(found.data)];
    }
  }
}

/** One row of the page for a line; *line* is the contract's, or null for one not written yet. */
function row(line) {
  const item = find("line-template").content.firstElementChild.cloneNode(true);
  const box = item.querySelector("input");
  if (line) {
    box.value = line.id;
    box.checked = line.ticked;
    item.querySelector(".text").textContent = line.text;
    if (!line.tickable) box.remove();
    item.querySelector(".human").hidden = !line.primed;
  }
  return item;
}

/** As the server writes it: Korea's time on Korean pages, UTC on others. */
function date(moment) {
  const [locale, dateStyle, timeZone, zone] =
    document.documentElement.lang === "ko" ? ["ko", "long", "Asia/Seoul", ""] : ["en-GB", "medium", "UTC", " UTC"];
  const options = { dateStyle, timeStyle: "short", hourCycle: "h23", timeZone };
  return new Date(moment).toLocaleString(locale, options) + zone;
}

function show(poem) {
  current = poem.id;
  find("lines").replaceChildren(...poem.lines.map(row));
  find("version-of").textContent = poem.version ? say.versionName.replace("{n}", poem.version) : say.baseName;
  find("permalink").href = `/poems/${poem.id}`;
  const created = find("created").querySelector("time");
  created.dateTime = poem.created;
  created.textContent = date(poem.created);
  const lesson = document.querySelector("[data-lesson]");
  lesson.hidden = Number(lesson.dataset.lesson) !== poem.version;
  offer();
}

function begin(kept) {
  const list = find("lines");
  const rows = lines().map((line, slot) => {
    const fresh = row(null);
    const text = fresh.querySelector(".text");
    if (kept.has(slot)) text.textContent = line.querySelector(".text").textContent;
    return fresh;
  });
  list.style.minHeight = `${Math.max(list.offsetHeight, rows.length * 1.2 * rowHeight(list))}px`;
  article.classList.add("writing");
  find("aloud").replaceChildren();
  list.replaceChildren(...rows);
  tell(say.writing);
  find("said").prepend(find("pencil").content.firstElementChild.cloneNode(true));
}

const rowHeight = (list) => list.firstElementChild?.offsetHeight ?? 0;

function finish() {
  article.classList.remove("writing");
  for (const line of lines()) line.classList.remove("now");
}

/** Write the characters one by one at a reader's pace, though they come in faster. */
async function pen(queue) {
  for (;;) {
    const next = queue.shift();
    if (!next) await wait(10);
    else if (next.end) return;
    else {
      const item = lines()[next.slot];
      if (!item) continue;
      for (const line of lines()) line.classList.toggle("now", line === item);
      item.querySelector(".text").textContent += next.character;
      if (!still.matches) await wait(queue.length > 60 ? CHARACTER / 2 : CHARACTER);
    }
  }
}

async function stream(wish, kept) {
  const answer = await fetch(`/api/v1/voices/${say.voice}/poems`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(wish),
  });
  if (!answer.ok) {
    const seconds = Number(answer.headers.get("Retry-After")) || 5;
    throw Object.assign(new Error(answer.statusText), { status: answer.status, seconds });
  }
  const queue = [];
  const written = pen(queue);
  let poem;
  try {
    for await (const [event, data] of events(answer.body)) {
      if (event === "text" && !kept.has(data.slot))
        for (const character of data.delta) queue.push({ slot: data.slot, character });
      else if (event === "line") {
        const p = document.createElement("p");
        p.textContent = data.text;
        find("aloud").append(p);
      } else if (event === "done") poem = data;
      else if (event === "error") throw new Error(data.code);
    }
  } finally {
    queue.push({ end: true });
    await written;
  }
  if (!poem) throw new Error("the stream ended early");
  return poem;
}

let busy = false;

async function write(form) {
  if (busy) return;
  busy = true;
  const before = { nodes: lines(), said: [...find("said").childNodes] };
  const button = form.querySelector("button");
  button.setAttribute("aria-disabled", "true");
  const wish = { lines: lines().length || 5 };
  const kept = new Map();
  if ("keep" in form.dataset) {
    lines().forEach((line, slot) => {
      const box = line.querySelector("input");
      if (box?.checked) kept.set(slot, Number(box.value));
    });
    wish.keep = [...kept.values()];
  } else {
    const fields = new FormData(form);
    if (fields.get("prime")?.trim()) wish.prime = fields.get("prime").trim();
    if (fields.get("temperature")) wish.temperature = Number(fields.get("temperature"));
  }
  begin(kept);
  if (find("lines").getBoundingClientRect().top < 0)
    article.scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
  try {
    const poem = await attempt(wish, kept);
    history.replaceState({ poem: current }, "", `/poems/${current}`);
    show(poem);
    history.pushState({ poem: poem.id }, "", `/poems/${poem.id}`);
    tell(say.invite);
  } catch (error) {
    find("lines").replaceChildren(...before.nodes);
    tell(error.status === 429 ? say.limited.replace("{n}", error.seconds) : say.failed);
  }
  finish();
  button.removeAttribute("aria-disabled");
  busy = false;
}

/** A full engine says when to come back: come back then, a few times. */
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

async function back(event) {
  const id = event.state?.poem ?? /^\/poems\/([^/]+)$/.exec(location.pathname)?.[1];
  const answer = id && (await fetch(`/api/v1/poems/${id}`).catch(() => null));
  if (!answer?.ok) return location.reload();
  show(await answer.json());
}

if (article) {
  find("save")?.setAttribute("hidden", "");
  for (const [line, { on }] of Object.entries(memory)) {
    const box = article.querySelector(`input[value="${line}"]`);
    if (box) box.checked = on;
  }
  offer();
  send();
  article.addEventListener("change", (event) => {
    if (event.target.matches(".seal")) mark(event.target);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-write]")) return;
    event.preventDefault();
    write(event.target);
  });
  addEventListener("online", send);
  addEventListener("popstate", back);
}
