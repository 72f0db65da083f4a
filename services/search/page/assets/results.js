/** Listings as a grid of cards. */

import { listingAddress } from "./address.js";
import { price, webAddress } from "./format.js";
import { offers } from "./offers.js";
import { thumbnail } from "./photos.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

/**
 * @param listings from the API; without a `score` if they are not ranked.
 * @param kind `score_kind` of their answer.
 * @param actions `searchBy(listing)`; and optionally `preferenceOf(listing)`, which returns "like", "unlike" or null,
 * and `togglePreference(listing, "like" | "unlike")`.
 */
export function grid(listings, kind, actions) {
  return html`<ol class="grid">
    ${repeat(
      listings,
      (one) => one.listing_id,
      (one) => card(one, kind, actions),
    )}
  </ol>`;
}

function card(listing, kind, { searchBy, preferenceOf, togglePreference }) {
  const name = listing.title || "Untitled";
  return html`
    <li class="card result" data-listing=${listing.listing_id}>
      <button
        type="button"
        class="photo"
        @click=${() => searchBy(listing)}
        aria-label=${`Find listings that look like ${short(name)}${listing.sold ? " (sold)" : ""}`}
      >
        <api-photo src=${thumbnail(listing.photo_url, 320)} alt=""></api-photo>
        ${listing.sold ? html`<span class="sold">Sold</span>` : ""} ${match(listing.score, kind)}
      </button>
      <div class="text">
        <h3 dir="auto"><a href=${listingAddress(listing.listing_id)}>${name}</a></h3>
        <p class="facts">
          <span class="price">${price(listing.price, listing.currency) || "No price"}</span>
          <span class="muted" dir="auto">${listing.location}</span>
          ${shopLink(listing, { label: `Shop page of ${short(name)}` })}
        </p>
        ${offers(listing)}
      </div>
      ${togglePreference ? preferenceButtons(listing, short(name), preferenceOf(listing), togglePreference) : ""}
    </li>
  `;
}

/**
 * The link to a listing's page in the shop; empty if it has none.
 * @param label for screen readers, if the text alone does not tell which listing it is.
 */
export function shopLink({ url }, { label, className = "" } = {}) {
  const address = webAddress(url);
  if (!address) return "";
  const rel = "noopener noreferrer nofollow";
  return html`<a class=${className} href=${address} target="_blank" rel=${rel} aria-label=${label ?? nothing}
    >Shop page</a
  >`;
}

/**
 * Similarity in words, of probabilities of being the same item. What only looks alike has a few per cent, and no word.
 */
const WORDS = [
  [0.9, "Same item", "same"],
  [0.5, "Probably the same", "same"],
  [0.1, "Very similar", ""],
];

const wordsOf = (score, kind) => kind === "probability" && WORDS.find(([from]) => score >= from);

function match(score, kind) {
  const [, words, style] = wordsOf(score, kind) || [];
  return words ? html`<span class="match ${style}">${words}</span>` : "";
}

export const haveMatch = (listings, kind) => listings.some(({ score }) => wordsOf(score, kind));

function preferenceButtons(listing, name, chosen, togglePreference) {
  const button = (kind, label, words) => html`
    <button
      type="button"
      class="quiet preference"
      aria-pressed=${chosen === kind}
      aria-label=${`${label}: ${name}`}
      @click=${() => togglePreference(listing, kind)}
    >
      ${words}
    </button>
  `;
  return html`<div class="preferences">
    ${button("like", "More like this", "More like this")}${button("unlike", "Less like this", "Less")}
  </div>`;
}

/** Shorten a title for a label, since screen readers read it in full. */
const short = (text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

/** Placeholders for results. */
export const skeleton = (count) => html`
  <ol class="grid" aria-hidden="true">
    ${Array.from(
      { length: count },
      () =>
        html`<li class="card result waiting">
          <div class="photo"></div>
          <div class="text"></div>
        </li>`,
    )}
  </ol>
`;
