/** Listings that were seen in an answer, or are fetched once: what is liked is left out of the results that it shapes. */

import { listingPath } from "./address.js";
import { call } from "./api.js";

const known = new Map();

/** Remember what an answer tells of its listings. */
export function notice(listings) {
  for (const { listing_id: id, title, photo_url: photo } of listings) known.set(id, { id, title, photo });
}

export const knownListing = (id) => known.get(id) ?? { id, title: id, photo: null };

/** Fetch those of the listings that no answer has told of. */
export async function meet(ids) {
  await Promise.allSettled(
    ids
      .filter((id) => !known.has(id) && listingPath(id))
      .map(async (id) => {
        const { title, photos } = await call(listingPath(id));
        known.set(id, { id, title, photo: photos[0]?.url ?? null });
      }),
  );
}
