/** The search view: the query at the left or above, and the results next to it. */

import { NOTHING, asksForSomething, filtersOf, listingPath, read, searchAddress } from "./address.js";
import { call } from "./api.js";
import { Counting } from "./counting.js";
import { filterPanel } from "./filters.js";
import { meet, notice } from "./known_listings.js";
import { ofToken, remember, thumbnail } from "./photos.js";
import { picker, watchPage } from "./picker.js";
import { queryPanel, trailPanel } from "./query_panel.js";
import { foundPanel, resultsOf } from "./results_panel.js";
import { search, searchByFile, searchOn } from "./searching.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

const LONGEST_TRAIL = 8;
const ROOMY = matchMedia("(min-width: 900px)");

const NOTHING_YET = { listings: [], cursor: null, answer: null };

const newestAreMissing = html`<p class="notice">There are no listings yet. <a href="/admin">Ingest some</a>.</p>`;

/** The categories of the last answer, shown until the next one. */
let categories = [];

export class SearchView {
  constructor(app, { query }, { carried, frozen }) {
    this.app = app;
    this.query = query;
    this.task = new Task(() => app.redraw());
    this.more = new Task(() => app.redraw());
    this.counting = new Counting(app);
    this.found = NOTHING_YET;
    this.sourceListing = null; // the listing to search by
    this.file = null; // the photo being sent
    this.sending = null; // its address, for the preview
    this.isHovered = this.isPhotoGone = this.isClosed = false;
    this.stopWatching = watchPage({
      take: (file) => this.take(file),
      open: (link) => this.open(link),
      hover: (is) => {
        this.isHovered = is;
        app.redraw();
      },
    });
    this.atEnd = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.loadMore(), {
      rootMargin: "600px",
    });
    if (frozen) Object.assign(this, frozen);
    else if (carried) this.adopt(carried);
    else this.load();
    if (frozen?.found.answer) this.counting.load(query, frozen.found.answer.results);
    this.loadAround();
  }

  get title() {
    return asksForSomething(this.query) ? this.label : "";
  }

  get label() {
    if (this.sourceListing) return this.sourceListing.title || "A listing";
    return (
      { token: "Your photo", link: "A photo from the web", photo: "A listing's photo" }[this.query.by] ??
      "What you like"
    );
  }

  freeze() {
    const { found, sourceListing, isPhotoGone } = this;
    return this.task.running || this.task.problem || !this.hasAnswer ? null : { found, sourceListing, isPhotoGone };
  }

  close() {
    this.isClosed = true;
    this.#forgetFile();
    this.task.stop();
    this.more.stop();
    this.counting.stop();
    this.stopWatching();
    this.atEnd.disconnect();
  }

  /** Repeat only the requests that failed. */
  retry() {
    this.loadAround();
    if (this.file && !this.task.running) this.take(this.file);
    else if (this.task.problem) this.load();
    else if (this.more.problem) this.loadMore();
    this.counting.retry();
  }

  stop() {
    const wasSending = this.file !== null;
    this.#forgetFile();
    this.task.stop();
    if (!wasSending) return;
    // Go back to the search before the photo.
    this.query = read(location.href).query;
    if (!this.hasAnswer) this.load();
  }

  #forgetFile() {
    if (this.sending) URL.revokeObjectURL(this.sending);
    this.file = this.sending = null;
  }

  drawn(root) {
    this.atEnd.disconnect();
    const end = root.querySelector(".more");
    if (end) this.atEnd.observe(end);
  }

  async load() {
    if (!asksForSomething(this.query)) return this.loadNewest();
    const answer = await this.task.run((signal) => search(this.query, signal));
    if (answer) this.adopt(answer);
  }

  adopt(answer) {
    notice(answer.results);
    this.found = { listings: answer.results, cursor: answer.cursor ?? null, answer };
    this.app.say(
      answer.results.length ? `${answer.results.length} results, the most similar first.` : "There are no results.",
    );
    if (this.query.by === "link") {
      this.query = { ...this.query, by: "token", source: answer.query_token, crop: null };
      this.app.rename(searchAddress(this.query));
    }
    this.counting.load(this.query, answer.results);
    this.app.redraw();
  }

  async loadNewest() {
    const page = await this.task.run((signal) => call("/v1/listings?limit=24", { signal }));
    if (page) this.found = { listings: page.listings, cursor: page.cursor, answer: null };
    this.app.redraw();
  }

  /** Load the categories, the source listing and the liked and disliked listings. */
  async loadAround() {
    const wanted = [
      meet([...this.query.like, ...this.query.unlike]),
      call("/v1/categories").then((all) => {
        categories = all;
      }),
    ];
    if (this.query.by === "listing" && !this.sourceListing) {
      const path = listingPath(this.query.source);
      if (path)
        wanted.push(
          call(path).then((one) => {
            this.sourceListing = one;
          }),
        );
    }
    await Promise.allSettled(wanted); // the search itself reports problems
    this.app.redraw();
  }

  async loadMore() {
    const { cursor, answer } = this.found;
    if (!cursor || this.more.running || this.task.running) return;
    const older = `/v1/listings?${new URLSearchParams({ limit: 24, cursor })}`;
    const page = await this.more.run((signal) => (answer ? searchOn(cursor, signal) : call(older, { signal })));
    if (!page) return;
    notice(page.results ?? page.listings);
    const listings = [...this.found.listings, ...(page.results ?? page.listings)];
    this.found = { ...this.found, listings, cursor: page.cursor ?? null };
    this.app.say(`${listings.length} listings shown.`);
    this.app.redraw();
  }

  async take(file) {
    this.#forgetFile();
    this.file = file;
    this.sending = URL.createObjectURL(file);
    this.app.redraw();
    const query = { ...NOTHING, ...filtersOf(this.query) };
    const answer = await this.task.run((signal) => searchByFile(file, query, signal));
    if (answer)
      this.app.navigate(searchAddress({ ...query, by: "token", source: answer.query_token }), { carried: answer });
  }

  open(link) {
    this.app.navigate(searchAddress({ ...NOTHING, ...filtersOf(this.query), by: "link", source: link }));
  }

  searchBy(listing) {
    const query = { ...NOTHING, ...filtersOf(this.query), by: "listing", source: listing.listing_id };
    const here = { href: searchAddress(this.query), label: this.label };
    const trail = asksForSomething(this.query) ? [...this.app.trail, here].slice(-LONGEST_TRAIL) : [];
    this.app.navigate(searchAddress(query), { trail });
  }

  /** Refine the search in place. A photo being sent is sent again with the changes. */
  choose(changes) {
    if (this.file) {
      this.query = { ...this.query, ...changes };
      this.take(this.file);
    } else this.#go({ ...this.query, ...changes }, { stay: true });
  }

  #go(query, more = {}) {
    if (!this.isClosed) this.app.navigate(searchAddress(query), { trail: this.app.trail, ...more });
  }

  togglePreference(listing, kind) {
    const id = listing.listing_id;
    const without = (ids) => ids.filter((one) => one !== id);
    const changes = { like: without(this.query.like), unlike: without(this.query.unlike) };
    if (!this.query[kind].includes(id)) changes[kind] = [...changes[kind], id];
    this.#go({ ...this.query, ...changes, ...this.tokenInstead() });
  }

  /** A recommendation takes a listing or a token: replace a photo or a crop by the token of its search. */
  tokenInstead() {
    if (this.query.by !== "photo" && !this.query.crop) return {};
    const token = this.found.answer?.query_token;
    if (!token) return {};
    remember(token, this.preview);
    return { by: "token", source: token, crop: null };
  }

  /** Whether an answer has arrived since the view was opened. */
  get hasAnswer() {
    return this.found !== NOTHING_YET;
  }

  get isRecommendation() {
    return this.query.like.length + this.query.unlike.length > 0;
  }

  preferenceOf(listing) {
    return ["like", "unlike"].find((kind) => this.query[kind].includes(listing.listing_id)) ?? null;
  }

  get preview() {
    if (this.query.by === "token") return ofToken(this.query.source);
    if (this.query.by === "photo") return `/v1/photos/${Number(this.query.source)}/thumbnail?size=512`;
    const [photo] = this.sourceListing?.photos ?? [];
    return photo ? thumbnail(photo.url, 512) : null;
  }

  template() {
    const content = asksForSomething(this.query) || this.sending ? this.#searched() : this.#start();
    return html`${this.isHovered ? html`<div class="drop-hint" aria-hidden="true">Drop the photo to search by it</div>` : ""}${content}`;
  }

  #start() {
    return html`
      <section class="hero">
        <h1>Search with your eyes</h1>
        <p class="muted">Add a photo to find listings that look like it.</p>
        ${this.#picker(true)}
      </section>
      <section class="found" aria-busy=${this.task.running}>
        <h2>Newest listings</h2>
        ${resultsOf(this, newestAreMissing)}
      </section>
    `;
  }

  #searched() {
    return html`
      ${trailPanel(this.app.trail, this.label)}
      <h1 class="unseen" dir="auto">Listings that look like: ${this.sending ? "your photo" : this.label}</h1>
      <div class="search">
        <aside class="query">${this.#query()}</aside>
        <section class="found" aria-busy=${this.task.running} aria-label="Results">${foundPanel(this)}</section>
      </div>
    `;
  }

  #picker(isLarge) {
    return picker({ isLarge, take: (file) => this.take(file), open: (link) => this.open(link) });
  }

  #query() {
    return html`
      ${queryPanel(this)}
      <details class="filter-box" ?open=${ROOMY.matches}>
        <summary>Filters</summary>
        ${filterPanel(this.query, { categories, facets: this.counting.facetsOf(this.query) }, (changes) => this.choose(changes))}
        ${this.counting.problem()}
      </details>
      <details class="another">
        <summary>Another photo</summary>
        ${this.#picker(false)}
      </details>
    `;
  }
}
