/** A bulk upload: its files and options, and sending them with progress. */

import { confirmed } from "../dialogs.js";
import { Task } from "../task.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { size } from "./amounts.js";
import { isOfMapping } from "./mapping_problem.js";
import { upload } from "./streams.js";
import { goesOn, trouble } from "./trouble.js";

/** Make the browser ask before it leaves the page. */
const hold = (event) => event.preventDefault();

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What one upload consists of.
 * @typedef {{files: {file: File, role: string}[], options: Object, mapping: {preset: string, columns: string}}} Upload
 */

/** Return the form of an upload: `parts` are the texts beside the files. */
export function formOf(files, parts) {
  const form = new FormData();
  for (const { file, role } of files) if (role) form.append(role, file, file.name);
  for (const [name, value] of Object.entries(parts)) form.append(name, value);
  return form;
}

export class Sending {
  #app;
  #queued;
  #task;
  #share = 0;
  #upload = null;
  /** Idempotency key: the same upload sent again is one job. */
  #key = null;

  /** @param queued is called with the id of the queued job. */
  constructor(app, queued) {
    this.#app = app;
    this.#queued = queued;
    this.#task = new Task(() => app.redraw());
  }

  get running() {
    return this.#task.running;
  }

  /** Forget a failed upload: files or options have changed. */
  reset() {
    this.#key = null;
    this.#task.problem = null;
  }

  /**
   * Send files and parts as a new bulk upload.
   * @param files `[{file, role}]`; those without a role are not sent.
   */
  async send(files, parts) {
    this.#upload = [files, parts];
    this.#key ??= newKey();
    this.#share = 0;
    const progress = (share) => {
      this.#share = share;
      this.#app.redraw();
    };
    const headers = { "Idempotency-Key": this.#key };
    addEventListener("beforeunload", hold);
    const answer = await this.#task.run((signal) =>
      upload("/v1/listings/bulk", formOf(files, parts), { headers, progress, signal }),
    );
    removeEventListener("beforeunload", hold);
    if (answer) this.#queued(answer.job_id);
  }

  retry() {
    if (goesOn(this.#task.problem)) this.#again();
  }

  #again() {
    this.send(...this.#upload);
  }

  /** Whether the view may be left; asks during an upload. */
  mayLeave() {
    if (!this.running) return true;
    const detail = "The upload has not finished. You would have to choose the files again.";
    return confirmed({ title: "Stop the upload?", detail, action: "Stop and leave" });
  }

  close() {
    this.#task.stop();
  }

  get problem() {
    return this.#task.problem;
  }

  /** The notice of the last upload's problem; empty if there is none, or if it is one of the mapping. */
  trouble() {
    return isOfMapping(this.problem) ? "" : trouble(this.#app, this.#task.problem, () => this.#again());
  }

  template() {
    const [files] = this.#upload;
    const total = files.reduce((sum, { file, role }) => sum + (role ? file.size : 0), 0);
    const isAllSent = this.#share === 1;
    return html`
      <div class="progress">
        <p>
          ${isAllSent ? "Everything is sent. The server is storing it." : `Sending ${size(total * this.#share)} of ${size(total)}`}
        </p>
        <progress aria-label="Sending the files" max="1" value=${isAllSent ? nothing : this.#share}></progress>
      </div>
      <p class="actions"><button type="button" @click=${() => this.#task.stop()}>Stop</button></p>
    `;
  }
}
