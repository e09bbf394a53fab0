// Requests to the gateway, with the token in a header and never in an address.

const KEY = "vitalgate.token";

/** A refused request: its status and its problem+json. */
export class Refused extends Error {
  /** @param {number} status @param {any} problem */
  constructor(status, problem) {
    super(problem?.detail ?? `the gateway answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** @param {string} token */
export function signIn(token) {
  sessionStorage.setItem(KEY, token);
}

/** @param {Record<string, string>} [more] */
export function headers(more = {}) {
  const token = sessionStorage.getItem(KEY);
  return token ? { authorization: `Bearer ${token}`, ...more } : more;
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  return answer(await fetch(`api/v1/${path}`, { headers: headers(), cache: "no-store" }));
}

/** Every page of a list. @param {string} path @returns {Promise<{items: any[], seq: number}>} */
export async function getAll(path) {
  const join = path.includes("?") ? "&" : "?";
  const items = [];
  let seq;
  let cursor = "";
  do {
    const page = await get(`${path}${join}limit=1000${cursor}`);
    items.push(...page.items);
    seq ??= page.seq;
    cursor = page.next === null ? "" : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor);
  return { items, seq };
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export async function post(path, body) {
  const more = { "content-type": "application/json", "idempotency-key": key() };
  const request = { method: "POST", headers: headers(more), body: JSON.stringify(body) };
  return answer(await fetch(`api/v1/${path}`, request));
}

/** @param {Response} response */
async function answer(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
