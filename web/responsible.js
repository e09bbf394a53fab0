// Who answers for an alarm, in words. Pure.

import { clock, span, time } from "./format.js";
import { t } from "./language.js";

/** @import { Alarm, Responsibility } from "./types.js" */

/**
 * Who has it or is asked, and how long until somebody else is; empty where nobody in particular is.
 * @param {Alarm} alarm @param {number} now
 */
export function answering(alarm, now) {
  const of = alarm.responsibility;
  if (!of || alarm.state === "closed") return "";
  const who = [of.role, of.person].filter(Boolean).join(" ");
  const next = of.deadline ? left(of, now) : "";
  if (of.state === "accepted") return of.offered ? t("duty.offers", { who: of.person ?? "", to: of.offered }) : t("duty.has", { who: of.person ?? "" });
  if (of.state === "exhausted") return t("duty.exhausted", { next });
  if (of.state === "notified") return t("duty.told", { who, next });
  if (of.state === "unassigned") return of.person ? t("duty.telling", { who, next }) : t("duty.nobody", { next });
  return "";
}

/** @param {Responsibility} of @param {number} now */
function left(of, now) {
  const ms = time(/** @type {string} */ (of.deadline)) - now;
  const again = of.state === "exhausted";
  if (ms > 0) return again ? t("duty.again_in", { span: span(ms) }) : t("duty.next_in", { span: span(ms) });
  return again ? t("duty.again_now") : t("duty.next_now");
}

/** Who was told, each with when and what came of it. @param {Alarm} alarm */
export function told(alarm) {
  const all = alarm.responsibility?.told ?? [];
  return all.map(({ to, channel, at, result: came }) => {
    const values = { to, time: clock(time(at)), result: t(`result.${came}`) };
    return channel ? t("duty.by", { ...values, channel }) : t("duty.to", values);
  });
}

/**
 * What is handed over to a person, by whom: all of one is taken, or nothing, whatever ward is shown.
 * @param {Iterable<Alarm>} open @param {string} person @returns {Map<string, Alarm[]>}
 */
export function offers(open, person) {
  /** @type {Map<string, Alarm[]>} */
  const all = new Map();
  for (const alarm of open) {
    const of = alarm.responsibility;
    if (!of?.person || !person || of.offered !== person) continue;
    all.set(of.person, [...(all.get(of.person) ?? []), alarm]);
  }
  return all;
}

/** What a person has taken. @param {Iterable<Alarm>} open @param {string} person */
export function mine(open, person) {
  return [...open].filter(({ responsibility: of }) => of?.state === "accepted" && of.person === person);
}
