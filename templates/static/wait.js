// A full house: come back by itself when the engine said there would be room.
const { wait, then } = document.querySelector("[data-wait]").dataset;
setTimeout(() => location.replace(then), Number(wait) * 1000);
