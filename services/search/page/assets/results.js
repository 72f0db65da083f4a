/** Listings as a grid of cards. */

import { listingAddress } from "./address.js";
import { percent, price, webAddress } from "./format.js";
import { thumbnail } from "./photos.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

/**
 * @param listings from the API; without a `score` if they are not ranked.
 * @param actions `searchBy(listing)`; and optionally `preferenceOf(listing)`, which returns "like", "unlike" or null,
 * `togglePreference(listing, "like" | "unlike")`, and `isRecommendation`, whether likes rank the listings.
 */
export function grid(listings, actions) {
  return html`<ol class="grid">
    ${repeat(
      listings,
      (one) => one.listing_id,
      (one) => card(one, actions),
    )}
  </ol>`;
}

function card(listing, { searchBy, preferenceOf, togglePreference, isRecommendation }) {
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
        ${listing.sold ? html`<span class="sold">Sold</span>` : ""}
        ${listing.score === undefined ? "" : match(listing.score, isRecommendation)}
      </button>
      <div class="text">
        <h3 dir="auto"><a href=${listingAddress(listing.listing_id)}>${name}</a></h3>
        <p class="facts">
          <span class="price">${price(listing.price, listing.currency) || "No price"}</span>
          <span class="muted" dir="auto">${listing.location}</span>
          ${shopLink(listing, { label: `Shop page of ${short(name)}` })}
        </p>
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
 * Similarity in words. A score is the probability that two photos show the same item. A listing that only looks alike
 * has a few per cent, which is not shown. The score of a recommendation is a cosine: similarity, not probability.
 */
function match(score, isRecommendation) {
  const [word, isSame] = isRecommendation ? ["Alike", false] : WORDS.find(([, , from]) => score >= from);
  const share = isRecommendation || score >= SHOWN_FROM ? percent(score) : "";
  return html`<span class="match ${isSame ? "same" : ""}">${word} ${share}</span>`;
}

const WORDS = [
  ["Same item", true, 0.9],
  ["Likely the same", true, 0.5],
  ["Close", false, 0.1],
  ["Similar", false, 0],
];
const SHOWN_FROM = 0.1;

function preferenceButtons(listing, name, chosen, togglePreference) {
  const button = (kind, label, sign) => html`
    <button
      type="button"
      class="quiet preference"
      aria-pressed=${chosen === kind}
      title=${label}
      aria-label=${`${label}: ${name}`}
      @click=${() => togglePreference(listing, kind)}
    >
      <span aria-hidden="true">${sign}</span>
    </button>
  `;
  return html`<div class="preferences">
    ${button("like", "More like this", "+ More")}${button("unlike", "Less like this", "− Less")}
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
