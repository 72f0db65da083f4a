/** The column mapping of an upload: a preset, or TOML. */

import { live } from "../vendor/lit-html/directives/live.js";
import { html } from "../vendor/lit-html/lit-html.js";

const PRESETS = {
  "": "Recognise it by its columns",
  ebay: "eBay",
  etsy: "Etsy",
  facebook: "Facebook catalogue",
  google: "Google product feed",
  shopify: "Shopify",
  woocommerce: "WooCommerce",
};

/** Return the name that people know a preset by. */
export const presetName = (preset) => PRESETS[preset] || preset;

export class Mapping {
  #changed;
  #preset;
  #columns;
  #isOpen;

  /** @param changed is called after each change. */
  constructor(changed, { preset = "", columns = "" } = {}) {
    this.#changed = changed;
    this.#preset = preset;
    this.#columns = columns;
    this.#isOpen = Boolean(columns);
  }

  get values() {
    return { preset: this.#preset, columns: this.#columns };
  }

  /** Return the parts of the form. */
  parts() {
    return mappingParts(this.values);
  }

  /** Replace the mapping, as by a suggestion. */
  use(columns) {
    this.#columns = columns;
    this.#isOpen = true;
    this.#changed();
  }

  #choosePreset(preset) {
    this.#preset = preset;
    this.#changed();
  }

  async #read(input) {
    const [file] = input.files;
    input.value = "";
    if (file) this.use(await file.text());
  }

  template(isDisabled) {
    return html`
      <div class="mapping">
        <label
          >The listings come from
          <select ?disabled=${isDisabled} @change=${(event) => this.#choosePreset(event.target.value)}>
            ${Object.entries(PRESETS).map(
              ([preset, name]) =>
                html`<option value=${preset} .selected=${live(preset === this.#preset)}>${name}</option>`,
            )}
          </select>
        </label>
        <details ?open=${this.#isOpen} @toggle=${(event) => (this.#isOpen = event.target.open)}>
          <summary>Column mapping</summary>
          <label for="mapping-columns"
            >Which column is which field, as TOML. Its fields override those of the preset.</label
          >
          <textarea
            id="mapping-columns"
            rows="8"
            spellcheck="false"
            placeholder='[listings]&#10;id = "sku"&#10;title = "name"'
            .value=${live(this.#columns)}
            ?disabled=${isDisabled}
            @change=${(event) => this.use(event.target.value)}
          ></textarea>
          <label
            >or read it from a file
            <input type="file" accept=".toml" ?disabled=${isDisabled} @change=${(event) => this.#read(event.target)} />
          </label>
        </details>
      </div>
    `;
  }
}

/** Return the form's parts of a mapping; none for what is empty. */
export const mappingParts = ({ preset, columns }) => ({
  ...(preset && { preset }),
  ...(columns.trim() && { columns }),
});
