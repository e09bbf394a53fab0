// What a person asks of an alarm: pending until it is answered, loud when it fails.

import { effect, signal } from "./vendor/preact.js";
import { post, Refused, signAhead } from "./api.js";
import { t } from "./language.js";
import { changed, tooLate, UNDO_MS, why } from "./outcome.js";
import { placeName } from "./places.js";
import { said } from "./said.js";
import * as state from "./state.js";
import { take } from "./sync.js";

/** @import { Alarm } from "./types.js" */
/** @import { Failure } from "./outcome.js" */

/** An answer takes milliseconds. After this somebody must be told that none came. */
const ANSWER_MS = 5_000;

/** @typedef {"acknowledge"|"unacknowledge"|"reset"|"pause"|"off"|"resume"|"comment"|"accept"|"reject"|"release"} Act */
/** @typedef {{alarm: Alarm, reason: string, at: number}} Reset */

/** What was sent and is not answered yet, by alarm. */
export const pending = signal(/** @type {Map<string, Act>} */ (new Map()));
/** What failed; each stays until somebody has seen it. */
export const failures = signal(/** @type {(Failure & {key: number, where: string, text: string})[]} */ ([]));
/** Resets that are not sent yet, by alarm. */
export const resets = signal(/** @type {Map<string, Reset>} */ (new Map()));

let failed = 0;

/**
 * Whether it was carried out.
 * @param {Alarm} alarm as the person saw it @param {Act} act @param {object} [more] what else is said
 */
export async function answer(alarm, act, more) {
  if (pending.value.has(alarm.id)) return false;
  pending.value = new Map(pending.value).set(alarm.id, act);
  try {
    const reply = await post(`alarms/${alarm.id}/${act}`, { seq: alarm.seq, ...more }, ANSWER_MS);
    take(reply.alarm);
    if (reply.outcome === "already_so") state.notice.value = said(reply.detail);
    return true;
  } catch (error) {
    if (error instanceof Refused) take(error.problem?.alarm);
    fail(alarm, why(act, error));
    return false;
  } finally {
    pending.value = without(pending.value, alarm.id);
  }
}

/** Resets after a time to undo it. @param {Alarm} alarm as the person saw it @param {string} reason */
export async function resetSoon(alarm, reason) {
  try {
    await signAhead();
  } catch (error) {
    fail(alarm, why("reset", error));
    return;
  }
  const reset = { alarm, reason, at: Date.now() };
  resets.value = new Map(resets.value).set(alarm.id, reset);
  setTimeout(() => {
    if (resets.value.get(alarm.id) === reset) send(alarm.id);
  }, UNDO_MS);
}

/** @param {string} id */
export function undoReset(id) {
  resets.value = without(resets.value, id);
}

/** Sends a reset that waits, if what it was about is still so. @param {string} id */
export function send(id) {
  const reset = resets.value.get(id);
  if (!reset) return;
  undoReset(id);
  if (tooLate(reset.at, Date.now())) fail(reset.alarm, dropped(t("dropped.asleep")));
  else if (state.link.value !== "live") fail(reset.alarm, dropped(t("dropped.lost")));
  else answer(reset.alarm, "reset", reset.reason ? { reason: reset.reason } : {});
}

/** @param {number} key */
export function seen(key) {
  failures.value = failures.value.filter((failure) => failure.key !== key);
}

/** How long until a reset is sent, in seconds. @param {Reset} reset */
export function secondsLeft(reset) {
  state.tick.value;
  return Math.max(0, Math.ceil((reset.at + UNDO_MS - Date.now()) / 1000));
}

// A reset is about the alarm that was seen, not about what came after.
effect(() => {
  const open = state.alarms.value;
  for (const { alarm } of resets.value.values()) {
    const now = open.get(alarm.id);
    if (!changed(alarm, now)) continue;
    undoReset(alarm.id);
    if (now) fail(alarm, dropped(t("dropped.changed")));
    else state.notice.value = t("dropped.closed", { where: placeName(alarm, state.places.value) });
  }
});

// A page that is kept for the way back must not send hours later.
addEventListener("pagehide", () => { resets.value = new Map(); });

/** @param {string} reason @returns {Failure} */
function dropped(reason) {
  return { title: t("dropped.title"), cause: reason, todo: t("dropped.todo") };
}

/** @param {Alarm} alarm @param {Failure} failure */
function fail(alarm, failure) {
  failed += 1;
  const where = placeName(alarm, state.places.value);
  failures.value = [...failures.value, { ...failure, key: failed, where, text: alarm.text }];
}

/** @template T @param {Map<string, T>} map @param {string} id */
function without(map, id) {
  const next = new Map(map);
  next.delete(id);
  return next;
}
