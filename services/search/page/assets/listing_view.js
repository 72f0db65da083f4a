/** One listing: its photos and details, other listings with its photo, and similar listings. */

import { NOTHING, listingAddress, listingPath, searchAddress } from "./address.js";
import { nameInWords, valueInWords } from "./attributes.js";
import { Problem, call } from "./api.js";
import { day, price } from "./format.js";
import { knownListing, meet } from "./known_listings.js";
import { buyersNotice, slowNotice, stoppedNotice } from "./notices.js";
import { thumbnail } from "./photos.js";
import { grid, shopLink, skeleton } from "./results.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

const COPIES = 6;
const SIMILAR = 12;

const UNSEARCHED = {
  set_aside: "Many listings share this photo, so it is not searched.",
  failed: "This photo is damaged, so it is not searched.",
  pending: "This photo is new. It can be searched in a moment.",
};

export class ListingView {
  constructor(app, { id }, { frozen }) {
    this.app = app;
    this.id = id;
    this.listing = null;
    this.similar = null;
    this.duplicates = null;
    this.photo = 0; // index of the large photo
    this.tasks = {
      listing: new Task(app.redraw.bind(app)),
      similar: new Task(app.redraw.bind(app)),
      duplicates: new Task(app.redraw.bind(app)),
    };
    Object.assign(this, frozen);
    this.load();
  }

  get title() {
    return this.listing?.title ?? "Listing";
  }

  freeze() {
    const { listing, similar, duplicates, photo } = this;
    return listing && { listing, similar, duplicates, photo };
  }

  close() {
    for (const task of Object.values(this.tasks)) task.stop();
  }

  retry() {
    this.load();
  }

  /** Request what has not been loaded yet: what resembles the listing only if it has a photo to search by. */
  async load() {
    if (!this.listing) await this.#request("listing", "");
    if (!this.isSearchable) return;
    if (!this.similar) this.#request("similar", `/similar?k=${SIMILAR + COPIES}`);
    if (!this.duplicates) await this.#request("duplicates", `/duplicates?k=${COPIES}`);
    await meet(this.#copies().map(({ listing_id: id }) => id));
    this.app.redraw();
  }

  get isSearchable() {
    return this.listing?.photos.some(({ state }) => state === "embedded") ?? false;
  }

  #copies() {
    return (this.duplicates ?? []).filter(({ verdict }) => verdict !== "similar");
  }

