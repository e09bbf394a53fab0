// Who answers for an alarm, in words. Pure.

import { clock, span, time } from "./format.js";

/** @import { Alarm, Responsibility } from "./types.js" */

const RESULTS = { shown: "on the stream", waiting: "on its way", taken: "arrived", failed: "not delivered", received: "received" };

/**
 * Who has it or is asked, and how long until somebody else is; empty where nobody in particular is.
 * @param {Alarm} alarm @param {number} now
 */
export function answering(alarm, now) {
  const of = alarm.responsibility;
  if (!of || alarm.state === "closed") return "";
  const who = [of.role, of.person].filter(Boolean).join(" ");
  const next = of.deadline ? left(of, now) : "";
  if (of.state === "accepted") return `${of.person} has it${of.offered ? `, hands it over to ${of.offered}` : ""}`;
  if (of.state === "exhausted") return `all were told, nobody takes it${next}`;
  if (of.state === "notified") return `${who} was told${next}`;
  if (of.state === "unassigned") return of.person ? `${who} is being told${next}` : `nobody is there to be told${next}`;
  return "";
}

/** @param {Responsibility} of @param {number} now */
function left(of, now) {
  const ms = time(/** @type {string} */ (of.deadline)) - now;
  const next = of.state === "exhausted" ? "told again" : "goes on";
  return ms > 0 ? `, ${next} in ${span(ms)}` : `, ${next} now`;
}

/** Who was told, each with when and what came of it. @param {Alarm} alarm */
export function told(alarm) {
  const all = alarm.responsibility?.told ?? [];
  return all.map((one) => `${one.to}${one.channel ? ` by ${one.channel}` : ""} ${clock(time(one.at))}, ${RESULTS[one.result]}`);
}

/**
 * What is handed over together with an alarm, itself included: all of it is taken, or nothing.
 * @param {Alarm} alarm @param {Alarm[]} open
 */
export function together(alarm, open) {
  const of = alarm.responsibility;
  if (!of?.offered) return [];
  return open.filter((other) => other.responsibility?.offered === of.offered && other.responsibility?.person === of.person);
}
