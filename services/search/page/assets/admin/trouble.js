/** Problems with calls to the ingest service, which may run on another server. */

import { Problem } from "../api.js";
import { problemNotice } from "../notices.js";

const ONLY_SEARCHES = new Problem(
  "refused",
  "This server only searches",
  "Open the page on the ingest server, or set LOOKALIKE_INGEST_URL.",
);

/** Whether the request can be repeated by itself once there is a key or a connection. */
export const goesOn = (problem) => ["key", "offline"].includes(problem?.kind);

/** The notice for a task's problem; empty if there is none. */
export function trouble(app, problem, retry) {
  if (!problem) return "";
  const shown = isOfNoPath(problem) ? ONLY_SEARCHES : problem;
  return problemNotice(shown, { retry, askForKey: (reason) => app.askForKey(reason) });
}

/** Whether the server does not know the path; a missing job or generation has another detail, which names it. */
const isOfNoPath = ({ status, detail }) =>
  (status === 404 && (!detail || /^(There is )?nothing at this path|^Not Found/i.test(detail))) || status === 405;
