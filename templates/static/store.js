// Helpers: values in this browser's local storage, and making an element.
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
