/** What the server says is wrong in a column mapping, with the line that it is about. */

import { html } from "../vendor/lit-html/lit-html.js";

/** Whether a problem of a request is one of the mapping. */
export const isOfMapping = (problem) => problem?.kind === "refused" && /^columns(:| has )/.test(problem.detail);

/** @param text of the mapping. */
export function mappingProblem(detail, text) {
  const line = lineOf(detail, text);
  const words = detail.replace(/^columns:? (?=has |is )/, "The mapping ").replace(/^columns: /, "");
  return html`
    <div class="job-error" role="alert">
      ${line ? html`<p><strong>Line ${line}</strong> <code dir="auto">${text.split("\n")[line - 1]}</code></p>` : ""}
      <p dir="auto">${words}</p>
    </div>
  `;
}

/** Return the number of the line that a message names, by number or by its table and field; 0 if it names none. */
function lineOf(detail, text) {
  const lines = text.split("\n");
  const told = /\(at line (\d+)/.exec(detail);
  if (told) return Number(told[1]);
  if (detail.includes("(at end of document)")) return text.trimEnd().split("\n").length;
  const [, table, name] =
    /field of \[(\w+)\] '([^']+)'/.exec(detail) ??
    /^columns: (\w+)\.(.+?) (?:is|cannot) /.exec(detail) ?? [detail, "", /'([^']+)'/.exec(detail)?.[1]];
  let within = "";
  const isNamed = (line) => {
    const header = /^\s*\[\s*["']?([^\]"']+?)["']?\s*\]/.exec(line)?.[1];
    if (header) within = header;
    const key = header ?? /^\s*["']?([^"'=#]+?)["']?\s*=/.exec(line)?.[1];
    return key === name && (!table || within === table);
  };
  return lines.findIndex(isNamed) + 1;
}
