// Sends a CSV file to /v1/predict, shows the answers beside its rows and offers them as a CSV file.
import { ask, line, problem } from "./answers.js";

const SHOWN = 200;
const form = document.getElementById("upload");
const answer = document.getElementById("answer");

function cellsOf(prediction) {
  const { prediction_id, warnings, probabilities, reasons, ...fields } = prediction;
  for (const [label, p] of Object.entries(probabilities ?? {})) fields[`probability of ${label}`] = p;
  return { ...fields, warnings: warnings.join("; "), prediction_id };
}

function answered(predictions, errors) {
  const rows = predictions.map((prediction) => (prediction ? cellsOf(prediction) : {}));
  for (const { field, message } of errors ?? []) {
    const [, place, column] = field.split(".");
    const row = rows[Number(place)];
    row.error = [row.error, `${column ?? ""} ${message}`.trim()].filter(Boolean).join("; ");
  }
  return rows;
}

function tableOf(names, rows) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const cells = body.insertRow();
    for (const name of names) {
      const value = row[name];
      cells.insertCell().textContent = typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : value ?? "";
    }
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.append(table);
  return scroll;
}

// A text that a spreadsheet would take for a formula is kept a text.
function quoted(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(names, rows) {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  const text = lines.map((cells) => cells.map(quoted).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "predictions.csv";
  link.textContent = "Download predictions.csv";
  return link;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  answer.replaceChildren(line("", "Predicting …"));
  try {
    const file = form.elements.file.files[0];
    const body = await ask("/v1/predict?strict=false", "text/csv", file);
    const rows = answered(body.predictions, body.errors).map((row, place) => ({ row: place + 1, ...row }));
    const names = [...new Set([...("errors" in body ? ["row", "error"] : ["row"]), ...rows.flatMap(Object.keys)])];
    const refused = body.predictions.filter((prediction) => prediction === null).length;
    const told = `${rows.length - refused} of ${rows.length} rows answered` + (rows.length > SHOWN ? `; the first ${SHOWN} are shown` : "");
    answer.replaceChildren(line(refused ? "warning" : "", told), download(names, rows), tableOf(names, rows.slice(0, SHOWN)));
  } catch (refused) {
    answer.replaceChildren(...problem(refused));
  } finally {
    button.disabled = false;
  }
});
