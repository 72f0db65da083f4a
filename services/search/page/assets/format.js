/** Formats values for people. */

/** Return a price; "Free" for none to pay, and "" if it is unknown. */
export function price(amount, currency) {
  if (amount === null || amount === undefined) return "";
  if (amount === 0) return "Free";
  const whole = Number.isInteger(amount) ? 0 : 2;
  try {
    const style = currency ? { style: "currency", currency } : {};
    return new Intl.NumberFormat(undefined, {
      ...style,
      minimumFractionDigits: whole,
      maximumFractionDigits: 2,
    }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

export const number = (value) => new Intl.NumberFormat().format(value);
export const inListings = (count) => (count === 1 ? "1 listing" : `${number(count)} listings`);
export const percent = (share) => `${Math.floor(share * 100 + 1e-9)} %`;
export const decimals = (value, places = 3) => Number(value).toFixed(places);

function dated(text, style) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, style);
}

export const when = (text) => dated(text, { dateStyle: "medium", timeStyle: "short" });
export const day = (text) => dated(text, { dateStyle: "medium" });

/** Return a web address that can be a link; null for `javascript:` and all else that is neither HTTP nor HTTPS. */
export function webAddress(text) {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}
