/** The beginning of a CSV answer: a report can be larger than a browser can hold. */

const ENOUGH = 4_000_000;

/** Read at most `most` characters; resolve to whole records as `{text, isCut}`. */
export async function beginningOf(response, most = ENOUGH) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return { text, isCut: false };
    text += value;
    if (text.length > most) break;
  }
  reader.cancel().catch(() => {});
  return { text: text.slice(0, endOfRecords(text)), isCut: true };
}

/** Return where the last whole record ends: at a line end that is not inside quotes. */
function endOfRecords(text) {
  let end = text.lastIndexOf("\n");
  let isQuoted = quotes(text.slice(0, end)) % 2 === 1;
  while (isQuoted) {
    const before = text.lastIndexOf("\n", end - 1);
    isQuoted = quotes(text.slice(before, end)) % 2 === 0;
    end = before;
  }
  return end + 1;
}

const quotes = (text) => text.split('"').length - 1;
