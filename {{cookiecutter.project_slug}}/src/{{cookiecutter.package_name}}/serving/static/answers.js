// What the pages share: the request, and how an answer is told.
export function line(className, text) {
  const element = document.createElement("div");
  element.className = className;
  element.textContent = text;
  return element;
}

export function heading(text) {
  const element = document.createElement("h2");
  element.textContent = text;
  return element;
}

// What each kind of model answers, in a few words.
export function headline(prediction) {
  if (prediction.confident === false) return `not sure${prediction.fallback === null ? "" : `: ${prediction.fallback}`}`;
  if (prediction.label !== undefined) return prediction.label;
  if (prediction.cluster !== undefined) return `cluster ${prediction.cluster}`;
  if (prediction.unusual !== undefined) return `${prediction.unusual ? "unusual" : "usual"} (${prediction.score.toPrecision(3)})`;
  const between = prediction.low === undefined ? "" : ` (${prediction.low.toPrecision(4)} to ${prediction.high.toPrecision(4)})`;
  return prediction.value.toPrecision(4) + between;
}

// The body of the answer; throws a problem (RFC 9457) when there is none.
export async function ask(address, type, body) {
  let response;
  try {
    response = await fetch(address, { method: "POST", headers: { "Content-Type": type }, body });
  } catch (error) {
    throw { detail: `The API does not answer: ${error.message}` };
  }
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

export function problem(found) {
  const fields = (found.errors ?? []).slice(0, 20).map((error) => line("error", `${error.field}: ${error.message}`));
  return [line("error", found.detail ?? String(found)), ...fields];
}
