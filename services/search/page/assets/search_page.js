/**
 * Draws a search. A roomy screen has the photo and the filters beside the results. A small one has a bar with a small
 * photo, which stays in sight, and two sheets: one for the filters, one for the photo.
 */

import { NOTHING, filtersOf } from "./address.js";
import "./crop.js";
import { chipsOf } from "./filter_chips.js";
import { filterPanel } from "./filters.js";
import { inListings } from "./format.js";
import { pickerOf } from "./pages.js";
import { liked, photoPanel, predicted, trailPanel } from "./query_panel.js";
import { foundCount, foundPanel, inShort, orderChoice } from "./results_panel.js";
import { closeSheet, openSheet, sheet } from "./sheets.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** @param view the `SearchView` to draw. */
export const searchPage = (view) => html`
  ${trailPanel(view.app.trail, view.label)}
  <h1 class="unseen" dir="auto">Listings that look like: ${view.sending ? "your photo" : view.label}</h1>
  <div class="search">
    ${view.isRoomy ? aside(view) : bar(view)}
    <section class="found" aria-busy=${view.task.running} aria-label="Results">${foundPanel(view)}</section>
  </div>
`;

const aside = (view) => html`
  <aside class="query">
    ${photoPanel(view)} ${predicted(view)} ${liked(view)}
    <details class="another">
      <summary>Another photo</summary>
      ${pickerOf(view, false)}
    </details>
    <section class="filter-box" aria-label="Filters">${filtersOfView(view)}</section>
  </aside>
`;

const filtersOfView = (view) => html`
  ${filterPanel(view.query, { categories: view.categories, counts: view.counts }, (changes) => view.choose(changes))}
  ${view.counting.problem()}
`;

function bar(view) {
  const active = chipsOf(view.query).length + (view.query.sort ? 1 : 0);
  const photo = view.sending ?? view.preview;
  const isSending = view.sending && view.task.running;
  return html`
    <div class="bar ${isSending ? "sending" : ""}">
      <button
        type="button"
        class="thumb ${view.query.crop ? "cropped" : ""}"
        aria-label=${`Edit ${view.label}: search by a part of it, or choose another photo`}
        @click=${() => openSheet("photo-sheet")}
      >
        ${photo && !view.isPhotoGone ? html`<api-photo src=${photo} alt="" @photo-failed=${(event) => view.losePhoto(event.detail)}></api-photo>` : ""}
      </button>
      <div class="bar-text">
        <p class="bar-title" dir="auto">${view.sending ? "Your photo" : view.label}</p>
        ${view.sending ? html`<p class="total">${isSending ? "Searching…" : "Not searched yet"}</p>` : foundCount(view, inShort)}
      </div>
      <button type="button" class="open-filters" @click=${() => openSheet("filter-sheet")}>
        Filters${active ? html` <span class="active" aria-label=${`${active} active`}>${active}</span>` : ""}
      </button>
    </div>
    <div class="bar-more">${predicted(view)} ${liked(view)}</div>
    ${sheet("filter-sheet", {
      title: "Sort and filter",
      content: html`${orderChoice(view)} ${filtersOfView(view)}`,
      footer: html`
        <button type="button" ?disabled=${!active} @click=${() => view.choose({ ...filtersOf(NOTHING), sort: "" })}>
          Clear all
        </button>
        <button type="button" class="strong" @click=${closeSheet}>${showWords(view)}</button>
      `,
    })}
    ${sheet("photo-sheet", {
      title: view.sending ? "Your photo" : view.label,
      content: html`${photoPanel(view)}
        <h3>Search by another photo</h3>
        ${pickerOf(view, false)}`,
      footer: html`<button type="button" class="strong" @click=${closeSheet}>Show results</button>`,
    })}
  `;
}

function showWords({ counts, counting, task }) {
  if (task.running || counting.isRunning || counts.total === null) return "Show results";
  return `Show ${inListings(counts.total)}`;
}
