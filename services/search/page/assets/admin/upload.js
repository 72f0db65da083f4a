/** The upload form of an ingest job. */

import { size } from "../format.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { html } from "../vendor/lit-html/lit-html.js";
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
  #isOver = false;

  /** @param queued is called with the id of the queued job. */
  constructor(app, queued) {
    const { files = [], options, mapping } = takeReopened() ?? {};
    const changed = () => this.#change(this.#files);
    this.#app = app;
    this.#files = files;
    this.#options = new UploadOptions(changed, options);
    this.#mapping = new Mapping(changed, mapping);
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
    if (this.#sending.running || !files.length) return;
    const added = Array.from(files, (file) => ({ file, role: guessed(file.name) }));
    this.#change([...this.#files, ...added]);
    this.#app.say(`${added.length} ${added.length === 1 ? "file" : "files"} chosen.`);
  }

  #drop(event) {
    event.preventDefault();
    this.#hover(false);
    this.#add(event.dataTransfer.files);
  }

  #hover(isOver) {
    if (this.#isOver === isOver) return;
    this.#isOver = isOver;
    this.#app.redraw();
  }

  template() {
    const left = (event) => event.currentTarget.contains(event.relatedTarget) || this.#hover(false);
    const over = (event) => {
      event.preventDefault();
      this.#hover(true);
    };
    return html`
      <section class="card upload" aria-labelledby="upload-title">
        <h2 id="upload-title">Ingest listings</h2>
        <div
          class=${`drop ${this.#isOver ? "over" : ""}`}
          @dragover=${over}
          @dragleave=${left}
          @drop=${(event) => this.#drop(event)}
        >
          <label for="upload-files">Drop files here, or choose them</label>
          <input
            id="upload-files"
            type="file"
            multiple
            ?disabled=${this.#sending.running}
            aria-describedby="upload-formats"
            @change=${(event) => this.#chosen(event.target)}
          />
          <p id="upload-formats" class="muted">
            Listings and a photo table as CSV, TSV (also as .txt), JSON, JSON Lines, Excel (.xlsx) or Parquet; the
            photos as ZIP or TAR. Text files may be gzipped.
          </p>
        </div>
        ${this.#files.length ? this.#chosenFiles() : ""} ${this.#sending.problem()} ${this.#preview.template()}
      </section>
    `;
  }

  #chosen(input) {
    this.#add(input.files);
    input.value = "";
  }

  #chosenFiles() {
    const isSending = this.#sending.running;
    return html`
      <ul class="files">
        ${this.#files.map((one) => this.#fileRow(one))}
      </ul>
      ${this.#mapping.template(isSending)} ${this.#options.template(isSending)}
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
        <span class="name" dir="auto">${file.name}</span> <span class="muted">${size(file.size)}</span>
        <select aria-label=${`Role of ${file.name}`} ?disabled=${isSending} @change=${given}>
          ${Object.entries(ROLES).map(
            ([value, name]) => html`<option value=${value} .selected=${live(value === role)}>${name}</option>`,
          )}
        </select>
        <button
          type="button"
          class="quiet"
          aria-label=${`Remove ${file.name}`}
          ?disabled=${isSending}
          @click=${() => this.#change(without)}
        >
          Remove
        </button>
      </li>
    `;
  }
}
