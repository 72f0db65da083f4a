/** The upload form of an ingest job. */

import { upload } from "../api.js";
import { confirmed } from "../dialogs.js";
import { size } from "../format.js";
import { Task } from "../task.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { guessed, lacking, ROLES } from "./roles.js";
import { goesOn, trouble } from "./trouble.js";
import { UploadOptions } from "./upload_options.js";

/** Make the browser ask before it leaves the page. */
const hold = (event) => event.preventDefault();

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class UploadForm {
  #app;
  #queued;
  #task;
  #files = [];
  #options;
  #isOver = false;
  #sent = null;
  /** Idempotency key: the same upload sent again is one job. Null after files or options have changed. */
  #key = null;

  /** @param queued is called with the id of the queued job. */
  constructor(app, queued) {
    this.#app = app;
    this.#queued = queued;
    this.#task = new Task(() => app.redraw());
    this.#options = new UploadOptions(() => this.#change(this.#files));
  }

  retry() {
    if (goesOn(this.#task.problem)) this.#start();
  }

  /** Whether the form may be left; asks during an upload. */
  mayLeave() {
    if (!this.#task.running) return true;
    const detail = "The upload has not finished. You would have to choose the files again.";
    return confirmed({ title: "Stop the upload?", detail, action: "Stop and leave" });
  }

  close() {
    this.#task.stop();
  }

  #change(files) {
    this.#files = files;
    this.#key = null;
    this.#task.problem = null;
    this.#app.redraw();
  }

  #add(files) {
    if (this.#task.running || !files.length) return;
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

  async #start() {
    const form = new FormData();
    for (const { file, role } of this.#files) if (role) form.append(role, file, file.name);
    this.#options.appendTo(form);
    this.#key ??= newKey();
    this.#sent = 0;
    const progress = (share) => {
      this.#sent = share;
      this.#app.redraw();
    };
    const headers = { "Idempotency-Key": this.#key };
    addEventListener("beforeunload", hold);
    const answer = await this.#task.run((signal) => upload("/v1/listings/bulk", form, { headers, progress, signal }));
    removeEventListener("beforeunload", hold);
    if (answer) this.#queued(answer.job_id);
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
            ?disabled=${this.#task.running}
            aria-describedby="upload-formats"
            @change=${(event) => this.#chosen(event.target)}
          />
          <p id="upload-formats" class="muted">
            Listings and a photo table as CSV, TSV, JSON, JSON Lines, Parquet or Excel (.xlsx); the photos as ZIP or TAR.
            Text files may be gzipped.
          </p>
        </div>
        ${this.#files.length ? this.#chosenFiles() : ""} ${trouble(this.#app, this.#task.problem, () => this.#start())}
      </section>
    `;
  }

  #chosen(input) {
    this.#add(input.files);
    input.value = "";
  }

  #chosenFiles() {
    const why = lacking(this.#files.map(({ role }) => role));
    return html`
      <ul class="files">
        ${this.#files.map((one) => this.#fileRow(one))}
      </ul>
      ${this.#options.template(this.#task.running)}
      ${
        this.#task.running
          ? this.#sending()
          : html` <p class="actions">
              <button
                type="button"
                class="strong"
                ?disabled=${Boolean(why)}
                aria-describedby="upload-lacking"
                @click=${() => this.#start()}
              >
                ${this.#options.isDryRun ? "Count" : "Start"}
              </button>
              <span id="upload-lacking" class="muted">${why}</span>
            </p>`
      }
    `;
  }

  #fileRow(one) {
    const { file, role } = one;
    const without = this.#files.filter((other) => other !== one);
    const given = (event) => {
      one.role = event.target.value;
      this.#change(this.#files);
    };
    return html`
      <li>
        <span class="name" dir="auto">${file.name}</span> <span class="muted">${size(file.size)}</span>
        <select aria-label=${`Role of ${file.name}`} ?disabled=${this.#task.running} @change=${given}>
          ${Object.entries(ROLES).map(
            ([value, name]) => html`<option value=${value} .selected=${value === role}>${name}</option>`,
          )}
        </select>
        <button
          type="button"
          class="quiet"
          aria-label=${`Remove ${file.name}`}
          ?disabled=${this.#task.running}
          @click=${() => this.#change(without)}
        >
          Remove
        </button>
      </li>
    `;
  }

  #sending() {
    const total = this.#files.reduce((sum, { file, role }) => sum + (role ? file.size : 0), 0);
    const isAllSent = this.#sent === 1;
    return html`
      <div class="progress">
        <p>
          ${isAllSent ? "Everything is sent. The server is storing it." : `Sending ${size(total * this.#sent)} of ${size(total)}`}
        </p>
        <progress aria-label="Sending the files" max="1" value=${isAllSent ? nothing : this.#sent}></progress>
      </div>
      <p class="actions"><button type="button" @click=${() => this.#task.stop()}>Stop</button></p>
    `;
  }
}
