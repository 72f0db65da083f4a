/** Turns the query of an address into calls to the API. */

import { call } from "./api.js";
import { cropText } from "./address.js";
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
  for (const [name, value] of Object.entries(fields(query))) for (const one of [value].flat()) form.append(name, one);
  const answer = await call("/v1/search", { form, signal });
  remember(answer.query_token, photo);
  return answer;
}

/** Return the next page of results. */
export const searchOn = (cursor, signal) => call("/v1/search", { json: { cursor, k: PAGE }, signal });

async function searchBySource(query, signal) {
  const source = query.by === "photo" ? Number(query.source) : query.source;
  try {
    return await call("/v1/search", { json: { [NAMES[query.by]]: source, ...fields(query) }, signal });
  } catch (problem) {
    const photo = problem.status === 409 && query.by === "token" && bytesOf(query.source);
    if (!photo) throw problem;
    return searchByFile(photo, query, signal); // the server has dropped the photo: upload it again
  }
}

function recommend(query, signal) {
  const liked = query.by === "listing" ? [query.source, ...query.like] : query.like;
  const token = query.by === "token" ? { query_token: query.source } : {};
  const json = { positive: liked, negative: query.unlike, ...token, ...fields({ ...query, crop: null }) };
  return call("/v1/recommend", { json, signal });
}

/** Return the fields of a query for the API, without its source. */
function fields(query) {
  const said = { k: PAGE };
  if (query.category.length) said.category = query.category;
  if (query.price_min) said.price_min = Number(query.price_min);
  if (query.price_max) said.price_max = Number(query.price_max);
  if (query.place) said.location = query.place;
  if (query.crop) said.crop = cropText(query.crop);
  return said;
}
