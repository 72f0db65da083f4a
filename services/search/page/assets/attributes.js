/**
 * Conditions on attributes, as the address and the API write them: `brand:Acme`, `boxed:true`, `size:3..5`. Several
 * values of one name are alternatives.
 */

const CONDITION = /^\s*(\w{1,40})\s*:\s*(\S.*?)\s*$/s;
const NUMBER = /^-?\d+(\.\d+)?$/;
const RANGE = /^(-?\d+(?:\.\d+)?)?\.\.(-?\d+(?:\.\d+)?)?$/;

/** Parse a condition: `{name, value}`, `{name, min, max}` with null for an open end, or null if it is none. */
export function parse(text) {
  const [, name, value] = CONDITION.exec(text) ?? [];
  if (!name) return null;
  const [, min, max] = RANGE.exec(value) ?? [];
  if (min || max) return { name: name.toLowerCase(), min: ends(min), max: ends(max) };
  return { name: name.toLowerCase(), value: /^".+"$/s.test(value) ? value.slice(1, -1) : value };
}

const ends = (text) => (text === undefined ? null : Number(text));

/** Return the text of a condition. A value that looks like a range or is in quotes is put in quotes. */
export const valueText = (name, value) => {
  const text = String(value).trim();
  return `${name}:${RANGE.test(text) || /^".+"$/s.test(text) ? `"${text}"` : text}`;
};

/** Return the text of a range; "" if both ends are open. */
export const rangeText = (name, min, max) =>
  min === null && max === null ? "" : `${name}:${[min, max].map(plain).join("..")}`;

/** Write a number without an exponent. */
const plain = (number) =>
  number === null ? "" : number.toLocaleString("en", { useGrouping: false, maximumFractionDigits: 20 });

const textOf = ({ name, value, min, max }) =>
  value === undefined ? rangeText(name, min, max) : valueText(name, value);

/** Whether two values are equal to the API, which ignores case, blanks and type. */
export const isSame = (one, other) => sameKey(one) === sameKey(other);
const sameKey = (value) => String(value).trim().replace(/\s+/g, " ").toLowerCase();

/** Return the usable conditions of an address. A name has either one range or values: what comes first counts. */
export function usable(texts) {
  const kept = new Map();
  for (const one of texts.map(parse).filter(Boolean)) {
    const earlier = kept.get(one.name) ?? [];
    const isRange = one.value === undefined;
    const isFitting = !earlier.length || (!isRange && earlier[0].value !== undefined);
    if (isFitting && !earlier.some((other) => isSame(other.value, one.value))) kept.set(one.name, [...earlier, one]);
  }
  return [...kept.values()].flat().map(textOf);
}

/** Return the conditions by name. */
export function byName(texts) {
  const found = new Map();
  for (const one of texts.map(parse)) found.set(one.name, [...(found.get(one.name) ?? []), one]);
  return found;
}

/** Return conditions as the API's JSON has them. A text that looks like a number is both. */
export function asJson(texts) {
  const json = {};
  for (const [name, conditions] of byName(texts)) {
    const [{ value, min, max }] = conditions;
    if (value === undefined) json[name] = { ...(min !== null && { min }), ...(max !== null && { max }) };
    else
      json[name] = conditions.flatMap((one) => (NUMBER.test(one.value) ? [one.value, Number(one.value)] : [one.value]));
  }
  return json;
}

/** Return an attribute's name for people. */
export const nameInWords = (name) => name.replaceAll("_", " ");

/** Return a value for people. */
export const valueInWords = (value) => ({ true: "yes", false: "no" })[String(value).toLowerCase()] ?? String(value);

/** Return a condition for people. */
export function inWords(text) {
  const { name, value, min, max } = parse(text);
  if (value !== undefined) return `${nameInWords(name)}: ${valueInWords(value)}`;
  if (max === null) return `${nameInWords(name)}: from ${min}`;
  return min === null ? `${nameInWords(name)}: up to ${max}` : `${nameInWords(name)}: ${min} to ${max}`;
}
