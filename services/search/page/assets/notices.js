/** Notices shown instead of results: a problem, a slow answer, a stopped request. */

import { inBuyersWords } from "./buyers_words.js";
import { html } from "./vendor/lit-html/lit-html.js";

/** A problem in the words of the API, with a button for what the user can do. */
export const problemNotice = (problem, actions) => noticeOf(problem, problem, actions);

/**
 * A problem in the words of buyers.
 * @param actions as of `problemNotice`; and optionally `instead`, buttons for a refused request.
 */
export const buyersNotice = (problem, actions) => noticeOf(problem, inBuyersWords(problem), actions);

function noticeOf({ kind }, { title, detail }, { retry, askForKey, instead }) {
  const again = html`<button type="button" @click=${retry}>Try again</button>`;
  const actions = {
    key: html`<button type="button" class="strong" @click=${() => askForKey(title)}>Enter a key</button>`,
    refused: instead ?? html`<a class="button" href="/">Start again</a>`,
  };
  return html`
    <div class="notice problem" role="alert">
      <h2>${title}</h2>
      <p>${detail}</p>
      <p class="actions">${actions[kind] ?? again}</p>
    </div>
  `;
}

/** Shown instead of a part of the page that failed to load; the browser retries only after a reload. */
export const lostNotice = () => html`
  <div class="notice problem" role="alert">
    <h2>This part of the page could not be loaded</h2>
    <p>Reload the page when the connection is back.</p>
    <p class="actions"><button type="button" @click=${() => location.reload()}>Reload</button></p>
  </div>
`;

export const slowNotice = (cancel) => html`
  <p class="notice slow" role="status">
    This takes longer than usual.
    <button type="button" class="quiet" @click=${cancel}>Stop</button>
  </p>
`;

/** Shown after the user stopped a request before its answer. */
export const stoppedNotice = (again) => html`
  <div class="notice">
    <h2>Loading was stopped</h2>
    <p class="actions"><button type="button" class="strong" @click=${again}>Load again</button></p>
  </div>
`;
