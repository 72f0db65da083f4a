/** How a listings file will be read: the columns found, and the first records. */

import { call } from "../api.js";
import { price } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { excerptNote, excerptOf } from "./excerpt.js";
import { isOfMapping } from "./mapping_problem.js";
import { presetName } from "./mapping.js";
import { explained, inWords } from "./reports.js";
import { formOf } from "./sending.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const LONGEST = 120;
const MOST_PHOTOS = 3;

const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

export class PreviewPanel {
  #app;
  #use;
  #task;
  #again = () => {};
  #found = null;
  #note = "";

  /** @param use is called with a suggested mapping that the user takes. */
  constructor(app, use) {
    this.#app = app;
    this.#use = use;
    this.#task = new Task(() => app.redraw());
  }

  get running() {
    return this.#task.running;
  }

  get problem() {
    return this.#task.problem;
  }

  /** Ask how a file will be read with these parts of the form. */
  async load(file, parts) {
    this.#again = () => this.load(file, parts);
    const answer = await this.#task.run(async (signal) => {
      const sent = await excerptOf(file);
      this.#note = excerptNote(file, sent);
      return call("/v1/listings/bulk/preview", { form: formOf([{ file: sent, role: "listings" }], parts), signal });
    });
    if (!answer) return;
    this.#found = answer;
    this.#app.say(answer.problem ? "The file cannot be read like this." : `Records shown: ${answer.records.length}.`);
    this.#app.redraw();
  }

  /** Forget the preview: files, options or mapping have changed. */
  reset() {
    this.close();
    this.#task.problem = this.#found = null;
  }

  retry() {
    if (this.#task.problem) this.#again();
  }

  close() {
    this.#task.stop();
  }

  template() {
    if (isOfMapping(this.problem)) return "";
    const problem = trouble(this.#app, this.problem, this.#again);
    if (problem) return problem;
    if (this.running) return html`<p class="muted" role="status">Reading the first records…</p>`;
    return this.#found ? this.#preview(this.#found) : "";
  }

  #preview(found) {
    return html`
      <section class="preview-box" aria-labelledby="preview-title">
        <h3 id="preview-title">How the file will be read</h3>
        ${this.#note ? html`<p class="muted">${this.#note}</p>` : ""}
        ${found.problem ? this.#unreadable(found) : this.#readable(found)}
      </section>
    `;
  }

  #unreadable(found) {
    return html`
      <p class="job-error" dir="auto">${found.problem}</p>
      ${columnList("The columns of the file", found.columns)} ${this.#suggestion(found.suggestion, true)}
    `;
  }

  #readable(found) {
    const notices = found.notices.filter(({ flag }) => flag !== "preset_chosen");
    const isRecognised = notices.length < found.notices.length;
    return html`
      <p>
        ${
          found.preset
            ? html`<strong>${presetName(found.preset)}</strong>
                ${isRecognised ? "was recognised by its columns." : "is the preset."}`
            : "No preset: the columns were found by their names, or by your mapping."
        }
      </p>
      ${
        notices.length
          ? html`<ul class="notes">
              ${notices.map((one) => html`<li dir="auto" title=${explained(one.flag)}>${repairInWords(one)}</li>`)}
            </ul>`
          : ""
      }
      ${fieldTable(found.fields)} ${columnList("Columns that are not used", found.unused)} ${recordTable(found.records)}
      ${found.preset ? "" : this.#suggestion(found.suggestion, false)}
    `;
  }

  #suggestion(toml, isOpen) {
    if (!toml) return "";
    return html`
      <details ?open=${isOpen}>
        <summary>A mapping to begin with</summary>
        <pre class="toml" tabindex="0" role="region" aria-label="Suggested mapping"><code>${toml}</code></pre>
        <p class="actions"><button type="button" @click=${() => this.#use(toml)}>Use this mapping</button></p>
      </details>
    `;
  }
}

function columnList(title, columns) {
  if (!columns.length) return "";
  return html`<p>${title}:</p>
    <ul class="chips columns">
      ${columns.map((name) => html`<li dir="auto">${shortened(name) || "(without a name)"}</li>`)}
    </ul>`;
}

const fieldTable = (fields) =>
  table({
    name: "Columns",
    caption: "Which column is read as which field",
    columns: ["Field", "Column", "First value"],
    className: "card rejects",
    rows: fields.map(
      ({ name, columns, sample }) => html`
        <tr>
          <th scope="row" dir="auto">${inWords(name)}</th>
          <td dir="auto">${shortened(columns.join(", "))}</td>
          <td dir="auto">${shortened(sample)}</td>
        </tr>
      `,
    ),
  });

function recordTable(records) {
  if (!records.length) return html`<p class="notice">The file has no records.</p>`;
  return table({
    name: "First records",
    caption: "What becomes of the first records",
    columns: ["Line", "Id", "Outcome", "Listing", "Price", "Notes", "Photos"],
    className: "card rejects records",
    rows: records.map(recordRow),
  });
}

function recordRow(record) {
  const { listing } = record;
  return html`
    <tr data-outcome=${record.outcome}>
      <td>${record.line}</td>
      <th scope="row" dir="auto">${shortened(record.listing_id)}</th>
      <td><span class="badge" data-state=${record.outcome}>${record.outcome}</span></td>
      <td>${listing ? listingCell(listing) : ""}</td>
      <td>${listing ? priceOf(listing) : ""}</td>
      <td>
        <ul class="notes">
          ${reasonsOf(record).map(([text, code]) => html`<li dir="auto" title=${explained(code)}>${text}</li>`)}
        </ul>
      </td>
      <td>${photosCell(record.photos)}</td>
    </tr>
  `;
}

function listingCell({ title, category_path: path, location, seller, attributes, sold, url }) {
  const facts = [path.join(" / "), location, seller, url];
  const named = Object.entries(attributes).map(([name, value]) => `${inWords(name)}: ${value}`);
  return html`
    <strong dir="auto">${shortened(title)}</strong> ${sold ? html`<span class="badge">sold</span>` : ""}
    ${[...facts, named.join(", ")].filter(Boolean).map((text) => html`<br /><span class="muted" dir="auto">${shortened(text)}</span>`)}
  `;
}

const priceOf = ({ price: amount, currency }) => (amount === null ? "no price" : price(Number(amount), currency));

function photosCell(photos) {
  if (!photos.length) return "none";
  return html`${photos.length}
    <ul class="notes">
      ${photos.slice(0, MOST_PHOTOS).map((name) => html`<li dir="auto">${shortened(name)}</li>`)}
    </ul>`;
}

/** What is to be said of a record, each with its code: why it is no listing of its own, and what was changed. */
function reasonsOf({ note, reason, field, text, repairs }) {
  const joined = note ? [[note, ""]] : [];
  const why = reason ? [[repairInWords({ flag: reason, field, before: text, after: "" }), reason]] : [];
  return [...joined, ...why, ...repairs.map((repair) => [repairInWords(repair), repair.flag])];
}

function repairInWords({ flag, field, before, after }) {
  const change = [before, after].filter(Boolean).map(shortened).join(" → ");
  const where = field && !flag.includes(field) ? ` (${inWords(field)})` : "";
  return `${inWords(flag)}${where}${change ? `: ${change}` : ""}`;
}
