/** Titles, photos and prices of listings from earlier answers: liked listings are not among the results they lead to. */

import { listingPath } from "./address.js";
import { call } from "./api.js";

const known = new Map();

/** Remember the listings of an answer. */
export function notice(listings) {
  for (const { listing_id: id, title, photo_url: photo, price, currency } of listings)
    known.set(id, { id, title, photo, price, currency });
}

export const knownListing = (id) => known.get(id) ?? { id, title: id, photo: null };

/** Fetch the listings that no answer has contained. */
export async function meet(ids) {
  await Promise.allSettled(
    ids
      .filter((id) => !known.has(id) && listingPath(id))
      .map(async (id) => {
        const { title, photos, price, currency } = await call(listingPath(id));
        known.set(id, { id, title, photo: photos[0]?.url ?? null, price, currency });
      }),
  );
}
