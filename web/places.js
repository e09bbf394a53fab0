// Which ward and bed an alarm is about, and whether a chosen ward shows it. Pure.

import { t } from "./language.js";

/** @import { Alarm } from "./types.js" */
/** @typedef {Map<string, {ward: string|null, bed: string|null}>} Places where each patient is */

/** Where its patient is now; where that is not known, where the alarm rose.
 * @param {Alarm} alarm @param {Places} places */
export function whereNow(alarm, places) {
  const patient = places.get(alarm.patient ?? "");
  return patient?.ward ? { ward: patient.ward, bed: patient.bed } : { ward: alarm.ward_now ?? alarm.ward, bed: alarm.bed_now ?? alarm.bed };
}

/**
 * What belongs to no ward is part of every ward: a filter hides only what it knows to be elsewhere.
 * @param {Alarm[]} alarms @param {string} ward @param {Places} places
 */
export function split(alarms, ward, places) {
  const here = (/** @type {Alarm} */ alarm) => {
    const at = whereNow(alarm, places).ward;
    return ward === "" || at === null || at === ward;
  };
  return { inside: alarms.filter(here), outside: alarms.filter((alarm) => !here(alarm)) };
}

/** Bed and patient, or the gateway. @param {Alarm} alarm @param {Places} places */
export function placeName(alarm, places) {
  if (!alarm.patient) return t("alarm.gateway");
  const { bed } = whereNow(alarm, places);
  return bed ? `${bed} · ${alarm.patient}` : alarm.patient;
}
