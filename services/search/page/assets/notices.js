/** What is shown instead of results: that there are none, that it takes long, or that something went wrong. */

import { html } from "./vendor/lit-html/lit-html.js";

/** A problem, with what can be done about it. */
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

/** What the reader stopped before anything came. */
export const stoppedNotice = (again) => html`
  <div class="notice">
    <h2>Loading was stopped</h2>
    <p class="actions"><button type="button" class="strong" @click=${again}>Load again</button></p>
  </div>
`;
