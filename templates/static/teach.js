// The teach box: a draft that is never lost, and a count of characters as people count them.
const key = (voice) => `poembot.draft.${voice}`;
const form = document.querySelector("form[data-teach]");
const storage = {
  get: (name) => {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null;
    }
  },
  set: (name, value) => {
    try {
      if (value) localStorage.setItem(name, JSON.stringify(value));
      else localStorage.removeItem(name);
    } catch {
      // A browser that keeps no storage keeps no draft; the form itself still works.
    }
  },
};

const taught = document.querySelector("[data-taught]");
if (taught) storage.set(key(taught.dataset.taught), null);

if (form) {
  const { teach, least, count, more, kept } = form.dataset;
  const { text, title, author } = form.elements;
  const segments = "Segmenter" in Intl ? new Intl.Segmenter() : null;

  const length = () => {
    const words = text.value.normalize("NFC").trim();
    return segments ? [...segments.segment(words)].length : [...words].length;
  };

  const show = () => {
    const n = length();
    const sentence = n >= least ? count : more;
    form.querySelector("[data-counter]").textContent =
      n === 0 ? "" : sentence.replace("{n}", n).replace("{more}", least - n);
  };

  const draft = storage.get(key(teach));
  if (draft && !text.value && !title.value && !author.value) {
    [text.value, title.value, author.value] = [draft.text, draft.title, draft.author];
    form.querySelector("[data-note]").textContent = kept;
  }
  show();

  form.addEventListener("input", () => {
    show();
    const any = text.value || title.value || author.value;
    storage.set(key(teach), any ? { text: text.value, title: title.value, author: author.value } : null);
  });
}
