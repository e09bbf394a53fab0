// Which ward and bed an alarm is about, and whether a chosen ward shows it. Pure.

/** @import { Alarm, Patient } from "./types.js" */

/** Where its patient is now; where that is not known, where the alarm rose.
 * @param {Alarm} alarm @param {Map<string, Patient>} patients */
export function whereNow(alarm, patients) {
  const patient = patients.get(alarm.patient ?? "");
  return patient?.ward ? { ward: patient.ward, bed: patient.bed } : { ward: alarm.ward, bed: alarm.bed };
}

/**
 * What belongs to no ward is part of every ward: a filter hides only what it knows to be elsewhere.
 * @param {Alarm[]} alarms @param {string} ward @param {Map<string, Patient>} patients
 */
export function split(alarms, ward, patients) {
  const here = (/** @type {Alarm} */ alarm) => {
    const at = whereNow(alarm, patients).ward;
    return ward === "" || at === null || at === ward;
  };
  return { inside: alarms.filter(here), outside: alarms.filter((alarm) => !here(alarm)) };
}

/** Bed and patient, or the gateway. @param {Alarm} alarm @param {Map<string, Patient>} patients */
export function placeName(alarm, patients) {
  if (!alarm.patient) return "Gateway";
  const { bed } = whereNow(alarm, patients);
  return bed ? `${bed} · ${alarm.patient}` : alarm.patient;
}
