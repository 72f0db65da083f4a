/** The filters of a search, with the number of listings for each choice. */

import { byName, isSame, nameInWords, rangeText, valueInWords, valueText } from "./attributes.js";
import { levelsOf } from "./facets.js";
import { AGES } from "./filter_chips.js";
import { number } from "./format.js";
import "./number_range.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { live } from "./vendor/lit-html/directives/live.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** Choices shown of a list at first. */
const FEW = 6;

/**
 * An answer that arrives while the user types does not change the field: only a new search does.
 *
 * @param categories of the whole shop, `[{category, listings}]`: shown until this search is counted.
 * @param counts of this search; see `countsOf`.
 * @param choose is called with the changed filters.
 */
export function filterPanel(query, { categories, counts }, choose) {
  return html`
    <form class="filters" aria-label="Filters" @submit=${(event) => event.preventDefault()}>
      <fieldset>
        <legend>Category</legend>
        ${categoryChoices(query, { categories, counts }, choose)}
      </fieldset>
      <fieldset>
        <legend>Price</legend>
        <number-range
          .lowest=${0}
          .value=${{ min: query.price_min, max: query.price_max }}
          @range=${({ detail }) => choose({ price_min: detail.min, price_max: detail.max })}
        ></number-range>
      </fieldset>
      <label class="field"
        >Place
        <input
          type="text"
          autocomplete="off"
          placeholder="A town or a region"
          .value=${query.place}
          @change=${({ target }) => target.value.trim() !== query.place && choose({ place: target.value.trim() })}
      /></label>
      ${ageChoice(query, choose)} ${sellerChoices(query, counts.facets.seller, choose)}
      ${attributeChoices(query, counts.facets, choose)}
      <label class="check"
        ><input
          type="checkbox"
          .checked=${live(query.sold === "false")}
          @change=${({ target }) => choose({ sold: target.checked ? "false" : "" })}
        />
        Hide sold items</label
      >
    </form>
  `;
}

function ageChoice(query, choose) {
  const isUsual = !query.age || AGES.some(([age]) => age === query.age);
  const choices = [["", "Any time"], ...AGES, ...(isUsual ? [] : [[query.age, `Last ${query.age} days`]])];
  return html`
    <label class="field"
      >Listed
      <select .value=${live(query.age)} @change=${({ target }) => choose({ age: target.value })}>
        ${choices.map(([age, words]) => html`<option value=${age} ?selected=${age === query.age}>${words}</option>`)}
      </select></label
    >
  `;
}

/** The categories; below the only chosen one its levels, one of which can be chosen. */
function categoryChoices(query, { categories, counts }, choose) {
  const counted = counts.facets.category;
  const all = counted
    ? counted.values.map(({ value, listings }) => ({ value, listings }))
    : categories.map(({ category }) => ({ value: category, listings: null }));
  const levels = levelsOf(query);
  const chosen = levels.length ? [levels[0]] : query.category;
  const toggled = (value, isChosen) => {
    const others = chosen.filter((one) => one !== value);
    choose({ path: "", category: isChosen ? [...others, value] : others });
  };
  const below = (depth) => {
    const path = levels.slice(0, depth).join(" / ");
    const values = (counts.levels[path] ?? []).map(({ value, listings }) => ({ value, listings }));
    const next = levels[depth] ? [path, levels[depth]].join(" / ") : "";
    const set = (value, isChosen) => {
      const to = isChosen ? value : path;
      choose(to.includes(" / ") ? { category: [], path: to } : { category: [to], path: "" });
    };
    if (!values.length && !next) return "";
    return choices(withMissing(values, next ? [next] : []), next ? [next] : [], set, {
      words: (value) => value.slice(path.length + 3),
      beneath: next ? below(depth + 1) : "",
    });
  };
  return choices(withMissing(all, chosen), chosen, toggled, { beneath: levels.length ? below(1) : "" });
}

function sellerChoices(query, facet, choose) {
  const all = withMissing(facet?.values ?? [], query.seller);
  if (!all.length) return "";
  const toggled = (value, isChosen) => {
    const others = query.seller.filter((one) => one !== value);
    choose({ seller: isChosen ? [...others, value] : others });
  };
  return html`<fieldset>
    <legend>Seller</legend>
    ${choices(all, query.seller, toggled)}
  </fieldset>`;
}

/** The attributes that have values among what passes, or a condition. */
function attributeChoices(query, facets, choose) {
  const conditions = byName(query.attribute);
  return Object.entries(facets)
    .filter(([name, { photos }]) => !["category", "seller"].includes(name) && (photos || conditions.has(name)))
    .map(([name, facet]) => {
      const mine = conditions.get(name) ?? [];
      const others = query.attribute.filter((text) => !text.startsWith(`${name}:`));
      const set = (changed) => choose({ attribute: [...others, ...changed.filter(Boolean)] });
      return html`
        <fieldset class="facet">
          <legend>${nameInWords(name)}</legend>
          ${facet.min === undefined ? "" : range(name, facet, mine, set)} ${values(name, facet, mine, set)}
        </fieldset>
      `;
    });
}

function range(name, { min, max }, [first], set) {
  const text = (end) => String(first?.[end] ?? "");
  const end = (typed) => (typed ? Number(typed) : null);
  return html`
    <number-range
      .hints=${{ min, max }}
      .value=${{ min: text("min"), max: text("max") }}
      @range=${({ detail }) => set([rangeText(name, end(detail.min), end(detail.max))])}
    ></number-range>
  `;
}

function values(name, facet, mine, set) {
  const chosen = mine.filter(({ value }) => value !== undefined).map(({ value }) => value);
  const counted = facet.values.filter(({ value }) => typeof value !== "number");
  const all = withMissing(counted, chosen);
  if (!all.length) return "";
  const toggled = (value, isChosen) => {
    const others = chosen.filter((one) => !isSame(one, value)).map((one) => valueText(name, one));
    set(isChosen ? [...others, valueText(name, value)] : others);
  };
  return choices(all, chosen, toggled, { words: valueInWords });
}

/** Add what is chosen and not counted: nothing has it. */
const withMissing = (all, chosen) => [
  ...all,
  ...chosen.filter((one) => !all.some(({ value }) => isSame(value, one))).map((value) => ({ value, listings: 0 })),
];

/**
 * Checkboxes, the first few at once. Toggling one moves none: it keeps the focus.
 * @param all `[{value, listings}]`; `listings` is null if it is unknown.
 * @param beneath shown below the first chosen value.
 */
function choices(all, chosen, toggled, { words = String, beneath = "" } = {}) {
  const isChosen = (value) => chosen.some((one) => isSame(one, value));
  const row = ({ value, listings }, at) => html`
    <label class=${at < FEW || isChosen(value) ? "" : "extra"}
      ><input
        type="checkbox"
        .checked=${live(isChosen(value))}
        @change=${({ target }) => toggled(value, target.checked)}
      />
      <span dir="auto">${words(value)}</span>
      <span class="muted count">${Number.isInteger(listings) ? number(listings) : ""}</span></label
    >
    ${beneath && isChosen(value) ? html`<div class="levels">${beneath}</div>` : ""}
  `;
  const extra = all.filter(({ value }, at) => at >= FEW && !isChosen(value)).length;
  return html`
    <div class="choices">
      ${repeat(all, ({ value }) => String(value), row)}
      ${extra ? html`<button type="button" class="quiet" @click=${showAll}>${number(extra)} more</button>` : ""}
    </div>
  `;
}

const showAll = ({ target }) => target.closest(".choices").classList.add("all");
