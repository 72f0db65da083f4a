/** The API key, kept for this tab's session only: it is gone when the tab is closed, and never in an address. */

const NAME = "lookalike-key";

export const key = () => sessionStorage.getItem(NAME) ?? "";

export function keep(text) {
  if (text) sessionStorage.setItem(NAME, text);
  else sessionStorage.removeItem(NAME);
}

/** Take the key out of an address that ends in `#key=…`, as somebody may be sent one, and out of the history. */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  keep(given);
  history.replaceState(history.state, "", location.pathname + location.search);
}
