// The one order of alarms (contract §5), for banner, lists, tiles and counts. Pure.

/** @import { Alarm } from "./types.js" */

const PRIORITIES = /** @type {const} */ (["high", "medium", "low", "info"]);

/** Nobody has answered it yet; that its sound is kept back is no answer. @param {Alarm} alarm */
export function waits(alarm) {
  return alarm.state === "alarming" || alarm.state === "latched" || soundOnly(alarm);
}

/** No more than its sound is kept back of what nobody has answered. @param {Alarm} alarm */
function soundOnly(alarm) {
  return alarm.inactivation?.what === "audio" && !alarm.acknowledged && alarm.condition !== "absent";
}

/** What follows from an alarm, and is still open. @param {Alarm} alarm @param {Iterable<Alarm>} alarms */
export function followers(alarm, alarms) {
  return [...alarms].filter((one) => one.group === alarm.id);
}

/** Announced by itself: not for information only, not what follows from another alarm, not a third time within an hour, not what a person keeps back. @param {Alarm} alarm */
export function announced(alarm) {
  return alarm.priority !== "info" && !alarm.group && !alarm.quiet_until && alarm.inactivation?.what !== "alarm";
}

/** What is not known to be over counts as present. @param {Alarm} alarm */
export function holds(alarm) {
  return alarm.condition === "present" || alarm.condition === "unknown";
}

/**
 * Present before momentary, of the patient before technical, then priority, then the newest
 * announcement, and what follows from another alarm after it; but every high one, over or not, before what is technical and not high, and what a
 * patient had that is high and unanswered among what is present (docs/decisions/0035). What is high of the gateway stands
 * behind all that is high of somebody. The gateway orders its lists alike: crates/domain/src/model/order.rs.
 * @param {Alarm} a @param {Alarm} b
 */
export function byUrgency(a, b) {
  return standing(a) - standing(b)
    || Number(a.kind === "technical") - Number(b.kind === "technical")
    || PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority)
    || Number(Boolean(a.group)) - Number(Boolean(b.group))
    || Number(!holds(a)) - Number(!holds(b))
    || Number(a.condition === "absent") - Number(b.condition === "absent")
    || Date.parse(b.announced_at) - Date.parse(a.announced_at)
    || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** What waits for an answer, then what has one; each by urgency. @param {Iterable<Alarm>} alarms */
export function inOrder(alarms) {
  return [...alarms].sort((a, b) => Number(waits(b)) - Number(waits(a)) || byUrgency(a, b));
}

/** How many of each priority, the highest first, none left out that is there. @param {Alarm[]} alarms */
export function counts(alarms) {
  return PRIORITIES
    .map((priority) => ({ priority, count: alarms.filter((a) => a.priority === priority).length }))
    .filter(({ count }) => count > 0);
}

/**
 * A high alarm that is over stands between what is present of a patient and what is present of equipment; one
 * that had no duration, such as a VF, is not over as long as nobody has answered it.
 */
function standing(/** @type {Alarm} */ alarm) {
  const high = alarm.priority === "high";
  const ofGateway = alarm.kind === "technical" && !alarm.patient;
  if (high && ofGateway) return 2;
  if (holds(alarm) && (high || alarm.kind === "physiological")) return 0;
  if (high && alarm.kind === "physiological" && alarm.condition === "momentary" && waits(alarm)) return 0;
  if (high) return 1;
  if (holds(alarm)) return 3;
  return alarm.condition === "momentary" ? 4 : 5;
}
