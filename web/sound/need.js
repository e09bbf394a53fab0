// Whether there is something to be heard, and when the next burst of it begins. Pure.

import { time } from "../format.js";
import { announced, waits } from "../order.js";
import { again, lasts, silence } from "./burst.js";

/** @import { Alarm } from "../types.js" */
/** @import { Loud } from "./burst.js" */

/**
 * What is to be heard: the gravest, and when the newest of it came, in ms.
 * @typedef {{priority: Loud, news: number}} Need
 */
/** @typedef {{priority: Loud, news: number, start: number}} Played a burst, and when it begins, in seconds of the sound's own clock */

const RANK = { low: 0, medium: 1, high: 2 };
/** What may wait for hours calls nobody to come now. */
const LATER = ["same_day", "next_working_day"];

/**
 * As what an alarm sounds; null for silence. What is over and not yet looked at asks for a look: one step less.
 * @param {Alarm} alarm @returns {Loud|null}
 */
export function soundOf(alarm) {
  if (!waits(alarm) || !announced(alarm) || alarm.inactivation || alarm.priority === "info") return null;
  if (alarm.priority !== "high" && LATER.includes(alarm.response ?? "")) return "low";
  if (alarm.state !== "latched") return alarm.priority;
  return alarm.priority === "high" ? "medium" : "low";
}

/**
 * @param {Iterable<Alarm>} alarms what this screen shows
 * @param {number} dark since when the screen cannot be trusted, in ms; 0 while it can. That is heard too: silence must not
 *   look like health
 * @returns {Need|null}
 */
export function needOf(alarms, dark) {
  /** @type {Need[]} */
  const all = dark ? [{ priority: "medium", news: dark }] : [];
  for (const alarm of alarms) {
    const priority = soundOf(alarm);
    if (priority) all.push({ priority, news: time(alarm.announced_at) });
  }
  return gravest(all);
}

/** What several screens need as one. @param {(Need|null)[]} needs @returns {Need|null} */
export function gravest(needs) {
  /** @type {Need|null} */
  let first = null;
  for (const need of needs) {
    if (!need) continue;
    const more = first ? RANK[need.priority] - RANK[first.priority] : 1;
    if (!first || more > 0 || (more === 0 && need.news > first.news)) first = need;
  }
  return first;
}

/**
 * When the next burst begins: what is graver at once, what is new of the same gravity when the burst before it is over,
 * what goes on after its time; never, for what is told once.
 * @param {Played|null} before the last one that began @param {Need} need @param {number} now in seconds
 */
export function nextBurst(before, need, now) {
  if (!before || RANK[need.priority] > RANK[before.priority]) return now;
  const over = before.start + lasts(before.priority);
  const same = need.priority === before.priority;
  if (same && need.news > before.news) return Math.max(now, over + 0.5);
  return same && !again(need.priority) ? Infinity : Math.max(now, over + silence(need.priority));
}