  async #request(name, more) {
    const path = listingPath(this.id);
    const answer = await this.tasks[name].run(async (signal) => {
      if (path === null)
        throw new Problem("refused", "This is no longer here", "The address is wrong, or the listing was removed.");
      return call(path + more, { signal });
    });
    if (answer) this[name] = answer;
    this.app.redraw();
  }

  template() {
    const { problem, running, slow } = this.tasks.listing;
    if (problem) return this.#problem(problem);
    if (!this.listing && !running) return stoppedNotice(() => this.load());
    if (!this.listing)
      return html`${slow ? slowNotice(() => this.close()) : ""}
        <div class="listing waiting" aria-busy="true"></div>`;
    return html`
      <article class="listing">
        ${this.#photos()}
        <div class="about">${this.#details()}</div>
      </article>
      ${this.#duplicates()} ${this.#similar()}
    `;
  }

  #problem(problem) {
    return buyersNotice(problem, { retry: () => this.load(), askForKey: (why) => this.app.askForKey(why) });
  }

  #photos() {
    const { photos, title } = this.listing;
    const shown = photos[this.photo];
    if (!shown) return html`<div class="gallery none"><p class="muted">No photo</p></div>`;
    const searchBy = () =>
      this.app.navigate(searchAddress({ ...NOTHING, by: "photo", source: String(shown.photo_id) }));
    return html`
      <div class="gallery">
        <api-photo
          class="large"
          src=${shown.url}
          alt=${`Photo ${this.photo + 1} of ${photos.length}: ${title}`}
        ></api-photo>
        ${
          photos.length < 2
            ? ""
            : html`
                <ul class="strip">
                  ${photos.map(
                    (one, at) => html`
                      <li>
                        <button
                          type="button"
                          aria-pressed=${at === this.photo}
                          aria-label=${`Photo ${at + 1}`}
                          @click=${() => {
                            this.photo = at;
                            this.app.redraw();
                          }}
                        >
                          <api-photo src=${thumbnail(one.url, 128)} alt=""></api-photo>
                        </button>
                      </li>
                    `,
                  )}
                </ul>
              `
        }
        ${
          shown.state === "embedded"
            ? html`<button type="button" class="quiet" @click=${searchBy}>
                Search by this photo, or a part of it
              </button>`
            : html`<p class="muted">${UNSEARCHED[shown.state] ?? UNSEARCHED.pending}</p>`
        }
      </div>
    `;
  }

  #details() {
    const one = this.listing;
    const facts = [
      ["Category", one.category_path.join(" / ") || one.category],
      ["Also in", one.other_categories.map((path) => path.join(" / ")).join("; ")],
      ["Place", one.location],
      ["Listed", day(one.listed_at)],
      ["Seller", this.#seller()],
      ...Object.entries(one.attributes).map(([name, value]) => [nameInWords(name), valueInWords(value)]),
      ["Reference", one.listing_id],
    ].filter(([, value]) => value);
    const searchBy = searchAddress({ ...NOTHING, by: "listing", source: one.listing_id });
    return html`
      <h1 dir="auto">${one.title || "Untitled"}</h1>
      <p class="price">
        ${price(one.price, one.currency) || "No price"} ${one.sold ? html`<span class="sold">Sold</span>` : ""}
      </p>
      <dl class="facts-list">
        ${facts.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd dir="auto">${value}</dd>
            </div>`,
        )}
      </dl>
      ${one.description ? html`<p class="description" dir="auto">${one.description}</p>` : ""}
      <p class="actions">
        ${this.isSearchable ? html`<a class="button strong" href=${searchBy}>Find similar listings</a>` : ""}
        ${shopLink(one, { className: "button" })}
      </p>
    `;
  }

  /** The seller, with a link to what else they offer, if a search can find it. */
  #seller() {
    const { seller, listing_id: source } = this.listing;
    if (!seller || !this.isSearchable) return seller;
    const more = searchAddress({ ...NOTHING, by: "listing", source, seller: [seller] });
    return html`${seller} · <a href=${more}>More from this seller</a>`;
  }

  #duplicates() {
    const copies = this.#copies();
    if (this.tasks.duplicates.problem) return this.#problem(this.tasks.duplicates.problem);
    if (!copies.length) return "";
    return html`
      <section aria-labelledby="duplicates">
        <h2 id="duplicates">Other listings with this photo</h2>
        <ul class="grid">
          ${copies.map(({ listing_id: id, photo_id: photo, verdict }) => {
            const { title, price: amount, currency } = knownListing(id);
            return html`
              <li class="card result">
                <a class="photo" href=${listingAddress(id)} aria-label=${title}
                  ><api-photo src=${`/v1/photos/${photo}/thumbnail?size=320`} alt=""></api-photo
                  ><span class="match same"
                    >${verdict === "identical" ? "The same photo" : "The same photo, edited"}</span
                  ></a
                >
                <div class="text">
                  <h3 dir="auto"><a href=${listingAddress(id)}>${title}</a></h3>
                  <p class="facts"><span class="price">${price(amount, currency)}</span></p>
                </div>
              </li>
            `;
          })}
        </ul>
      </section>
    `;
  }

  #similar() {
    if (!this.isSearchable) return "";
    const { problem } = this.tasks.similar;
    const running = this.tasks.similar.running || this.tasks.duplicates.running;
    const searchBy = (one) => this.app.navigate(searchAddress({ ...NOTHING, by: "listing", source: one.listing_id }));
    const copies = new Set(this.#copies().map(({ listing_id: id }) => id));
    const others = (this.similar?.results ?? []).filter((one) => !copies.has(one.listing_id)).slice(0, SIMILAR);
    const shown = problem
      ? this.#problem(problem)
      : running || !this.similar
        ? skeleton(6)
        : others.length
          ? grid(others, this.similar.score_kind, { searchBy })
          : html`<p class="notice">There are no similar listings.</p>`;
    return html`<section aria-labelledby="similar" aria-busy=${running}>
      <h2 id="similar">Similar listings</h2>
      ${shown}
    </section>`;
  }
}
