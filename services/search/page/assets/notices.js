/** Notices shown instead of results: a problem, a slow answer, a stopped request. */

import { html } from "./vendor/lit-html/lit-html.js";

/** A problem, with a button for what the user can do. */
export function problemNotice(problem, { retry, askForKey }) {
  const again = html`<button type="button" @click=${retry}>Try again</button>`;
  const actions = {
    key: html`<button type="button" class="strong" @click=${() => askForKey(problem.detail)}>Enter a key</button>`,
    offline: again,
    unreachable: again,
    busy: again,
    refused: html`<a class="button" href="/">Start again</a>`,
    broken: again,
  };
  return html`
    <div class="notice problem" role="alert">
      <h2>${problem.title}</h2>
      <p>${problem.detail}</p>
      <p class="actions">${actions[problem.kind] ?? again}</p>
    </div>
  `;
}

export const slowNotice = (cancel) => html`
  <p class="notice slow" role="status">
    This takes longer than usual; the server may be busy.
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
