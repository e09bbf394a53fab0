// Requests to the gateway, with the token in a header and never in an address.

import { t } from "./language.js";
import { said } from "./said.js";

const KEY = "vitalgate.token";
/** A list that takes longer is asked for again. */
const READ_MS = 15_000;

/** A refused request: its status and its problem+json. */
export class Refused extends Error {
  /** @param {number} status @param {any} problem @param {number|null} [retryAfter] */
  constructor(status, problem, retryAfter = null) {
    super(problem?.detail ? said(problem.detail) : t("failed.status", { status }));
    this.status = status;
    this.problem = problem;
    /** Seconds after which it may be tried again, if it says so. */
    this.retryAfter = retryAfter;
  }
}

/** Why something was not done, in words. @param {unknown} error */
export function refusal(error) {
  return error instanceof Refused ? error.message : t("account.no_answer");
}

/** Who signs what is sent, and what is done where that does not hold any more. */
let signing = { sign: async () => /** @type {Record<string, string>} */ ({}), locked: () => {} };

/** At a station each act goes with what `sign` gives; it may ask a person for it. @param {typeof signing} by */
export function signWith(by) {
  signing = by;
}

/** Asks now for what a later act needs. */
export const signAhead = () => signing.sign();

/** @param {string} token */
export function signIn(token) {
  sessionStorage.setItem(KEY, token);
}

/** Forgets the token of this tab. */
export function signOutOfTab() {
  sessionStorage.removeItem(KEY);
}

export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** @param {Record<string, string>} [more] */
function headers(more = {}) {
  return token() ? { authorization: `Bearer ${token()}`, ...more } : more;
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  const signal = AbortSignal.timeout(READ_MS);
  return answer(await fetch(`api/v1/${path}`, { headers: headers(), cache: "no-store", signal }));
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

/** Fails after `ms`: then nobody knows whether it was done. @param {string} path @param {object} body @param {number} ms @returns {Promise<any>} */
export async function post(path, body, ms) {
  const more = { "content-type": "application/json", "idempotency-key": key(), ...await signing.sign() };
  const signal = AbortSignal.timeout(ms);
  const request = { method: "POST", headers: headers(more), body: JSON.stringify(body), signal };
  return answer(await fetch(`api/v1/${path}`, request));
}

/**
 * As `post`, of what may be asked twice.
 * @param {string} path @param {object} body @param {number} ms @param {string} [method] @param {Record<string, string>} [more] headers
 * @returns {Promise<any>}
 */
export async function send(path, body, ms, method = "POST", more = {}) {
  const signal = AbortSignal.timeout(ms);
  const all = headers({ "content-type": "application/json", ...more });
  return answer(await fetch(`api/v1/${path}`, { method, headers: all, body: JSON.stringify(body), signal }));
}

/** Fails after `ms`, as above. @param {string} path @param {number} ms @returns {Promise<any>} */
export async function remove(path, ms) {
  const more = path.startsWith("session") ? {} : await signing.sign();
  const signal = AbortSignal.timeout(ms);
  return answer(await fetch(`api/v1/${path}`, { method: "DELETE", headers: headers(more), signal }));
}

/** @param {Response} response */
async function answer(response) {
  if (response.status === 204) return null;
  if (response.ok) return response.json();
  if (response.status === 423) signing.locked();
  const later = Number(response.headers.get("retry-after")) || null;
  throw new Refused(response.status, await response.json().catch(() => null), later);
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
