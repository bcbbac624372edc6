// What this browser keeps for the reader, if it keeps anything; and how an element is made.
export const make = (tag, textContent, given) =>
  Object.assign(document.createElement(tag), { textContent, ...given });

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {} // private windows may refuse
}
