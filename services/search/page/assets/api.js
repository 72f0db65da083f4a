/** Calls to the REST API. Every failure is thrown as a `Problem`. */

import { key } from "./session.js";

/** Base URL of the ingest service; empty if it is this server. */
const INGEST = document.querySelector("meta[name=lookalike-ingest]").content;
const INGEST_PATHS = ["/v1/admin/", "/v1/jobs", "/v1/listings/bulk"];

/**
 * A failed call. `kind` tells what the user can do: `offline`, `unreachable`, `key` (enter another key), `busy` (wait),
 * `refused` (change the request) or `broken`.
 */
export class Problem extends Error {
  /**
   * @param more `status` of the answer, the `field` at fault, the `reason` code of a rejected photo, and `retryAfter`,
   * the seconds to wait before the next attempt; null if the answer does not tell.
   */
  constructor(kind, title, detail, { status = 0, field = "", reason = "", retryAfter = null } = {}) {
    super(detail || title);
    Object.assign(this, { kind, title, detail, status, field, reason, retryAfter });
  }
}

/** Return the JSON of the answer; null if it has no body. */
export async function call(path, options = {}) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** Return the response; throw a `Problem` for an error status. */
export async function send(path, { method, json, form, signal, accept } = {}) {
  const headers = authorization();
  if (accept) headers.Accept = accept;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? form : JSON.stringify(json);
  let response;
  try {
    response = await fetch(addressOf(path), { method: method ?? (body ? "POST" : "GET"), headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw lost();
  }
  if (!response.ok) throw problemOf(response.status, await jsonOf(response), response.headers.get("Retry-After"));
  return response;
}

/**
 * Send a form with upload progress, which `fetch` does not report.
 * @param progress is called with a fraction, 0 to 1.
 */
export function upload(path, form, { headers = {}, progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", addressOf(path));
    for (const [name, value] of Object.entries({ ...authorization(), ...headers }))
      request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status < 300) resolve(answer);
      else reject(problemOf(request.status, answer));
    };
    request.onerror = () => reject(lost());
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Yield the data of each server-sent event. EventSource cannot be used: it cannot send a key. */
export async function* events(path, { signal } = {}) {
  const response = await send(path, { signal, accept: "text/event-stream" });
  if (response.status === 204) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n").filter((line) => line.startsWith("data:"));
        if (lines.length) yield JSON.parse(lines.map((line) => line.slice(5).trimStart()).join("\n"));
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError || error.name === "AbortError") throw error;
    throw lost();
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Return the address of a path of the API, which may be on the ingest service. */
export const addressOf = (path) => (INGEST_PATHS.some((start) => path.startsWith(start)) ? INGEST + path : path);
const authorization = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

function lost() {
  return navigator.onLine
    ? new Problem("unreachable", "The server does not answer", "It may be starting. Try again in a moment.")
    : new Problem("offline", "You are offline", "The page continues by itself when the connection is back.");
}

const KINDS = { 401: "key", 403: "key", 429: "busy", 503: "busy" };

/** @param wait the Retry-After header. */
function problemOf(status, body, wait = null) {
  const kind = KINDS[status] ?? (status < 500 ? "refused" : "broken");
  const errors = (body?.errors ?? []).map(({ key: name, message }) => (name ? `${name}: ${message}` : message));
  const detail = [body?.detail, ...errors].filter(Boolean).join(" ");
  const { field, reason } = body ?? {};
  const retryAfter = wait !== null && Number.isFinite(Number(wait)) ? Number(wait) : null;
  return new Problem(kind, body?.title ?? `The server answered ${status}`, detail, {
    status,
    field,
    reason,
    retryAfter,
  });
}

const jsonOf = async (response) => parsed(await response.text().catch(() => ""));

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
