// What watches a patient now, as the gateway explains it: read while it is looked at.

import { effect, signal } from "./vendor/preact.js";
import { get, refusal } from "./api.js";
import * as state from "./state.js";

/** @import { Explained } from "./explained.js" */

const AGAIN_MS = 3_000;

/** @typedef {{at: string, patient: string, rules: Explained[]}} Explanation */

/** What is known, whose it is, and why no more is. */
export const watched = signal({ patient: "", known: /** @type {Explanation|null} */ (null), unread: "" });

let read = -AGAIN_MS;

/** Reads it while it is looked at. @param {() => string|null} patient whose it is that is shown now */
export function readWatched(patient) {
  effect(() => {
    const at = state.tick.value;
    const whose = state.ready.value ? patient() : null;
    if (!whose) return;
    const others = watched.peek().patient !== whose;
    if (!others && at - read < AGAIN_MS) return;
    read = at;
    // Nobody is shown another's.
    if (others) watched.value = { patient: whose, known: null, unread: "" };
    load(whose);
  });
}

/** @param {string} patient */
async function load(patient) {
  /** @type {typeof watched.value} */
  let found;
  try {
    found = { patient, known: await get(`patients/${encodeURIComponent(patient)}/explain`), unread: "" };
  } catch (error) {
    // What was true before may not be any more.
    found = { patient, known: null, unread: refusal(error) };
  }
  if (watched.value.patient === patient) watched.value = found;
}
