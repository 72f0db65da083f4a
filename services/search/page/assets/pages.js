/** Draws the search view: the start, or a search once the modules that draw it are loaded. */

import { asksForSomething } from "./address.js";
import { lostNotice } from "./notices.js";
import { picker } from "./picker.js";
import { skeleton } from "./results.js";
import { resultsOf } from "./results_panel.js";
import { html } from "./vendor/lit-html/lit-html.js";

const newestAreMissing = html`<p class="notice">There are no listings yet. <a href="/admin">Add listings</a> to search them.</p>`;

/** Draws a search; null until it is loaded. */
let searchPage = null;
let loading = null;

const load = () =>
  (loading ??= import("./search_page.js").then(
    (module) => (searchPage = module.searchPage),
    () => (searchPage = lostNotice),
  ));

// It comes before it is needed, and after what is seen first.
for (const sign of ["pointerover", "focusin", "dragover"]) addEventListener(sign, load, { once: true });

/** @param view the `SearchView` to draw. */
export function pageOf(view) {
  if (!asksForSomething(view.query) && !view.sending) return startPage(view);
  if (searchPage) return searchPage(view);
  load().then(view.app.redraw);
  return html`<div class="search">${skeleton(12)}</div>`;
}

const startPage = (view) => html`
  <section class="hero">
    <h1>Search with your eyes</h1>
    <p class="muted">Add a photo to find listings that look like it.</p>
    ${pickerOf(view, true)}
  </section>
  <section class="found" aria-busy=${view.task.running}>
    <h2>Newest listings</h2>
    ${resultsOf(view, newestAreMissing)}
  </section>
`;

/** The ways to enter a photo of a `SearchView`. */
export const pickerOf = (view, isLarge) =>
  picker({ isLarge, take: (file) => view.take(file), open: (link) => view.open(link) });
