/** One listing: its photos and details, possible duplicates and similar listings. */

import { NOTHING, listingAddress, listingPath, searchAddress } from "./address.js";
import { nameInWords, valueInWords } from "./attributes.js";
import { Problem, call } from "./api.js";
import { day, percent, price } from "./format.js";
import { problemNotice, slowNotice, stoppedNotice } from "./notices.js";
import { thumbnail } from "./photos.js";
import { grid, shopLink, skeleton } from "./results.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

const SIMILAR = 12;

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

  /** Request what has not been loaded yet. */
  load() {
    const requests = { listing: "", similar: `/similar?k=${SIMILAR}`, duplicates: "/duplicates?k=6" };
    for (const [name, more] of Object.entries(requests)) if (!this[name]) this.#request(name, more);
  }

  async #request(name, more) {
    const path = listingPath(this.id);
    const answer = await this.tasks[name].run(async (signal) => {
      if (path === null)
        throw new Problem("refused", "Not found", `No address can contain the listing id ${JSON.stringify(this.id)}.`);
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
    return problemNotice(problem, { retry: () => this.load(), askForKey: (why) => this.app.askForKey(why) });
  }

  #photos() {
    const { photos, title } = this.listing;
    const shown = photos[this.photo];
    if (!shown) return html`<div class="gallery"><p class="notice">This listing has no photo.</p></div>`;
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
        ${shown.state === "embedded" ? html`<button type="button" class="quiet" @click=${searchBy}>Search by this photo, or a part of it</button>` : html`<p class="muted">${shown.state === "set_aside" ? "Many listings share this photo, so it is not searched." : `You cannot search by this photo yet (${shown.state}).`}</p>`}
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
      ["Seller", one.seller],
      ["Listing", one.listing_id],
      ...Object.entries(one.attributes).map(([name, value]) => [nameInWords(name), valueInWords(value)]),
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
        <a class="button strong" href=${searchBy}>Find similar listings</a>${shopLink(one, { className: "button" })}
      </p>
    `;
  }

  #duplicates() {
    const copies = (this.duplicates ?? []).filter(({ verdict }) => verdict !== "similar");
    if (this.tasks.duplicates.problem) return this.#problem(this.tasks.duplicates.problem);
    if (!copies.length) return "";
    return html`
      <section aria-labelledby="duplicates">
        <h2 id="duplicates">Possible duplicates</h2>
        <ul class="grid">
          ${copies.map(
            (one) => html`
              <li class="card result">
                <a class="photo" href=${listingAddress(one.listing_id)}
                  ><api-photo
                    src=${`/v1/photos/${one.photo_id}/thumbnail?size=320`}
                    alt=${`Photo of listing ${one.listing_id}`}
                  ></api-photo
                ></a>
                <div class="text">
                  <h3>${one.verdict === "identical" ? "The same photo" : "The same photo, edited"}</h3>
                  <p class="facts"><span class="muted">${percent(one.score)} of the picture matches</span></p>
                </div>
              </li>
            `,
          )}
        </ul>
      </section>
    `;
  }

  #similar() {
    const { running, problem } = this.tasks.similar;
    const searchBy = (one) => this.app.navigate(searchAddress({ ...NOTHING, by: "listing", source: one.listing_id }));
    const shown = problem
      ? this.#problem(problem)
      : running || !this.similar
        ? skeleton(6)
        : this.similar.results.length
          ? grid(this.similar.results, { searchBy })
          : html`<p class="notice">${this.similar.empty?.detail ?? "There are no similar listings."}</p>`;
    return html`<section aria-labelledby="similar" aria-busy=${running}>
      <h2 id="similar">Similar listings</h2>
      ${shown}
    </section>`;
  }
}
