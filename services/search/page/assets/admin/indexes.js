/** The indexes tab: generations, and consistency with the database. */

import { adminAddress } from "../address.js";
import { call } from "../api.js";
import { confirmed } from "../dialogs.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { Consistency } from "./consistency.js";
import { answering, generationsTable, questionOf } from "./generations.js";
import { JobPanel } from "./job.js";
import { goesOn, trouble } from "./trouble.js";

const REINDEX =
  "This builds new indexes from the database, next to the live ones, with the same model. They are checked before they " +
  "answer searches. Until then everything stays as it is, and no search fails.";

export class IndexesTab {
  #app;
  #reading;
  #queueing;
  #request = null;
  #consistency;
  #generations = null;
  #job = null;

  constructor(app, { job }) {
    this.#app = app;
    this.#reading = new Task(() => app.redraw());
    this.#queueing = new Task(() => app.redraw());
    this.#consistency = new Consistency(app, (request) => this.#queue(request));
    if (job) this.#job = this.#panel(job);
  }

  load() {
    this.#loadGenerations();
    this.#job?.load();
  }

  retry() {
    if (this.#reading.problem) this.#loadGenerations();
    if (goesOn(this.#queueing.problem)) this.#queue(this.#request);
    this.#job?.retry();
    this.#consistency.retry();
  }

  close() {
    for (const task of [this.#reading, this.#queueing]) task.stop();
    this.#consistency.close();
    this.#job?.close();
  }

  async #loadGenerations() {
    const found = await this.#reading.run((signal) => call("/v1/admin/indexes", { signal }));
    if (found) this.#generations = found;
    this.#app.redraw();
  }

  #panel(job) {
    return new JobPanel(this.#app, job, () => {
      this.#loadGenerations();
      this.#consistency.forget();
    });
  }

  /** Ask for confirmation, queue the job, and follow it. */
  async #queue(request) {
    const { path, json, ...question } = request;
    this.#request = request;
    this.#queueing.problem = null;
    this.#app.redraw();
    if (!(await confirmed(question))) return;
    const queued = await this.#queueing.run((signal) => call(path, { method: "POST", json, signal }));
    if (!queued) return;
    this.#job?.close();
    this.#job = this.#panel(queued.job_id);
    this.#app.rename(adminAddress("indexes", { job: queued.job_id }));
    this.#job.load();
    this.#app.say("The job is queued.");
  }

  #reindex() {
    const question = { title: "Rebuild the indexes?", detail: REINDEX, action: "Reindex" };
    this.#queue({ path: "/v1/admin/reindex", json: {}, ...question });
  }

  /** Both "Make live" and "Return to model …". */
  #makeLive(one) {
    const path = `/v1/admin/indexes/${one.generation}/promote`;
    this.#queue({ path, ...questionOf(one, this.#generations) });
  }

  template() {
    const isBusy = this.#queueing.running || Boolean(this.#job?.isActive);
    return html`
      ${this.#job?.template() ?? ""} ${trouble(this.#app, this.#queueing.problem, () => this.#queue(this.#request))}
      <section aria-labelledby="generations-title">
        <h2 id="generations-title">Generations of the indexes</h2>
        <p class="muted">
          Each is a copy of the indexes, built with one model. The live one answers searches; “Reindex” builds the next.
        </p>
        ${trouble(this.#app, this.#reading.problem, () => this.#loadGenerations())}
        ${this.#generations ? this.#table(isBusy) : ""}
        ${this.#reading.running && !this.#generations ? html`<p class="muted" role="status">Loading…</p>` : ""}
      </section>
      ${this.#generations ? this.#consistency.template(isBusy) : ""}
    `;
  }

  #table(isBusy) {
    return html`
      ${answering(this.#generations)}
      ${generationsTable(this.#generations, { isBusy, makeLive: (one) => this.#makeLive(one) })}
      <p class="actions">
        <button type="button" ?disabled=${isBusy} @click=${() => this.#reindex()}>Reindex</button>
        ${isBusy ? html`<span class="muted">A job is running. Wait until it has ended.</span>` : ""}
      </p>
    `;
  }
}
