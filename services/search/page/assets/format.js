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
export const percent = (share) => `${Math.floor(share * 100 + 1e-9)} %`;
export const decimals = (value, places = 3) => Number(value).toFixed(places);

export function when(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime())
    ? ""
    : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export const day = (text) => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString(undefined, { dateStyle: "medium" });
};

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Format a number of bytes. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const step = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

/** Return a web address that can be a link; null for `javascript:` and all else that is neither HTTP nor HTTPS. */
export function webAddress(text) {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}
