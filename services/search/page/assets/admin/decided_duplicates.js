/** The pairs that were decided, to look at and to undo. */

import { Task } from "../task.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { comparison, keyOf, likeness, pairsOf, photos, titleOf } from "./duplicate_pair.js";
import { DECIDED, review } from "./duplicate_queue.js";
import { Pages } from "./pages.js";
import { goesOn, trouble } from "./trouble.js";

const EMPTY = {
  accepted: "No listings have been called the same item yet.",
  rejected: "No listings have been called different items yet.",
};
const PHOTO = 256;

export class DecidedDuplicates {
  #app;
  #state;
  #groups;
  /** The requests to undo decisions, by pair. */
  #undoing = new Map();

  /** @param state `accepted` or `rejected`. */
  constructor(app, state) {
    this.#app = app;
    this.#state = state;
    this.#groups = new Pages(app, `/v1/admin/duplicates?state=${state}`, { name: "groups", more: "More listings" });
  }

  get running() {
    return this.#groups.running;
  }

  load() {
    return this.#groups.load();
  }

  retry() {
    this.#groups.retry();
    for (const pair of pairsOf(this.#groups.items ?? []))
      if (goesOn(this.#undoing.get(keyOf(pair))?.problem)) this.#undo(pair);
  }

  /** Stop loading; requests to undo are still sent. */
  close() {
    this.#groups.close();
  }

  async #undo(pair) {
    const task = this.#undoing.get(keyOf(pair)) ?? new Task(() => this.#app.redraw());
    this.#undoing.set(keyOf(pair), task);
    if (task.running || (await review(task, pair, "undecided")) === undefined) return;
    await this.load();
    this.#app.say(`${titleOf(pair.sides[0])} and ${titleOf(pair.sides[1])} wait for a review again.`);
  }

  template() {
    const pairs = this.#groups.items && pairsOf(this.#groups.items);
    return html`
      ${
        pairs?.length
          ? html`<div class="pairs">${repeat(pairs, keyOf, (pair) => this.#pair(pair))}</div>`
          : pairs && html`<p class="notice">${EMPTY[this.#state]}</p>`
      }
      ${this.#groups.end()}
    `;
  }

  #pair(pair) {
    const task = this.#undoing.get(keyOf(pair));
    const name = `${titleOf(pair.sides[0])} and ${titleOf(pair.sides[1])}`;
    return html`
      <div class="card pair" role="group" aria-label=${name}>
        <p><strong>${DECIDED[pair.decision] ?? DECIDED.undecided}.</strong> ${likeness(pair)}</p>
        ${photos(pair, PHOTO)} ${comparison(pair)}
        ${
          pair.implied
            ? html`<p class="muted">This follows from other decisions.</p>`
            : pair.decision &&
              html`<p class="actions">
                <button
                  type="button"
                  aria-label=${`Undo: ${name}`}
                  aria-disabled=${task?.running ?? false}
                  @click=${() => this.#undo(pair)}
                >
                  Undo
                </button>
              </p>`
        }
        ${trouble(this.#app, task?.problem, () => this.#undo(pair))}
      </div>
    `;
  }
}
