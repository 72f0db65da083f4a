/** The column mapping of an upload: a preset, or TOML. */

import { live } from "../vendor/lit-html/directives/live.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { FileField, fileName, removeButton } from "./file_field.js";
import { isOfMapping, mappingProblem } from "./mapping_problem.js";

const EXAMPLE = `[listings]
id = "sku"
title = "name"
category = "product type"
price = "price incl. VAT"
photos = ["image 1", "image 2"]

[attributes]
colour = "Colour"`;

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
  #field;
  /** The file whose text the mapping is; null after a change by hand. */
  #file = null;

  /**
   * @param changed is called after each change.
   * @param redraw is called when only the look changes.
   */
  constructor(changed, redraw, { preset = "", columns = "" } = {}) {
    this.#changed = changed;
    this.#preset = preset;
    this.#columns = columns;
    this.#isOpen = Boolean(columns);
    this.#field = new FileField("mapping-file", {
      take: ([file]) => this.#read(file),
      redraw,
      words: "Read it from a file",
      about: "A .toml file with a mapping, such as one that you saved.",
      accept: ".toml",
      isSmall: true,
    });
  }

  get values() {
    return { preset: this.#preset, columns: this.#columns };
  }

  /** Return the parts of the form. */
  parts() {
    return mappingParts(this.values);
  }

  /** Replace the mapping, as by a suggestion. */
  use(columns, file = null) {
    this.#columns = columns;
    this.#file = file;
    this.#isOpen = true;
    this.#changed();
  }

  #choosePreset(preset) {
    this.#preset = preset;
    this.#changed();
  }

  async #read(file) {
    this.use(await file.text(), file);
  }

  /** @param problem of the last preview or upload: shown here if it is one of the mapping. */
  template(isDisabled, problem = null) {
    const wrong = isOfMapping(problem) ? problem : null;
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
        <details ?open=${this.#isOpen || wrong} @toggle=${(event) => (this.#isOpen = event.target.open)}>
          <summary>Column mapping</summary>
          <label for="mapping-columns"
            >Which column is which field, as TOML: <code>field = "column of your file"</code>. Its fields override those of
            the preset. “Preview” shows what your file lacks.</label
          >
          <textarea
            id="mapping-columns"
            rows="10"
            spellcheck="false"
            placeholder=${EXAMPLE}
            aria-invalid=${Boolean(wrong)}
            aria-describedby="mapping-problem"
            .value=${live(this.#columns)}
            ?disabled=${isDisabled}
            @input=${(event) => this.use(event.target.value)}
          ></textarea>
          <div id="mapping-problem">${wrong ? mappingProblem(wrong.detail, this.#columns) : ""}</div>
          ${
            this.#file
              ? html`<p class="actions">
                  ${fileName(this.#file)} ${removeButton(this.#file.name, () => this.use(""), isDisabled)}
                </p>`
              : ""
          }
          ${this.#field.template({ isDisabled })}
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
