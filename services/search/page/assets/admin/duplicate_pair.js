/** Two listings side by side, as a reviewer compares them. */

import { listingAddress } from "../address.js";
import { day, percent, price } from "../format.js";
import "../photos.js";
import { shopLink } from "../results.js";
import { html } from "../vendor/lit-html/lit-html.js";

export const keyOf = ({ listing_id: one, other_listing_id: other }) => JSON.stringify([one, other]);

/** Return the pairs of groups: each link with both of its listings in `sides`. */
export const pairsOf = (groups) =>
  groups.flatMap(({ links, listings }) => {
    const known = new Map(listings.map((listing) => [listing.listing_id, listing]));
    return links.map((link) => ({
      ...link,
      sides: [
        { ...known.get(link.listing_id), photo: link.photo_id },
        { ...known.get(link.other_listing_id), photo: link.other_photo_id },
      ],
    }));
  });

/** What makes two listings look alike, in words. */
export function likeness({ verdict, score }) {
  if (verdict === "identical") return "Both show the same picture.";
  if (verdict === "no shared photo") return "Their photos are no longer alike.";
  return `Both show the same photo, edited: ${percent(score)} of the picture is in both.`;
}

export const titleOf = ({ title, listing_id: id }) => title || id;

/** @param size of the photos, in pixels of the longer side. */
export const photos = ({ sides }, size) => html`
  <div class="sides">
    ${sides.map(
      (side) => html`
        <figure>
          ${
            side.photo
              ? html`<api-photo
                  src=${`/v1/photos/${side.photo}/thumbnail?size=${size}`}
                  alt=${`Photo of ${titleOf(side)}`}
                ></api-photo>`
              : html`<p class="muted">No photo</p>`
          }
          <figcaption>
            <a href=${listingAddress(side.listing_id)} dir="auto">${titleOf(side)}</a>
            ${side.sold ? html`<span class="badge">Sold</span>` : ""}
          </figcaption>
        </figure>
      `,
    )}
  </div>
`;

const FACTS = {
  Price: (listing) => price(listing.price, listing.currency),
  Seller: (listing) => listing.seller,
  Category: (listing) => listing.category_path.join(" / "),
  Place: (listing) => listing.location,
  Listed: (listing) => day(listing.listed_at),
  Id: (listing) => listing.listing_id,
};

/** The facts of both listings, one a row; what both share stands once. */
export const comparison = ({ sides }) => html`
  <table class="comparison">
    <caption class="unseen">
      ${titleOf(sides[0])} and ${titleOf(sides[1])}, compared
    </caption>
    <tbody>
      ${Object.entries(FACTS).map(([name, factOf]) => factRow(name, sides.map(factOf)))}
      ${sides.some(({ url }) => url) ? shopRow(sides) : ""}
    </tbody>
  </table>
`;

function factRow(name, [one, other]) {
  if (!one && !other) return "";
  const unknown = html`<span class="muted">Unknown</span>`;
  const cells =
    one === other
      ? html`<td colspan="2" dir="auto">${one} <span class="muted">(both)</span></td>`
      : html`<td dir="auto">${one || unknown}</td>
          <td dir="auto">${other || unknown}</td>`;
  return html`<tr>
    <th scope="row">${name}</th>
    ${cells}
  </tr>`;
}

const shopRow = (sides) => html`
  <tr>
    <th scope="row">Shop</th>
    ${sides.map((side) => html`<td>${shopLink(side, { label: `Shop page of ${titleOf(side)}` })}</td>`)}
  </tr>
`;
