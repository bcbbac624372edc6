// The form to teach a poem: the draft is kept in the browser, and its graphemes are counted.
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

  const boxes = [text, title, author];
  const typed = () => boxes.some((box) => box.value);
  const found = recall(key(teach));
  if (found && !typed()) {
    for (const box of boxes) box.value = found[box.name];
    form.querySelector("[data-note]").textContent = kept;
  }
  show();

  form.addEventListener("input", () => {
    show();
    keep(key(teach), typed() && Object.fromEntries(boxes.map((box) => [box.name, box.value])));
  });
}
