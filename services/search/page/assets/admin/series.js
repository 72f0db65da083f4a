/** Hourly recall of users' searches, as one series for each plan and filter shape. */

/** The recall that the indexes must reach. */
export const MARK = 0.99;
const LOWEST_SHOWN = 0.9;

/**
 * Return `[{plan, shape, queries, hours: [{hour, queries, recall}]}]`: the hours in order, and the
 * series with the lowest latest recall first. Two generations in one hour become one point, weighted by their queries.
 */
export function seriesOf(searches) {
  const found = new Map();
  for (const { plan, shape, hour, queries, ann_recall_at_10: recall } of searches) {
    const name = JSON.stringify([plan, shape]);
    if (!found.has(name)) found.set(name, { plan, shape, hours: new Map() });
    const { hours } = found.get(name);
    const before = hours.get(hour) ?? { hour, queries: 0, recall: 0 };
    const sum = before.queries + queries;
    const merged = sum ? (before.recall * before.queries + recall * queries) / sum : recall;
    hours.set(hour, { hour, queries: sum, recall: merged });
  }
  return [...found.values()].map(inOrder).sort((one, other) => latest(one).recall - latest(other).recall);
}

function inOrder({ plan, shape, hours }) {
  const ordered = [...hours.values()].sort((one, other) => new Date(one.hour) - new Date(other.hour));
  return { plan, shape, hours: ordered, queries: ordered.reduce((sum, { queries }) => sum + queries, 0) };
}

export const latest = ({ hours }) => hours.at(-1);

/** Return the start of the recall axis: 0.9, or below the lowest value. */
export function floorOf(hours) {
  const lowest = Math.min(...hours.map(({ recall }) => recall));
  return lowest >= LOWEST_SHOWN ? LOWEST_SHOWN : Math.max(0, Math.floor(lowest * 20) / 20);
}
