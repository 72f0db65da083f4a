/** One request at a time: a new one aborts the one before. */

import { Problem } from "./api.js";

const SLOW_MS = 4000;

export class Task {
  #controller = null;
  #changed;

  /** @param changed is called after each change of `running`, `slow` or `problem`. */
  constructor(changed) {
    this.#changed = changed;
    this.running = this.slow = false;
    this.problem = null;
  }

  /** Run `work(signal)`; resolve to its value, or to undefined if it failed (see `problem`) or was aborted. */
  async run(work) {
    this.stop();
    const controller = (this.#controller = new AbortController());
    const isCurrent = () => this.#controller === controller;
    const slow = setTimeout(() => isCurrent() && this.#set({ slow: true }), SLOW_MS);
    this.#set({ running: true, slow: false, problem: null });
    try {
      const value = await work(controller.signal);
      return isCurrent() ? value : undefined;
    } catch (error) {
      if (isCurrent() && error.name !== "AbortError") this.#set({ problem: asProblem(error) });
      return undefined;
    } finally {
      clearTimeout(slow);
      if (isCurrent()) this.#set({ running: false, slow: false });
    }
  }

  stop() {
    this.#controller?.abort();
    this.#controller = null;
    if (this.running) this.#set({ running: false, slow: false });
  }

  #set(state) {
    Object.assign(this, state);
    this.#changed();
  }
}

function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("broken", "Something on this page failed", String(error.message ?? error));
}
