/** Dialogs: confirmation of an action, and the key of the shop. */

import { key, keep } from "./session.js";
import { html, render } from "./vendor/lit-html/lit-html.js";

/** Show a dialog; resolve to the value of the button that closed it, or "" if it was dismissed. */
function shown(content, className = "") {
  const dialog = document.createElement("dialog");
  dialog.className = className;
  dialog.setAttribute("aria-labelledby", "dialog-title");
  document.body.append(dialog);
  render(content, dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve({ chosen: dialog.returnValue, dialog });
      dialog.remove();
    });
  });
}

const closing = (value) => (event) => event.target.closest("dialog").close(value);

/** Ask for confirmation; resolve to true for yes. `detail` is a text, or a list of them. */
export async function confirmed({ title, detail, action }) {
  const { chosen } = await shown(html`
    <h2 id="dialog-title">${title}</h2>
    ${[detail].flat().map((text) => html`<p>${text}</p>`)}
    <p class="actions">
      <button type="button" autofocus @click=${closing("")}>Cancel</button>
      <button type="button" class="strong" @click=${closing("yes")}>${action}</button>
    </p>
  `);
  return chosen === "yes";
}

export const KeyDialog = {
  /** Ask for a key and store it; resolve to whether it changed. */
  async ask(reason = "") {
    const entered = (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.target.closest("dialog").close("keep");
    };
    const { chosen, dialog } = await shown(html`
      <h2 id="dialog-title">Your key</h2>
      ${reason ? html`<p class="problem-text">${reason}</p>` : ""}
      <p>Whoever runs this shop can give you one. It stays in this tab until you close it, and nobody else gets it.</p>
      <label
        >Key <input type="password" autocomplete="off" spellcheck="false" autofocus .value=${key()} @keydown=${entered}
      /></label>
      <p class="actions">
        <button type="button" @click=${closing("")}>Cancel</button>
        ${key() ? html`<button type="button" @click=${closing("forget")}>Remove the key</button>` : ""}
        <button type="button" class="strong" @click=${closing("keep")}>Use this key</button>
      </p>
    `);
    if (!chosen) return false;
    keep(chosen === "forget" ? "" : dialog.querySelector("input").value.trim());
    return true;
  },
};
