/** The upload form of an ingest job. */

import { live } from "../vendor/lit-html/directives/live.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { counted } from "./amounts.js";
import { FileField, fileName, removeButton } from "./file_field.js";
import { Mapping } from "./mapping.js";
import { PreviewPanel } from "./preview.js";
import { guessed, lacking, ROLES } from "./roles.js";
import { Sending } from "./sending.js";
import { keepTrial, takeReopened } from "./trials.js";
import { UploadOptions } from "./upload_options.js";

export class UploadForm {
  #app;
  #sending;
  #files;
  #options;
  #mapping;
  #preview;
  #field;

  /** @param queued is called with the id of the queued job. */
  constructor(app, queued) {
    const { files = [], options, mapping } = takeReopened() ?? {};
    const changed = () => this.#change(this.#files);
    this.#app = app;
    this.#files = files;
    this.#field = new FileField("upload-files", {
      take: (added) => this.#add(added),
      redraw: () => app.redraw(),
      words: "Choose files",
      multiple: true,
      about:
        "Listings and a photo table as CSV, TSV (also as .txt), JSON, JSON Lines, Excel (.xlsx) or Parquet; the " +
        "photos as ZIP or TAR. Text files may be gzipped.",
    });
    this.#options = new UploadOptions(changed, options);
    this.#mapping = new Mapping(changed, () => app.redraw(), mapping);
    this.#preview = new PreviewPanel(app, (toml) => this.#mapping.use(toml));
    this.#sending = new Sending(app, (job) => {
      if (this.#options.isDryRun) keepTrial(job, this.#upload);
      queued(job);
    });
  }

  get #upload() {
    return { files: this.#files, options: this.#options.values, mapping: this.#mapping.values };
  }

  get #parts() {
    return { ...this.#options.parts(), ...this.#mapping.parts() };
  }

  retry() {
    this.#sending.retry();
    this.#preview.retry();
  }

  /** Whether the form may be left; asks during an upload. */
  mayLeave() {
    return this.#sending.mayLeave();
  }

  close() {
    this.#sending.close();
    this.#preview.close();
  }

  #change(files) {
    this.#files = files;
    this.#sending.reset();
    this.#preview.reset();
    this.#app.redraw();
  }

  #add(files) {
    if (this.#sending.running) return;
    const added = files.map((file) => ({ file, role: guessed(file.name) }));
    this.#change([...this.#files, ...added]);
    this.#app.say(`${counted(added.length, "file")} chosen.`);
  }

  template() {
    return html`
      <section class="card upload" aria-labelledby="upload-title">
        <h2 id="upload-title">Ingest listings</h2>
        ${this.#field.template({ isDisabled: this.#sending.running })}
        ${this.#files.length ? this.#chosenFiles() : ""} ${this.#sending.trouble()} ${this.#preview.template()}
      </section>
    `;
  }

  #chosenFiles() {
    const isSending = this.#sending.running;
    return html`
      <ul class="files">
        ${this.#files.map((one) => this.#fileRow(one))}
      </ul>
      ${this.#mapping.template(isSending, this.#preview.problem ?? this.#sending.problem)} ${this.#options.template(isSending)}
      ${isSending ? this.#sending.template() : this.#actions()}
    `;
  }

  #actions() {
    const why = lacking(this.#files.map(({ role }) => role));
    const listings = this.#files.find(({ role }) => role === "listings");
    return html`
      <p class="actions">
        <button
          type="button"
          ?disabled=${!listings || this.#preview.running}
          @click=${() => this.#preview.load(listings.file, this.#parts)}
        >
          Preview
        </button>
        <button
          type="button"
          class="strong"
          ?disabled=${Boolean(why)}
          aria-describedby="upload-lacking"
          @click=${() => this.#sending.send(this.#files, this.#parts)}
        >
          ${this.#options.isDryRun ? "Dry run" : "Start"}
        </button>
        <span id="upload-lacking" class="muted">${why}</span>
      </p>
    `;
  }

  #fileRow(one) {
    const { file, role } = one;
    const isSending = this.#sending.running;
    const without = this.#files.filter((other) => other !== one);
    const given = (event) => {
      one.role = event.target.value;
      this.#change(this.#files);
    };
    return html`
      <li>
        ${fileName(file)}
        <select aria-label=${`Role of ${file.name}`} ?disabled=${isSending} @change=${given}>
          ${Object.entries(ROLES).map(
            ([value, name]) => html`<option value=${value} .selected=${live(value === role)}>${name}</option>`,
          )}
        </select>
        ${removeButton(file.name, () => this.#change(without), isSending)}
      </li>
    `;
  }
}
