/**
 * `<number-range>`: two fields, `from` and `to`, that say in place what is wrong with what was typed.
 *
 * `value` is `{min, max}` as texts, "" for an open end. A `range` event with the value as `detail` fires after each
 * valid change. Typed text stays until another value is set.
 */

import { html, render } from "./vendor/lit-html/lit-html.js";

let count = 0;

class NumberRange extends HTMLElement {
  #value = { min: "", max: "" };
  #problem = "";
  #id = `range-problem-${++count}`;
  #hints = { min: "", max: "" };
  /** The lowest number that is allowed; null for none. Set it before the value. */
  lowest = null;

  /** The numbers that the empty fields suggest. */
  set hints(hints) {
    this.#hints = hints;
    if (this.childElementCount) this.#draw();
  }

  set value({ min, max }) {
    if (min === this.#value.min && max === this.#value.max && this.childElementCount) return;
    this.#value = { min, max };
    this.#problem = "";
    this.#draw();
  }

  #draw() {
    const field = (end, word) => html`
      <label
        >${word}
        <input
          type="number"
          step="any"
          inputmode="decimal"
          min=${this.lowest ?? ""}
          placeholder=${this.#hints[end]}
          aria-invalid=${this.#problem ? "true" : "false"}
          aria-describedby=${this.#id}
          .value=${this.#value[end]}
          @change=${() => this.#check()}
      /></label>
    `;
    render(
      html`<div class="range">${field("min", "from")} ${field("max", "to")}</div>
        <p class="problem-text" id=${this.#id} aria-live="polite">${this.#problem}</p>`,
      this,
    );
  }

  #check() {
    const fields = [...this.querySelectorAll("input")];
    const [min, max] = fields.map((field) => field.value.trim());
    if (fields.some((field) => field.validity.badInput)) this.#say("Write a number, such as 20 or 7.50.");
    else if (this.lowest !== null && [min, max].some((text) => text && Number(text) < this.lowest))
      this.#say(`Write ${this.lowest} or more.`);
    else if (min && max && Number(min) > Number(max)) this.#say(`${min} is above ${max}: swap them, or clear one.`);
    else {
      this.#say("");
      if (min === this.#value.min && max === this.#value.max) return;
      this.#value = { min, max };
      this.dispatchEvent(new CustomEvent("range", { detail: { min, max } }));
    }
  }

  #say(problem) {
    this.#problem = problem;
    this.#draw();
  }
}

customElements.define("number-range", NumberRange);
