/** How a bulk upload is ingested: the options beside the files and the mapping. */

import { live } from "../vendor/lit-html/directives/live.js";
import { html } from "../vendor/lit-html/lit-html.js";

const DEFAULTS = {
  fetch_photos: false,
  keep_photos: false,
  keep_unpriced: false,
  seller: "",
  dry_run: false,
  sync: false,
  mark_sold: false,
  max_removed: 20,
};

export class UploadOptions {
  #changed;
  #values;

  /**
   * @param changed is called after each change.
   * @param values of an earlier upload, to begin with.
   */
  constructor(changed, values = {}) {
    this.#changed = changed;
    this.#values = { ...DEFAULTS, ...values };
  }

  get values() {
    return { ...this.#values };
  }

  get isDryRun() {
    return this.#values.dry_run;
  }

  /** Return the parts of the form that differ from the defaults. */
  parts() {
    return optionParts(this.#values);
  }

  #set(name, value) {
    this.#values[name] = value;
    if (name === "sync") this.#values.dry_run = value; // a removal is tried first
    this.#changed();
  }

  template(isDisabled) {
    const box = (name, text) => html`
      <label class="check">
        <input
          type="checkbox"
          .checked=${live(this.#values[name])}
          ?disabled=${isDisabled}
          @change=${(event) => this.#set(name, event.target.checked)}
        />
        ${text}
      </label>
    `;
    return html`
      <fieldset class="options">
        <legend>Options</legend>
        ${box("fetch_photos", "Download photos that the files name by URL")}
        ${box("keep_photos", "Keep stored photos that the files no longer name")}
        ${box("keep_unpriced", "Accept listings with an unreadable price, without the price")}
        ${box("sync", "The file is the whole catalogue: remove listings that it lacks")}
        ${this.#values.sync ? this.#sync(box, isDisabled) : ""}
        ${box("dry_run", "Dry run: write nothing, only count what would change")} ${this.#seller(isDisabled)}
      </fieldset>
    `;
  }

  #sync(box, isDisabled) {
    return html`
      <div class="sync">
        ${box("mark_sold", "Mark them sold instead of removing them")}
        <label>
          Refuse to remove more than
          <input
            type="number"
            min="0"
            max="100"
            step="any"
            required
            .value=${live(String(this.#values.max_removed))}
            ?disabled=${isDisabled}
            @change=${(event) => event.target.reportValidity() && this.#set("max_removed", Number(event.target.value))}
          />
          % of the listings
        </label>
      </div>
    `;
  }

  #seller(isDisabled) {
    return html`
      <label class="seller"
        >Seller, if the file is the feed of one seller
        <input
          type="text"
          autocomplete="off"
          .value=${live(this.#values.seller)}
          ?disabled=${isDisabled}
          @change=${(event) => this.#set("seller", event.target.value.trim())}
      /></label>
    `;
  }
}

/** Return the form's parts for these values. */
export function optionParts({ sync, mark_sold: markSold, max_removed: maxRemoved, ...others }) {
  const parts = {};
  for (const [name, value] of Object.entries(others)) if (value) parts[name] = String(value);
  return sync ? { ...parts, mode: "sync", mark_sold: String(markSold), max_removed: `${maxRemoved}%` } : parts;
}
