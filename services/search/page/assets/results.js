/** Listings as a grid of cards. */

import { listingAddress } from "./address.js";
import { percent, price } from "./format.js";
import { thumbnail } from "./photos.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { html } from "./vendor/lit-html/lit-html.js";

/**
 * @param listings as the API has them; those without a `score` are not ranked.
 * @param actions `searchBy(listing)`; and, where tastes are asked for, `tasteOf(listing)`, which is "like", "unlike" or
 * null, `taste(listing, "like" | "unlike")`, and `isTaste`, whether the listings are ranked by one.
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

function card(listing, { searchBy, tasteOf, taste, isTaste }) {
  const name = listing.title || "Untitled";
  return html`
    <li class="card result" data-listing=${listing.listing_id}>
      <button
        type="button"
        class="photo"
        @click=${() => searchBy(listing)}
        aria-label=${`Find listings that look like ${short(name)}`}
      >
        <api-photo src=${thumbnail(listing.photo_url, 320)} alt=""></api-photo>
        ${listing.score === undefined ? "" : match(listing.score, isTaste)}
      </button>
      <div class="text">
        <h3 dir="auto"><a href=${listingAddress(listing.listing_id)}>${name}</a></h3>
        <p class="facts">
          <span class="price">${price(listing.price, listing.currency) || "No price"}</span>
          <span class="muted" dir="auto">${listing.location}</span>
        </p>
      </div>
      ${taste ? tastes(listing, short(name), tasteOf(listing), taste) : ""}
    </li>
  `;
}

/**
 * How alike, in words. A score is the probability that two photos show the same item, so that what merely looks alike
 * has few per cent: there the word is enough. That of a taste is a cosine, which says how alike and not how sure.
 */
function match(score, isTaste) {
  const [word, isSame] = isTaste ? ["Alike", false] : WORDS.find(([, , from]) => score >= from);
  const share = isTaste || score >= SHOWN_FROM ? percent(score) : "";
  return html`<span class="match ${isSame ? "same" : ""}">${word} ${share}</span>`;
}

const WORDS = [
  ["Same item", true, 0.9],
  ["Likely the same", true, 0.5],
  ["Close", false, 0.1],
  ["Similar", false, 0],
];
const SHOWN_FROM = 0.1;

function tastes(listing, name, chosen, taste) {
  const button = (kind, label, sign) => html`
    <button
      type="button"
      class="quiet taste"
      aria-pressed=${chosen === kind}
      title=${label}
      aria-label=${`${label}: ${name}`}
      @click=${() => taste(listing, kind)}
    >
      <span aria-hidden="true">${sign}</span>
    </button>
  `;
  return html`<div class="tastes">
    ${button("like", "More like this", "+ More")}${button("unlike", "Less like this", "− Less")}
  </div>`;
}

/** Names in labels are read aloud: they are cut where a listing's title is endless. */
const short = (text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

/** What stands where results will be. */
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
