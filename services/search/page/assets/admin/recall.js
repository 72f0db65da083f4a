/** The recall tab: the share of true neighbours that the indexes find, now and in users' searches. */

import { call } from "../api.js";
import { number, when } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { counted } from "./amounts.js";
import { lineChart } from "./chart.js";
import { engineName, planName } from "./plans.js";
import { floorOf, latest, MARK, seriesOf } from "./series.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const SPANS = { 24: "the last day", 168: "the last week", 720: "the last 30 days" };
const HOUR_MS = 3_600_000;

/** Format a recall, rounded down: a recall below the mark must not look like the mark. */
const exactly = (recall) => (Math.floor(recall * 1000) / 1000).toFixed(3);

const verdict = (recall) =>
  recall < MARK
    ? html`<span class="badge" data-state="failed">below ${MARK}</span>`
    : html`<span class="badge" data-state="succeeded">${MARK} or more</span>`;

export class RecallTab {
  #app;
  #task;
  #span = "24";
  /** The last answer, with its span. */
  #found = null;

  constructor(app) {
    this.#app = app;
    this.#task = new Task(() => app.redraw());
  }

  async load() {
    const span = this.#span;
    const found = await this.#task.run((signal) => call(`/v1/admin/recall?hours=${span}`, { signal }));
    if (!found) return;
    this.#found = { span, indexes: found.indexes, series: seriesOf(found.searches), until: Date.now() };
    this.#app.redraw();
  }

  retry() {
    if (this.#task.problem) this.load();
  }

  close() {
    this.#task.stop();
  }

  #choose(span) {
    this.#span = span;
    this.load();
  }

  template() {
    return html`
      ${trouble(this.#app, this.#task.problem, () => this.load())}
      <section aria-labelledby="recall-title" aria-busy=${this.#task.running}>
        <h2 id="recall-title">Recall of the indexes now</h2>
        <p class="muted">
          The share of the true ten nearest photos that each index finds, for a hundred stored photos. 1 means that none is
          missed; below ${MARK}, rebuild the indexes.
        </p>
        ${this.#found ? now(this.#found) : ""}
        ${this.#task.running && !this.#found ? html`<p class="muted" role="status">Measuring…</p>` : ""}
      </section>
      ${this.#found ? this.#searches(this.#found) : ""}
    `;
  }

  #searches(found) {
    return html`
      <section aria-labelledby="searches-title">
        <h2 id="searches-title">Recall of searches</h2>
        <p class="muted">
          A sample of your users’ searches is repeated with every photo compared: the share of its first ten that was found.
        </p>
        <p class="actions">
          <label
            >In
            <select @change=${(event) => this.#choose(event.target.value)}>
              ${Object.entries(SPANS).map(
                ([hours, name]) => html`<option value=${hours} .selected=${hours === this.#span}>${name}</option>`,
              )}
            </select></label
          >
          <span class="muted" role="status">${this.#task.running ? "Loading…" : ""}</span>
        </p>
        ${
          found.series.length
            ? html`<div class="charts">${found.series.map((one) => card(one, found))}</div>`
            : html`<p class="notice">
                No search was checked in ${SPANS[found.span]}. A sample of the searches is repeated exactly in the
                background. Come back after some searches.
              </p>`
        }
      </section>
    `;
  }
}

function now({ indexes }) {
  if (!indexes.length) return html`<p>No index is open in this process.</p>`;
  return html`
    <dl class="figures">
      ${indexes.map(
        ({ engine, ann_recall_at_10: recall }) => html`
          <div>
            <dt>${engineName(engine)}</dt>
            <dd>${exactly(recall)} ${verdict(recall)}</dd>
          </div>
        `,
      )}
    </dl>
  `;
}

function card(one, found) {
  const { recall } = latest(one);
  return html`
    <article class="card recall">
      <h3>${planName(one.plan)}</h3>
      <p class="muted">
        ${one.shape === "none" ? "without a filter" : `filter: ${one.shape}`}
      </p>
      <p>
        <strong>${exactly(recall)}</strong> ${verdict(recall)}
        <span class="muted">${counted(one.queries, "query", "queries")}</span>
      </p>
      ${chart(one, found)} ${hourTable(one)}
    </article>
  `;
}

function chart({ plan, shape, hours }, { span, until }) {
  const from = until - Number(span) * HOUR_MS;
  const low = floorOf(hours);
  return lineChart({
    points: hours.map(({ hour, recall }) => ({ x: Math.max(from, Date.parse(hour)), y: recall })),
    span: { from, to: until, low, high: 1 },
    labels: { from: when(from), to: "now", low: low.toFixed(2), high: "1" },
    mark: { y: MARK, label: String(MARK) },
    name: `Recall of ${planName(plan)}, filter ${shape}, in ${SPANS[span]}; latest ${exactly(hours.at(-1).recall)}`,
  });
}

const hourTable = ({ plan, shape, hours }) => html`
  <details>
    <summary>As a table</summary>
    ${table({
      name: `Recall of ${planName(plan)}, filter ${shape}, by hour`,
      caption: `Recall of ${planName(plan)}, filter ${shape}, by hour, the latest first`,
      columns: ["Hour", "Queries", "Recall"],
      rows: hours.toReversed().map(
        ({ hour, queries, recall }) => html`
          <tr>
            <th scope="row">${when(hour)}</th>
            <td class="figure">${number(queries)}</td>
            <td class="figure">
              ${exactly(recall)} ${recall < MARK ? html`<span class="short">below ${MARK}</span>` : ""}
            </td>
          </tr>
        `,
      ),
      className: "",
    })}
  </details>
`;
