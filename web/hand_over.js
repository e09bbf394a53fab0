// All alarms of one person handed over to another, who takes all of them or none.

import { signal } from "./vendor/preact.js";
import { post } from "./api.js";
import { said } from "./said.js";
import { why } from "./outcome.js";
import * as state from "./state.js";

/** @import { Alarm } from "./types.js" */

const ANSWER_MS = 5_000;

/** Whether something was asked and is not answered yet. */
export const asking = signal(false);
/** Why the last thing asked was not done; empty if it was. */
export const refused = signal("");

/** @param {string} to */
export async function handOver(to) {
  await ask(() => post("hand-over", { to }, ANSWER_MS));
}

/** @param {string} from @param {Alarm[]} all what is handed over, as the person saw it */
export async function takeOver(from, all) {
  const alarms = all.map(({ id, seq }) => ({ id, seq }));
  await ask(() => post("hand-over/take", { from, alarms }, ANSWER_MS));
}

/** @param {() => Promise<any>} send */
async function ask(send) {
  if (asking.value) return;
  asking.value = true;
  refused.value = "";
  try {
    const reply = await send();
    if (reply.detail) state.notice.value = said(reply.detail);
  } catch (error) {
    const { title, cause, todo } = why("hand_over", error);
    refused.value = `${title}: ${cause}. ${todo}`;
  } finally {
    asking.value = false;
  }
}
