/** Turns the query of an address into calls to the API. */

import { cropText } from "./address.js";
import { call } from "./api.js";
import { attributesOf, countsFor, countsOf } from "./facets.js";
import { bytesOf, remember, toSend } from "./photos.js";

const PAGE = 24;
const NAMES = { token: "query_token", listing: "listing_id", photo: "photo_id", link: "image_url" };

/**
 * Run a query; resolve to the API's answer.
 *
 * If the server no longer knows the token of a photo that this tab has, the photo is sent again: the answer then has
 * the new token as `renewed`.
 */
export async function search(query, signal) {
  const isRecommendation = query.like.length + query.unlike.length > 0;
  try {
    return await (isRecommendation ? recommend(query, signal) : searchBySource(query, signal));
  } catch (problem) {
    const photo = isLost(problem, query) && bytesOf(query.source);
    if (!photo) throw problem;
    const again = await searchByFile(photo, isRecommendation ? { ...query, crop: null } : query, signal);
    const renewed = again.query_token;
    const answer = isRecommendation ? await recommend({ ...query, source: renewed }, signal) : again;
    return { ...answer, renewed };
  }
}

/** Whether a search failed because the server no longer knows the token of its photo. */
const isLost = ({ status, field }, { by }) => by === "token" && (status === 409 || field === "query_token");

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

const searchBySource = (query, signal) =>
  call("/v1/search", { json: { ...sourceOf(query), ...fields(query), ...attributesOf(query) }, signal });

/** `best_score` compares with each liked photo, so that scores mean what those of other searches mean. */
function recommend(query, signal) {
  const liked = query.by === "listing" ? [query.source, ...query.like] : query.like;
  const token = query.by === "token" ? { query_token: query.source } : {};
  const json = { positive: liked, negative: query.unlike, strategy: "best_score", ...token };
  return call("/v1/recommend", {
    json: { ...json, ...fields({ ...query, crop: null }), ...attributesOf(query) },
    signal,
  });
}

/**
 * Count what passes the filters; see `countsOf`. The counts depend on the filters alone, not on the photo: any source
 * will do.
 * @param names of attributes.
 */
export async function countsIn(query, names, signal) {
  const counts = countsFor(query, names);
  const { answers } = await batch(counts, signal);
  return countsOf(counts, answers);
}

/** Resolve to the number of listings for each of several queries with one source; null where it is unknown. */
export async function totalsOf(queries, signal) {
  const { answers } = await batch(
    queries.map((query) => ({ query, facets: ["sold"] })),
    signal,
  );
  return answers.map(({ answer }) => answer?.facets.sold.listings ?? null);
}

function batch(counts, signal) {
  const queries = counts.map(({ query, facets }) => ({
    ...(query.by ? sourceOf(query) : { listing_id: query.like[0] }),
    ...fields({ ...query, crop: null, sort: "" }),
    ...attributesOf(query),
    exclude_listing: [...query.like, ...query.unlike],
    k: 1,
    facets,
  }));
  return call("/v1/search/batch", { json: { queries }, signal });
}

const sourceOf = ({ by, source }) => ({ [NAMES[by]]: by === "photo" ? Number(source) : source });

/** Return the fields of a query that forms and JSON have alike, without its source. */
function fields(query) {
  const said = { k: PAGE };
  if (query.path) said.category_path = query.path;
  else if (query.category.length) said.category = query.category;
  if (query.price_min) said.price_min = Number(query.price_min);
  if (query.price_max) said.price_max = Number(query.price_max);
  if (query.place) said.location = query.place;
  if (query.age) said.max_age_days = Number(query.age);
  if (query.seller.length) said.seller = query.seller;
  if (query.sold) said.sold = query.sold === "true";
  if (query.sort) said.sort = query.sort;
  if (query.crop) said.crop = cropText(query.crop);
  return said;
}
