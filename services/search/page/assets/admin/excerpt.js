/** The first part of a listings file, which is enough for a preview. */

import { size } from "./amounts.js";

const ENOUGH = 8_000_000;
const LINES = /\.(csv|tsv|tab|txt|jsonl|ndjson)$/i;

/**
 * Return the part of a large text file that a preview needs: whole lines, at most `ENOUGH` bytes. A file of another kind
 * is returned whole, and so is UTF-16, in which a line does not end with one byte.
 */
export async function excerptOf(file) {
  if (file.size <= ENOUGH || !LINES.test(file.name)) return file;
  const bytes = new Uint8Array(await file.slice(0, ENOUGH).arrayBuffer());
  const isWide = bytes.subarray(0, 4).some((byte) => byte === 0 || byte >= 0xfe);
  const end = bytes.lastIndexOf(0x0a);
  return isWide || end < 0 ? file : new File([file.slice(0, end + 1)], file.name, { type: file.type });
}

/** Return a sentence about what was left out; "" if nothing was. */
export const excerptNote = (file, sent) =>
  sent.size < file.size
    ? `Only the first ${size(sent.size)} of ${size(file.size)} were sent. Rows further down can still decide how dates are read.`
    : "";
