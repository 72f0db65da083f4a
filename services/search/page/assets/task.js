/** One thing that is asked of the server at a time: what was asked before is given up. */

import { Problem } from "./api.js";

const SLOW_MS = 4000;

export class Task {
  #controller = null;
  #changed;

  /** @param changed is called whenever `running`, `slow` or `problem` has changed. */
  constructor(changed) {
    this.#changed = changed;
    this.running = this.slow = false;
    this.problem = null;
  }

  /** Run `work(signal)`; return its value, or undefined where it failed (`problem` says why) or was given up. */
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
