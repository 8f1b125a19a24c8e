// Sends the form as one row to /v1/predict and shows the answer.
const form = document.getElementById("row");
const answer = document.getElementById("answer");

function valueOf(field) {
  if (field.value === "") return null;
  if (field.dataset.type === "boolean") return field.value === "true";
  return field.dataset.type === "category" ? field.value : Number(field.value);
}

function line(className, text) {
  const element = document.createElement("div");
  element.className = className;
  element.textContent = text;
  return element;
}

function bar(label, probability) {
  const row = line("bar", "");
  const meter = document.createElement("meter");
  meter.value = probability;
  meter.setAttribute("aria-label", label);
  row.append(line("", label), meter, line("", `${(100 * probability).toFixed(1)} %`));
  return row;
}

// What each kind of model answers, in a few words.
function headline(prediction) {
  if (prediction.label !== undefined) return prediction.label;
  if (prediction.cluster !== undefined) return `cluster ${prediction.cluster}`;
  if (prediction.unusual !== undefined) return `${prediction.unusual ? "unusual" : "usual"} (${prediction.score.toPrecision(3)})`;
  const between = prediction.low === undefined ? "" : ` (${prediction.low.toPrecision(4)} to ${prediction.high.toPrecision(4)})`;
  return prediction.value.toPrecision(4) + between;
}

function show(body) {
  const prediction = body.predictions[0];
  const bars = Object.entries(prediction.probabilities ?? {}).map(([label, p]) => bar(label, p));
  const warnings = prediction.warnings.map((text) => line("warning", text));
  answer.replaceChildren(line("label", headline(prediction)), ...bars, ...warnings);
}

function refuse(problem) {
  const fields = (problem.errors ?? []).map((error) => line("error", `${error.field}: ${error.message}`));
  answer.replaceChildren(line("error", problem.detail), ...fields);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = [...form.querySelectorAll("[name]")];
  const row = Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  try {
    const response = await fetch("/v1/predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ rows: [row] }),
    });
    const body = await response.json();
    if (response.ok) show(body);
    else refuse(body);
  } catch (error) {
    refuse({ detail: `The API does not answer: ${error.message}` });
  }
});
