/** Duplicates: listings with photos in common, for somebody to say whether they are one item. */

import { listingAddress } from "../address.js";
import { call } from "../api.js";
import { number, percent } from "../format.js";
import "../photos.js";
import { Task } from "../task.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { trouble } from "./trouble.js";

const STATES = { open: "Not decided", accepted: "Accepted: one item", rejected: "Rejected: different items" };
const EMPTY = {
  open: "Nothing waits for a decision. New photos are compared with the others in the background.",
  accepted: "No group has been accepted yet.",
  rejected: "No pair has been rejected yet.",
};
const DECIDED = { accept: "one item", reject: "different items" };
const PAGE = 20;

const keyOf = ({ listing_id: one, other_listing_id: other }) => JSON.stringify([one, other]);
const linkTo = (id) => html`<a href=${listingAddress(id)} dir="auto">${id}</a>`;

export class DuplicatesTab {
  #app;
  #reading;
  #deciding;
  #turn = Promise.resolve();
  #state = "open";
  #groups = null;
  #cursor = null;

  constructor(app) {
    this.#app = app;
    this.#reading = new Task(() => app.redraw());
    this.#deciding = new Task(() => app.redraw());
  }

  async load() {
    const page = await this.#page();
    if (page) this.#groups = page.groups;
    this.#app.redraw();
  }

  close() {
    this.#reading.stop();
    this.#deciding.stop();
  }

  async #page(cursor = null) {
    const asked = new URLSearchParams({ state: this.#state, limit: PAGE, ...(cursor && { cursor }) });
    const page = await this.#reading.run((signal) => call(`/v1/admin/duplicates?${asked}`, { signal }));
    if (page) this.#cursor = page.cursor;
    return page;
  }

  async #more() {
    const page = await this.#page(this.#cursor);
    if (!page) return;
    this.#groups = [...this.#groups, ...page.groups];
    this.#app.say(`${page.groups.length} more groups are shown.`);
  }

  #choose(state) {
    this.#state = state;
    this.#groups = null;
    this.load();
  }

  /** Decisions are sent one after the other: who decides fast waits for none of them. */
  #decide(link, decision) {
    this.#turn = this.#turn.then(() => this.#keep(link, decision));
  }

  /** What was decided stays in sight until the page is loaded again: it can be changed at once. */
  async #keep(link, decision) {
    const { listing_id, other_listing_id } = link;
    const json = { listing_id, other_listing_id, decision };
    const kept = await this.#deciding.run((signal) => call("/v1/admin/duplicates/review", { json, signal }));
    if (kept === undefined) return;
    link.decision = decision;
    this.#app.say(`${listing_id} and ${other_listing_id}: ${DECIDED[decision]}.`);
  }

  template() {
    return html`
      <section aria-labelledby="duplicates-title" aria-busy=${this.#reading.running}>
        <h2 id="duplicates-title">Listings with photos in common</h2>
        <p class="actions">
          <label
            >Show
            <select @change=${(event) => this.#choose(event.target.value)}>
              ${Object.entries(STATES).map(
                ([state, name]) => html`<option value=${state} .selected=${state === this.#state}>${name}</option>`,
              )}
            </select></label
          >
          <span class="muted" role="status">${this.#reading.running ? "Loading…" : ""}</span>
        </p>
        ${trouble(this.#app, this.#reading.problem, () => this.load())}
        ${trouble(this.#app, this.#deciding.problem, () => this.load())} ${this.#groups ? this.#list() : ""}
      </section>
    `;
  }

  #list() {
    if (!this.#groups.length) return html`<p class="notice">${EMPTY[this.#state]}</p>`;
    return html`
      <div class="groups">
        ${repeat(
          this.#groups,
          ({ links }) => keyOf(links[0]),
          (group) => this.#group(group),
        )}
      </div>
      ${
        this.#cursor
          ? html`<p class="actions">
              <button type="button" @click=${() => this.#more()}>More groups</button>
            </p>`
          : ""
      }
    `;
  }

  #group({ listing_ids: ids, links }) {
    return html`
      <article class=${`card group ${links.length > 1 ? "wide" : ""}`}>
        <h3><span dir="auto">${ids[0]}</span> and ${number(ids.length - 1)} more</h3>
        <ul class="pairs">
          ${repeat(links, keyOf, (link) => html`<li>${this.#pair(link)}</li>`)}
        </ul>
      </article>
    `;
  }

  #pair(link) {
    const name = `${link.listing_id} and ${link.other_listing_id}`;
    const button = (decision, label) => html`
      <button
        type="button"
        class="chip"
        aria-pressed=${link.decision === decision}
        aria-label=${`${label}: ${name} are ${DECIDED[decision]}`}
        @click=${() => this.#decide(link, decision)}
      >
        ${label} <span class="muted">(${DECIDED[decision]})</span>
      </button>
    `;
    return html`
      <div class="pair" role="group" aria-label=${name}>
        <div class="sides">
          ${side(link.photo_id, link.listing_id)} ${side(link.other_photo_id, link.other_listing_id)}
        </div>
        <p>${link.verdict} <span class="muted">${percent(link.score)} of the picture agrees</span></p>
        <p class="actions">${button("accept", "Accept")} ${button("reject", "Reject")}</p>
        <p class=${link.decision ? "decided" : "muted"}>
          ${link.decision ? `Decided: ${DECIDED[link.decision]}` : "Not decided yet"}
        </p>
      </div>
    `;
  }
}

const side = (photo, listing) => html`
  <figure>
    <api-photo src=${`/v1/photos/${photo}/thumbnail?size=256`} alt=${`Photo of ${listing}`}></api-photo>
    <figcaption>${linkTo(listing)}</figcaption>
  </figure>
`;
