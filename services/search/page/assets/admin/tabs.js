/** Tabs as in the WAI-ARIA pattern: arrow keys, Home and End move along them; Enter and Space open one. */

import { html } from "../vendor/lit-html/lit-html.js";

/**
 * @param tabs `{id, name, href}`; each opens by its address.
 * @param chosen the id of the open tab.
 * @param content of the open tab.
 */
export const tabbed = (tabs, chosen, content) => html`
  <div class="tabs" role="tablist" aria-label="Admin" @keydown=${moved}>
    ${tabs.map(
      ({ id, name, href }) => html`
        <a
          id=${`tab-${id}`}
          role="tab"
          href=${href}
          aria-selected=${id === chosen}
          aria-controls="tab-content"
          tabindex=${id === chosen ? 0 : -1}
          >${name}</a
        >
      `,
    )}
  </div>
  <div id="tab-content" class="tab-content" role="tabpanel" aria-labelledby=${`tab-${chosen}`}>${content}</div>
`;

/** Where a key leads from the tab at `place`, among `count` of them. */
const TARGETS = {
  ArrowRight: (place, count) => (place + 1) % count,
  ArrowLeft: (place, count) => (place + count - 1) % count,
  Home: () => 0,
  End: (place, count) => count - 1,
};

/** Tabs load from the server and may ask before they are left, so moving to one does not open it. */
function moved(event) {
  const tab = event.target.closest("[role=tab]");
  if (!tab || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " ") {
    event.preventDefault();
    tab.click();
  }
  const all = [...event.currentTarget.querySelectorAll("[role=tab]")];
  const target = TARGETS[event.key]?.(all.indexOf(tab), all.length);
  if (target === undefined) return;
  event.preventDefault();
  all[target].focus();
}
