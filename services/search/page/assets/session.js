/**
 * The API key, kept for this tab's session only: it is gone when the tab is closed, and never in an address. Where the
 * browser keeps nothing for a site, it is gone with the page.
 */

const NAME = "lookalike-key";
let given = "";

export function key() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return given;
  }
}

export function keep(text) {
  given = text;
  try {
    if (text) sessionStorage.setItem(NAME, text);
    else sessionStorage.removeItem(NAME);
  } catch {
    // it is in `given`
  }
}

/** Take the key out of an address that ends in `#key=…`, as somebody may be sent one, and out of the history. */
export function takeFromAddress() {
  const text = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!text) return;
  keep(text);
  history.replaceState(history.state, "", location.pathname + location.search);
}
