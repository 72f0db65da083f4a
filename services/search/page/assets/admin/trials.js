/** Dry runs: what they would do, and doing it with the same files. */

import { adminAddress } from "../address.js";
import { confirmed } from "../dialogs.js";
import { inListings, number, percent } from "../format.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { mappingParts } from "./mapping.js";
import { Sending } from "./sending.js";
import { optionParts } from "./upload_options.js";

const MOST_KEPT = 5;
const EXAMPLES = 5;

/** The uploads of the dry runs that this tab started, by job. */
const kept = new Map();
let reopened = null;

/** Keep the files and options of a dry run until the page is closed. */
export function keepTrial(job, upload) {
  kept.set(job, upload);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

/** Return, once, the upload that the next form begins with; null if it begins empty. */
export function takeReopened() {
  const upload = reopened;
  reopened = null;
  return upload;
}

const shareOf = (share) => (share < 0.01 ? "less than 1 %" : percent(share));

export class TrialPanel {
  #app;
  #upload;
  #sending;

  /** @param id the job of the dry run. */
  constructor(app, id) {
    this.#app = app;
    this.#upload = kept.get(id) ?? null;
    this.#sending = new Sending(app, (job) => app.navigate(adminAddress("ingest", { job })));
  }

  retry() {
    this.#sending.retry();
  }

  mayLeave() {
    return this.#sending.mayLeave();
  }

  close() {
    this.#sending.close();
  }

  async #apply(counts) {
    const { files, options, mapping } = this.#upload;
    const { sentence, isRemoval } = goneOf(counts);
    const detail = isRemoval
      ? `${sentence.replace("would be", "will be")} Everything else of the file is written first.`
      : "The listings and photos of the files are written.";
    const action = isRemoval && !options.mark_sold ? "Remove and apply" : "Apply";
    if (!(await confirmed({ title: "Apply the dry run?", detail, action }))) return;
    this.#sending.send(files, { ...optionParts({ ...options, dry_run: false }), ...mappingParts(mapping) });
  }

  #reopen() {
    reopened = this.#upload;
    this.#app.navigate(adminAddress("ingest"));
  }

  /**
   * @param job the dry run, which has ended.
   * @param records its warnings, which name the listings that would go; null before they are loaded.
   */
  template(job, records) {
    const {
      counts,
      warnings: { removed = 0, marked_sold: sold = 0 },
    } = job;
    const more = removed + sold - EXAMPLES;
    const gone = (records ?? []).filter(({ flag }) => flag === "removed" || flag === "marked_sold");
    return html`
      <div class="trial">
        <p><strong>Nothing was written.</strong> The counts say what the files would change.</p>
        ${counts.listings_before ? html`<p class="gone">${goneOf(counts).sentence}</p>` : ""}
        ${
          gone.length
            ? html`<ul class="notes">
                ${gone.slice(0, EXAMPLES).map(({ id, before }) => html`<li dir="auto"><code>${id}</code> ${before}</li>`)}
                ${more > 0 ? html`<li class="muted">and ${number(more)} more, see below</li>` : ""}
              </ul>`
            : ""
        }
        ${this.#sending.running ? this.#sending.template() : this.#actions(job)} ${this.#sending.trouble()}
      </div>
    `;
  }

  #actions(job) {
    if (!this.#upload) return html`<p class="muted">To apply it, choose the files again, without “Dry run”.</p>`;
    return html`
      <p class="actions">
        ${
          job.state === "succeeded"
            ? html`<button type="button" class="strong" @click=${() => this.#apply(job.counts)}>Apply</button>`
            : ""
        }
        <button type="button" @click=${() => this.#reopen()}>Change the options</button>
      </p>
    `;
  }
}

/** What a sync would take away, in a sentence, and whether that is anything. */
function goneOf({
  listings_before: before,
  listings_removed: removed = 0,
  listings_sold: sold = 0,
  listings_kept: spared = 0,
}) {
  if (spared)
    return {
      sentence: `No listing would be removed: ${inListings(spared)} that the file lacks would be kept, because some of its records have no readable id.`,
    };
  const count = removed || sold;
  if (!count) return { sentence: "No listing would be removed." };
  const what = removed ? "removed" : "marked sold";
  return {
    sentence: `${number(count)} of ${inListings(before)} (${shareOf(count / before)}) would be ${what}.`,
    isRemoval: true,
  };
}
