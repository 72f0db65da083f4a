/** The rejected records of a job: counts by reason, the first rows, and a download of all. */

import { send } from "../api.js";
import { number } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { rows } from "./csv.js";
import { download } from "./download.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const MOST_ROWS = 200;
const COLUMNS = { file: "File", line: "Line", id: "Id", field: "Field", reason: "Reason", text: "Text" };

const inWords = (reason) => reason.replaceAll("_", " ");

/** Count the rejects by reason, most frequent first. */
export function byReason(rejects) {
  const counted = new Map();
  for (const { reason } of rejects) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  return [...counted].sort(([, one], [, other]) => other - one);
}

export class Rejects {
  #app;
  #path;
  #name;
  #reading;
  #saving;
  #rejects = null;
  #reasons = [];
  #chosen = null;

  constructor(app, jobId) {
    this.#app = app;
    this.#path = `/v1/jobs/${encodeURIComponent(jobId)}/rejects`;
    this.#name = `rejects-${jobId}.csv`;
    this.#reading = new Task(() => app.redraw());
    this.#saving = new Task(() => app.redraw());
  }

  async load() {
    const text = await this.#reading.run(async (signal) => (await send(this.#path, { signal })).text());
    if (text === undefined) return;
    this.#rejects = [...rows(text)];
    this.#reasons = byReason(this.#rejects);
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
    this.#saving.run((signal) => download(this.#path, this.#name, signal));
  }

  #choose(reason) {
    this.#chosen = this.#chosen === reason ? null : reason;
    this.#app.redraw();
  }

  template() {
    const problem = trouble(this.#app, this.#reading.problem, () => this.load());
    if (problem || !this.#rejects) return problem;
    if (!this.#rejects.length) return "";
    return html`
      <h3>Rejected</h3>
      <div class="chips" role="group" aria-label="Show one reason only">
        ${this.#reasons.map(
          ([reason, count]) => html`
            <button
              type="button"
              class="chip"
              aria-pressed=${this.#chosen === reason}
              @click=${() => this.#choose(reason)}
            >
              ${inWords(reason)} <span class="count">${number(count)}</span>
            </button>
          `,
        )}
      </div>
      ${this.#table()}
      <p class="actions">
        <button type="button" @click=${() => this.#save()}>Download all as CSV</button>
      </p>
      ${trouble(this.#app, this.#saving.problem, () => this.#save())}
    `;
  }

  #table() {
    const fitting = this.#rejects.filter(({ reason }) => !this.#chosen || reason === this.#chosen);
    const further = fitting.length - MOST_ROWS;
    return html`
      ${table({
        name: "Rejects",
        caption: `Rejected records${this.#chosen ? `: ${inWords(this.#chosen)}` : ""}`,
        columns: Object.values(COLUMNS),
        rows: fitting.slice(0, MOST_ROWS).map(row),
        className: "rejects",
      })}
      ${further > 0 ? html`<p class="muted">${number(further)} more are in the file.</p>` : ""}
    `;
  }
}

const row = (reject) =>
  html`<tr>
    ${Object.keys(COLUMNS).map((name) => cell(name, reject[name]))}
  </tr>`;

const cell = (name, text) => html`<td data-column=${name} dir="auto">${name === "reason" ? inWords(text) : text}</td>`;
