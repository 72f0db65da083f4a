/** The query: the searches before it, its photo with the crop box, the predicted categories, and likes and dislikes. */

import { listingAddress } from "./address.js";
import { knownListing } from "./known_listings.js";
import { thumbnail } from "./photos.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { html } from "./vendor/lit-html/lit-html.js";

const LIKELY = 0.1;
const GUESSES = 3;

/** @param view the `SearchView` to draw. */
export function photoPanel(view) {
  if (view.sending) return sendingPhoto(view);
  const photo = html`<api-photo src=${view.preview ?? ""} alt=${view.label}></api-photo>`;
  const source = `${view.query.by} ${view.query.source}`;
  if (view.isPhotoGone) {
    return view.found.answer
      ? html`<p class="preview gone">The photo has expired. Its results are still here.</p>`
      : "";
  }
  if (!view.preview) return view.isRecommendation ? "" : html`<div class="preview waiting"></div>`;
  const cropped = () =>
    html`<crop-box .value=${view.query.crop} @crop=${(event) => view.choose({ crop: event.detail })}
      >${photo}</crop-box
    >`;
  return html`
    <div class="preview" @photo-failed=${(event) => view.losePhoto(event.detail)}>
      ${view.isRecommendation ? photo : repeat([source], (one) => one, cropped)}
    </div>
    <p class="beneath">
      ${view.sourceListing ? html`<a href=${listingAddress(view.sourceListing.listing_id)} dir="auto">${view.sourceListing.title || "The listing"}</a>` : ""}
      ${view.query.crop && !view.isRecommendation ? html`<button type="button" class="quiet" @click=${() => view.choose({ crop: null })}>Whole photo</button>` : ""}
      ${view.isRecommendation || view.query.crop ? "" : html`<span class="muted hint">Drag over a part of the photo to search by it.</span>`}
    </p>
  `;
}

/** The photo while it is sent, or until it can be. The bar runs only as long as the request. */
function sendingPhoto(view) {
  const { running } = view.task;
  return html`
    <div class="preview own ${running ? "sending" : ""}">
      <api-photo src=${view.sending} alt="Your photo"></api-photo>
    </div>
    <p class="beneath">
      <span class="muted">${running ? "Searching…" : "Not searched yet. Your photo is kept."}</span>
    </p>
  `;
}

/** The categories that the photo looks like. */
export function predicted(view) {
  if (view.sending) return "";
  const guesses = (view.found.answer?.categories ?? [])
    .filter(({ probability }, at) => !at || probability >= LIKELY)
    .slice(0, GUESSES);
  if (!guesses.length) return "";
  const isSet = (category) => view.query.category.includes(category);
  const isWeak = view.found.answer.in_distribution === false;
  return html`
    <div class=${isWeak ? "guesses weak" : "guesses"}>
      <h2>${isWeak ? "Weak guesses" : "Looks like"}</h2>
      <ul class="chips">
        ${guesses.map(
          ({ category }) => html`
            <li>
              <button
                type="button"
                class="chip"
                aria-pressed=${isSet(category)}
                title="Show this category only"
                @click=${() => view.choose({ category: isSet(category) ? [] : [category], path: "" })}
              >
                <span dir="auto" class="name">${category}</span>
              </button>
            </li>
          `,
        )}
      </ul>
    </div>
  `;
}

/** The liked and disliked listings; a click removes one. */
export function liked(view) {
  const { like, unlike } = view.query;
  if (view.sending || (!like.length && !unlike.length)) return "";
  const row = (kind, name) =>
    view.query[kind].length === 0
      ? ""
      : html`
          <h2>${name}</h2>
          <ul class="strip">
            ${view.query[kind].map(knownListing).map(
              (one) => html`
                <li>
                  <button
                    type="button"
                    title=${one.title}
                    aria-label=${`Remove: ${name.toLowerCase()} ${one.title}`}
                    @click=${() => view.togglePreference({ listing_id: one.id }, kind)}
                  >
                    ${one.photo ? html`<api-photo src=${thumbnail(one.photo, 128)} alt=""></api-photo>` : ""}<span
                      class="off"
                      aria-hidden="true"
                      >×</span
                    >
                  </button>
                </li>
              `,
            )}
          </ul>
        `;
  return html`<div class="liked">${row("like", "More like")} ${row("unlike", "Less like")}</div>`;
}

/** The searches that led to this one. */
export function trailPanel(trail, label) {
  if (!trail.length) return "";
  return html`
    <nav class="trail" aria-label="Previous searches">
      <ol>
        ${trail.map((step, at) => html`<li><a href=${step.href} dir="auto" .trail=${trail.slice(0, at)}>${step.label}</a></li>`)}
        <li aria-current="page" dir="auto">${label}</li>
      </ol>
    </nav>
  `;
}
