/** The table of index generations. */

import { number, when } from "../format.js";
import { table } from "./table.js";
import { html } from "../vendor/lit-html/lit-html.js";

const COLUMNS = ["Generation", "State", "Change", "Model", "Photos", "Created", "Promoted"];

/** Return the target of a rollback: the previous generation that was live last. */
export function rollbackTarget(generations) {
  const lived = ({ promoted_at: promoted, created_at: created }) => new Date(promoted ?? created);
  const previous = generations.filter(({ state }) => state === "previous");
  return previous.sort((one, other) => lived(other) - lived(one))[0] ?? null;
}

/** @param actions `isBusy`; `promote(generation)` and `rollBack(generation)`. */
export function generationsTable(generations, actions) {
  if (!generations.length)
    return html`<p class="muted">
      There are no indexes yet. They are built after <code>lookalike train</code> creates a model.
    </p>`;
  const canRollBack = rollbackTarget(generations) !== null;
  return table({
    name: "Generations",
    caption: "Generations of the indexes, newest first",
    columns: COLUMNS,
    rows: generations.map((one) => row(one, canRollBack, actions)),
  });
}

function row(one, canRollBack, { isBusy, promote, rollBack }) {
  const button = (label, act) => html`
    <button type="button" ?disabled=${isBusy} @click=${() => act(one)}>
      ${label}<span class="unseen"> (generation ${one.generation})</span>
    </button>
  `;
  return html`
    <tr>
      <th scope="row">${one.generation}</th>
      <td>
        <span class="badge" data-state=${one.state}>${one.state}</span>
        ${one.forced ? html`<span class="muted">forced: its quality was not checked</span>` : ""}
      </td>
      <td>
        ${one.state === "previous" ? button("Promote", promote) : ""}
        ${one.state === "live" && canRollBack ? button("Roll back", rollBack) : ""}
      </td>
      <td><code>${one.model_version}</code></td>
      <td class="figure">${number(one.photos)}</td>
      <td>${when(one.created_at)}</td>
      <td>${one.promoted_at ? when(one.promoted_at) : "never"}</td>
    </tr>
  `;
}
