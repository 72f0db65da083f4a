/** The admin view: shows one tab at a time, chosen by the address. */

import { adminAddress } from "../address.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { DuplicatesTab } from "./duplicates.js";
import { IndexesTab } from "./indexes.js";
import { IngestTab } from "./ingest.js";
import { ModelTab } from "./model.js";
import { RecallTab } from "./recall.js";
import { tabbed } from "./tabs.js";

const TABS = {
  ingest: { name: "Ingest", Tab: IngestTab },
  indexes: { name: "Indexes", Tab: IndexesTab },
  recall: { name: "Recall", Tab: RecallTab },
  duplicates: { name: "Duplicates", Tab: DuplicatesTab },
  model: { name: "Model", Tab: ModelTab },
};

const ALL = Object.entries(TABS).map(([id, { name }]) => ({ id, name, href: adminAddress(id) }));

export class AdminView {
  #chosen;
  #tab;

  constructor(app, address) {
    this.#chosen = Object.hasOwn(TABS, address.tab) ? address.tab : "ingest";
    this.#tab = new TABS[this.#chosen].Tab(app, address);
    this.#tab.load();
  }

  get title() {
    return `${TABS[this.#chosen].name} · Admin`;
  }

  template() {
    return html`
      <div class="admin">
        <h1>Admin</h1>
        ${tabbed(ALL, this.#chosen, this.#tab.template())}
      </div>
    `;
  }

  /** Repeat only the requests that failed. */
  retry() {
    this.#tab.retry();
  }

  /** Whether the view may be left: a boolean, or a promise. */
  mayLeave() {
    return this.#tab.mayLeave?.() ?? true;
  }

  close() {
    this.#tab.close();
  }
}
