/** A table in a region of its own, which scrolls where the page is narrow. */

import { html } from "../vendor/lit-html/lit-html.js";

/** @param caption tells who does not see the table what it is of; `name` is the region's, `className` its look. */
export const table = ({ name, caption, columns, rows, className = "card" }) => html`
  <div class=${`scroll ${className}`} tabindex="0" role="region" aria-label=${name}>
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
