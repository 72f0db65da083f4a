/** Facets: the attributes of what passes the filters, each with its values to choose from. */

import { asJson, byName, isSame, nameInWords, rangeText, valueInWords, valueText } from "./attributes.js";
import { number } from "./format.js";
import { live } from "./vendor/lit-html/directives/live.js";
import { html } from "./vendor/lit-html/lit-html.js";

const MOST = 10;

/** Return the names of the attributes to count: those of the listings, most frequent first, at most `MOST`. */
export function namesIn(listings) {
  const counted = new Map();
  for (const { attributes = {} } of listings)
    for (const name of Object.keys(attributes)) counted.set(name, (counted.get(name) ?? 0) + 1);
  return [...counted]
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST)
    .map(([name]) => name);
}

/**
 * Return the searches that count values. An attribute with a condition is counted without it, so that other values can
 * be added.
 * @param search a search as JSON, with the filters.
 */
export function countingSearches(search, texts, names) {
  const chosen = [...byName(texts).keys()];
  const others = names.filter((name) => !chosen.includes(name));
  const without = (name) => texts.filter((text) => !text.startsWith(`${name}:`));
  const all = chosen.map((name) => ({ ...search, attributes: asJson(without(name)), facets: [name] }));
  return others.length ? [{ ...search, attributes: asJson(texts), facets: others }, ...all] : all;
}

/**
 * @param facets by name, as the API answers them.
 * @param texts the conditions on attributes.
 * @param choose is called with the changed conditions.
 */
export function facetPanel(facets, texts, choose) {
  const conditions = byName(texts);
  return Object.entries(facets)
    .filter(([name, { photos }]) => photos || conditions.has(name))
    .map(([name, facet]) => {
      const mine = conditions.get(name) ?? [];
      const others = texts.filter((text) => !text.startsWith(`${name}:`));
      const set = (changed) => choose([...others, ...changed.filter(Boolean)]);
      return html`
        <fieldset class="facet">
          <legend>${nameInWords(name)}</legend>
          ${facet.min === undefined ? "" : range(name, facet, mine, set)} ${values(name, facet, mine, set)}
        </fieldset>
      `;
    });
}

function range(name, { min, max }, [first], set) {
  const chosen = { min: first?.min ?? null, max: first?.max ?? null };
  const entered = (end) => (event) => {
    if (!event.target.reportValidity()) return;
    const text = event.target.value.trim();
    const changed = { ...chosen, [end]: text ? Number(text) : null };
    if (changed[end] !== chosen[end]) set([rangeText(name, changed.min, changed.max)]);
  };
  const field = (end, word, bound) => html`
    <label
      >${word}
      <input
        type="number"
        step="any"
        inputmode="decimal"
        placeholder=${bound}
        .value=${chosen[end] === null ? "" : String(chosen[end])}
        @change=${entered(end)}
    /></label>
  `;
  return html`<div class="range">${field("min", "from", min)} ${field("max", "to", max)}</div>`;
}

function values(name, facet, mine, set) {
  const chosen = mine.filter(({ value }) => value !== undefined);
  const counted = facet.values.filter(({ value }) => typeof value !== "number");
  const gone = chosen.filter(({ value }) => !counted.some((one) => isSame(one.value, value)));
  const shown = [...counted, ...gone.map(({ value }) => ({ value, photos: 0 }))];
  if (!shown.length) return "";
  const toggled = (value, isChosen) => {
    const others = chosen.filter((one) => !isSame(one.value, value)).map((one) => valueText(name, one.value));
    set(isChosen ? [...others, valueText(name, value)] : others);
  };
  return html`
    <div class="categories">
      ${shown.map(
        ({ value, photos }) => html`
          <label
            ><input
              type="checkbox"
              .checked=${live(chosen.some((one) => isSame(one.value, value)))}
              @change=${(event) => toggled(value, event.target.checked)}
            />
            <span dir="auto">${valueInWords(value)}</span> <span class="muted count">${number(photos)}</span></label
          >
        `,
      )}
    </div>
    ${facet.more ? html`<p class="muted hint">and ${number(facet.more)} more values</p>` : ""}
  `;
}
