/** Counts the attributes of what passes the filters, after the results have come. */

import { namesIn } from "./facets.js";
import { facetsOf } from "./searching.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** The facets of the last answer, and what it searched by. They are shown until the next answer has some. */
let last = { source: "", facets: {} };

const sourceOf = ({ by, source, like }) => JSON.stringify([by, source, like]);

export class Counting {
  #app;
  #task;
  #again = () => {};

  constructor(app) {
    this.#app = app;
    this.#task = new Task(() => app.redraw());
  }

  /** Count the attributes that the results have, or that the query filters by. */
  async load(query, results) {
    this.#again = () => this.load(query, results);
    const facets = await this.#task.run((signal) => facetsOf(query, namesIn(results), signal));
    if (facets) last = { source: sourceOf(query), facets };
    this.#app.redraw();
  }

  /** Return the facets by name; none if they are those of another search. */
  facetsOf(query) {
    return last.source === sourceOf(query) ? last.facets : {};
  }

  retry() {
    if (this.#task.problem) this.#again();
  }

  stop() {
    this.#task.stop();
  }

  problem() {
    if (!this.#task.problem) return "";
    return html`
      <p class="problem-text">
        Attributes could not be counted.
        <button type="button" class="quiet" @click=${() => this.#again()}>Try again</button>
      </p>
    `;
  }
}
