// How long an alarm may be kept quiet, and in which words that is said. Pure.

import { clock, time } from "./format.js";
import { t } from "./language.js";

/** @import { Alarm } from "./types.js" */

/** The longest pause by priority, in minutes (contract §5). */
const LONGEST_MIN = { high: 2, medium: 10, low: 60, info: 60 };

/** For how long an alarm, or a place, can be kept quiet, in minutes. */
export const SPANS_MIN = [15, 30, 60, 120, 240, 480];

/** @param {Alarm} alarm */
export function longestPause(alarm) {
  return LONGEST_MIN[alarm.priority];
}

/** Whether nobody is called by it: more than its sound is kept back. @param {Alarm} alarm */
export function muted(alarm) {
  return alarm.inactivation?.what === "alarm";
}

/** Who keeps it quiet, how, until when and why; empty if nobody does. @param {Alarm} alarm */
export function mutedBy(alarm) {
  return alarm.inactivation ? keptBack(alarm.inactivation) : "";
}

/** @param {NonNullable<Alarm["inactivation"]>} kept */
export function keptBack(kept) {
  const how = t(`mute.kept_${kept.what}_${kept.how}`, { by: kept.by, time: clock(time(kept.until)) });
  return kept.reason ? `${how}: ${kept.reason}` : how;
}

/** A number of minutes for people. @param {number} minutes */
export function spanText(minutes) {
  return minutes < 60 ? `${minutes} min` : `${minutes / 60} h`;
}
