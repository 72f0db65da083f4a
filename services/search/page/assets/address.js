/**
 * What the address bar says, as plain values: it alone decides what a view shows, so that it can be shared, reloaded
 * and gone back to.
 *
 * A search is by one of `token` (an earlier query: an upload, or a link), `listing`, `photo` or `link`; `like` and
 * `unlike` name listings whose likes are wanted, and not.
 */

const SUBJECTS = ["token", "listing", "photo", "link"];

/** Return the view and what it shows: `{view: "search", query}`, `{view: "listing", id}` or `{view: "admin", tab}`. */
export function read(address) {
  const url = new URL(address);
  const given = url.searchParams;
  if (url.pathname === "/listing") return { view: "listing", id: given.get("id") ?? "" };
  if (url.pathname === "/admin") return { view: "admin", tab: given.get("tab") ?? "ingest", job: given.get("job") };
  return { view: "search", query: queryOf(given) };
}

function queryOf(given) {
  const by = SUBJECTS.find((name) => given.get(name)) ?? null;
  return {
    by,
    subject: by && given.get(by),
    like: given.getAll("like"),
    unlike: given.getAll("unlike"),
    crop: cropOf(given.get("crop")),
    category: given.getAll("category"),
    price_min: numberIn(given.get("price_min")),
    price_max: numberIn(given.get("price_max")),
    place: given.get("place") ?? "",
  };
}

const numberIn = (text) => (text && Number.isFinite(Number(text)) ? text : "");

export const NOTHING = queryOf(new URLSearchParams());

/** Return the address of a search. */
export function searchAddress(query) {
  const given = new URLSearchParams();
  if (query.by) given.set(query.by, query.subject);
  for (const name of ["like", "unlike", "category"]) for (const value of query[name]) given.append(name, value);
  if (query.crop) given.set("crop", cropText(query.crop));
  for (const name of ["price_min", "price_max", "place"]) if (query[name]) given.set(name, query[name]);
  const text = given.toString();
  return text ? `/?${text}` : "/";
}

/** Return the API's path of a listing; null of an id that no path can hold. */
export const listingPath = (id) => (/^\.{0,2}$|\//.test(id) ? null : `/v1/listings/${encodeURIComponent(id)}`);

export const listingAddress = (id) => `/listing?${new URLSearchParams({ id })}`;
export const adminAddress = (tab, more = {}) => `/admin?${new URLSearchParams({ tab, ...more })}`;

/** Return whether anything is searched by. */
export const asksForSomething = (query) => Boolean(query.by || query.like.length);

/** Return a crop as the API has it: `x,y,width,height`, in shares of the photo's sides. */
export const cropText = (crop) => [crop.x, crop.y, crop.width, crop.height].map((side) => +side.toFixed(4)).join(",");

function cropOf(text) {
  const sides = (text ?? "").split(",").map(Number);
  if (sides.length !== 4 || !sides.every(Number.isFinite)) return null;
  const [x, y, width, height] = sides;
  return { x, y, width, height };
}
