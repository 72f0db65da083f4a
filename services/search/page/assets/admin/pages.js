/** A list that the API returns in pages, by cursor. */

import { call } from "../api.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { trouble } from "./trouble.js";

const PAGE = 20;

export class Pages {
  /** All items so far; null before the first page. */
  items = null;
  /** The answer of the last page that was read. */
  answer = null;
  #app;
  #path;
  #name;
  #more;
  #task;
  #requested = null;
  #cursor = null;

  /** @param names `name`: the field of the list in an answer; `more`: the label of the button for the next page. */
  constructor(app, path, { name, more }) {
    this.#app = app;
    this.#path = path;
    this.#name = name;
    this.#more = more;
    this.#task = new Task(() => app.redraw());
  }

  get running() {
    return this.#task.running;
  }

  get problem() {
    return this.#task.problem;
  }

  /** Load the first page. */
  load() {
    return this.#read(null);
  }

  /** Load the next page; resolve to whether there was one. */
  async next() {
    if (!this.#cursor || this.problem) return false;
    await this.#read(this.#cursor);
    return !this.problem;
  }

  /** Repeat the request of a page that failed. */
  retry() {
    if (this.#task.problem) this.#read(this.#requested);
  }

  close() {
    this.#task.stop();
  }

  async #read(cursor) {
    this.#requested = cursor;
    const address = new URL(this.#path, location);
    address.searchParams.set("limit", PAGE);
    if (cursor) address.searchParams.set("cursor", cursor);
    const page = await this.#task.run((signal) => call(address.pathname + address.search, { signal }));
    if (!page) return;
    const found = page[this.#name];
    this.answer = page;
    this.#cursor = page.cursor;
    this.items = cursor ? [...this.items, ...found] : found;
    if (cursor) this.#app.say(`${this.#more} shown: ${found.length}.`);
    this.#app.redraw();
  }

  /** The end of the list: a button for the next page, or the problem with it. */
  end() {
    if (this.#task.problem) return trouble(this.#app, this.#task.problem, () => this.retry());
    if (!this.#cursor) return "";
    return html`<p class="actions">
      <button type="button" @click=${() => this.#read(this.#cursor)}>${this.#more}</button>
    </p>`;
  }
}
