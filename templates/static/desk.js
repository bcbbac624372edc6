// The desk: a run that reports as it learns, and a queue read with the keyboard.
const run = document.querySelector("[data-run][data-live]");

if (run) {
  const put = (name, text) => {
    const place = run.querySelector(`[data-${name}]`);
    if (place) place.textContent = text;
  };
  const words = (pairs) => Object.fromEntries(pairs.split(";").map((pair) => pair.split("=")));
  const states = words(run.dataset.states);
  const phases = words(run.dataset.phases);
  const left = (seconds) =>
    run.dataset.left.replace("{m}", Math.floor(seconds / 60)).replace("{s}", Math.round(seconds % 60));

  const source = new EventSource(`/api/v1/admin/runs/${run.dataset.run}/stream`);
  source.addEventListener("progress", (event) => {
    const report = JSON.parse(event.data);
    if (!["queued", "running"].includes(report.state)) {
      source.close();
      location.reload();
      return;
    }
    put("state", states[report.state] ?? report.state);
    put("phase", report.state === "running" ? (phases[report.phase] ?? "") : "");
    put("step", report.step);
    put("of", report.of);
    if (Number.isFinite(report.loss)) put("loss", report.loss.toFixed(4));
    if (Number.isFinite(report.seconds_left)) put("seconds", left(report.seconds_left));
    if (report.log) put("log", [report.log].flat().join("\n"));
    run.querySelector("[data-progress]").value = report.progress;
  });
}
