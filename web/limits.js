// A patient's own limits, as the gateway says them: read when an alarm of that patient is opened, and again while it is.

import { effect, signal } from "./vendor/preact.js";
import { get, refusal } from "./api.js";
import * as state from "./state.js";

/** @typedef {{signal: string, side: "low"|"high", critical: boolean, value: number|null, unit: string, until: string|null}} Limit */
/** @typedef {Limit & {by: string, from: string, reason: string|null, then: {value: number|null}|null}} Standing */
/** @typedef {{limits: Standing[], waiting: {from: string, limits: Limit[]}[]}} Limits */

const AGAIN_MS = 10_000;

/** What is known, whose it is, and why no more is. */
export const limits = signal({ patient: "", known: /** @type {Limits|null} */ (null), unread: "" });

let read = -AGAIN_MS;

/** Reads them while they are looked at. @param {() => string|null} patient whose they are that are shown now */
export function readLimits(patient) {
  effect(() => {
    const at = state.tick.value;
    const whose = state.ready.value ? patient() : null;
    if (!whose) return;
    const others = limits.peek().patient !== whose;
    if (!others && at - read < AGAIN_MS) return;
    read = at;
    // Nobody is shown another's.
    if (others) limits.value = { patient: whose, known: null, unread: "" };
    load(whose);
  });
}

/** @param {string} patient */
async function load(patient) {
  /** @type {typeof limits.value} */
  let found;
  try {
    found = { patient, known: await get(`patients/${encodeURIComponent(patient)}/limits`), unread: "" };
  } catch (error) {
    // What was read before may not hold any more.
    found = { patient, known: null, unread: refusal(error) };
  }
  if (limits.value.patient === patient) limits.value = found;
}
