// Sends a CSV file to /v1/predict, shows the answers, and offers the file with its answers for download.
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

// The records of a CSV file (RFC 4180), the header first; empty lines are none.
function recordsOf(text) {
  const records = [[]];
  for (const [, quoted, plain, end] of text.replace(/^\ufeff/, "").matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|\r|$)/g)) {
    records.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ",") records.push([]);
  }
  return records.filter((record) => record.length > 1 || record[0]);
}

// A text that a spreadsheet would take for a formula is kept a text.
function quoted(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download([header, ...given], names, rows) {
  const answered = rows.map((row, place) => [...header.map((_, column) => given[place][column]), ...names.map((name) => row[name])]);
  const lines = [[...header, ...names], ...answered];
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
    const records = recordsOf(await file.text());
    const rows = answered(body.predictions, body.errors);
    const names = [...new Set([...("errors" in body ? ["error"] : []), ...rows.flatMap(Object.keys)])];
    const shown = rows.slice(0, SHOWN).map((row, place) => ({ row: place + 1, ...row }));
    const refused = body.predictions.filter((prediction) => prediction === null).length;
    const told = `${rows.length - refused} of ${rows.length} rows answered` + (rows.length > SHOWN ? `; the first ${SHOWN} are shown` : "");
    answer.replaceChildren(line(refused ? "warning" : "", told), download(records, names, rows), tableOf(["row", ...names], shown));
  } catch (refused) {
    answer.replaceChildren(...problem(refused));
  } finally {
    button.disabled = false;
  }
});
