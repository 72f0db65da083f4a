/** Saving an answer of the API as a file: a link to it would not send the key. */

import { send } from "../api.js";

const KEPT_MS = 60_000;

/** Fetch the path and have the browser save it under a name. */
export async function download(path, name, signal) {
  const response = await send(path, { signal });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
