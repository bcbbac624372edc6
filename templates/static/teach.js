// The teach box: a draft that is never lost, and a count of characters as people count them.
import { keep, recall } from "./store.js";

const key = (voice) => `poembot.draft.${voice}`;
const form = document.querySelector("[data-teach]");
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

  const found = recall(key(teach));
  if (found && !text.value && !title.value && !author.value) {
    [text.value, title.value, author.value] = [found.text, found.title, found.author];
    form.querySelector("[data-note]").textContent = kept;
  }
  show();

  form.addEventListener("input", () => {
    show();
    const draft = { text: text.value, title: title.value, author: author.value };
    keep(key(teach), Object.values(draft).some(Boolean) && draft);
  });
}
