/** The counts of a job, in words. */

import { number } from "../format.js";
import { html } from "../vendor/lit-html/lit-html.js";

const WORDS = {
  read: "read",
  accepted: "accepted",
  rejected: "rejected",
  duplicates: "replaced by a later record with the same id",
  new: "new",
  updated: "updated",
  replaced: "replaced",
  unchanged: "unchanged",
  embedded: "embedded",
  failed: "could not be embedded",
  before: "in the catalogue before",
  removed: "removed",
  sold: "marked sold",
  renamed: "renamed",
  set_aside: "set aside",
  kept: "kept",
  put_in: "added",
  taken_out: "removed",
};
const SUBJECTS = { listings: "Listings", photos: "Photos", events: "Recorded changes" };
const OUTCOMES = Object.keys(WORDS);

/** Return `[subject, [[words, value], …]]` for listings, photos, events and each index, without what is 0. */
export function inWords(counts) {
  const bySubject = new Map();
  for (const [name, value] of Object.entries(counts)) {
    const outcome = OUTCOMES.find((one) => name.endsWith(`_${one}`));
    if (!outcome || !value) continue;
    const subject = name.slice(0, -outcome.length - 1);
    if (!bySubject.has(subject)) bySubject.set(subject, []);
    bySubject.get(subject).push([outcome, value]);
  }
  return [...bySubject].map(([subject, found]) => [SUBJECTS[subject] ?? `Index ${subject}`, ordered(found)]);
}

const ordered = (found) =>
  found
    .toSorted(([one], [other]) => OUTCOMES.indexOf(one) - OUTCOMES.indexOf(other))
    .map(([outcome, value]) => [WORDS[outcome], value]);

export function countsPanel(counts) {
  const found = inWords(counts);
  if (!found.length && !counts.generation) return "";
  return html`
    <div class="counts">
      ${found.map(
        ([subject, figures]) => html`
          <h3>${subject}</h3>
          <dl class="figures">
            ${figures.map(
              ([words, value]) =>
                html`<div>
                  <dt>${words}</dt>
                  <dd>${number(value)}</dd>
                </div>`,
            )}
          </dl>
        `,
      )}
      ${counts.generation ? html`<p>Generation ${counts.generation} was made live.</p>` : ""}
    </div>
  `;
}
