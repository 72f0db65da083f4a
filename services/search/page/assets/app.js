/** The page: shows one view at a time, chosen by the address, and redraws it after each change. */

import { adminAddress, read } from "./address.js";
import { ListingView } from "./listing_view.js";
import { lostNotice } from "./notices.js";
import { tryFailedPhotos } from "./photos.js";
import { SearchView } from "./search_view.js";
import { isKeyOfUse, key, takeFromAddress } from "./session.js";
import { html, render } from "./vendor/lit-html/lit-html.js";

/** The admin view, its styles and the dialog are loaded on first use. */
const VIEWS = {
  search: () => SearchView,
  listing: () => ListingView,
  admin: async () => (await loaded("./admin/view.js", "./style/admin.css")).AdminView,
};
const MOST_FROZEN = 30;

class App {
  #root = document.getElementById("app");
  /** Null while the next view loads; the screen keeps the previous one. */
  #view = null;
  #drawing = false;
  #said = "";
  /** State of the views left behind, by history entry: going back shows them at once. */
  #frozen = new Map();
  #entry = history.state?.entry ?? newEntry();
  /** Position of the entry in the history. */
  #step = history.state?.step ?? 0;
  #mayGo = false;

  /** The history entry that is shown. */
  get entry() {
    return this.#entry;
  }

  start() {
    takeFromAddress();
    this.#nameEntry();
    history.scrollRestoration = "manual";
    addEventListener("popstate", () => this.#goBack());
    addEventListener("online", () => {
      this.#view?.retry?.();
      this.redraw();
    });
    addEventListener("offline", () => this.redraw());
    document.addEventListener("click", (event) => this.#follow(event));
    // The browser would replace the page by a file dropped outside a drop zone.
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
    this.#open();
  }

  /**
   * Go to another address of this page, unless the view's `mayLeave()` returns or resolves to false.
   * @param trail the searches that led there, oldest first: `{href, label}`.
   * @param carried an answer that the next view need not request again.
   * @param stay keep the scroll position and the focus, as when refining a search.
   * @param focus move the focus to the new view.
   */
  async navigate(href, { trail = [], carried = null, stay = false, focus = !stay } = {}) {
    if (!stay && !(await this.#mayLeave())) return;
    this.#freeze();
    this.#entry = newEntry();
    this.#step += 1;
    history.pushState({ entry: this.#entry, step: this.#step, trail }, "", href);
    this.#open({ carried, scroll: stay ? scrollY : 0, focus });
  }

  /** Change the address without changing the view. */
  rename(href) {
    history.replaceState(history.state, "", href);
  }

  redraw = () => {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      if (this.#view) this.#draw();
    });
  };

  /** Announce a change to screen readers. */
  say(text) {
    this.#said = text === this.#said ? `${text}\u00a0` : text; // screen readers skip unchanged text
    this.redraw();
  }

  /** Ask for a key; if it changed, retry. */
  async askForKey(reason) {
    const { KeyDialog } = await import("./dialogs.js");
    if (await KeyDialog.ask(reason)) {
      this.#view?.retry?.();
      tryFailedPhotos();
    }
    this.redraw();
  }

  get trail() {
    return history.state?.trail ?? [];
  }

  async #open({ carried = null, scroll = 0, frozen = null, focus = false } = {}) {
    const entry = this.#entry;
    const address = read(location.href);
    this.#view?.close();
    this.#view = null;
    const loading = VIEWS[address.view]();
    const View = loading instanceof Promise ? await loading.catch(() => LostView) : loading;
    if (this.#entry !== entry) return; // the user has navigated on
    this.#view = new View(this, address, { carried, frozen });
    this.#draw();
    scrollTo(0, scroll);
    if (focus) this.#focusView();
  }

  async #goBack() {
    takeFromAddress();
    const { entry = newEntry(), step = this.#step + 1 } = history.state ?? {};
    if (entry === this.#entry) return this.redraw(); // the view is still shown
    const may = this.#mayGo || this.#mayLeave();
    this.#mayGo = false;
    if (may !== true) {
      // The browser has already moved: undo it until the user has answered.
      const way = step - this.#step;
      history.go(-way);
      this.#mayGo = await may;
      if (this.#mayGo) history.go(way);
      return;
    }
    this.#freeze();
    this.#entry = entry;
    this.#step = step;
    this.#nameEntry();
    const saved = this.#frozen.get(this.#entry);
    this.#open({ frozen: saved?.view ?? null, scroll: saved?.scroll ?? 0 });
  }

  /** Whether the view may be left: true, or a promise. */
  #mayLeave() {
    document.querySelector("dialog[open]")?.close(""); // it belongs to the view being left
    return this.#view?.mayLeave?.() ?? true;
  }

  #nameEntry() {
    history.replaceState({ trail: [], ...history.state, entry: this.#entry, step: this.#step }, "");
  }

  #freeze() {
    if (!this.#view) return; // it is still loading; what is frozen for the entry stays
    const view = this.#view.freeze?.();
    this.#frozen.delete(this.#entry);
    if (!view) return;
    this.#frozen.set(this.#entry, { view, scroll: scrollY });
    if (this.#frozen.size > MOST_FROZEN) this.#frozen.delete(this.#frozen.keys().next().value);
  }

  #follow(event) {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !["/", "/listing", "/admin"].includes(to.pathname)) return;
    event.preventDefault();
    this.navigate(to.pathname + to.search, { trail: link.trail, focus: link.getAttribute("role") !== "tab" });
  }

  #focusView() {
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  #draw() {
    const hadFocus = this.#root.contains(document.activeElement);
    document.title = [this.#view.title, "Lookalike"].filter(Boolean).join(" · ");
    render(this.#page(), this.#root);
    if (hadFocus && !this.#root.contains(document.activeElement)) this.#focusView(); // the focused element is gone
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
          ${isKeyOfUse() ? html`<button type="button" class="quiet" @click=${() => this.askForKey()}>${key() ? "Key: set" : "Key"}</button>` : ""}
        </nav>
      </header>
      ${navigator.onLine ? "" : html`<p class="offline" role="status">You are offline. Results stay on the screen; searching continues when the connection is back.</p>`}
      <main id="main" tabindex="-1">${this.#view.template()}</main>
      <footer class="bottom"><a href="/docs">The API</a></footer>
      <p class="unseen" role="status" aria-live="polite">${this.#said}</p>
    `;
  }
}

/** Load a module and its stylesheet; resolve to the module when both apply. */
const loaded = async (module, style) => (await Promise.all([import(module), styled(style)]))[0];

/** Load a stylesheet once; resolve when it applies. */
function styled(path) {
  const { href } = new URL(path, import.meta.url);
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => (link.remove(), reject(new Error(`${path} could not be loaded`)));
    document.head.append(link);
  });
}

const newEntry = () => Array.from(crypto.getRandomValues(new Uint32Array(2))).join("-");

/** Replaces a view whose modules failed to load; the browser retries only after a reload. */
class LostView {
  title = "";
  template = lostNotice;

  retry() {
    location.reload();
  }

  close() {}
}

new App().start();
