/** Calls to the REST API. Every failure is thrown as a `Problem`. */

import { key, wantKey } from "./session.js";

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

/** Return the address of a path of the API, which may be on the ingest service. */
export const addressOf = (path) => (INGEST_PATHS.some((start) => path.startsWith(start)) ? INGEST + path : path);
export const authorization = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

export function lost() {
  return navigator.onLine
    ? new Problem("unreachable", "The server does not answer", "It may be starting. Try again in a moment.")
    : new Problem("offline", "You are offline", "The page continues by itself when the connection is back.");
}

const KINDS = { 401: "key", 403: "key", 429: "busy", 503: "busy" };

/** @param wait the Retry-After header. */
export function problemOf(status, body, wait = null) {
  const kind = KINDS[status] ?? (status < 500 ? "refused" : "broken");
  if (kind === "key") wantKey();
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

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
