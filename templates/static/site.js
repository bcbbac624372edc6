// Every page: keyboard shortcuts, and forms whose response replaces a part of the page.
import { keep, make, recall } from "./store.js";

const OFF = "poembot.keys-off";
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select";
const dialog = document.getElementById("keys");
const off = dialog.querySelector("input");
const terms = dialog.querySelector("dl");
const always = [...terms.children];
const keyed = () => [...document.querySelectorAll("[data-key]")].filter((one) => one.getClientRects().length);

function list() {
  const rows = keyed().map((one) => {
    const row = make("div");
    row.append(make("dt", one.dataset.key), make("dd", (one.labels?.[0] ?? one).textContent.trim()));
    return row;
  });
  terms.replaceChildren(...always, ...rows);
  dialog.showModal();
}

document.querySelector("[data-keys]").addEventListener("click", list);
off.checked = Boolean(recall(OFF));
off.addEventListener("change", () => keep(OFF, off.checked));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (off.checked || dialog.open || event.target.matches(TYPING)) return;
  // With a Korean input method, only `code` says which key it was.
  const key = /^[!-~]$/.test(event.key) ? event.key.toLowerCase() : event.code.slice(3).toLowerCase();
  if (key === "?") return list();
  const line = document.querySelector(`.verse li:nth-child(${Number(key) || 99}) .seal`);
  const deed = line ?? keyed().find((one) => one.dataset.key === key);
  if (!deed) return;
  event.preventDefault();
  if (!deed.matches(TYPING)) return deed.click();
  const fold = deed.closest("details");
  if (fold) fold.open = true; // elements in a closed one cannot be focused
  deed.focus();
});

addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const place = document.getElementById(form.dataset.live);
  if (!place) return;
  event.preventDefault();
  const turn = (form.turn = (form.turn ?? 0) + 1); // a later answer may come first
  const sent = new URLSearchParams(new FormData(form, submitter));
  const post = form.method === "post";
  const url = post ? form.action : `${form.action.split("?")[0]}?${sent}`;
  const answer = await fetch(url, post ? { method: "POST", body: sent } : {}).catch(() => null);
  const page = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
  const part = page.getElementById(place.id);
  if (turn !== form.turn) return;
  if (!part) return (submitter || form.dataset.every) && form.submit();
  place.replaceChildren(...part.childNodes);
  const same = place.querySelector(`[name="${submitter?.name}"][value="${submitter?.value}"]`);
  same?.focus();
  if (same?.name === "play") setTimeout(() => same.click(), 160);
});

// Forms that are submitted while the reader types.
let pause;
addEventListener("input", ({ target: { form } }) => {
  if (!form?.matches("[data-typed]")) return;
  clearTimeout(pause);
  pause = setTimeout(() => form.requestSubmit(), 300);
});

// Weaving: a click on a line gives it the next place, or takes its place away.
addEventListener("click", (event) => {
  const place = event.target.closest("[data-place]")?.control;
  if (!place) return;
  event.preventDefault();
  const places = [...place.form.querySelectorAll("[type=number]")].map((one) => Number(one.value));
  place.value = place.value ? "" : Math.max(...places) + 1;
});

// Forms that are submitted every few seconds until the run or trial on the page has ended.
for (const form of document.querySelectorAll("[data-every]"))
  setInterval(() => {
    if (!document.hidden && document.querySelector("progress")) form.requestSubmit();
  }, form.dataset.every * 1000);
