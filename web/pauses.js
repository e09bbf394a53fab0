// What is paused before it begins: the standing list of the gateway, and what a person asks of it.

import { signal } from "./vendor/preact.js";
import { get, post, remove } from "./api.js";
import { said } from "./said.js";
import { why } from "./outcome.js";
import * as state from "./state.js";

/** @import { Pause } from "./types.js" */

const ANSWER_MS = 5_000;

/** Those that stand, the one that ends first first; null before they were read. */
export const pauses = signal(/** @type {Pause[]|null} */ (null));
/** What was asked and is not answered yet: `begin`, or the number of a pause that is ended. */
export const asking = signal(/** @type {string|number} */ (""));
/** Why the last thing asked was not done; empty if it was. */
export const refused = signal("");

export async function readPauses() {
  try {
    pauses.value = (await get("pauses")).items;
  } catch {
    // The heartbeat says whether the gateway is there; the next look tries again.
  }
}

/** @param {{rule?: string, patient?: string, bed?: string, reason: string, until: string}} pause */
export async function begin(pause) {
  return ask("begin", () => post("pauses", pause, ANSWER_MS));
}

/** @param {number} id */
export async function end(id) {
  return ask(id, () => remove(`pauses/${id}`, ANSWER_MS));
}

/** Whether it was done. @param {string|number} what @param {() => Promise<any>} send */
async function ask(what, send) {
  if (asking.value !== "") return false;
  asking.value = what;
  refused.value = "";
  try {
    const reply = await send();
    if (reply.outcome === "already_so") state.notice.value = said(reply.detail);
    return true;
  } catch (error) {
    const { title, cause, todo } = why(what === "begin" ? "pause" : "resume", error);
    refused.value = `${title}: ${cause}. ${todo}`;
    return false;
  } finally {
    asking.value = "";
    await readPauses();
  }
}
