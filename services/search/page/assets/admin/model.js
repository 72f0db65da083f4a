/** The model tab: the live model, its training, and its metrics. */

import { adminAddress } from "../address.js";
import { addressOf, call } from "../api.js";
import { decimals, number, percent, when } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { counted } from "./amounts.js";
import { lineChart } from "./chart.js";
import { download } from "./download.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const METRICS = {
  same_listing_recall_at_1: "Another photo of the listing comes first (recall at 1)",
  same_listing_recall_at_5: "… among the first 5 (recall at 5)",
  same_listing_recall_at_10: "… among the first 10 (recall at 10)",
  same_listing_map: "… over the whole ranking (mean average precision)",
  category_precision_at_5: "Share of the first 5 in the photo's category (precision at 5)",
  queries: "Query photos",
  gallery: "Gallery photos",
  category_accuracy: "Most probable category is right (accuracy)",
  category_macro_f1: "… averaged over the categories (macro F1)",
  calibration_error: "Error of the probabilities (expected calibration error)",
  held_out_photos: "Held-out photos",
};
const NUMBERS = ["queries", "gallery", "held_out_photos"];

const recorded = (value) => (value === null ? "not recorded" : number(value));

export class ModelTab {
  #app;
  #reading;
  #saving;
  #card = null;
  #isReport;

  /** @param address with `report`, the tab shows the report of the model instead of its card. */
  constructor(app, { report }) {
    this.#app = app;
    this.#isReport = Boolean(report);
    this.#reading = new Task(() => app.redraw());
    this.#saving = new Task(() => app.redraw());
  }

  async load() {
    const card = await this.#reading.run((signal) => call("/v1/admin/model", { signal }));
    if (card) this.#card = card;
    this.#app.redraw();
  }

  retry() {
    if (this.#reading.problem) this.load();
    if (this.#saving.problem) this.#save();
  }

  close() {
    this.#reading.stop();
    this.#saving.stop();
  }

  #save() {
    const name = `lookalike-report-${this.#card.model_version}.html`;
    this.#saving.run((signal) => download("/v1/admin/model/report", name, signal));
  }

  template() {
    return html`
      ${trouble(this.#app, this.#reading.problem, () => this.load())}
      ${this.#card ? (this.#isReport ? this.#report(this.#card) : this.#sections(this.#card)) : ""}
      ${this.#reading.running && !this.#card ? html`<p class="muted" role="status">Loading…</p>` : ""}
    `;
  }

  #sections(card) {
    return html`
      <div class="model">
        <section class="card" aria-labelledby="model-title">
          <h2 id="model-title">Model ${card.model_version}</h2>
          ${facts(card)} ${reportLink(card)}
        </section>
        <section class="card" aria-labelledby="metrics-title">
          <h2 id="metrics-title">Quality</h2>
          ${metricsTable(card.metrics)}
        </section>
        <section class="card" aria-labelledby="losses-title">
          <h2 id="losses-title">Training</h2>
          ${card.losses.length ? lossChart(card.losses) : html`<p class="muted">The losses were not recorded.</p>`}
        </section>
        <section class="card" aria-labelledby="categories-title">
          <h2 id="categories-title">${counted(card.categories.length, "category", "categories")}</h2>
          <ul class="names">
            ${card.categories.map((name) => html`<li dir="auto">${name}</li>`)}
          </ul>
        </section>
      </div>
    `;
  }

  /** The report in a frame of its own, without scripts. Its address leads there without a key, for some minutes. */
  #report(card) {
    return html`
      <section aria-labelledby="report-title">
        <h2 id="report-title">Report of model ${card.model_version}</h2>
        <p class="actions">
          <a class="button" href=${adminAddress("model")}>Back to the model</a>
          ${card.report_url ? html`<button type="button" @click=${() => this.#save()}>Download</button>` : ""}
        </p>
        ${trouble(this.#app, this.#saving.problem, () => this.#save())}
        ${
          card.report_url
            ? html`<iframe
                class="report"
                title="Report of model ${card.model_version}"
                src=${addressOf(card.report_url)}
                sandbox
                referrerpolicy="origin"
              ></iframe>`
            : NO_REPORT
        }
      </section>
    `;
  }
}

const NO_REPORT = html`<p class="muted">There is no report yet. <code>lookalike evaluate</code> writes one.</p>`;

const reportLink = ({ report_url: url }) =>
  url
    ? html`<p class="actions"><a class="button" href=${adminAddress("model", { report: 1 })}>Open the report</a></p>`
    : NO_REPORT;

function facts(card) {
  const confident = card.confident_from;
  const unlike = card.ood_false_alarm_rate;
  const known = [
    ["Created", when(card.created_at)],
    ["Vector size", number(card.vector_size)],
    ["Photo size", `${card.photo_size} × ${card.photo_size} pixels`],
    ["Training listings", recorded(card.trained_on_listings)],
    ["Held-out listings", recorded(card.held_out_listings)],
    ["Tells photos unlike the catalogue", unlike === null ? "no" : `yes, with at most ${percent(unlike)} false alarms`],
    ["Confident from", confident === null ? "not calibrated" : `a probability of ${decimals(confident, 2)}`],
  ];
  return html`
    <dl class="known">
      ${known.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  `;
}

function metricsTable(metrics) {
  const found = Object.entries(metrics);
  if (!found.length) return html`<p class="muted">No metrics were recorded.</p>`;
  return table({
    name: "Metrics",
    caption: "Measured on the held-out listings when the model was created",
    columns: ["Metric", "Value"],
    rows: found.map(
      ([name, value]) => html`
        <tr>
          <th scope="row">${METRICS[name] ?? name.replace(/^accuracy_/, "Category right by ").replaceAll("_", " ")}</th>
          <td class="figure">${NUMBERS.includes(name) ? number(value) : decimals(value)}</td>
        </tr>
      `,
    ),
    className: "",
  });
}

function lossChart(losses) {
  const [first, last] = [losses[0], losses.at(-1)];
  const high = Math.max(...losses);
  const summary = `from ${decimals(first, 2)} to ${decimals(last, 2)} in ${counted(losses.length, "epoch")}`;
  return html`
    <p>Loss ${summary}</p>
    ${lineChart({
      points: losses.map((loss, epoch) => ({ x: epoch + 1, y: loss })),
      span: { from: 1, to: losses.length, low: 0, high },
      labels: { from: "epoch 1", to: String(losses.length), low: "0", high: decimals(high, 1) },
      name: `Training loss, ${summary}`,
    })}
  `;
}
