/** Saves an answer of the API as a file; a plain link would not send the key. */

import { send } from "../api.js";

const KEPT_MS = 60_000;

/** Fetch a path and let the browser save it as a file. */
export async function download(path, name, signal) {
  const response = await send(path, { signal });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
