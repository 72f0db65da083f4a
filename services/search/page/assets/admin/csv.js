/** Reads CSV (RFC 4180): quoted fields may contain commas, line ends and doubled quotes. */

const FIELD = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r\n|\n|\r|$)/y;

/** Yield each record as a list of fields. */
export function* records(text) {
  let fields = [];
  for (let at = 0; at < text.length || fields.length;) {
    FIELD.lastIndex = at;
    const [whole, quoted, plain, end] = FIELD.exec(text);
    at += whole.length;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    yield fields;
    fields = [];
  }
}

/** Yield each record after the header as an object. */
export function* rows(text) {
  const all = records(text);
  const names = all.next().value ?? [];
  for (const fields of all) yield Object.fromEntries(names.map((name, place) => [name, fields[place] ?? ""]));
}
