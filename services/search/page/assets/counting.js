/** Counts what passes the filters, after the results have come. */

import { filtersOf } from "./address.js";
import { namesIn } from "./facets.js";
import { chipsOf } from "./filter_chips.js";
import { countsIn, totalsOf } from "./searching.js";
import { Task } from "./task.js";
import { html } from "./vendor/lit-html/lit-html.js";

const NO_COUNTS = { total: null, facets: {}, levels: {}, without: [] };
const MOST_CHIPS = 20;

/** The counts of the last answer, its filters, and what it searched by. */
let last = { source: "", filters: "", counts: NO_COUNTS };

const sourceOf = ({ by, source, like }) => JSON.stringify([by, source, like]);
const filterText = (query) => JSON.stringify(filtersOf(query));

export class Counting {
  #app;
  #task;
  #again = () => {};

  constructor(app) {
    this.#app = app;
    this.#task = new Task(() => app.redraw());
  }

  get isRunning() {
    return this.#task.running;
  }

  /**
   * Count what passes the filters, by the attributes that the results have or that the query filters by. Without
   * results, count what would pass without each filter.
   */
  async load(query, results) {
    this.#again = () => this.load(query, results);
    const counts = await this.#task.run(async (signal) => ({
      ...(await countsIn(query, namesIn(results), signal)),
      without: results.length ? [] : await countsWithout(query, signal),
    }));
    if (counts) last = { source: sourceOf(query), filters: filterText(query), counts };
    this.#app.redraw();
  }

  /**
   * Return the counts; none if they are those of another search. Until other filters are counted, the choices are those
   * of the filters before, so that nothing jumps, but without a total.
   */
  of(query) {
    if (last.source !== sourceOf(query)) return NO_COUNTS;
    return last.filters === filterText(query) ? last.counts : { ...last.counts, total: null, without: [] };
  }

  retry() {
    if (this.#task.problem) this.#again();
  }

  stop() {
    this.#task.stop();
  }

  problem() {
    if (!this.#task.problem) return "";
    return html`
      <p class="problem-text">
        The numbers could not be loaded.
        <button type="button" class="quiet" @click=${() => this.#again()}>Try again</button>
      </p>
    `;
  }
}

/** Resolve to the filters whose removal lets listings through, as `{name, changes, listings}`, most listings first. */
async function countsWithout(query, signal) {
  const chips = chipsOf(query).slice(0, MOST_CHIPS);
  if (!chips.length) return [];
  const totals = await totalsOf(
    chips.map(({ changes }) => ({ ...query, ...changes })),
    signal,
  );
  return chips
    .map((chip, at) => ({ ...chip, listings: totals[at] }))
    .filter(({ listings }) => listings)
    .sort((one, other) => other.listings - one.listings);
}
