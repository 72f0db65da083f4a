/** The page: one view at a time, chosen by the address, drawn again whenever something has changed. */

import { adminAddress, read } from "./address.js";
import { Problem } from "./api.js";
import { KeyDialog } from "./dialogs.js";
import { ListingView } from "./listing_view.js";
import "./crop.js";
import { problemNotice } from "./notices.js";
import { tryFailedPhotos } from "./photos.js";
import { SearchView } from "./search_view.js";
import { key, takeFromAddress } from "./session.js";
import { html, render } from "./vendor/lit-html/lit-html.js";

/** Administration is loaded by those who go there. */
const VIEWS = {
  search: () => SearchView,
  listing: () => ListingView,
  admin: async () => (await import("./admin/view.js")).AdminView,
};
const MOST_FROZEN = 30;

class App {
  #root = document.getElementById("app");
  #view = null;
  #drawing = false;
  #said = "";
  /** Views as they were left, by the name of their entry in the history: going back shows them at once. */
  #frozen = new Map();
  #entry = history.state?.entry ?? newEntry();

  start() {
    takeFromAddress();
    history.replaceState({ trail: [], ...history.state, entry: this.#entry }, "");
    history.scrollRestoration = "manual";
    addEventListener("popstate", () => this.#goBack());
    addEventListener("online", () => {
      this.#view?.retry?.();
      this.redraw();
    });
    addEventListener("offline", () => this.redraw());
    document.addEventListener("click", (event) => this.#follow(event));
    // A file that is dropped where nothing takes it would be opened by the browser in the page's place.
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
    this.#open();
  }

  /**
   * Go to another address of this page.
   * @param trail the searches that led there, oldest first: `{href, label}`.
   * @param carried what the next view need not ask for again.
   * @param stay whether the place and the focus stay where they are, as where the same search is refined.
   */
  navigate(href, { trail = [], carried = null, stay = false } = {}) {
    this.#freeze();
    this.#entry = newEntry();
    history.pushState({ entry: this.#entry, trail }, "", href);
    this.#open({ carried, scroll: stay ? scrollY : 0, focus: !stay });
  }

  /** Change the address of what is shown already. */
  rename(href) {
    history.replaceState(history.state, "", href);
  }

  redraw() {
    if (this.#drawing || !this.#view) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  /** Say something to people who do not see the page change. */
  say(text) {
    this.#said = text;
    this.redraw();
  }

  /** Ask for an API key; when one was given, the view tries again. */
  async askForKey(reason) {
    if (await KeyDialog.ask(reason)) {
      this.#view.retry?.();
      tryFailedPhotos();
    }
    this.redraw();
  }

  get trail() {
    return history.state?.trail ?? [];
  }

  async #open({ carried = null, scroll = 0, frozen = null, focus = false } = {}) {
    const href = location.href;
    const address = read(href);
    document.querySelector("dialog[open]")?.close(""); // it asked about what is left now
    const loading = VIEWS[address.view]();
    const View = loading instanceof Promise ? await loading.catch(() => LostView) : loading;
    if (location.href !== href) return; // the reader has gone on
    this.#view?.close();
    this.#view = new View(this, address, { carried, frozen });
    this.#draw();
    scrollTo(0, scroll);
    if (focus) this.#focusView();
  }

  #goBack() {
    takeFromAddress();
    this.#freeze();
    this.#entry = history.state?.entry ?? newEntry();
    history.replaceState({ trail: [], ...history.state, entry: this.#entry }, "");
    const kept = this.#frozen.get(this.#entry);
    this.#open({ frozen: kept?.view ?? null, scroll: kept?.scroll ?? 0 });
  }

  #freeze() {
    const view = this.#view?.freeze?.();
    if (!view) return;
    this.#frozen.set(this.#entry, { view, scroll: scrollY });
    if (this.#frozen.size > MOST_FROZEN) this.#frozen.delete(this.#frozen.keys().next().value);
  }

  #follow(event) {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !["/", "/listing", "/admin"].includes(to.pathname)) return;
    event.preventDefault();
    this.navigate(to.pathname + to.search);
  }

  #focusView() {
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  #draw() {
    document.title = [this.#view.title, "Lookalike"].filter(Boolean).join(" · ");
    render(this.#page(), this.#root);
    this.#view.drawn?.(this.#root);
  }

  #page() {
    const at = location.pathname;
    const link = (href, name) =>
      html`<a href=${href} aria-current=${at === new URL(href, location).pathname ? "page" : "false"}>${name}</a>`;
    return html`
      <a
        class="skip"
        href="#main"
        @click=${(event) => {
          event.preventDefault();
          this.#focusView();
        }}
        >Skip to the content</a
      >
      <header class="top">
        <a class="brand" href="/"><span class="mark" aria-hidden="true"></span>Lookalike</a>
        <nav aria-label="Main">
          ${link("/", "Search")} ${link(adminAddress("ingest"), "Admin")}
          <button type="button" class="quiet" @click=${() => this.askForKey()}>${key() ? "Key: set" : "Key"}</button>
        </nav>
      </header>
      ${navigator.onLine ? "" : html`<p class="offline" role="status">You are offline. What is shown stays; searching goes on when the connection is back.</p>`}
      <main id="main" tabindex="-1">${this.#view.template()}</main>
      <footer class="bottom"><a href="/docs">The API</a></footer>
      <p class="unseen" role="status" aria-live="polite">${this.#said}</p>
    `;
  }
}

const newEntry = () => Array.from(crypto.getRandomValues(new Uint32Array(2))).join("-");

/** Stands for a view whose modules could not be loaded; the browser does not try again before a reload. */
class LostView {
  title = "";

  template() {
    const problem = new Problem(
      "unreachable",
      "This part of the page could not be loaded",
      "Load the page again when the connection is back.",
    );
    return problemNotice(problem, { retry: () => location.reload() });
  }

  retry() {
    location.reload();
  }

  close() {}
}

new App().start();
