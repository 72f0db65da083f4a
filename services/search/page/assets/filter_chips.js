/** The active filters in words; a click removes one. */

import { inWords } from "./attributes.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** Choices for the age of a listing, in days, as in the address. */
export const AGES = [
  ["1", "Last 24 hours"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
  ["90", "Last 3 months"],
];

const ageInWords = (days) => AGES.find(([age]) => age === days)?.[1] ?? `Last ${days} days`;

/** Return the active filters: `{name, changes}`, where `changes` removes the filter from a query. */
export function chipsOf(query) {
  const chips = [];
  const add = (name, changes) => chips.push({ name, changes });
  const levels = query.path.split(" / ");
  if (query.path) add(levels.at(-1), { path: levels.slice(0, -1).join(" / "), category: [] });
  else for (const one of query.category) add(one, { category: query.category.filter((other) => other !== one) });
  if (query.price_min) add(`from ${query.price_min}`, { price_min: "" });
  if (query.price_max) add(query.price_max === "0" ? "Free" : `up to ${query.price_max}`, { price_max: "" });
  if (query.place) add(query.place, { place: "" });
  if (query.age) add(ageInWords(query.age), { age: "" });
  for (const one of query.seller) add(`by ${one}`, { seller: query.seller.filter((other) => other !== one) });
  if (query.sold) add(query.sold === "true" ? "only sold" : "not sold", { sold: "" });
  for (const text of query.attribute)
    add(inWords(text), { attribute: query.attribute.filter((other) => other !== text) });
  return chips;
}

export function chosenFilters(query, choose) {
  const chips = chipsOf(query);
  if (!chips.length) return "";
  return html`
    <ul class="chips" aria-label="Active filters">
      ${chips.map(
        ({ name, changes }) => html`
          <li>
            <button
              type="button"
              class="chip"
              aria-label=${`Remove the filter ${name}`}
              @click=${() => choose(changes)}
            >
              <span dir="auto" class="name">${name}</span> <span aria-hidden="true">×</span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
