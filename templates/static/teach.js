// The form to teach a poem: the draft is kept in the browser, and its graphemes are counted.
import { keep, recall } from "./store.js";

const key = (voice) => `poembot.draft.${voice}`;
const form = document.querySelector("[data-teach]");
const taught = document.querySelector("[data-taught]");
if (taught) keep(key(taught.dataset.taught), null);

if (form) {
  const { teach, least, most, count, more, less, kept } = form.dataset;
  const { text, title, author } = form.elements;
  const segments = new Intl.Segmenter();

  const show = () => {
    const n = [...segments.segment(text.value.normalize("NFC").trim())].length;
    const over = [...text.value.normalize("NFC").trim()].length - most; // the server counts code points
    const sentence = over > 0 ? less : n >= least ? count : more;
    const said = n ? sentence.replace("{n}", over > 0 ? over + +most : n).replace("{more}", least - n).replace("{less}", over) : "";
    form.querySelector("[data-counter]").textContent = said;
    text.setCustomValidity(over > 0 ? said : "");
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
