// Times, ages and numbers as people read them, in the language of the page. Units are the same in all.

import { language, locale, t } from "./language.js";

/** Milliseconds of an RFC 3339 time; 0 for none. @param {string|null|undefined} text */
export function time(text) {
  return text ? Date.parse(text) : 0;
}

/** `3 s`, `4 min`, `2 h`, `3 d`. @param {number} ms */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 100) return `${s} s`;
  if (s < 6_000) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)} h`;
  return t("time.days", { n: Math.floor(s / 86_400) });
}

/** @type {Map<string, Intl.DateTimeFormat|Intl.NumberFormat>} making one takes longer than using it */
const made = new Map();

/** @template F @param {string} name @param {() => F} make @returns {F} */
function once(name, make) {
  const key = `${language.value} ${name}`;
  if (!made.has(key)) made.set(key, /** @type {any} */ (make()));
  return /** @type {any} */ (made.get(key));
}

/** `14:02:09`. @param {string|number|null} at */
export function clock(at) {
  if (!at) return "--:--";
  const form = once("clock", () => new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }));
  return form.format(new Date(at));
}

/** `14:02:09`, and of another day than today which: `29/11 14:02:09`. @param {string|number|null} at @param {number} now */
export function moment(at, now) {
  if (!at || new Date(at).toDateString() === new Date(now).toDateString()) return clock(at);
  const day = once("day", () => new Intl.DateTimeFormat(locale(), { weekday: "short", day: "2-digit", month: "2-digit" }));
  return `${day.format(new Date(at))} ${clock(at)}`;
}

/**
 * A number without a tail of digits: 36.6, 120, 5.4; in German 36,6. Thousands are not parted: 1.234 would be read as
 * one and a bit in the other language.
 * @param {number} value
 */
export function number(value) {
  const digits = Math.abs(value) < 10 ? 2 : 1;
  const form = once(`number ${digits}`, () => new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, useGrouping: false }));
  return form.format(value);
}

const UNITS = { "mm[Hg]": "mmHg", Cel: "°C", "[degF]": "°F", "[lb_av]": "lb", Ohm: "Ω", uV: "µV", "1": "", "{score}": "" };

/** A UCUM unit as people write it. @param {string|null} unit */
export function unitText(unit) {
  return unit === null ? "" : UNITS[/** @type {keyof typeof UNITS} */ (unit)] ?? unit;
}
