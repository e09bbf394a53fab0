// What became of a command, in words of what happened and what to do. Pure.

/** @import { Alarm } from "./types.js" */

/** How long a reset can be undone: until then nothing is sent. */
export const UNDO_MS = 10_000;
/** A timer that fires so much later was asleep, and what it was about may be forgotten. */
const ASLEEP_MS = 5_000;

/** @typedef {{title: string, cause: string, todo: string}} Failure */

const NAMES = {
  acknowledge: "ACKNOWLEDGE", unacknowledge: "TAKE BACK", reset: "RESET", pause: "PAUSE", off: "SWITCH OFF", resume: "END OF PAUSE",
  comment: "COMMENT", accept: "TAKE IT", reject: "CANNOT TAKE IT", release: "GIVE BACK", hand_over: "HAND OVER",
};

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

/** @param {keyof typeof NAMES} act @param {any} error @returns {Failure} */
export function why(act, error) {
  const name = NAMES[act];
  const status = error?.status;
  if (error?.name === "Unsigned") {
    return { title: `${name} NOT SENT`, cause: "nobody gave a PIN for it", todo: "Look at the patient. If the alarm still waits here, press again." };
  }
  if (status === undefined || error?.problem?.outcome === "unknown") {
    const cause = error?.name === "TimeoutError" ? "the gateway did not answer within 5 s"
      : status === undefined ? "the gateway could not be reached" : "the gateway could not store it in time";
    return {
      title: `${name} NOT CONFIRMED`, cause: `${cause}; nobody knows whether it was done`,
      todo: "Look at the patient. If the alarm still waits here, press again.",
    };
  }
  const title = `${name} REFUSED`;
  const cause = error.message;
  if (status === 409 || status === 412) return { title, cause, todo: "Read the alarm as it is now, and answer that." };
  if (status === 423) return { title, cause, todo: "Press again, and give your name and PIN." };
  if (status === 401 || status === 403) return { title, cause, todo: "Sign in with a token that may answer alarms." };
  if (status === 503) return { title, cause, todo: "The gateway cannot store it now. Look at the patient; try again." };
  return { title, cause, todo: "Look at the patient, and tell whoever runs the gateway." };
}
