/** What went wrong with a call of the ingest service, which another server than this one may run. */

import { Problem } from "../api.js";
import { problemNotice } from "../notices.js";

const ONLY_SEARCHES = new Problem(
  "refused",
  "This server only searches",
  "Open the page on the ingest server, or set LOOKALIKE_INGEST_URL.",
);

/** Whether what was asked for goes on by itself, once there is a key or a connection. */
export const goesOn = (problem) => ["key", "offline"].includes(problem?.kind);

/** The notice of a task's problem; nothing where there is none. */
export function trouble(app, problem, retry) {
  if (!problem) return "";
  const shown = isOfNoPath(problem) ? ONLY_SEARCHES : problem;
  return problemNotice(shown, { retry, askForKey: (reason) => app.askForKey(reason) });
}

/** Nothing is at the path at all; a job or a generation that is not there has another detail, which names it. */
const isOfNoPath = ({ status, detail }) =>
  (status === 404 && (!detail || /^(There is )?nothing at this path|^Not Found/i.test(detail))) || status === 405;
