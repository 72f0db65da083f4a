/** The results of the search view: active filters, results, further pages, or a notice instead. */

import { NOTHING, filtersOf } from "./address.js";
import { chosenFilters } from "./filters.js";
import { problemNotice, slowNotice, stoppedNotice } from "./notices.js";
import { grid, skeleton } from "./results.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** @param view the `SearchView` to draw. */
export function foundPanel(view) {
  const { answer } = view.found;
  return html`
    <div class="found-head">
      ${chosenFilters(view.query, (changes) => view.choose(changes))}
      ${answer?.empty || !answer ? "" : html`<p class="muted took">Found in ${Math.max(1, Math.round(answer.took_ms.total))} ms</p>`}
    </div>
    ${resultsOf(view, noResults(view))}
  `;
}

/**
 * @param view the `SearchView` to draw.
 * @param none shown if there are no listings.
 */
export function resultsOf(view, none) {
  const { listings, cursor } = view.found;
  if (view.task.problem) return problem(view, view.task.problem);
  if (view.task.running) return html`${view.task.slow ? slowNotice(() => view.stop()) : ""}${skeleton(12)}`;
  if (!view.hasAnswer) return stoppedNotice(() => view.load());
  if (!listings.length) return none;
  return html`
    ${grid(listings, { searchBy: (one) => view.searchBy(one), ...preferencesOf(view) })}
    ${view.more.problem ? problem(view, view.more.problem) : ""}
    ${cursor && !view.more.problem ? html`<p class="more"><button type="button" @click=${() => view.loadMore()}>${view.more.running ? "Loading…" : "Show more"}</button></p>` : ""}
    ${cursor ? "" : html`<p class="muted end">No more results.</p>`}
  `;
}

/** Return the actions for likes and dislikes; none for the newest listings, and none before a link has its token. */
function preferencesOf(view) {
  if (!view.found.answer || view.query.by === "link") return {};
  return {
    isRecommendation: view.isRecommendation,
    preferenceOf: (one) => view.preferenceOf(one),
    togglePreference: (one, kind) => view.togglePreference(one, kind),
  };
}

function problem(view, shown) {
  return problemNotice(shown, { retry: () => view.retry(), askForKey: (why) => view.app.askForKey(why) });
}

function noResults(view) {
  const isFiltered = Object.values(filtersOf(view.query)).some((value) => value.length);
  return html`
    <div class="notice">
      <h2>No results</h2>
      <p>${view.found.answer?.empty?.detail}</p>
      ${isFiltered ? html`<p class="actions"><button type="button" class="strong" @click=${() => view.choose(filtersOf(NOTHING))}>Remove all filters</button></p>` : ""}
    </div>
  `;
}
