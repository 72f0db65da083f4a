/** The reports of a job, its rejects and its warnings: counts by code, the first rows, and a download of all. */

import { send } from "../api.js";
import { number } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { beginningOf } from "./beginning.js";
import EXPLANATIONS from "./codes.js";
import { rows } from "./csv.js";
import { download } from "./download.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const MOST_ROWS = 200;
const MOST_TEXT = 120; // characters of a cell that are shown at once

/** `name` is the last part of the path; `code` the column whose values are counted. */
export const REJECTS = {
  name: "rejects",
  title: "Rejected",
  caption: "Rejected records",
  code: "reason",
  columns: { line: "Line", id: "Id", reason: "Reason", field: "Field", text: "Text", file: "File" },
};
export const WARNINGS = {
  name: "warnings",
  title: "Changed, guessed or left out",
  caption: "What was repaired, guessed or left out in accepted records",
  code: "flag",
  columns: {
    line: "Line",
    id: "Id",
    flag: "What",
    field: "Field",
    before: "In the file",
    after: "Taken as",
    file: "File",
  },
};

export const inWords = (code) => code.replaceAll("_", " ");

/** Return the explanation of a code in a sentence; "" if there is none. The server writes `codes.js`. */
export const explained = (code) => EXPLANATIONS[code] ?? "";

/** Count the records by code, most frequent first. */
export function byCode(records, code) {
  const counted = new Map();
  for (const record of records) counted.set(record[code], (counted.get(record[code]) ?? 0) + 1);
  return sorted([...counted]);
}

const sorted = (counts) => counts.toSorted(([, one], [, other]) => other - one);

export class Report {
  #app;
  #kind;
  #path;
  #file;
  #reading;
  #saving;
  #records = null;
  #counts = null;
  #codes = [];
  #isCut = false;
  #chosen = null;

  constructor(app, jobId, kind) {
    this.#app = app;
    this.#kind = kind;
    this.#path = `/v1/jobs/${encodeURIComponent(jobId)}/${kind.name}`;
    this.#file = `${kind.name}-${jobId}.csv`;
    this.#reading = new Task(() => app.redraw());
    this.#saving = new Task(() => app.redraw());
  }

  /** The records, as objects by column; null before they are loaded. */
  get records() {
    return this.#records;
  }

  /** @param counts by code, if the job has them; else the records are counted. */
  async load(counts = this.#counts) {
    this.#counts = counts;
    const read = await this.#reading.run(async (signal) => beginningOf(await send(this.#path, { signal })));
    if (!read) return;
    this.#isCut = read.isCut;
    this.#records = [...rows(read.text)];
    const counted = Object.entries(counts ?? {});
    this.#codes = counted.length ? sorted(counted) : byCode(this.#records, this.#kind.code);
    this.#app.redraw();
  }

  retry() {
    if (this.#reading.problem) this.load();
    if (this.#saving.problem) this.#save();
  }

  close() {
    this.#reading.stop();
    this.#saving.stop();
  }

  #save() {
    this.#saving.run((signal) => download(this.#path, this.#file, signal));
  }

  #choose(code) {
    this.#chosen = this.#chosen === code ? null : code;
    this.#app.redraw();
  }

  template() {
    const problem = trouble(this.#app, this.#reading.problem, () => this.load());
    if (problem || !this.#records) return problem;
    if (!this.#records.length) return "";
    return html`
      <h3>${this.#kind.title}</h3>
      <div class="chips" role="group" aria-label=${`Show one ${this.#kind.code} only`}>
        ${this.#codes.map(
          ([code, count]) => html`
            <button type="button" class="chip" aria-pressed=${this.#chosen === code} @click=${() => this.#choose(code)}>
              ${inWords(code)} <span class="count">${number(count)}</span>
            </button>
          `,
        )}
      </div>
      ${this.#chosen ? html`<p class="muted">${explained(this.#chosen)}</p>` : ""} ${this.#table()}
      <p class="actions">
        <button type="button" @click=${() => this.#save()}>Download all ${this.#kind.name} as CSV</button>
      </p>
      ${trouble(this.#app, this.#saving.problem, () => this.#save())}
    `;
  }

  #table() {
    const { name, caption, code, columns } = this.#kind;
    const fitting = this.#records.filter((record) => !this.#chosen || record[code] === this.#chosen);
    const further = fitting.length - MOST_ROWS;
    const row = (record) =>
      html`<tr>
        ${Object.keys(columns).map((column) => (column === code ? codeCell(column, record[code]) : cell(column, record[column])))}
      </tr>`;
    return html`
      ${table({
        name: name[0].toUpperCase() + name.slice(1),
        caption: `${caption}${this.#chosen ? `: ${inWords(this.#chosen)}` : ""}`,
        columns: Object.values(columns),
        rows: fitting.slice(0, MOST_ROWS).map(row),
        className: "rejects",
      })}
      ${further > 0 || this.#isCut ? html`<p class="muted">${this.#isCut ? "Many more are" : further === 1 ? "1 more is" : `${number(further)} more are`} in the file.</p>` : ""}
    `;
  }
}

/** Line 0 stands for the whole file. A repaired record can have hundreds of cells. */
const cell = (column, text) =>
  html`<td data-column=${column} dir="auto">${column === "line" && text === "0" ? "" : text.length > MOST_TEXT ? folded(text) : html`<span class="text">${text}</span>`}</td>`;

const folded = (text) => html`
  <details>
    <summary>${text.slice(0, MOST_TEXT)}…</summary>
    <div class="whole">${text}</div>
  </details>
`;

const codeCell = (column, code) => html`<td data-column=${column} title=${explained(code)}>${inWords(code)}</td>`;
