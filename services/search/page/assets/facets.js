/** Facets: what passes the filters, counted by category, seller and attributes. */

import { asJson, byName } from "./attributes.js";

const MOST_NAMES = 8;
const MOST_IN_SEARCH = 10; // facets
const MOST_SEARCHES = 20;

/** Return the names of the attributes to count: those of the listings, most frequent first. */
export function namesIn(listings) {
  const counted = new Map();
  for (const { attributes = {} } of listings)
    for (const name of Object.keys(attributes)) counted.set(name, (counted.get(name) ?? 0) + 1);
  return [...counted]
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST_NAMES)
    .map(([name]) => name);
}

/** Return the levels of the one category that a query asks for; none if it asks for several, or for any. */
export function levelsOf({ category, path }) {
  if (path) return path.split(" / ");
  return category.length === 1 ? category : [];
}

const pathsOf = (levels) => levels.map((_, depth) => levels.slice(0, depth + 1).join(" / "));

/**
 * Return the counts to request: `{query, facets, as}`, where `as` names the facet in the answer.
 *
 * A field with a condition is counted without it, so that other values can be added.
 */
export function countsFor(query, names) {
  const chosen = [...byName(query.attribute).keys()];
  const others = names.filter((name) => !chosen.includes(name));
  const isOpen = { category: !query.category.length && !query.path, seller: !query.seller.length };
  const alike = ["sold", ...Object.keys(isOpen).filter((name) => isOpen[name]), ...others].slice(0, MOST_IN_SEARCH);
  const without = (name) => query.attribute.filter((text) => !text.startsWith(`${name}:`));
  const counts = [
    { query, facets: alike },
    ...(isOpen.category ? [] : [{ query: { ...query, category: [], path: "" }, facets: ["category"] }]),
    ...(isOpen.seller ? [] : [{ query: { ...query, seller: [] }, facets: ["seller"] }]),
    ...pathsOf(levelsOf(query)).map((path) => ({
      query: { ...query, category: [], path },
      facets: ["category_path"],
      as: path,
    })),
    ...chosen.map((name) => ({ query: { ...query, attribute: without(name) }, facets: [name] })),
  ];
  return counts.slice(0, MOST_SEARCHES);
}

/**
 * Return the counts of an answer: `total` listings (null if the server counts only photos), `facets` by name, and
 * `levels`, the facet below each path.
 */
export function countsOf(counts, answers) {
  const found = { total: null, facets: {}, levels: {} };
  counts.forEach(({ as }, at) => {
    const facets = answers[at].answer?.facets ?? {};
    if (as) found.levels[as] = facets.category_path?.values ?? [];
    else Object.assign(found.facets, facets);
  });
  const { sold, ...others } = found.facets;
  return { ...found, facets: others, total: sold?.listings ?? null };
}

/** Return a query's conditions on attributes for the API's JSON; none if there is no condition. */
export const attributesOf = ({ attribute }) => (attribute.length ? { attributes: asJson(attribute) } : {});
