// Times, ages and numbers as people read them.

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
  return `${Math.floor(s / 86_400)} d`;
}

/** `14:02:09`. @param {string|number|null} at */
export function clock(at) {
  if (!at) return "--:--";
  return new Date(at).toLocaleTimeString("en-GB", { hour12: false });
}

/** A number without a tail of digits: 36.6, 120, 5.4. @param {number} value */
export function number(value) {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toFixed(Math.abs(value) < 10 ? 2 : 1)));
}

const UNITS = { "mm[Hg]": "mmHg", Cel: "°C", "[degF]": "°F", "1": "", "{score}": "" };

/** A UCUM unit as people write it. @param {string|null} unit */
export function unitText(unit) {
  return unit === null ? "" : UNITS[/** @type {keyof typeof UNITS} */ (unit)] ?? unit;
}
