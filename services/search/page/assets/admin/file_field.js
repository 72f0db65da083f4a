/** A field for files: a drop zone with a button. The files chosen are shown by whoever takes them. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { size } from "./amounts.js";

export class FileField {
  #id;
  #take;
  #options;
  #redraw;
  #isOver = false;

  /**
   * @param id of the input.
   * @param take is called with an array of one or more files.
   * @param redraw is called when a drag enters or leaves.
   * @param options `words` of the button; `about` the files; `accept` as of an input; `multiple`; `isSmall`.
   */
  constructor(id, { take, redraw, ...options }) {
    this.#id = id;
    this.#take = take;
    this.#redraw = redraw;
    this.#options = options;
  }

  #chosen(input) {
    const files = [...input.files];
    input.value = ""; // the same file can be chosen again
    if (files.length) this.#take(files);
  }

  #drop(event) {
    event.preventDefault();
    this.#hover(false);
    const files = [...event.dataTransfer.files];
    if (files.length) this.#take(this.#options.multiple ? files : files.slice(0, 1));
  }

  #hover(isOver) {
    if (this.#isOver === isOver) return;
    this.#isOver = isOver;
    this.#redraw();
  }

  template({ isDisabled = false } = {}) {
    const { words, about, accept, multiple = false, isSmall = false } = this.#options;
    const over = (event) => {
      event.preventDefault();
      this.#hover(!isDisabled);
    };
    const left = (event) => event.currentTarget.contains(event.relatedTarget) || this.#hover(false);
    const dropped = (event) => (isDisabled ? event.preventDefault() : this.#drop(event));
    return html`
      <div
        class=${`drop ${isSmall ? "small" : ""} ${this.#isOver ? "over" : ""}`}
        @dragover=${over}
        @dragleave=${left}
        @drop=${dropped}
      >
        <p class="invite">
          <label class="button"
            >${words}<input
              id=${this.#id}
              class="unseen"
              type="file"
              accept=${accept ?? nothing}
              ?multiple=${multiple}
              ?disabled=${isDisabled}
              aria-describedby=${`${this.#id}-about`}
              @change=${(event) => this.#chosen(event.target)}
          /></label>
          <span class="muted">or drop ${multiple ? "them" : "it"} here</span>
        </p>
        <p id=${`${this.#id}-about`} class="muted">${about}</p>
      </div>
    `;
  }
}

/** The name and size of a file. */
export const fileName = ({ name, size: bytes }) => html`
  <span class="name" dir="auto">${name}</span> <span class="muted">${size(bytes)}</span>
`;

/** The button that takes a file out again. */
export const removeButton = (name, remove, isDisabled = false) => html`
  <button type="button" class="quiet" aria-label=${`Remove ${name}`} ?disabled=${isDisabled} @click=${remove}>
    Remove
  </button>
`;
