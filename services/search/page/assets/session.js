/**
 * The API key of this tab's session: it is dropped when the tab is closed, and never part of an address. If the browser
 * stores nothing for a site, it is dropped with the page.
 */

const NAME = "lookalike-key";
let given = "";
let isWanted = false;

/** The server wants a key. */
export const wantKey = () => (isWanted = true);
export const isKeyOfUse = () => isWanted || key();

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
    // the key stays in `given`
  }
}

/** Take the key from an address that ends in `#key=…`, as in a link you were sent, and remove it from the history. */
export function takeFromAddress() {
  const text = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!text) return;
  keep(text);
  history.replaceState(history.state, "", location.pathname + location.search);
}
