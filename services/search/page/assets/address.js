/**
 * Reads and writes the address bar. The address alone decides what a view shows, so you can share it, reload it and go
 * back to it.
 *
 * A search has one source: `token` (an earlier upload or link), `listing`, `photo` or `link`. `like` and `unlike` name
 * the liked and disliked listings.
 */

import { usable } from "./attributes.js";

const SOURCES = ["token", "listing", "photo", "link"];
const LISTS = ["like", "unlike", "category", "seller", "attribute"];
const TEXTS = ["path", "price_min", "price_max", "place", "age", "sold", "sort"];

/** The filters of a query; each is a list or a text, empty if it is not set. */
const FILTERS = ["category", "path", "price_min", "price_max", "place", "age", "seller", "sold", "attribute"];

/** Parse an address: `{view: "search", query}`, `{view: "listing", id}` or `{view: "admin", tab}`. */
export function read(address) {
  const url = new URL(address);
  const given = url.searchParams;
  if (url.pathname === "/listing") return { view: "listing", id: given.get("id") ?? "" };
  if (url.pathname === "/admin") {
    return { view: "admin", tab: given.get("tab") ?? "ingest", job: given.get("job"), report: given.get("report") };
  }
  return { view: "search", query: queryOf(given) };
}

function queryOf(given) {
  const by = SOURCES.find((name) => given.get(name)) ?? null;
  const matching = (name, pattern) => (pattern.test(given.get(name)) ? given.get(name) : "");
  return {
    by,
    source: by && given.get(by),
    crop: cropOf(given.get("crop")),
    ...Object.fromEntries(LISTS.map((name) => [name, given.getAll(name)])),
    path: given.get("path") ?? "",
    price_min: amountIn(given.get("price_min")),
    price_max: amountIn(given.get("price_max")),
    place: given.get("place") ?? "",
    age: matching("age", /^[1-9]\d{0,3}$/),
    sold: matching("sold", /^(true|false)$/),
    sort: matching("sort", /^(price|price_descending|newest)$/),
    attribute: usable(given.getAll("attribute")),
  };
}

const amountIn = (text) => (text && Number.isFinite(Number(text)) && Number(text) >= 0 ? text : "");

export const NOTHING = queryOf(new URLSearchParams());

/** Return the filters of a query, without its source and order. */
export const filtersOf = (query) => Object.fromEntries(FILTERS.map((name) => [name, query[name]]));

/** Return what stays when the source changes: the filters and the order. */
export const settingsOf = (query) => ({ ...filtersOf(query), sort: query.sort });

/** Return the address of a search. */
export function searchAddress(query) {
  const given = new URLSearchParams();
  if (query.by) given.set(query.by, query.source);
  for (const name of LISTS) for (const value of query[name]) given.append(name, value);
  if (query.crop) given.set("crop", cropText(query.crop));
  for (const name of TEXTS) if (query[name]) given.set(name, query[name]);
  const text = given.toString();
  return text ? `/?${text}` : "/";
}

/** Return the API path of a listing; null for an id that a path cannot contain. */
export const listingPath = (id) => (/^\.{0,2}$/.test(id) ? null : `/v1/listings/${encodeURIComponent(id)}`);

export const listingAddress = (id) => `/listing?${new URLSearchParams({ id })}`;
export const adminAddress = (tab, more = {}) => `/admin?${new URLSearchParams({ tab, ...more })}`;

/** Whether the query has a source or a liked listing. */
export const asksForSomething = (query) => Boolean(query.by || query.like.length);

/** Format a crop for the API: `x,y,width,height`, as fractions of the photo's sides. */
export const cropText = (crop) => [crop.x, crop.y, crop.width, crop.height].map((side) => +side.toFixed(4)).join(",");

function cropOf(text) {
  const sides = (text ?? "").split(",").map(Number);
  if (sides.length !== 4 || !sides.every(Number.isFinite)) return null;
  const [x, y, width, height] = sides;
  return { x, y, width, height };
}
