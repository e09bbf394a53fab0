// The ward: a tile for every bed, with live numbers, their age, alarms and devices.

import { html, signal } from "../vendor/preact.js";
import { moment, number, span, time, unitText } from "../format.js";
import { t } from "../language.js";
import { byUrgency, holds, waits } from "../order.js";
import { alarmOf, inCommon, readouts, stale as isStale, usual } from "../readouts.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { AlarmChip, mark, tone } from "./alarm.js";

/** @import { Alarm, Bed, Device, Patient, Vital } from "../types.js" */
/** @import { ReadoutData } from "../readouts.js" */

const bySeverity = signal(false);

export function Ward() {
  const all = tilesOf();
  const tiles = all.filter((t) => !state.ward.value || !t.ward || t.ward === state.ward.value);
  const hidden = all.length - tiles.length;
  if (bySeverity.value) tiles.sort(bySeverest);
  if (tiles.length === 0) {
    const text = state.link.value === "live"
      ? t("ward.no_beds") : t("alarms.not_known");
    return html`<p class="empty">${text}</p>`;
  }
  const occupied = tiles.filter((t) => t.patient).length;
  return html`<section aria-label=${t("ward.title")}><h1 class="sr">${t("ward.title")}</h1>
    <div class="bar"><span>${hidden ? t("ward.hidden", { patients: occupied, beds: tiles.length, hidden }) : t("ward.count", { patients: occupied, beds: tiles.length })}</span>
      <button aria-pressed=${bySeverity.value} onClick=${() => { bySeverity.value = !bySeverity.value; }}>
        ${t("ward.urgent_first")}</button></div>
    <div class="tiles">${tiles.map((tile) => html`<${Tile} key=${tile.key} tile=${tile} />`)}</div>
  </section>`;
}

/** @typedef {{key: string, ward: string, bed: string, patient: Patient|undefined, alarms: Alarm[]}} TileData */

/** Every bed, then everybody without one. @returns {TileData[]} */
function tilesOf() {
  const people = state.patients.value;
  /** @type {Map<string, Alarm[]>} */
  const alarms = new Map();
  for (const alarm of state.openAlarms.value) {
    const key = alarm.patient ?? "";
    alarms.set(key, [...(alarms.get(key) ?? []), alarm]);
  }
  const tile = (/** @type {string} */ ward, /** @type {string} */ bed, /** @type {Patient|undefined} */ patient) =>
    ({ key: bed || `p ${patient?.id}`, ward, bed, patient, alarms: alarms.get(patient?.id ?? " ") ?? [] });
  const placed = state.beds.value.map((bed) => tile(bed.ward, bed.id, people.get(bed.patient ?? "")));
  const there = new Set(placed.map((t) => t.patient?.id));
  const rest = [...people.values()].filter((p) => !p.discharged_at && !there.has(p.id));
  return [...placed, ...rest.map((p) => tile(p.ward ?? "", "", p))];
}

/** Tiles by their first alarm that waits; those without one after them. @param {TileData} a @param {TileData} b */
function bySeverest(a, b) {
  const [first, second] = [a, b].map((tile) => tile.alarms.find(waits));
  return first && second ? byUrgency(first, second) : Number(!first) - Number(!second);
}

/** @param {{tile: TileData}} props */
function Tile({ tile }) {
  const { bed, patient, alarms } = tile;
  if (!patient) return html`<article class="tile vacant"><h2>${bed}</h2><p>${t("ward.empty")}</p></article>`;
  const first = alarms.find((a) => a.state === "alarming");
  const edge = first ? `edge-${tone(first)}` : "";
  const watched = patient.monitored.state;
  return html`<article class="tile ${edge} ${watched === "not" ? "unwatched" : ""}" aria-label=${bed || patient.id}>
    <h2>${bed || t("ward.no_bed")} <small><a href=${state.href({ view: "patient", id: patient.id })} title=${t("watched.title", { patient: patient.id })}>${patient.id}</a></small>
      ${watched === "monitored" ? null : html`<span class="watch ${watched}">${watched === "not" ? t("ward.not") : t("ward.partly")}</span>`}</h2>
    ${watched === "monitored" ? null : html`<p class="why">${inCommon(patient.monitored.why.map(said)).join(" · ")}</p>`}
    <div class="chips">${alarms.map((a) => html`<${AlarmChip} key=${a.id} alarm=${a} />`)}</div>
    <dl class="vitals">${readouts(patient.vitals).map((r) => html`<${Readout} key=${r.key} readout=${r} alarm=${alarmOf(r, alarms)} />`)}</dl>
    ${patient.vitals.length ? null : html`<p class="why">${t("ward.no_values")}</p>`}
    <p class="devices">${patient.devices.map((id) => html`<${DeviceState} key=${id} id=${id} />`)}
      ${patient.devices.length ? null : t("ward.no_device")}</p>
  </article>`;
}

/** @param {{readout: ReadoutData, alarm: Alarm|undefined}} props */
function Readout({ readout, alarm }) {
  const { label, first, second } = readout;
  const now = state.now.value;
  const age = first.measured_at ? span(now - time(first.measured_at)) : "";
  const empty = first.value === null && first.text === null;
  const stale = isStale(readout, now);
  const doubt = first.doubt ?? second?.doubt;
  const last = empty ? t("ward.no_value") : t("ward.last", { value: valueText(first, second), span: age });
  const colour = stale ? "stale" : alarm ? `alarm-${tone(alarm)} ${holds(alarm) ? "holds" : "over"}` : usual(first.signal);
  return html`<div class="readout ${colour} ${second || first.text ? "wide" : ""}">
    <dt>${said(label)}${first.instance ? ` ${first.instance}` : ""} <small>${unitText(first.unit)}</small>
      ${alarm ? html` <b title=${said(alarm.text)}>${mark(alarm)}<span class="sr"> ${t("ward.alarm", { priority: t(`priority.${alarm.priority}`) })}</span></b>` : null}</dt>
    <dd>${stale ? "--" : valueText(first, second)}</dd>
    <dd class="age" title=${t("ward.measured", { time: moment(time(first.measured_at), now) })}>${stale ? last : age}
      ${doubt ? html`<span class="doubt" title=${said(doubt)}> ? ${said(doubt)}</span>` : null}</dd>
  </div>`;
}

/** @param {Vital} first @param {Vital|undefined} second */
function valueText(first, second) {
  const one = (/** @type {Vital|undefined} */ v) => v?.value == null ? v?.text ?? "--" : `${v.comparator ?? ""}${number(v.value)}`;
  return second ? `${one(first)}/${one(second)}` : one(first);
}

/** @param {{id: string}} props */
function DeviceState({ id }) {
  const device = state.devices.value.get(id);
  const link = device?.connectivity ?? "unknown";
  const last = device?.last_device_contact;
  const age = last ? `, ${t("ward.heard", { span: span(state.now.value - time(last)) })}` : "";
  const word = t(/** @type {import("../language.js").Key} */ (`device.${link}`));
  const ok = link === "connected";
  return html`<span class="device ${ok ? "" : "off"}" title="${id}: ${word}${age}">
    ${ok ? "▣" : "⚠"} ${id}${ok ? "" : ` ${word}${age}`}</span>`;
}
