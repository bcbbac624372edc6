// The teach box: a draft that is never lost, and a count of characters as people count them.
import { keep, recall } from "./store.js";

const key = (voice) => `poembot.draft.${voice}`;
const form = document.querySelector("form[data-teach]");

const taught = document.querySelector("[data-taught]");
if (taught) keep(key(taught.dataset.taught), null);

if (form) {
  const { teach, least, count, more, kept } = form.dataset;
  const { text, title, author } = form.elements;
  const segments = new Intl.Segmenter();

  const show = () => {
    const n = [...segments.segment(text.value.normalize("NFC").trim())].length;
    const sentence = n >= least ? count : more;
    form.querySelector("[data-counter]").textContent =
      n === 0 ? "" : sentence.replace("{n}", n).replace("{more}", least - n);
  };

  const draft = recall(key(teach));
  if (draft && !text.value && !title.value && !author.value) {
    [text.value, title.value, author.value] = [draft.text, draft.title, draft.author];
    form.querySelector("[data-note]").textContent = kept;
  }
  show();

  form.addEventListener("input", () => {
    show();
    const any = text.value || title.value || author.value;
    keep(key(teach), any ? { text: text.value, title: title.value, author: author.value } : null);
  });
}
