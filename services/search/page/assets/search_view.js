/** The search view: its state, and what the user can do. `pages.js` draws it. */

import { NOTHING, asksForSomething, listingPath, read, searchAddress, settingsOf } from "./address.js";
import { call } from "./api.js";
import { Counting } from "./counting.js";
import { dropPhoto, keepPhoto, keptPhoto } from "./kept_photos.js";
import { inListings } from "./format.js";
import { meet, notice } from "./known_listings.js";
import { ofToken, remember, thumbnail } from "./photos.js";
import { pageOf } from "./pages.js";
import { watchPage } from "./picker.js";
import { search, searchByFile, searchOn } from "./searching.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

const LONGEST_TRAIL = 8;

/** Whether there is room for the photo and the filters beside the results; see `search_page.js`. */
const ROOMY = matchMedia("(min-width: 800px)");

const NOTHING_YET = { listings: [], cursor: null, answer: null };

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
    this.before = null; // the query to go back to when sending is stopped
    this.isHovered = this.isPhotoGone = this.isSent = this.isClosed = false;
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
    ROOMY.addEventListener("change", app.redraw);
    this.begin(frozen ?? {}, carried);
    this.loadAround();
  }

  /** Show what the view showed when it was left, or search. A photo that was not sent to the end is sent again. */
  begin({ file, ...frozen }, carried) {
    const unsent = file ?? (carried ? null : keptPhoto(this.pendingName));
    Object.assign(this, frozen);
    if (unsent) this.take(unsent);
    else if (carried) this.adopt(carried);
    else if (!this.hasAnswer) this.load();
    else if (this.found.answer) this.counting.load(this.query, this.found.answer.results);
  }

  /** The name under which this tab keeps the photo that is being sent. */
  get pendingName() {
    return `sending ${this.app.entry}`;
  }

  get isRoomy() {
    return ROOMY.matches;
  }

  get categories() {
    return categories;
  }

  get counts() {
    return this.counting.of(this.query);
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
    const { file, found, sourceListing, isPhotoGone } = this;
    if (file && !this.isSent && !this.isRefused) return { file };
    return this.task.running || this.task.problem || !this.hasAnswer ? null : { found, sourceListing, isPhotoGone };
  }

  close() {
    this.isClosed = true;
    this.#forgetFile();
    this.task.stop();
    this.more.stop();
    this.counting.stop();
    this.stopWatching();
    ROOMY.removeEventListener("change", this.app.redraw);
    this.atEnd.disconnect();
  }

  /** Repeat only the requests that failed. */
  retry() {
    this.loadAround();
    if (this.file && !this.task.running) this.take(this.file);
    else if (this.task.problem) this.load();
    else if (this.more.problem?.kind === "refused") this.load();
    else if (this.more.problem) this.loadMore();
    this.counting.retry();
  }

  stop() {
    const wasSending = this.file !== null;
    this.#forgetFile();
    this.task.stop();
    if (!wasSending) return;
    // Go back to the search before the photo.
    dropPhoto(this.pendingName);
    this.query = this.before;
    this.app.rename(searchAddress(this.query));
    if (!this.hasAnswer) this.load();
  }

  #forgetFile() {
    if (this.sending) URL.revokeObjectURL(this.sending);
    this.file = this.sending = null;
  }

  /** Say that the photo cannot be shown, if the server has dropped it. */
  losePhoto(status) {
    this.isPhotoGone = status === 404 && this.query.by === "token";
    this.app.redraw();
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
    this.app.say(`${inListings(answer.results.length)} shown.`);
    if (this.query.by === "link") this.#rename({ by: "token", source: answer.query_token, crop: null });
    if (answer.renewed) this.#rename({ source: answer.renewed });
    this.counting.load(this.query, answer.results);
    this.app.redraw();
  }

  /** Change the query without a search. */
  #rename(changes) {
    this.query = { ...this.query, ...changes };
    this.app.rename(searchAddress(this.query));
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
    this.app.say(`${inListings(listings.length)} shown.`);
    this.app.redraw();
  }

  async take(file) {
    if (!this.file) this.before = read(location.href).query;
    this.#forgetFile();
    this.file = file;
    this.sending = URL.createObjectURL(file);
    const name = this.pendingName;
    const kept = keepPhoto(name, file);
    this.app.redraw();
    const query = { ...NOTHING, ...settingsOf(this.query) };
    const answer = await this.task.run((signal) => searchByFile(file, query, signal));
    if (this.isRefused) kept.then(() => dropPhoto(name));
    if (!answer) return;
    this.isSent = true;
    kept.then(() => dropPhoto(name));
    this.app.navigate(searchAddress({ ...query, by: "token", source: answer.query_token }), { carried: answer });
  }

  open(link) {
    this.app.navigate(searchAddress({ ...NOTHING, ...settingsOf(this.query), by: "link", source: link }));
  }

  searchBy(listing) {
    const query = { ...NOTHING, ...settingsOf(this.query), by: "listing", source: listing.listing_id };
    const here = { href: searchAddress(this.query), label: this.label };
    const trail = asksForSomething(this.query) ? [...this.app.trail, here].slice(-LONGEST_TRAIL) : [];
    this.app.navigate(searchAddress(query), { trail });
  }

  /** Refine the search in place. A photo being sent is sent again with the changes. */
  choose(changes) {
    if (this.file && !this.isRefused) {
      this.#rename(changes);
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

  /** Whether the photo itself was refused. */
  get isRefused() {
    return this.file && this.task.problem?.status === 422;
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
    return html`${this.isHovered ? html`<div class="drop-hint" aria-hidden="true">Drop the photo to search by it</div>` : ""}${pageOf(this)}`;
  }
}
