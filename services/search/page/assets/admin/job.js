/** One job, followed live until it ends. */

import { call } from "../api.js";
import { confirmed } from "../dialogs.js";
import { number, when } from "../format.js";
import { Task } from "../task.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { duration } from "./amounts.js";
import { countsPanel } from "./counts.js";
import { hasEnded, kindOf, stateBadge, took } from "./jobs.js";
import { REJECTS, Report, WARNINGS } from "./reports.js";
import { events } from "./streams.js";
import { TrialPanel } from "./trials.js";
import { goesOn, trouble } from "./trouble.js";

const RECONNECTS_AFTER_MS = 1000;
const PASSING = ["offline", "unreachable", "busy"];
const OUTCOMES = {
  succeeded: "It is done.",
  failed: "It failed.",
  cancelled: "It was cancelled. Finished work is kept.",
};

export class JobPanel {
  #app;
  #id;
  #ended;
  #following;
  #cancelling;
  #rejects;
  #warnings;
  #trial;
  #job = null;
  #isLost = false;

  /** @param ended is called when the job has ended. */
  constructor(app, id, ended = () => {}) {
    this.#app = app;
    this.#id = id;
    this.#ended = ended;
    this.#following = new Task(() => app.redraw());
    this.#cancelling = new Task(() => app.redraw());
    this.#rejects = new Report(app, id, REJECTS);
    this.#warnings = new Report(app, id, WARNINGS);
    this.#trial = new TrialPanel(app, id);
  }

  /** Whether the job is still running, as far as the page knows. */
  get isActive() {
    return this.#job ? !hasEnded(this.#job) : this.#following.running;
  }

  load() {
    this.#following.run((signal) => this.#follow(signal));
  }

  retry() {
    if (this.#following.problem) this.load();
    if (goesOn(this.#cancelling.problem)) this.#cancel();
    for (const part of [this.#rejects, this.#warnings, this.#trial]) part.retry();
  }

  /** Whether the view may be left; asks while a dry run is being applied. */
  mayLeave() {
    return this.#trial.mayLeave();
  }

  close() {
    for (const part of [this.#following, this.#cancelling]) part.stop();
    for (const part of [this.#rejects, this.#warnings, this.#trial]) part.close();
  }

  /** Follow the event stream. It ends after some minutes or when the server restarts; then reconnect. */
  async #follow(signal) {
    for (;;) {
      try {
        for await (const job of events(this.#path("/events"), { signal })) this.#take(job);
      } catch (error) {
        if (!this.#job || !PASSING.includes(error.kind)) throw error;
        this.#isLost = true;
        this.#app.redraw();
      }
      if (this.#job && hasEnded(this.#job)) return;
      await pause(RECONNECTS_AFTER_MS, signal);
    }
  }

  #take(job) {
    const before = this.#job;
    this.#job = job;
    this.#isLost = false;
    const stage = job.progress?.stage;
    if (hasEnded(job)) {
      this.#rejects.load(job.rejects);
      this.#warnings.load(job.warnings);
      this.#ended(job);
      this.#app.say(`${kindOf(job)}: ${OUTCOMES[job.state]}`);
    } else if (stage && stage !== before?.progress?.stage) this.#app.say(`${kindOf(job)}: ${stage}`);
    this.#app.redraw();
  }

  async #cancel() {
    const detail = "Finished work is kept.";
    if (!(await confirmed({ title: "Cancel this job?", detail, action: "Cancel the job" }))) return;
    const job = await this.#cancelling.run((signal) => call(this.#path("/cancel"), { method: "POST", signal }));
    if (job && !hasEnded(this.#job)) this.#take(job);
  }

  #path(more) {
    return `/v1/jobs/${encodeURIComponent(this.#id)}${more}`;
  }

  template() {
    const job = this.#job;
    return html`
      <section class="card job" aria-labelledby="job-title">
        <h2 id="job-title">
          ${job ? kindOf(job) : "Job"} ${job?.dry_run ? "(dry run)" : ""}
          <span class="muted">${this.#id.slice(0, 8)}</span>
        </h2>
        ${trouble(this.#app, this.#following.problem, () => this.load())}
        ${job ? this.#standing(job) : this.#following.running ? html`<p class="muted">Loading…</p>` : ""}
      </section>
    `;
  }

  #standing(job) {
    return html`
      <p class="standing">${stateBadge(job)} <span class="muted">queued ${when(job.created_at)}</span></p>
      ${hasEnded(job) ? outcome(job) : this.#ongoing(job)}
      ${hasEnded(job) && job.dry_run ? this.#trial.template(job, this.#warnings.records) : ""}
      ${countsPanel(job.counts)}
      ${hasEnded(job) ? [this.#rejects, this.#warnings].map((report) => report.template()) : ""}
    `;
  }

  #ongoing(job) {
    return html`
      ${
        job.progress
          ? progressOf(job.progress)
          : html`<p>${job.state === "queued" ? "Waiting for other jobs." : "Starting."}</p>`
      }
      ${this.#isLost ? html`<p class="muted" role="status">The connection was lost. Reconnecting…</p>` : ""}
      ${trouble(this.#app, this.#cancelling.problem, () => this.#cancel())}
      <p class="actions">
        <button
          type="button"
          ?disabled=${job.cancel_requested || this.#cancelling.running}
          @click=${() => this.#cancel()}
        >
          ${job.cancel_requested ? "Cancelling…" : "Cancel the job"}
        </button>
      </p>
    `;
  }
}

function outcome(job) {
  return html`
    <p>${OUTCOMES[job.state]} ${took(job) ? `It took ${took(job)}.` : ""}</p>
    ${job.error ? html`<p class="job-error" dir="auto">${job.error}</p>` : ""}
  `;
}

function progressOf({ stage, done, total, per_second: rate, seconds_left: left }) {
  const amount = total === null ? (done ? number(done) : "") : `${number(done)} of ${number(total)}`;
  const pace = rate ? `${rate < 10 ? rate.toFixed(1) : number(Math.round(rate))} per second` : "";
  const rest = left === null ? "" : `${duration(left)} left in this stage`;
  return html`
    <div class="progress">
      <p><strong>${stage}</strong> <span class="muted">${[amount, pace, rest].filter(Boolean).join(" · ")}</span></p>
      <progress aria-label=${`Progress: ${stage}`} max=${total || 1} value=${total ? done : nothing}></progress>
    </div>
  `;
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const waiting = setTimeout(resolve, milliseconds);
    const givenUp = () => {
      clearTimeout(waiting);
      reject(signal.reason);
    };
    signal.addEventListener("abort", givenUp, { once: true });
  });
}
