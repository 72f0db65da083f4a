/** The pairs to review, one at a time: are the two listings the same item? */

import { call } from "../api.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { counted } from "./amounts.js";
import { comparison, keyOf, likeness, pairsOf, photos, titleOf } from "./duplicate_pair.js";
import { Pages } from "./pages.js";
import { goesOn, trouble } from "./trouble.js";

export const DECIDED = { accept: "Same item", reject: "Different items", undecided: "Not decided" };
const KEYS = { s: "accept", d: "reject", l: "later", u: "undo" };
const PHOTO = 512;

/** Store a decision; resolve to undefined if that failed. */
export const review = (task, { listing_id, other_listing_id }, decision) =>
  task.run((signal) =>
    call("/v1/admin/duplicates/review", { json: { listing_id, other_listing_id, decision }, signal }),
  );

export class DuplicateQueue {
  #app;
  #groups;
  #sending;
  /** The decision that is sent, or that could not be stored. */
  #request = null;
  /** Keys of the pairs put off. */
  #later = new Set();
  /** The decided pairs of this visit, to undo the last one. */
  #done = [];
  #first = null;
  #isLarge = false;
  #pressed = (event) => this.#key(event);

  constructor(app) {
    this.#app = app;
    this.#sending = new Task(() => app.redraw());
    this.#groups = new Pages(app, "/v1/admin/duplicates?state=open", { name: "groups", more: "More pairs" });
    document.addEventListener("keydown", this.#pressed);
  }

  get running() {
    return this.#groups.running;
  }

  async load() {
    await this.#groups.load();
    while (this.#groups.items && !this.#current && (await this.#groups.next()));
  }

  retry() {
    this.#groups.retry();
    if (goesOn(this.#sending.problem)) this.#send(this.#request);
  }

  /** Stop loading; a decision is still sent. */
  close() {
    document.removeEventListener("keydown", this.#pressed);
    this.#groups.close();
  }

  get #waiting() {
    return pairsOf(this.#groups.items ?? []).filter(({ decision }) => !decision);
  }

  get #current() {
    const shown = this.#waiting.filter((pair) => !this.#later.has(keyOf(pair)));
    return shown.find((pair) => keyOf(pair) === this.#first) ?? shown[0];
  }

  #decide(decision) {
    const pair = this.#current;
    if (pair) this.#send({ pair, decision });
  }

  #undo() {
    const pair = this.#done.at(-1);
    if (pair) this.#send({ pair, decision: "undecided" });
  }

  /** Send a decision, then show the next pair. If that fails, the pair stays, and nothing is lost. */
  async #send(request) {
    if (this.#sending.running || this.running) return;
    this.#request = request;
    const { pair, decision } = request;
    if ((await review(this.#sending, pair, decision)) === undefined) {
      // A listing of the pair was deleted: the next undo is of the decision before it.
      if (decision === "undecided" && this.#sending.problem?.status === 404) this.#done.pop();
      this.#app.redraw();
      return;
    }
    if (decision === "undecided") {
      this.#done.pop();
      this.#first = keyOf(pair);
      this.#later.delete(this.#first);
    } else this.#done.push(pair);
    await this.load();
    this.#app.say(`${titleOf(pair.sides[0])} and ${titleOf(pair.sides[1])}: ${DECIDED[decision]}. ${this.#left()}`);
  }

  #putOff() {
    if (!this.#current || this.#sending.running) return;
    this.#later.add(keyOf(this.#current));
    this.#sending.problem = null;
    this.#app.redraw();
    if (!this.#current) this.load();
  }

  #showAgain() {
    this.#later.clear();
    this.#app.redraw();
  }

  /** Letters are shortcuts only while the focus is in the review, or nowhere. */
  #key(event) {
    const isElsewhere = document.activeElement !== document.body && !event.target.closest?.("#main");
    const isTyping = event.target.closest?.("input, select, textarea, dialog");
    if (isElsewhere || isTyping || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = KEYS[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    if (action === "undo") this.#undo();
    else if (action === "later") this.#putOff();
    else this.#decide(action);
  }

  /** How many pairs are left, in words; empty before the first answer. */
  get status() {
    return this.#groups.items ? this.#left() : "";
  }

  #left() {
    const count = this.#groups.answer.undecided_pairs;
    return `${counted(count, "pair of listings is", "pairs of listings are")} left.`;
  }

  template() {
    if (!this.#groups.items) return this.#groups.end();
    return html`
      ${this.#current ? this.#review(this.#current) : this.#nothing()}
      ${trouble(this.#app, this.#sending.problem, () => this.#send(this.#request))}
      ${this.#groups.problem ? this.#groups.end() : ""}
    `;
  }

  #nothing() {
    if (this.#waiting.length)
      return html`<div class="notice">
        <p>The pairs that are left are those that you put off.</p>
        <p class="actions">
          <button type="button" @click=${() => this.#showAgain()}>Review them now</button> ${this.#undoButton()}
        </p>
      </div>`;
    if (this.running) return "";
    return html`<div class="notice">
      <p>There is nothing to review. New photos are compared with the others in the background.</p>
      ${this.#done.length ? html`<p class="actions">${this.#undoButton()}</p>` : ""}
    </div>`;
  }

  #review(pair) {
    const button = (decision, key) => html`
      <button
        type="button"
        class=${decision === "accept" ? "strong" : ""}
        aria-keyshortcuts=${key}
        aria-disabled=${this.#sending.running}
        @click=${() => this.#decide(decision)}
      >
        ${DECIDED[decision]} <kbd aria-hidden="true">${key}</kbd>
      </button>
    `;
    const name = `${titleOf(pair.sides[0])} and ${titleOf(pair.sides[1])}`;
    return html`
      <div class=${`card review ${this.#isLarge ? "large" : ""}`} role="group" aria-label=${name}>
        <p><strong>${likeness(pair)}</strong> Are they the same item?</p>
        ${photos(pair, PHOTO)}
        <p class="actions decisions">
          ${button("accept", "S")} ${button("reject", "D")}
        </p>
        ${comparison(pair)}
        <p class="actions">
          <button type="button" class="quiet" aria-keyshortcuts="L" @click=${() => this.#putOff()}>
            Later <kbd aria-hidden="true">L</kbd>
          </button>
          ${this.#undoButton()}
          <button type="button" class="quiet larger" aria-pressed=${this.#isLarge} @click=${() => this.#enlarge()}>
            Larger photos
          </button>
        </p>
      </div>
    `;
  }

  #enlarge() {
    this.#isLarge = !this.#isLarge;
    this.#app.redraw();
  }

  #undoButton() {
    const last = this.#done.at(-1);
    if (!last) return "";
    const name = `Undo the decision about ${titleOf(last.sides[0])} and ${titleOf(last.sides[1])}`;
    return html`<button type="button" class="quiet" aria-keyshortcuts="U" aria-label=${name} @click=${() => this.#undo()}>
      Undo <kbd aria-hidden="true">U</kbd>
    </button>`;
  }
}
