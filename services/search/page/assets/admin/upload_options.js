/** How a bulk upload is ingested: the options beside the files. */

import { html } from "../vendor/lit-html/lit-html.js";

const DEFAULTS = {
  fetch_photos: false,
  keep_photos: false,
  keep_unpriced: false,
  sync: false,
  dry_run: true,
  mark_sold: false,
  max_removed: 20,
};

export class UploadOptions {
  #changed;
  #values = { ...DEFAULTS };

  /** @param changed is called after each change. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Whether the listings that the file lacks are only counted. */
  get isDryRun() {
    return this.#values.sync && this.#values.dry_run;
  }

  /** Append the parts that differ from the defaults. */
  appendTo(form) {
    const { sync, dry_run: dryRun, mark_sold: markSold, max_removed: maxRemoved, ...flags } = this.#values;
    for (const [name, value] of Object.entries(flags)) if (value) form.append(name, "true");
    if (!sync) return;
    form.append("mode", "sync");
    form.append("dry_run", String(dryRun));
    form.append("mark_sold", String(markSold));
    form.append("max_removed", `${maxRemoved}%`);
  }

  #set(name, value) {
    this.#values[name] = value;
    this.#changed();
  }

  template(isDisabled) {
    const box = (name, text) => html`
      <label class="check">
        <input
          type="checkbox"
          .checked=${this.#values[name]}
          ?disabled=${isDisabled}
          @change=${(event) => this.#set(name, event.target.checked)}
        />
        ${text}
      </label>
    `;
    return html`
      <fieldset class="options">
        <legend>Options</legend>
        ${box("fetch_photos", "Download photos that the listings name by URL")}
        ${box("keep_photos", "Keep photos that the files no longer name")}
        ${box("keep_unpriced", "Accept listings with an unreadable price, without the price")}
        ${box("sync", "The file is the whole catalogue: remove listings that it lacks")}
        ${this.#values.sync ? this.#sync(box, isDisabled) : ""}
      </fieldset>
    `;
  }

  #sync(box, isDisabled) {
    return html`
      <div class="sync">
        ${box("dry_run", "Only count what would be removed")} ${box("mark_sold", "Mark them sold instead of removing them")}
        <label>
          Refuse to remove more than
          <input
            type="number"
            min="0"
            max="100"
            .value=${String(this.#values.max_removed)}
            ?disabled=${isDisabled}
            @change=${(event) => event.target.reportValidity() && this.#set("max_removed", Number(event.target.value))}
          />
          % of the listings
        </label>
      </div>
    `;
  }
}
