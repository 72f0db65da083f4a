/** The other listings of a result's item, opened in place. */

import { listingAddress } from "./address.js";
import { price } from "./format.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** Sellers are counted if each listing has another one. */
function wordsFor(result, { length }) {
  const sellers = new Set([result, ...result.also_offered_by].map((one) => one.seller).filter(Boolean));
  const [kind, noun] = sellers.size > length ? ["by", "seller"] : ["in", "listing"];
  return `Also offered ${kind} ${length} other ${noun}${length > 1 ? "s" : ""}`;
}

export const offers = (result) =>
  result.also_offered_by &&
  html`<details class="offers">
    <summary>${wordsFor(result, result.also_offered_by)}</summary>
    <ul>
      ${result.also_offered_by.map(
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
  </details>`;
