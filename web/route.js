// What the part of the address after `#` says: which view, which alarm, which ward. Pure.

/** @typedef {{view: "ward"|"alarms"|"alarm"|"patient"|"muted"|"account", id: string, ward: string}} Route */

/** Views of one thing, which the address names. */
const OF_ONE = ["alarm", "patient"];

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query] = hash.replace(/^#/, "").split("?");
  const [name, id] = path.split("/");
  const named = ["alarms", "muted", "account"].includes(name);
  const ofOne = OF_ONE.includes(name) && Boolean(id);
  const view = ofOne || named ? /** @type {Route["view"]} */ (name) : "ward";
  const ward = new URLSearchParams(query ?? "").get("ward") ?? "";
  return { view, id: ofOne ? id : "", ward };
}

/**
 * A link to set a password, of the first admin or of somebody invited; null for any other address.
 * @param {string} hash @returns {{first: boolean, secret: string}|null}
 */
export function setupLink(hash) {
  const found = /^#(setup|invited)\/([A-Za-z0-9_-]+)$/.exec(hash);
  return found && { first: found[1] === "setup", secret: found[2] };
}

/** A link by which this browser becomes a station; null for any other address. @param {string} hash @returns {string|null} */
export function stationLink(hash) {
  return /^#station\/([A-Za-z0-9_-]+)$/.exec(hash)?.[1] ?? null;
}

/** @param {Route} route */
export function format({ view, id, ward }) {
  const query = ward ? `?ward=${encodeURIComponent(ward)}` : "";
  return `#${view}${OF_ONE.includes(view) ? `/${id}` : ""}${query}`;
}
