/** The table of index generations, and what making one live does. */

import { number, when } from "../format.js";
import { counted, duration } from "./amounts.js";
import { table } from "./table.js";
import { html } from "../vendor/lit-html/lit-html.js";

const COLUMNS = ["Generation", "State", "Change", "Model", "Photos", "Created", "Last made live"];

const liveOf = (generations) => generations.find(({ state }) => state === "live") ?? null;

/** Which model answers searches now. */
export function answering(generations) {
  const live = liveOf(generations);
  if (!live) return "";
  const { model_version: model, generation, promoted_at: since } = live;
  return html`<p>
    Model <code>${model}</code> answers searches, from generation ${generation}${since ? `, since ${when(since)}` : ""}.
  </p>`;
}

/** Name the change that makes a previous generation live. */
const changeOf = (one, live) =>
  live && one.model_version !== live.model_version ? `Return to model ${one.model_version}` : "Make live";

/** The question before a generation is made live: which model answers, from when, and what is embedded first. */
export function questionOf(one, generations) {
  const live = liveOf(generations);
  const change = changeOf(one, live);
  const { generation, model_version: model, photos_to_embed: photos, seconds_to_embed: seconds } = one;
  const isOther = live && model !== live.model_version;
  const takes = seconds === null ? "" : `, which takes about ${seconds < 1 ? "a second" : duration(seconds)}`;
  return {
    title: isOther ? `${change}?` : `Make generation ${generation} live?`,
    detail: [
      isOther
        ? `Model ${model} answers searches, from generation ${generation}, instead of model ${live.model_version}.`
        : `Model ${model} goes on answering searches, from generation ${generation}${live ? ` instead of ${live.generation}` : ""}.`,
      photos
        ? `${counted(photos, "photo that it lacks is", "photos that it lacks are")} embedded first${takes}.`
        : "No photo has to be embedded.",
      "Then its indexes are updated from the database and checked. Until that is done everything stays as it is, and no search fails.",
    ],
    action: change,
  };
}

/** @param actions `isBusy`; `makeLive(generation)`. */
export function generationsTable(generations, actions) {
  if (!generations.length)
    return html`<p class="muted">
      There are no indexes yet. They are built after <code>lookalike train</code> creates a model.
    </p>`;
  const live = liveOf(generations);
  return table({
    name: "Generations",
    caption: "Generations of the indexes, newest first",
    columns: COLUMNS,
    rows: generations.map((one) => row(one, live, actions)),
  });
}

function row(one, live, { isBusy, makeLive }) {
  return html`
    <tr>
      <th scope="row">${one.generation}</th>
      <td>
        <span class="badge" data-state=${one.state}>${one.state}</span>
        ${one.forced ? html`<span class="muted">forced: its quality was not checked</span>` : ""}
      </td>
      <td>
        ${
          one.state === "previous"
            ? html`<button type="button" ?disabled=${isBusy} @click=${() => makeLive(one)}>
                ${changeOf(one, live)}<span class="unseen"> (generation ${one.generation})</span>
              </button>`
            : ""
        }
      </td>
      <td><code>${one.model_version}</code></td>
      <td class="figure">${number(one.photos)}</td>
      <td>${when(one.created_at)}</td>
      <td>${one.promoted_at ? when(one.promoted_at) : "never"}</td>
    </tr>
  `;
}
