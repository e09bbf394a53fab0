// What became of a command, in words of what happened and what to do. Pure.

import { t } from "./language.js";

/** @import { Alarm } from "./types.js" */

/** How long a reset can be undone: until then nothing is sent. */
export const UNDO_MS = 10_000;
/** A timer that fires so much later was asleep, and what it was about may be forgotten. */
const ASLEEP_MS = 5_000;

/** @typedef {{title: string, cause: string, todo: string}} Failure */

/** @typedef {"acknowledge"|"unacknowledge"|"reset"|"pause"|"off"|"resume"|"comment"|"accept"|"reject"|"release"|"hand_over"} Named */

/** Whether an alarm is no longer what somebody decided about. @param {Alarm} seen @param {Alarm|undefined} now */
export function changed(seen, now) {
  return now === undefined || now.state !== seen.state || now.condition !== seen.condition
    || now.priority !== seen.priority || now.announced_at !== seen.announced_at;
}

/** Alarms of the link that nothing but a person may ever end (contract §5, row 19). */
const MAY_STAND_FOR_EVER = ["link.lost_while_pending", "clock.suspect"];

/**
 * How it can be reset: as it is, only with a `reason`, or not at all while it holds.
 * @param {Alarm} alarm @returns {"as_it_is"|"with_a_reason"|"not_while_it_holds"}
 */
export function resetOf(alarm) {
  if (alarm.condition === "unknown") return "with_a_reason";
  if (alarm.condition !== "present") return "as_it_is";
  return MAY_STAND_FOR_EVER.includes(alarm.rule) ? "with_a_reason" : "not_while_it_holds";
}

/** @param {number} pressed @param {number} now */
export function tooLate(pressed, now) {
  return now - pressed > UNDO_MS + ASLEEP_MS;
}

/** @param {Named} of @param {any} error @returns {Failure} */
export function why(of, error) {
  const act = t(`loud.${of}`);
  const status = error?.status;
  if (error?.name === "Unsigned") {
    return { title: t("failed.not_sent", { act }), cause: t("failed.no_pin"), todo: t("failed.press_again") };
  }
  if (status === undefined || error?.problem?.outcome === "unknown") {
    const cause = error?.name === "TimeoutError" ? t("failed.no_answer") : status === undefined ? t("failed.no_reach") : t("failed.not_stored");
    return { title: t("failed.unknown", { act }), cause: t("failed.nobody_knows", { cause }), todo: t("failed.press_again") };
  }
  const title = t("failed.refused", { act });
  const cause = error.message;
  if (status === 409 || status === 412) return { title, cause, todo: t("failed.read_again") };
  if (status === 423) return { title, cause, todo: t("failed.give_pin") };
  if (status === 401 || status === 403) return { title, cause, todo: t("failed.sign_in") };
  if (status === 503) return { title, cause, todo: t("failed.later") };
  return { title, cause, todo: t("failed.tell") };
}
