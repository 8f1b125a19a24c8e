// Sends the form as one row to /v1/predict and shows the answer, then its reasons.
import { ask, heading, headline, line, problem } from "./answers.js";

const REASONS = 5;
const form = document.getElementById("row");
const answer = document.getElementById("answer");

function valueOf(field) {
  if (field.value === "") return null;
  if (field.dataset.type === "boolean") return field.value === "true";
  return field.dataset.type === "category" ? field.value : Number(field.value);
}

// The texts on both sides of the meter say all that it shows.
function bar(label, share, text) {
  const row = line("bar", "");
  const meter = document.createElement("meter");
  meter.value = share;
  meter.setAttribute("aria-hidden", "true");
  row.append(line("", label), meter, line("", text));
  return row;
}

function show(prediction) {
  const bars = Object.entries(prediction.probabilities ?? {}).map(([label, p]) => bar(label, p, `${(100 * p).toFixed(1)} %`));
  const warnings = prediction.warnings.map((text) => line("warning", text));
  answer.replaceChildren(line("label", headline(prediction)), ...bars, ...warnings);
}

function explain({ of, explanations: [reasons] }) {
  const most = Math.max(...reasons.map((reason) => Math.abs(reason.adds))) || 1;
  const bars = reasons.slice(0, REASONS).map(({ column, value, adds }) =>
    bar(`${column} = ${value ?? "missing"}`, Math.abs(adds) / most, `${adds < 0 ? "−" : "+"}${Math.abs(adds).toPrecision(2)}`));
  answer.append(heading(`What adds most to the ${of}, or takes most from it`), ...bars);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = [...form.querySelectorAll("[name]")];
  const row = Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  const body = JSON.stringify({ rows: [row] });
  try {
    show((await ask("/v1/predict", "application/json", body)).predictions[0]);
  } catch (refused) {
    answer.replaceChildren(...problem(refused));
    return;
  }
  const waiting = line("", "Explaining …");
  answer.append(waiting);
  try {
    explain(await ask("/v1/explain", "application/json", body));
  } catch (refused) {
    answer.append(...problem(refused));
  } finally {
    waiting.remove();
  }
});
