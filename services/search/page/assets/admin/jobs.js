/** Jobs in words, and the list of the newest. */

import { adminAddress } from "../address.js";
import { call } from "../api.js";
import { duration, number, when } from "../format.js";
import { Task } from "../task.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

const KINDS = {
  ingest: "Ingest",
  reindex: "Reindex",
  promote: "Promotion",
  repair: "Repair",
  tidy: "Tidying up",
};
const PAGE = 20;

export const kindOf = (job) => KINDS[job.kind] ?? job.kind;
export const hasEnded = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);

/** The state as a word with a mark; a job that is being cancelled still runs. */
export function stateBadge(job) {
  const state = job.cancel_requested && !hasEnded(job) ? "cancelling" : job.state;
  return html`<span class="badge" data-state=${state}>${state}</span>`;
}

const count = (of, name) => number(of[name] ?? 0);

/** What the job has done so far, in one line. */
function inShort({ kind, counts }) {
  if (kind === "ingest" && counts.listings_read)
    return (
      `${count(counts, "listings_accepted")} of ${count(counts, "listings_read")} listings, ` +
      `${count(counts, "photos_accepted")} of ${count(counts, "photos_read")} photos`
    );
  if (counts.generation) return `generation ${counts.generation}`;
  const done = Object.entries(counts).filter(([, value]) => value);
  return done.map(([name, value]) => `${name.replaceAll("_", " ")}: ${number(value)}`).join(", ");
}

/** How long it ran; "" of one that has not, or does still. */
export function took({ started_at: from, finished_at: until }) {
  if (!from || !until) return "";
  const seconds = (new Date(until) - new Date(from)) / 1000;
  return seconds < 1 ? "less than a second" : duration(seconds);
}

export class JobList {
  #app;
  #task;
  #jobs = null;
  #cursor = null;
  #shown;

  /** @param shown the id of the job that stands above the list, if one does. */
  constructor(app, shown) {
    this.#app = app;
    this.#shown = shown;
    this.#task = new Task(() => app.redraw());
  }

  async load() {
    const page = await this.#page();
    if (page) this.#jobs = page.jobs;
    this.#app.redraw();
  }

  close() {
    this.#task.stop();
  }

  async #page(cursor = null) {
    const asked = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
    const page = await this.#task.run((signal) => call(`/v1/jobs?${asked}`, { signal }));
    if (page) this.#cursor = page.cursor;
    return page;
  }

  async #more() {
    const page = await this.#page(this.#cursor);
    if (!page) return;
    this.#jobs = [...this.#jobs, ...page.jobs];
    this.#app.say(`${page.jobs.length} older jobs are shown.`);
  }

  template() {
    return html`
      <section aria-labelledby="jobs-title">
        <h2 id="jobs-title">Jobs</h2>
        ${trouble(this.#app, this.#task.problem, () => this.load())} ${this.#jobs ? this.#table() : ""}
        ${this.#task.running && !this.#jobs ? html`<p class="muted" role="status">Loading…</p>` : ""}
      </section>
    `;
  }

  #table() {
    if (!this.#jobs.length) return html`<p class="muted">There has been no job yet.</p>`;
    return html`
      ${table({
        name: "Jobs",
        caption: "Jobs, newest first",
        columns: ["Job", "State", "Queued", "Took", "Done"],
        rows: this.#jobs.map((job) => this.#row(job)),
      })}
      ${
        this.#cursor
          ? html`<p class="actions">
              <button type="button" @click=${() => this.#more()}>Older jobs</button>
            </p>`
          : ""
      }
    `;
  }

  #row(job) {
    const href = adminAddress("ingest", { job: job.job_id });
    return html`
      <tr>
        <th scope="row">
          <a href=${href} aria-current=${job.job_id === this.#shown ? "true" : "false"}
            >${kindOf(job)} <span class="muted">${job.job_id.slice(0, 8)}</span></a
          >
        </th>
        <td>${stateBadge(job)}</td>
        <td>${when(job.created_at)}</td>
        <td>${took(job)}</td>
        <td>${inShort(job)}</td>
      </tr>
    `;
  }
}
