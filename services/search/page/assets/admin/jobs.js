/** Jobs in words, and the list of jobs. */

import { adminAddress } from "../address.js";
import { inListings, number, when } from "../format.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { counted, duration } from "./amounts.js";
import { Pages } from "./pages.js";
import { table } from "./table.js";

const KINDS = {
  ingest: "Ingest",
  reindex: "Reindex",
  promote: "Return to a generation",
  repair: "Repair",
  tidy: "Clean-up",
};

export const kindOf = (job) => KINDS[job.kind] ?? job.kind;
export const hasEnded = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);

/** The state as a badge; a job that is being cancelled is still running. */
export function stateBadge(job) {
  const state = job.cancel_requested && !hasEnded(job) ? "cancelling" : job.state;
  return html`<span class="badge" data-state=${state}>${state}</span>`;
}

const count = (of, name) => number(of[name] ?? 0);

/** The job's counts in one line. */
function inShort({ kind, counts }) {
  if (kind === "ingest" && counts.listings_read)
    return (
      `${count(counts, "listings_accepted")} of ${inListings(counts.listings_read)}, ` +
      `${count(counts, "photos_accepted")} of ${counted(counts.photos_read ?? 0, "photo")}`
    );
  if (counts.generation) return `generation ${counts.generation}`;
  const done = Object.entries(counts).filter(([, value]) => value);
  return done.map(([name, value]) => `${name.replaceAll("_", " ")}: ${number(value)}`).join(", ");
}

/** How long the job ran; "" before it has ended. */
export function took({ started_at: from, finished_at: until }) {
  if (!from || !until) return "";
  const seconds = (new Date(until) - new Date(from)) / 1000;
  return seconds < 1 ? "less than a second" : duration(seconds);
}

export class JobList extends Pages {
  #shown;

  /** @param shown the id of the job above the list, if any. */
  constructor(app, shown) {
    super(app, "/v1/jobs", { name: "jobs", more: "Older jobs" });
    this.#shown = shown;
  }

  template() {
    return html`
      <section aria-labelledby="jobs-title">
        <h2 id="jobs-title">Jobs</h2>
        ${this.items ? this.#table() : ""} ${this.end()}
        ${this.running && !this.items ? html`<p class="muted" role="status">Loading…</p>` : ""}
      </section>
    `;
  }

  #table() {
    if (!this.items.length) return html`<p class="muted">There are no jobs yet.</p>`;
    return table({
      name: "Jobs",
      caption: "Jobs, newest first",
      columns: ["Job", "State", "Queued", "Took", "Done"],
      rows: this.items.map((job) => this.#row(job)),
    });
  }

  #row(job) {
    const href = adminAddress("ingest", { job: job.job_id });
    return html`
      <tr>
        <th scope="row">
          <a href=${href} aria-current=${job.job_id === this.#shown ? "true" : "false"}
            >${kindOf(job)} ${job.dry_run ? "(dry run)" : ""} <span class="muted">${job.job_id.slice(0, 8)}</span></a
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
