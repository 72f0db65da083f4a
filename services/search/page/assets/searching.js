/** Searches, from what the address says to calls of the API. */

import { call } from "./api.js";
import { cropText } from "./address.js";
import { bytesOf, remember, toSend } from "./photos.js";

const PAGE = 24;
const NAMES = { token: "query_token", listing: "listing_id", photo: "photo_id", link: "image_url" };

/** Search by what the query names; return the API's answer. */
export function search(query, signal) {
  return query.like.length || query.unlike.length ? recommend(query, signal) : searchBySubject(query, signal);
}

/** Search by a photo that the server does not have. */
export async function searchByFile(file, query, signal) {
  const photo = await toSend(file);
  const form = new FormData();
  form.append("image", photo, "photo.jpg");
  for (const [name, value] of Object.entries(fields(query))) for (const one of [value].flat()) form.append(name, one);
  const answer = await call("/v1/search", { form, signal });
  remember(answer.query_token, photo);
  return answer;
}

/** Return the results after those of an earlier answer. */
export const searchOn = (cursor, signal) => call("/v1/search", { json: { cursor, k: PAGE }, signal });

async function searchBySubject(query, signal) {
  const subject = query.by === "photo" ? Number(query.subject) : query.subject;
  try {
    return await call("/v1/search", { json: { [NAMES[query.by]]: subject, ...fields(query) }, signal });
  } catch (problem) {
    const photo = problem.status === 409 && query.by === "token" && bytesOf(query.subject);
    if (!photo) throw problem;
    return searchByFile(photo, query, signal); // the server keeps photos of queries for a while only
  }
}

function recommend(query, signal) {
  const liked = query.by === "listing" ? [query.subject, ...query.like] : query.like;
  const token = query.by === "token" ? { query_token: query.subject } : {};
  const json = { positive: liked, negative: query.unlike, ...token, ...fields({ ...query, crop: null }) };
  return call("/v1/recommend", { json, signal });
}

/** Return what a query says besides its subject, as the API has it. */
function fields(query) {
  const said = { k: PAGE };
  if (query.category.length) said.category = query.category;
  if (query.price_min) said.price_min = Number(query.price_min);
  if (query.price_max) said.price_max = Number(query.price_max);
  if (query.place) said.location = query.place;
  if (query.crop) said.crop = cropText(query.crop);
  return said;
}
