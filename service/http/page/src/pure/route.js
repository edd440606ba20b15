// The address of a view: #rules/telnet?filter=ssh&sort=bytes.
// @ts-check

/** @typedef {{view: string, item: string, options: Record<string, string>}} Route */

/** @param {string} hash @param {readonly string[]} views the first is shown for an address that names no other @returns {Route} */
export function readRoute(hash, views) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "", ...rest] = path.split("/");
  const known = views.includes(view);
  return {
    view: known ? view : /** @type {string} */ (views[0]),
    item: known ? decode(rest.join("/")) : "",
    options: Object.fromEntries(known ? new URLSearchParams(query) : []),
  };
}

/** @param {Route} route */
export function writeRoute(route) {
  const options = new URLSearchParams(Object.entries(route.options).filter(([, value]) => value !== "")).toString();
  return `#${route.view}${route.item ? "/" + encodeURIComponent(route.item) : ""}${options ? "?" + options : ""}`;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
