// Who acts at a station: whoever gave their PIN, until they lock it, or for a while after their last act. What the
// station shows does not depend on it.

import { signal } from "./vendor/preact.js";
import { signWith } from "./api.js";
import { t } from "./language.js";
import { lock, unlock } from "./session.js";
import * as state from "./state.js";

const NAMES = "vitalgate.signers";
const MOST_NAMES = 12;
/** A question that nobody answers goes, and with it what was typed. */
const UNANSWERED_MS = 30_000;

/** @typedef {{actor: string, signature: string, spanMs: number, until: number}} Signer */

/** Whoever acts here now. */
export const signer = signal(/** @type {Signer|null} */ (null));
/** Whether somebody is asked who they are. */
export const asked = signal(false);

/** Nobody gave a PIN: nothing was sent. */
class Unsigned extends Error {
  constructor() {
    super("nobody gave a PIN");
    this.name = "Unsigned";
  }
}

/** @type {{answered: (ok: boolean) => void, promise: Promise<void>}|null} */
let question = null;
let timer = 0;

signWith({ sign, locked: () => { signer.value = null; } });

/** @returns {Promise<Record<string, string>>} */
async function sign() {
  if (!state.me.value.station) return {};
  if (!isOpen()) await ask();
  const mine = signer.value;
  if (!mine) throw new Unsigned();
  // The gateway counts too, and has the last word.
  signer.value = { ...mine, until: Math.max(mine.until, Date.now() + mine.spanMs) };
  return { "vitalgate-signature": mine.signature };
}

function isOpen() {
  return signer.value !== null && Date.now() < signer.value.until;
}

function ask() {
  if (question) return question.promise;
  let answered = (/** @type {boolean} */ _ok) => {};
  const promise = new Promise((/** @type {(value: void) => void} */ done, failed) => {
    answered = (ok) => (ok ? done() : failed(new Unsigned()));
  });
  question = { answered, promise };
  asked.value = true;
  typing();
  return promise;
}

/** Somebody is at it. */
export function typing() {
  clearTimeout(timer);
  timer = setTimeout(cancel, UNANSWERED_MS);
}

/** Closes the question; nothing is sent. */
export function cancel() {
  settle(false);
}

/** @param {string} name @param {string} pin */
export async function give(name, pin) {
  typing();
  const { actor, signature, unlocked_s } = await unlock(name, pin);
  signer.value = { actor, signature, spanMs: unlocked_s * 1_000, until: Date.now() + unlocked_s * 1_000 };
  remember(actor);
  settle(true);
}

/** Nobody acts here any more, until somebody gives a PIN. */
export function lockNow() {
  signer.value = null;
  lock().catch(() => { state.notice.value = t("pin.lock_unknown"); });
}

/** @param {boolean} ok */
function settle(ok) {
  clearTimeout(timer);
  asked.value = false;
  const of = question;
  question = null;
  of?.answered(ok);
}

/** How long until it locks, in seconds; it does so by itself. */
export function secondsLeft() {
  state.tick.value;
  return signer.value === null ? 0 : Math.ceil((signer.value.until - Date.now()) / 1_000);
}

setInterval(() => { if (signer.value !== null && !isOpen()) lockNow(); }, 500);

/** Who gave a PIN here of late. @returns {string[]} */
export function names() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAMES) ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} name */
function remember(name) {
  try {
    localStorage.setItem(NAMES, JSON.stringify([name, ...names().filter((one) => one !== name)].slice(0, MOST_NAMES)));
  } catch {
    // They are typed then.
  }
}
