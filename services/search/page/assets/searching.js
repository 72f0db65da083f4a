/** Turns the query of an address into calls to the API. */

import { call } from "./api.js";
import { asJson } from "./attributes.js";
import { cropText } from "./address.js";
import { countingSearches } from "./facets.js";
import { bytesOf, remember, toSend } from "./photos.js";

const PAGE = 24;
const NAMES = { token: "query_token", listing: "listing_id", photo: "photo_id", link: "image_url" };

/** Run a query; resolve to the API's answer. */
export function search(query, signal) {
  return query.like.length || query.unlike.length ? recommend(query, signal) : searchBySource(query, signal);
}

/** Search by uploading a photo. */
export async function searchByFile(file, query, signal) {
  const photo = await toSend(file);
  const form = new FormData();
  form.append("image", photo, "photo.jpg");
  for (const [name, value] of Object.entries({ ...fields(query), attribute: query.attribute }))
    for (const one of [value].flat()) form.append(name, one);
  const answer = await call("/v1/search", { form, signal });
  await remember(answer.query_token, photo);
  return answer;
}

/** Return the next page of results. */
export const searchOn = (cursor, signal) => call("/v1/search", { json: { cursor, k: PAGE }, signal });

async function searchBySource(query, signal) {
  const source = query.by === "photo" ? Number(query.source) : query.source;
  try {
    return await call("/v1/search", { json: { [NAMES[query.by]]: source, ...jsonFields(query) }, signal });
  } catch (problem) {
    const photo = problem.status === 409 && query.by === "token" && bytesOf(query.source);
    if (!photo) throw problem;
    return searchByFile(photo, query, signal); // the server has dropped the photo: upload it again
  }
}

function recommend(query, signal) {
  const liked = query.by === "listing" ? [query.source, ...query.like] : query.like;
  const token = query.by === "token" ? { query_token: query.source } : {};
  const json = { positive: liked, negative: query.unlike, ...token, ...jsonFields({ ...query, crop: null }) };
  return call("/v1/recommend", { json, signal });
}

/**
 * Count the values of attributes among what passes the filters; resolve to facets by name.
 *
 * The counts depend on the filters alone, not on the photo: any source will do.
 */
export async function facetsOf(query, names, signal) {
  const { by, source, like, attribute } = query;
  const from = by ? { [NAMES[by]]: by === "photo" ? Number(source) : source } : { listing_id: like[0] };
  const search = { ...from, ...fields({ ...query, crop: null }), k: 1 };
  const queries = countingSearches(search, attribute, names);
  if (!queries.length) return {};
  const { answers } = await call("/v1/search/batch", { json: { queries }, signal });
  return Object.assign({}, ...answers.map(({ answer }) => answer?.facets));
}

const jsonFields = (query) => ({
  ...fields(query),
  ...(query.attribute.length && { attributes: asJson(query.attribute) }),
});

/** Return the fields of a query that forms and JSON have alike, without its source. */
function fields(query) {
  const said = { k: PAGE };
  if (query.category.length) said.category = query.category;
  if (query.price_min) said.price_min = Number(query.price_min);
  if (query.price_max) said.price_max = Number(query.price_max);
  if (query.place) said.location = query.place;
  if (query.sold) said.sold = query.sold === "true";
  if (query.crop) said.crop = cropText(query.crop);
  return said;
}
