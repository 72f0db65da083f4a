/** A table in its own region, which scrolls on a narrow page. */

import { html } from "../vendor/lit-html/lit-html.js";

/** @param caption read by screen readers; `name` names the region, `className` sets its style. */
export const table = ({ name, caption, columns, rows, className = "card" }) => html`
  <div class=${`scroll ${className}`} tabindex="0" role="region" aria-label=${`${name}, as a table`}>
    <table>
      <caption class="unseen">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>
`;
