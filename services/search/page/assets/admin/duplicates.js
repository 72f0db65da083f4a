/** The duplicates tab: pairs of listings that share photos, to accept or reject as one item. */

import { listingAddress } from "../address.js";
import { call } from "../api.js";
import { number, percent } from "../format.js";
import "../photos.js";
import { Task } from "../task.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { Pages } from "./pages.js";
import { trouble } from "./trouble.js";

const STATES = { open: "Not decided", accepted: "Accepted: one item", rejected: "Rejected: different items" };
const EMPTY = {
  open: "There is nothing to decide. New photos are compared with the others in the background.",
  accepted: "No group has been accepted yet.",
  rejected: "No pair has been rejected yet.",
};
const DECIDED = { accept: "one item", reject: "different items" };

const keyOf = ({ listing_id: one, other_listing_id: other }) => JSON.stringify([one, other]);
const linkTo = (id) => html`<a href=${listingAddress(id)} dir="auto">${id}</a>`;

export class DuplicatesTab {
  #app;
  #lastSent = Promise.resolve();
  #state;
  #groups;

  constructor(app) {
    this.#app = app;
    this.#show("open");
  }

  load() {
    this.#groups.load();
  }

  retry() {
    this.#groups.retry();
    const links = this.#groups.items?.flatMap((group) => group.links) ?? [];
    for (const link of links) if (link.sending?.problem) this.#decide(link, link.requested);
  }

  /** Stop loading; decisions are still sent. */
  close() {
    this.#groups.close();
  }

  #show(state) {
    this.#groups?.close();
    this.#state = state;
    const path = `/v1/admin/duplicates?state=${state}`;
    this.#groups = new Pages(this.#app, path, { name: "groups", more: "More groups" });
  }

  #choose(state) {
    this.#show(state);
    this.load();
  }

  /** Send decisions one after the other, without making the user wait. */
  #decide(link, decision) {
    link.requested = decision;
    this.#lastSent = this.#lastSent.then(() => this.#send(link));
  }

  /** Send a decision. The pair stays on screen until a reload, so that it can be changed. */
  async #send(link) {
    const { listing_id, other_listing_id, requested: decision } = link;
    const json = { listing_id, other_listing_id, decision };
    link.sending ??= new Task(() => this.#app.redraw());
    const saved = await link.sending.run((signal) => call("/v1/admin/duplicates/review", { json, signal }));
    if (saved === undefined) return;
    link.decision = decision;
    this.#app.say(`${listing_id} and ${other_listing_id}: ${DECIDED[decision]}.`);
  }

  template() {
    return html`
      <section aria-labelledby="duplicates-title" aria-busy=${this.#groups.running}>
        <h2 id="duplicates-title">Listings that share photos</h2>
        <p class="actions">
          <label
            >Show
            <select @change=${(event) => this.#choose(event.target.value)}>
              ${Object.entries(STATES).map(
                ([state, name]) => html`<option value=${state} .selected=${state === this.#state}>${name}</option>`,
              )}
            </select></label
          >
          <span class="muted" role="status">${this.#groups.running ? "Loading…" : ""}</span>
        </p>
        ${this.#groups.items ? this.#list(this.#groups.items) : ""} ${this.#groups.end()}
      </section>
    `;
  }

  #list(groups) {
    if (!groups.length) return html`<p class="notice">${EMPTY[this.#state]}</p>`;
    return html`
      <div class="groups">
        ${repeat(
          groups,
          ({ links }) => keyOf(links[0]),
          (group) => this.#group(group),
        )}
      </div>
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
        <p>${link.verdict} <span class="muted">${percent(link.score)} of the picture matches</span></p>
        <p class="actions">${button("accept", "Accept")} ${button("reject", "Reject")}</p>
        <p class=${link.decision ? "decided" : "muted"}>
          ${link.decision ? `Decided: ${DECIDED[link.decision]}` : "Not decided yet"}
        </p>
        ${trouble(this.#app, link.sending?.problem, () => this.#decide(link, link.requested))}
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
