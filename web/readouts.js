// A patient's values as readouts of a tile, and what their colour says. Pure.

import { byUrgency, holds } from "./order.js";

/** @import { Alarm, Vital } from "./types.js" */
/** @typedef {{key: string, label: string, first: Vital, second: Vital|undefined}} ReadoutData */

/** The order of readouts in a tile; others follow by name. */
const ORDER = [/^heart|^pulse/, /^spo2/, /^resp/, /^nibp|^abp|^art|^bp/, /temp/, /^glucose/];
const COLOUR = /** @type {[RegExp, string][]} */ ([
  [/^(heart|pulse|ecg)/, "green"], [/^(spo2|oxygen)/, "blue"], [/^resp|^etco2|^rr/, "cream"],
  [/^(nibp|abp|ibp|bp|art)/, "rose"], [/^glucose/, "violet"],
]);

/** One readout a series; systolic and diastolic of one device share theirs. @param {Vital[]} vitals @returns {ReadoutData[]} */
export function readouts(vitals) {
  const paired = new Set();
  const all = vitals.map((first) => {
    const stem = first.signal.endsWith("_sys") ? first.signal.slice(0, -4) : null;
    const second = stem === null ? undefined
      : vitals.find((v) => v.signal === `${stem}_dia` && v.device === first.device && v.instance === first.instance);
    if (second) paired.add(second);
    const label = second && stem ? stem.toUpperCase() : first.label;
    return { key: `${first.device} ${first.signal} ${first.instance}`, label, first, second };
  });
  const place = (/** @type {ReadoutData} */ r) => {
    const at = ORDER.findIndex((pattern) => pattern.test(r.first.signal));
    return at < 0 ? ORDER.length : at;
  };
  return all.filter((r) => !paired.has(r.first))
    .sort((a, b) => place(a) - place(b) || a.first.signal.localeCompare(b.first.signal));
}

/** Nothing is known, or it is older than its time. @param {ReadoutData} readout @param {number} now */
export function stale({ first, second }, now) {
  const old = (/** @type {Vital} */ v) => v.stale_after === null || now > Date.parse(v.stale_after);
  return (first.value === null && first.text === null) || old(first) || (second !== undefined && old(second));
}

/**
 * The alarm whose colour a readout has: the most urgent open one of the patient on its signal, those
 * that hold first. @param {ReadoutData} readout @param {Alarm[]} alarms
 */
export function alarmOf({ first, second }, alarms) {
  const on = alarms.filter((a) => a.kind === "physiological"
    && (a.trigger?.signal === first.signal || (second && a.trigger?.signal === second.signal)));
  return on.sort((a, b) => Number(holds(b)) - Number(holds(a)) || byUrgency(a, b))[0];
}

/**
 * Why somebody is not watched, shorter: what several signals have in common is said once, with their names after it.
 * @param {string[]} why each `signal: reason`, or words of its own @returns {string[]}
 */
export function inCommon(why) {
  /** @type {Map<string, string[]>} */
  const by = new Map();
  for (const one of why) {
    const at = one.lastIndexOf(": ");
    const reason = at < 0 ? one : one.slice(at + 2);
    by.set(reason, [...(by.get(reason) ?? []), one]);
  }
  return [...by].map(([reason, all]) => (all.length < 2 || all[0] === reason ? all[0]
    : `${reason}: ${all.map((one) => one.slice(0, one.lastIndexOf(": "))).join("; ")}`));
}

/** The usual colour of a signal. @param {string} signal */
export function usual(signal) {
  return COLOUR.find(([pattern]) => pattern.test(signal))?.[1] ?? "plain";
}
