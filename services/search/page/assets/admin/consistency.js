/** Differences between the indexes and the database; compared on demand, since it reads all of both. */

import { call } from "../api.js";
import { number } from "../format.js";
import { engineName } from "./plans.js";
import { Task } from "../task.js";
import { table } from "./table.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { trouble } from "./trouble.js";

const COLUMNS = ["Index", "Photos expected", "In the index", "Missing", "Surplus", "Different", "Verdict"];
const differs = ({ missing, extra, different }) => missing.length + extra.length + different.length > 0;

export class Consistency {
  #app;
  #queue;
  #task;
  #drift = null;

  /** @param queue asks for confirmation, then queues the repair job. */
  constructor(app, queue) {
    this.#app = app;
    this.#queue = queue;
    this.#task = new Task(() => app.redraw());
  }

  /** Repeat a comparison that failed. */
  retry() {
    if (this.#task.problem) this.#compare();
  }

  /** Drop the result, because the indexes have changed; restart a running comparison. */
  forget() {
    this.#drift = null;
    this.#app.redraw();
    if (this.#task.running) this.#compare();
  }

  close() {
    this.#task.stop();
  }

  async #compare() {
    const drift = await this.#task.run((signal) => call("/v1/admin/consistency", { signal }));
    if (!drift) return;
    this.#drift = drift;
    this.#app.say(drift.some(differs) ? "The indexes differ from the database." : "The indexes match the database.");
  }

  #repair() {
    this.#queue({
      path: "/v1/admin/consistency/repair",
      title: "Repair the indexes?",
      detail: "This adds the missing photos and removes the surplus ones. Searches keep running.",
      action: "Repair",
    });
  }

  template(isBusy) {
    return html`
      <section aria-labelledby="consistency-title">
        <h2 id="consistency-title">Indexes and database</h2>
        <p class="muted">Check whether each index has every photo that the database has, and no other.</p>
        ${trouble(this.#app, this.#task.problem, () => this.#compare())} ${this.#drift ? this.#table() : ""}
        <p class="actions">
          <button type="button" ?disabled=${this.#task.running} @click=${() => this.#compare()}>
            ${this.#task.running ? "Comparing…" : "Compare"}
          </button>
          ${
            this.#drift?.some(differs)
              ? html`<button type="button" class="strong" ?disabled=${isBusy} @click=${() => this.#repair()}>
                  Repair
                </button>`
              : ""
          }
        </p>
      </section>
    `;
  }

  #table() {
    if (!this.#drift.length) return html`<p>No index is open in this process.</p>`;
    return table({
      name: "Indexes and database",
      caption: "How each index differs from the database",
      columns: COLUMNS,
      rows: this.#drift.map(row),
    });
  }
}

function row(one) {
  const figures = [one.expected, one.held, one.missing.length, one.extra.length, one.different.length];
  return html`
    <tr>
      <th scope="row">${engineName(one.engine)}</th>
      ${figures.map((value) => html`<td class="figure">${number(value)}</td>`)}
      <td>
        ${
          differs(one)
            ? html`<span class="badge" data-state="failed">differs</span>`
            : html`<span class="badge" data-state="succeeded">matches</span>`
        }
      </td>
    </tr>
  `;
}
