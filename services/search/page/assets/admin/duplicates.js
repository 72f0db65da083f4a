/** The duplicates tab: listings that share photos, reviewed pair by pair, and the decisions so far. */

import { html } from "../vendor/lit-html/lit-html.js";
import { DecidedDuplicates } from "./decided_duplicates.js";
import { DuplicateQueue } from "./duplicate_queue.js";

const STATES = { open: "To review", accepted: "Same item", rejected: "Different items" };

export class DuplicatesTab {
  #app;
  #state = "open";
  #shown;

  constructor(app) {
    this.#app = app;
    this.#shown = new DuplicateQueue(app);
  }

  load() {
    this.#shown.load();
  }

  retry() {
    this.#shown.retry();
  }

  close() {
    this.#shown.close();
  }

  #choose(state) {
    this.close();
    this.#state = state;
    this.#shown = state === "open" ? new DuplicateQueue(this.#app) : new DecidedDuplicates(this.#app, state);
    this.load();
  }

  template() {
    return html`
      <section class="duplicates" aria-labelledby="duplicates-title" aria-busy=${this.#shown.running}>
        <h2 id="duplicates-title">Listings that share photos</h2>
        <p class="muted">Searches show listings that are the same item as one result, “also offered by” the others.</p>
        <p class="actions">
          <label
            >Show
            <select @change=${(event) => this.#choose(event.target.value)}>
              ${Object.entries(STATES).map(
                ([state, name]) => html`<option value=${state} .selected=${state === this.#state}>${name}</option>`,
              )}
            </select></label
          >
          <span class="left" role="status">${this.#shown.status || (this.#shown.running ? "Loading…" : "")}</span>
        </p>
        ${this.#shown.template()}
      </section>
    `;
  }
}
