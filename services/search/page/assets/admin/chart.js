/** A line chart as an SVG. */

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";

const WIDTH = 340;
const HEIGHT = 150;
const PLOT = { left: 38, right: WIDTH - 34, top: 10, bottom: HEIGHT - 24 };
const MOST_DOTS = 60;

/** Map points `{x, y}` to pixels of the plot, for axes from `from` to `to` and from `low` to `high`. */
export function placed(points, { from, to, low, high }) {
  const along = (value, least, most, start, end) =>
    most === least ? (start + end) / 2 : start + ((value - least) / (most - least)) * (end - start);
  return points.map(({ x, y }) => ({
    x: +along(x, from, to, PLOT.left, PLOT.right).toFixed(1),
    y: +along(y, low, high, PLOT.bottom, PLOT.top).toFixed(1),
  }));
}

/**
 * @param points `{x, y}`, in order of x.
 * @param span `{from, to, low, high}`: the range of the axes.
 * @param labels `{from, to, low, high}`: the labels at the ends of the axes.
 * @param mark `{y, label}`: a target line.
 * @param name the accessible name.
 */
export function lineChart({ points, span, labels, mark = null, name }) {
  const line = placed(points, span);
  const dots = line.length <= MOST_DOTS ? line : line.slice(-1);
  return html`
    <svg class="chart" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${name}>
      ${axes(labels)} ${mark ? markLine(mark, span) : nothing}
      <polyline class="line" points=${line.map(({ x, y }) => `${x},${y}`).join(" ")}></polyline>
      ${dots.map(({ x, y }) => svg`<circle class="dot" cx=${x} cy=${y} r="2.5"></circle>`)}
    </svg>
  `;
}

const axes = (labels) => svg`
  <path class="axis" d=${`M${PLOT.left} ${PLOT.top}V${PLOT.bottom}H${PLOT.right}`}></path>
  <text x=${PLOT.left - 5} y=${PLOT.top + 4} text-anchor="end">${labels.high}</text>
  <text x=${PLOT.left - 5} y=${PLOT.bottom + 4} text-anchor="end">${labels.low}</text>
  <text x=${PLOT.left} y=${HEIGHT - 6}>${labels.from}</text>
  <text x=${PLOT.right} y=${HEIGHT - 6} text-anchor="end">${labels.to}</text>
`;

function markLine(mark, span) {
  const [{ y }] = placed([{ x: span.from, y: mark.y }], span);
  return svg`
    <path class="wanted" d=${`M${PLOT.left} ${y}H${PLOT.right}`}></path>
    <text x=${PLOT.right + 4} y=${y + 4}>${mark.label}</text>
  `;
}
