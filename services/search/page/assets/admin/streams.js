/** Calls with progress: an upload, and events of the server. Failures are thrown as of `api.js`. */

import { addressOf, authorization, lost, parsed, problemOf, send } from "../api.js";

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
