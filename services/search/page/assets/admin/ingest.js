/** The ingest tab: an upload or its job, and earlier jobs. */

import { adminAddress } from "../address.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { JobPanel } from "./job.js";
import { JobList } from "./jobs.js";
import { UploadForm } from "./upload.js";

export class IngestTab {
  #top;
  #list;
  #job;

  constructor(app, { job }) {
    this.#job = job;
    this.#list = new JobList(app, job);
    this.#top = job
      ? new JobPanel(app, job, () => this.#list.load())
      : new UploadForm(app, (queued) => app.navigate(adminAddress("ingest", { job: queued })));
  }

  load() {
    this.#top.load?.();
    this.#list.load();
  }

  retry() {
    this.#top.retry();
    this.#list.retry();
  }

  mayLeave() {
    return this.#top.mayLeave?.() ?? true;
  }

  close() {
    this.#top.close();
    this.#list.close();
  }

  template() {
    return html`
      ${this.#job ? html`<p><a href=${adminAddress("ingest")}>Ingest more listings</a></p>` : ""}
      ${this.#top.template()} ${this.#list.template()}
    `;
  }
}
