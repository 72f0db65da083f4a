/** Sheets: dialogs that rise from the lower edge of a small screen, for filters and for the photo. */

import { html } from "./vendor/lit-html/lit-html.js";

/**
 * A sheet; `openSheet(id)` shows it. It stays open while the search behind it is refined.
 * @param footer what stays in sight below the content.
 */
export const sheet = (id, { title, content, footer }) => html`
  <dialog class="sheet" id=${id} aria-labelledby=${`${id}-title`} @click=${closeOutside}>
    <div class="sheet-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      <button type="button" class="quiet" aria-label="Close" @click=${closeSheet}>✕</button>
    </div>
    <div class="sheet-body">${content}</div>
    <p class="sheet-foot actions">${footer}</p>
  </dialog>
`;

export const openSheet = (id) => document.getElementById(id)?.showModal();

export const closeSheet = (event) => event.target.closest("dialog").close();

/** A click on the backdrop counts as one on the dialog itself. */
function closeOutside(event) {
  const { left, right, top, bottom } = event.currentTarget.getBoundingClientRect();
  const { clientX: x, clientY: y, target, currentTarget } = event;
  if (target === currentTarget && (x < left || x > right || y < top || y > bottom)) currentTarget.close();
}
