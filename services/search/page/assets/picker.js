/** Ways to enter a photo: drop, paste, choose or take it, or enter its address. */

import { html } from "./vendor/lit-html/lit-html.js";

/** Not every system counts the last four among the images. */
const FORMATS = "image/*,.heic,.heif,.avif,.tif,.tiff";

/**
 * @param take is called with a photo's file.
 * @param open is called with a photo's address.
 */
export function picker({ take, open, isLarge }) {
  const entered = (event) => {
    event.preventDefault();
    const address = event.target.elements.link.value.trim();
    event.target.closest("dialog")?.close();
    if (address) open(address);
  };
  return html`
    <div class=${isLarge ? "picker large" : "picker"}>
      ${isLarge ? html`<p class="invite">Drop a photo here, or paste one</p>` : ""}
      <div class="actions">
        ${chooseButton(take)}
        <label class="button camera"
          >Take a photo<input
            class="unseen"
            type="file"
            accept="image/*"
            capture="environment"
            @change=${chosenBy(take)}
        /></label>
      </div>
      <form class="link" @submit=${entered}>
        <label class="unseen" for="link">Address of a photo</label>
        <input id="link" name="link" type="url" required placeholder="or paste a link" autocomplete="off" />
        <button>Search</button>
      </form>
    </div>
  `;
}

/** A button that opens a photo; `take` is called with its file. */
export const chooseButton = (take, words = "Choose a photo", className = "button strong") => html`
  <label class=${className}
    >${words}<input class="unseen" type="file" accept=${FORMATS} @change=${chosenBy(take)}
  /></label>
`;

const chosenBy = (take) => (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  event.target.closest("dialog")?.close();
  if (file) take(file);
};

/** Accept photos dropped or pasted anywhere on the page; return a function that stops it. */
export function watchPage({ take, open, hover }) {
  const given = (transfer) => {
    const file = [...transfer.files].find((one) => one.type.startsWith("image/")) ?? transfer.files[0];
    const dropped = transfer.getData("text/uri-list") || transfer.getData("text/plain");
    const text = dropped.split(/\r?\n/).find((line) => line && !line.startsWith("#")) ?? "";
    if (file) take(file);
    else if (text.startsWith(location.origin))
      return false; // a link of this page
    else if (/^https?:\/\/\S+$/.test(text.trim())) open(text.trim());
    else return false;
    return true;
  };
  const isTyped = (target, transfer) =>
    target.closest?.("input, textarea") && (!transfer.files.length || transfer.getData("text/plain"));
  const listeners = {
    dragover: (event) => {
      event.preventDefault();
      hover(true);
    },
    dragleave: (event) => {
      if (!event.relatedTarget) hover(false);
    },
    drop: (event) => {
      event.preventDefault();
      hover(false);
      given(event.dataTransfer);
    },
    paste: (event) => {
      if (!isTyped(event.target, event.clipboardData) && given(event.clipboardData)) event.preventDefault();
    },
  };
  for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
  };
}
