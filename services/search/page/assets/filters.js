/** The filters of a search: price, place, sold, and categories and attributes with their counts. */

import { inWords } from "./attributes.js";
import { facetPanel } from "./facets.js";
import { number } from "./format.js";
import { live } from "./vendor/lit-html/directives/live.js";
import { html } from "./vendor/lit-html/lit-html.js";

/**
 * An answer that arrives while the user types does not change the field: only a new search does.
 *
 * @param categories `[{category, listings}]`.
 * @param facets of attributes, by name.
 * @param choose is called with the changed filters.
 */
export function filterPanel(query, { categories, facets }, choose) {
  const toggled = (category, chosen) =>
    choose({ category: chosen ? [...query.category, category] : query.category.filter((one) => one !== category) });
  const entered = (name) => (event) => {
    if (event.target.reportValidity() && event.target.value.trim() !== query[name])
      choose({ [name]: event.target.value.trim() });
  };
  return html`
    <form class="filters" aria-label="Filters" @submit=${(event) => event.preventDefault()}>
      <fieldset>
        <legend>Price</legend>
        <div class="range">
          <label
            >from
            <input
              type="number"
              min="0"
              step="any"
              inputmode="decimal"
              .value=${query.price_min}
              @change=${entered("price_min")}
          /></label>
          <label
            >to
            <input
              type="number"
              min="0"
              step="any"
              inputmode="decimal"
              .value=${query.price_max}
              @change=${entered("price_max")}
          /></label>
        </div>
      </fieldset>
      <label class="field"
        >Place
        <input
          type="text"
          autocomplete="off"
          placeholder="A town or a region"
          .value=${query.place}
          @change=${entered("place")}
      /></label>
      <label class="check"
        ><input
          type="checkbox"
          .checked=${live(query.sold === "false")}
          @change=${(event) => choose({ sold: event.target.checked ? "false" : "" })}
        />
        Hide sold items</label
      >
      <fieldset>
        <legend>Category</legend>
        <div class="categories">
          ${categories.map(
            ({ category, listings }) => html`
              <label
                ><input
                  type="checkbox"
                  .checked=${live(query.category.includes(category))}
                  @change=${(event) => toggled(category, event.target.checked)}
                />
                <span dir="auto">${category}</span> <span class="muted count">${number(listings)}</span></label
              >
            `,
          )}
        </div>
      </fieldset>
      ${facetPanel(facets, query.attribute, (attribute) => choose({ attribute }))}
    </form>
  `;
}

/** The active filters; a click removes one. */
export function chosenFilters(query, choose) {
  const chips = query.category.map((category) => [
    category,
    { category: query.category.filter((one) => one !== category) },
  ]);
  if (query.price_min) chips.push([`from ${query.price_min}`, { price_min: "" }]);
  if (query.price_max) chips.push([`up to ${query.price_max}`, { price_max: "" }]);
  if (query.place) chips.push([query.place, { place: "" }]);
  if (query.sold) chips.push([query.sold === "true" ? "only sold" : "not sold", { sold: "" }]);
  for (const text of query.attribute)
    chips.push([inWords(text), { attribute: query.attribute.filter((one) => one !== text) }]);
  if (!chips.length) return "";
  return html`
    <ul class="chips" aria-label="Active filters">
      ${chips.map(
        ([name, without]) => html`
          <li>
            <button
              type="button"
              class="chip"
              aria-label=${`Remove the filter ${name}`}
              @click=${() => choose(without)}
            >
              <span dir="auto" class="name">${name}</span> <span aria-hidden="true">×</span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
