// Sharing: the browser's share dialog, with picture and link, if it has one; else the link is copied.
async function picture(address, title) {
  const answer = await fetch(address);
  return new File([await answer.blob()], `${title}.png`, { type: "image/png" });
}

async function share({ share: url, picture: address, title }) {
  const whole = { title, url, files: address ? [await picture(address, title)] : [] };
  await navigator.share(address && navigator.canShare?.(whole) ? whole : { title, url });
}

addEventListener("click", async (event) => {
  const button = event.target.closest("[data-share], [data-copy]");
  if (!button) return;
  const { dataset } = button;
  if (dataset.share && navigator.share)
    try {
      return await share(dataset);
    } catch (error) {
      if (error.name === "AbortError") return; // the reader closed the dialog
    }
  const said = button.closest(".share").querySelector("[data-shared]");
  const text = dataset.copy ?? dataset.share;
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = dataset.copied;
  } catch {
    said.textContent = text;
  }
});
