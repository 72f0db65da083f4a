/** The other listings of a result's item, which reviewers called the same: opened in place. */

import { listingAddress } from "./address.js";
import { price } from "./format.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** Return the button's words: sellers are counted if every listing has one of its own. */
export function offerWords({ seller, also_offered_by: others = [] }) {
  const sellers = new Set(others.map((one) => one.seller).filter((one) => one && one !== seller));
  const areSellers = sellers.size === others.length;
  const [one, several] = areSellers ? ["by 1 other seller", "other sellers"] : ["in 1 other listing", "other listings"];
  if (others.length === 1) return `Also offered ${one}`;
  return `Also offered ${areSellers ? "by" : "in"} ${others.length} ${several}`;
}

/** The offers of a result; empty if there are no others. */
export function offers(listing) {
  const others = listing.also_offered_by ?? [];
  if (!others.length) return "";
  return html`
    <details class="offers">
      <summary>${offerWords(listing)}</summary>
      <ul>
        ${others.map(
          (one) => html`
            <li>
              <api-photo src=${`${one.thumbnail_url}&size=128`} alt=""></api-photo>
              <a href=${listingAddress(one.listing_id)} dir="auto">${one.title || "Untitled"}</a>
              <span class="price">${price(one.price, one.currency) || "No price"}${one.sold ? ", sold" : ""}</span>
              <span class="muted" dir="auto">${[one.seller, one.location].filter(Boolean).join(", ")}</span>
            </li>
          `,
        )}
      </ul>
    </details>
  `;
}
