/**
 * `<crop-box>`: a box over a photo, which the user draws, moves and resizes by pointer or keyboard.
 *
 * `value` is `{x, y, width, height}` as fractions of the photo's sides, or null for the whole photo. A `crop` event with
 * the value as `detail` fires after each choice.
 */

const SMALLEST = 0.05;
const STEP = 0.02;
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const SETTLED_MS = 400;

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; position: relative; touch-action: pan-y; overflow: hidden; cursor: crosshair; user-select: none; }
  ::slotted(*) { pointer-events: none; }
  .box { position: absolute; cursor: move; outline: 2px solid #fff; outline-offset: -2px; box-shadow: 0 0 0 4096px rgb(0 0 0 / 45%); }
  .handle, .box:not(.whole) { touch-action: none; }
  .box.whole { box-shadow: none; outline-color: transparent; }
  .box:focus-visible { outline: 3px solid var(--focus, #0b57d0); outline-offset: -3px; }
  .handle { position: absolute; width: 32px; height: 32px; }
  .handle::after { content: ""; position: absolute; inset: 9px; border-radius: 50%; background: #fff; box-shadow: 0 0 0 1px rgb(0 0 0 / 50%); }
  .nw { left: -9px; top: -9px; cursor: nwse-resize; } .ne { right: -9px; top: -9px; cursor: nesw-resize; }
  .sw { left: -9px; bottom: -9px; cursor: nesw-resize; } .se { right: -9px; bottom: -9px; cursor: nwse-resize; }
`);

class CropBox extends HTMLElement {
  #box = document.createElement("div");
  #value = null;
  /** The value of the last `crop` event; an unchanged value fires none. */
  #chosen = null;
  #drag = null;
  #settling = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    Object.assign(this.#box, { tabIndex: 0, className: "box" });
    this.#box.setAttribute("role", "group");
    this.#box.setAttribute(
      "aria-label",
      "Part of the photo to search by. Arrow keys move it, Shift and arrow keys resize it, Escape selects the whole photo.",
    );
    for (const corner of ["nw", "ne", "sw", "se"]) {
      const handle = document.createElement("div");
      handle.className = `handle ${corner}`;
      handle.dataset.corner = corner;
      this.#box.append(handle);
    }
    root.append(document.createElement("slot"), this.#box);
    this.addEventListener("pointerdown", (event) => this.#begin(event));
    this.addEventListener("pointermove", (event) => this.#move(event));
    this.addEventListener("pointerup", () => this.#end());
    this.addEventListener("pointercancel", () => this.#end());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#draw();
  }

  disconnectedCallback() {
    clearTimeout(this.#settling);
    this.#settling = 0;
    this.#drag = null;
  }

  get value() {
    return this.#value;
  }

  set value(crop) {
    if (this.#drag || this.#settling) return; // the user is choosing
    this.#value = this.#chosen = crop;
    this.#draw();
  }

  #begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    this.#box.focus({ preventScroll: true });
    const [x, y] = this.#at(event);
    const target = event.composedPath()[0];
    const corner = target.dataset?.corner;
    const box = this.#value ?? WHOLE;
    if (corner) {
      // The opposite corner stays fixed.
      const fixed = [
        corner.includes("w") ? box.x + box.width : box.x,
        corner.includes("n") ? box.y + box.height : box.y,
      ];
      this.#drag = { fixed };
    } else if (target === this.#box && this.#value) this.#drag = { grabbed: [x - box.x, y - box.y] };
    else this.#drag = { fixed: [x, y] };
    this.#drag.before = this.#value;
    this.#drag.from = [x, y];
  }

  #move(event) {
    if (!this.#drag) return;
    const [x, y] = this.#at(event);
    if (Math.hypot(x - this.#drag.from[0], y - this.#drag.from[1]) < 0.01 && !this.#drag.moved) return;
    this.#drag.moved = true;
    if (this.#drag.grabbed) {
      const [left, top] = [x - this.#drag.grabbed[0], y - this.#drag.grabbed[1]];
      this.#value = within({ ...this.#drag.before, x: left, y: top });
    } else {
      const [fixedX, fixedY] = this.#drag.fixed;
      this.#value = {
        x: Math.min(x, fixedX),
        y: Math.min(y, fixedY),
        width: Math.abs(x - fixedX),
        height: Math.abs(y - fixedY),
      };
    }
    this.#draw();
  }

  #end() {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag?.moved) return;
    this.#choose(this.#value.width < SMALLEST || this.#value.height < SMALLEST ? drag.before : this.#value);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // a browser shortcut
    if (event.key === "Escape") return this.#choose(null);
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!step) return;
    event.preventDefault();
    const box = this.#value ?? { x: 0.1, y: 0.1, width: 0.8, height: 0.8 };
    const [dx, dy] = step;
    this.#value = within(
      event.shiftKey
        ? { ...box, width: Math.min(1 - box.x, box.width + dx), height: Math.min(1 - box.y, box.height + dy) }
        : { ...box, x: box.x + dx, y: box.y + dy },
    );
    this.#draw();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#choose(this.#value), SETTLED_MS);
  }

  #choose(crop) {
    clearTimeout(this.#settling);
    this.#settling = 0;
    const chosen = crop && isWhole(crop) ? null : crop;
    const isNew = JSON.stringify(chosen) !== JSON.stringify(this.#chosen);
    this.#value = this.#chosen = chosen;
    this.#draw();
    if (isNew) this.dispatchEvent(new CustomEvent("crop", { detail: this.#value }));
  }

  #at(event) {
    const { left, top, width, height } = this.getBoundingClientRect();
    const share = (value, size) => Math.min(1, Math.max(0, value / size));
    return [share(event.clientX - left, width), share(event.clientY - top, height)];
  }

  #draw() {
    const { x, y, width, height } = this.#value ?? WHOLE;
    this.#box.classList.toggle("whole", !this.#value);
    Object.assign(this.#box.style, {
      left: `${x * 100}%`,
      top: `${y * 100}%`,
      width: `${width * 100}%`,
      height: `${height * 100}%`,
    });
  }
}

const isWhole = (crop) => crop.width > 0.98 && crop.height > 0.98;

function within({ x, y, width, height }) {
  const [w, h] = [Math.max(SMALLEST, Math.min(1, width)), Math.max(SMALLEST, Math.min(1, height))];
  return { x: Math.min(1 - w, Math.max(0, x)), y: Math.min(1 - h, Math.max(0, y)), width: w, height: h };
}

customElements.define("crop-box", CropBox);
