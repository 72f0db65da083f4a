/** The results of the search view: how many, in which order, the active filters, and the listings or a notice. */

import { NOTHING, filtersOf } from "./address.js";
import { chipsOf, chosenFilters } from "./filter_chips.js";
import { inListings, number } from "./format.js";
import { buyersNotice, slowNotice, stoppedNotice } from "./notices.js";
import { chooseButton } from "./picker.js";
import { grid, haveMatch, skeleton } from "./results.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** Listings that a search leads to at most, and those that it can put in another order. */
const MOST_FOUND = 500;
const MOST_SORTED = 100;

const ORDERS = [
  ["", "Most similar", "most similar first"],
  ["price", "Price: low to high", "cheapest first"],
  ["price_descending", "Price: high to low", "dearest first"],
  ["newest", "Newest", "newest first"],
];

/** @param view the `SearchView` to draw. */
export function foundPanel(view) {
  return html`
    <div class="found-head">
      ${foundCount(view)} ${view.isRoomy && view.found.listings.length ? orderChoice(view) : ""}
    </div>
    ${chosenFilters(view.query, (changes) => view.choose(changes))} ${resultsOf(view, noResults(view))}
  `;
}

/**
 * How many listings pass the filters, and their order.
 * @param say turns the number and the order into words.
 */
export function foundCount(view, say = inFull) {
  const { total } = view.counts;
  const shown = view.hasAnswer && !view.task.running && view.found.listings.length > 0;
  const words = shown && total ? say(total, view.query.sort) : "";
  return html`<p class="total">${words}</p>`;
}

const reached = (sort) => (sort ? MOST_SORTED : MOST_FOUND);
export const inShort = (total, sort) =>
  total > reached(sort) ? `${reached(sort)} of ${inListings(total)}` : inListings(total);

function inFull(total, sort) {
  const [, , order] = ORDERS.find(([name]) => name === sort);
  const most = reached(sort);
  const listings = inListings(total);
  return total > most ? `The ${most} most similar of ${listings}${sort ? `, ${order}` : ""}` : `${listings}, ${order}`;
}

export const orderChoice = (view) => html`
  <label class="order"
    >Sort by
    <select @change=${({ target }) => view.choose({ sort: target.value })}>
      ${ORDERS.map(([name, words]) => html`<option value=${name} .selected=${name === view.query.sort}>${words}</option>`)}
    </select></label
  >
`;

/**
 * @param view the `SearchView` to draw.
 * @param none shown if there are no listings.
 */
export function resultsOf(view, none) {
  const { listings, cursor, answer } = view.found;
  if (view.task.problem) return problem(view, view.task.problem);
  if (view.task.running) return html`${view.task.slow ? slowNotice(() => view.stop()) : ""}${skeleton(12)}`;
  if (!view.hasAnswer) return stoppedNotice(() => view.load());
  if (!listings.length) return none;
  return html`
    ${farWords(view)}
    ${grid(listings, answer?.score_kind, { searchBy: (one) => view.searchBy(one), ...preferencesOf(view) })}
    ${view.more.problem ? problem(view, view.more.problem) : ""}
    ${cursor && !view.more.problem ? html`<p class="more"><button type="button" @click=${() => view.loadMore()}>${view.more.running ? "Loading…" : "Show more"}</button></p>` : ""}
    ${cursor ? "" : html`<p class="muted end">${endWords(view)}</p>`}
  `;
}

/** A photo of this shop is unlike what its model knows if the model learnt elsewhere. */
const isUnlike = ({ found, query }) => found.answer.in_distribution === false && !/listing|photo/.test(query.by);

/** Say that nothing found is what was searched for. */
function farWords(view) {
  const { listings, answer } = view.found;
  if (!answer || view.query.sort || haveMatch(listings, answer.score_kind)) return "";
  if (isUnlike(view)) return html`<p class="far">Unlike anything in this catalogue. The nearest come first.</p>`;
  if (answer.score_kind === "cosine") return "";
  return html`<p class="far">No exact match. The most similar come first.</p>`;
}

/** The number of listings in results, those that are also offered included. */
const listingsIn = (results) => results.reduce((sum, { also_offered_by: others = [] }) => sum + 1 + others.length, 0);

function endWords({ found, counts, query }) {
  const isCut = found.answer && counts.total > listingsIn(found.listings);
  if (!isCut) return "No more results.";
  return query.sort
    ? "These are the most similar listings. Sort by “Most similar” to see more."
    : "These are the most similar listings. Filter to see others.";
}

/** Return the actions for likes and dislikes; none for the newest listings, and none before a link has its token. */
function preferencesOf(view) {
  if (!view.found.answer || view.query.by === "link") return {};
  return {
    preferenceOf: (one) => view.preferenceOf(one),
    togglePreference: (one, kind) => view.togglePreference(one, kind),
  };
}

function problem(view, shown) {
  const isFiltered = chipsOf(view.query).length > 0;
  const remove = html`<button type="button" class="strong" @click=${() => view.choose(filtersOf(NOTHING))}>
    Remove all filters
  </button>`;
  const again = html`<button type="button" class="strong" @click=${() => view.retry()}>Try again</button>`;
  const mayPass = shown.status === 409 || shown.reason === "unreachable";
  const instead = html`
    ${mayPass ? again : ""}
    ${shown.field === "cursor" ? html`<button type="button" class="strong" @click=${() => view.load()}>Search again</button>` : ""}
    ${view.query.crop ? html`<button type="button" class="strong" @click=${() => view.choose({ crop: null })}>Search by the whole photo</button>` : ""}
    ${isFiltered ? remove : ""} ${chooseButton((file) => view.take(file), "Choose another photo", "button")}
  `;
  return buyersNotice(shown, { retry: () => view.retry(), askForKey: (why) => view.app.askForKey(why), instead });
}

function noResults(view) {
  const isFiltered = Object.values(filtersOf(view.query)).some((value) => value.length);
  if (!isFiltered)
    return html`<div class="notice">
      <h2>Nothing found</h2>
      <p>There are no listings to compare with yet.</p>
    </div>`;
  const without = view.counts.without;
  return html`
    <div class="notice">
      <h2>Nothing found</h2>
      <p>No listing passes all of these filters.</p>
      <p class="actions">
        ${without.map(
          ({ name, changes, listings }) => html`
            <button type="button" @click=${() => view.choose(changes)}>
              <span>Without “<span dir="auto">${name}</span>”: ${number(listings)}</span>
            </button>
          `,
        )}
        <button type="button" class="strong" @click=${() => view.choose(filtersOf(NOTHING))}>Remove all filters</button>
      </p>
    </div>
  `;
}
