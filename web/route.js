// What the part of the address after `#` says: which view, which alarm, which ward. Pure.

/** @typedef {{view: "ward"|"alarms"|"alarm"|"muted", id: string, ward: string}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query] = hash.replace(/^#/, "").split("?");
  const [name, id] = path.split("/");
  const view = name === "alarm" && id ? "alarm" : name === "alarms" || name === "muted" ? name : "ward";
  const ward = new URLSearchParams(query ?? "").get("ward") ?? "";
  return { view, id: view === "alarm" ? id : "", ward };
}

/** @param {Route} route */
export function format({ view, id, ward }) {
  const query = ward ? `?ward=${encodeURIComponent(ward)}` : "";
  return `#${view}${view === "alarm" ? `/${id}` : ""}${query}`;
}
